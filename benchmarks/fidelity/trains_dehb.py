"""DEHB with its defaults, asked and told by hand."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any

import numpy as np
from config_spaces import config_of, space_of
from curves import Floats, Task
from dehb import DEHB
from loguru import logger
from sides import serve
from trainings import Job, each_run, split

warnings.filterwarnings("ignore")
logger.disable("dehb")


class Evolution:
    """DEHB as a searcher."""

    watches = False

    def __init__(self, name: str, task: Task, seed: int) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._optimizer = DEHB(
            cs=space_of(task.parameters, seed),
            min_fidelity=1,
            max_fidelity=task.most,
            n_workers=1,  # of its own run(); asks and tells may be of any number
            seed=seed,
            save_freq="end",
            output_path=self._folder.name,
            log_level="ERROR",
        )
        self._task = task

    def ask(self) -> Job | None:
        asked = self._optimizer.ask()
        config = config_of(self._task.parameters, asked["config"])
        return Job(config, max(1, round(asked["fidelity"])), asked)

    def report(self, job: Job, at: int, loss: float) -> bool:
        raise NotImplementedError("DEHB decides when a training has ended")

    def tell(self, job: Job, losses: Floats) -> None:
        last = float(losses[-1])
        loss = last if np.isfinite(last) else 2 * self._task.worst
        self._optimizer.tell(job.asked, {"fitness": loss, "cost": len(losses)})

    def answer(self) -> Mapping[str, Any] | None:
        return None


def runs(wanted: list[tuple[str, str, int]], budget: int) -> Iterator[Any]:
    return each_run(Evolution, wanted, budget)


def settings(strategies: list[str]) -> list[Any]:
    return [{"dehb": version("dehb"), "workers": split(name)[1]} for name in strategies]


if __name__ == "__main__":
    serve(globals())
