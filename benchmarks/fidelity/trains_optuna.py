"""Optuna's TPE with its pruners, asked and told by hand."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import optuna
from by_optuna import suggested
from curves import Floats, Task
from sides import serve
from trainings import Job, each_run, split

warnings.filterwarnings("ignore")

PRUNERS: dict[str, Callable[[Task], optuna.pruners.BasePruner]] = {
    "Optuna TPE + Hyperband": lambda task: optuna.pruners.HyperbandPruner(
        min_resource=1, max_resource=task.most, reduction_factor=3
    ),
    "Optuna TPE + median": lambda task: optuna.pruners.MedianPruner(),
    "Optuna TPE, full trainings": lambda task: optuna.pruners.NopPruner(),
}


class Pruned:
    """A study as a searcher; the sampler has its defaults."""

    def __init__(self, name: str, task: Task, seed: int) -> None:
        pruner = PRUNERS[name](task)
        sampler = optuna.samplers.TPESampler(seed=seed)
        # The name of a study decides into which of Hyperband's brackets its trials go.
        self._study = optuna.create_study(study_name=str(seed), sampler=sampler, pruner=pruner)
        self._task = task
        self.watches = not isinstance(pruner, optuna.pruners.NopPruner)

    def ask(self) -> Job | None:
        trial = self._study.ask()
        config = {each.name: suggested(trial, each) for each in self._task.parameters}
        return Job(config, self._task.most, trial, goes_on=False)

    def report(self, job: Job, at: int, loss: float) -> bool:
        job.asked.report(loss, at)
        return not job.asked.should_prune()

    def tell(self, job: Job, losses: Floats) -> None:
        if not np.isfinite(losses[-1]):
            self._study.tell(job.asked, state=optuna.trial.TrialState.FAIL)
        elif len(losses) < self._task.most:
            self._study.tell(job.asked, state=optuna.trial.TrialState.PRUNED)
        else:
            self._study.tell(job.asked, float(losses[-1]))

    def answer(self) -> Mapping[str, Any] | None:
        return None


def runs(wanted: list[tuple[str, str, int]], budget: int) -> Iterator[Any]:
    return each_run(Pruned, wanted, budget)


def settings(strategies: list[str]) -> list[Any]:
    return [
        {"optuna": optuna.__version__, "name": alone, "workers": workers}
        for alone, workers in map(split, strategies)
    ]


if __name__ == "__main__":
    serve(globals())
