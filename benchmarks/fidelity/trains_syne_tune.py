"""Syne Tune's ASHA, which stops trials, driven as its tuner does."""

from __future__ import annotations

import datetime
import logging
import warnings
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any

import numpy as np
from curves import Floats, Task
from recorded import Parameter
from sides import serve
from trainings import Job, each_run, split

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

from syne_tune import config_space as spaces  # noqa: E402 - it logs what is not installed
from syne_tune.backend.trial_status import Trial  # noqa: E402
from syne_tune.optimizer.baselines import ASHA  # noqa: E402
from syne_tune.optimizer.scheduler import SchedulerDecision  # noqa: E402


def domain(each: Parameter) -> Any:
    if each.kind == "categorical":
        return spaces.choice(list(each.values))
    if each.kind == "ordinal":
        return spaces.ordinal(list(each.values), kind="equal")
    if each.kind == "int":
        made = spaces.lograndint if each.log else spaces.randint
        return made(int(each.low), int(each.high))
    return (spaces.loguniform if each.log else spaces.uniform)(each.low, each.high)


class Stopping:
    """The scheduler as a searcher, with random configs and its defaults."""

    watches = True

    def __init__(self, name: str, task: Task, seed: int) -> None:
        np.random.seed(seed)  # the scheduler draws from it too
        self._scheduler = ASHA(
            {each.name: domain(each) for each in task.parameters},
            metric="loss",
            time_attr="epoch",
            max_t=task.most,
            random_seed=seed,
        )
        self._task, self._n = task, 0

    def ask(self) -> Job | None:
        suggestion = self._scheduler.suggest()
        if suggestion is None:
            return None
        trial = Trial(self._n, suggestion.config, datetime.datetime.now())
        self._scheduler.on_trial_add(trial)
        self._n += 1
        return Job(suggestion.config, self._task.most, trial, goes_on=False)

    def report(self, job: Job, at: int, loss: float) -> bool:
        found = {"loss": loss, "epoch": at}
        return self._scheduler.on_trial_result(job.asked, found) == SchedulerDecision.CONTINUE

    def tell(self, job: Job, losses: Floats) -> None:
        if not np.isfinite(losses[-1]):
            self._scheduler.on_trial_error(job.asked)
        elif len(losses) == self._task.most:
            last = {"loss": float(losses[-1]), "epoch": len(losses)}
            self._scheduler.on_trial_complete(job.asked, last)

    def answer(self) -> Mapping[str, Any] | None:
        return None


def runs(wanted: list[tuple[str, str, int]], budget: int) -> Iterator[Any]:
    return each_run(Stopping, wanted, budget)


def settings(strategies: list[str]) -> list[Any]:
    return [{"syne-tune": version("syne-tune"), "workers": split(name)[1]} for name in strategies]


if __name__ == "__main__":
    serve(globals())
