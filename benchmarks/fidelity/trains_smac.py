"""SMAC3's facade for several fidelities (Hyperband), asked and told by hand."""

from __future__ import annotations

import logging
import os
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import smac
from config_spaces import config_of, space_of
from curves import Floats, Task
from sides import serve
from smac.runhistory import StatusType, TrialValue
from trainings import Job, each_run, split

warnings.filterwarnings("ignore")
os.environ["LOKY_MAX_CPU_COUNT"] = "1"  # the same forests without threads, which mostly wait

TRIALS = 200
"""What it is told to have: it tries as many configs at first as a quarter of them, or 10 d."""


class Facade:
    """The facade as a searcher, with its defaults."""

    watches = False

    def __init__(self, name: str, task: Task, seed: int) -> None:
        self._folder = tempfile.TemporaryDirectory()
        scenario = smac.Scenario(
            space_of(task.parameters, seed),
            deterministic=True,
            n_trials=TRIALS,
            min_budget=1,
            max_budget=task.most,
            seed=seed,
            output_directory=Path(self._folder.name),
        )
        self._facade = smac.MultiFidelityFacade(
            scenario, lambda config, seed, budget: 0.0, overwrite=True, logging_level=logging.ERROR
        )
        self._task = task

    def ask(self) -> Job | None:
        try:
            asked = self._facade.ask()
        except StopIteration:
            return None
        config = config_of(self._task.parameters, asked.config)
        return Job(config, max(1, round(asked.budget)), asked)

    def report(self, job: Job, at: int, loss: float) -> bool:
        raise NotImplementedError("SMAC3 decides when a training has ended")

    def tell(self, job: Job, losses: Floats) -> None:
        last = float(losses[-1])
        if np.isfinite(last):
            value = TrialValue(cost=last)
        else:
            value = TrialValue(cost=2 * self._task.worst, status=StatusType.CRASHED)
        self._facade.tell(job.asked, value, save=False)

    def answer(self) -> Mapping[str, Any] | None:
        return None


def runs(wanted: list[tuple[str, str, int]], budget: int) -> Iterator[Any]:
    return each_run(Facade, wanted, budget)


def settings(strategies: list[str]) -> list[Any]:
    return [
        {"smac": version("smac"), "trials": TRIALS, "workers": split(name)[1]}
        for name in strategies
    ]


if __name__ == "__main__":
    serve(globals())
