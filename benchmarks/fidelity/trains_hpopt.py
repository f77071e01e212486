"""hpopt's strategies: those that choose fidelities, and others with full trainings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import curves
import numpy as np
from by_hpopt import Lookup
from curves import Floats, Task
from sides import serve
from trainings import Job, each_run, split

import hpopt
from hpopt.errors import HpoptError
from hpopt.optimizers import make_optimizer

STRATEGIES: dict[str, dict[str, Any]] = {
    "random": {"optimizer": "random", "full": True},
    "asha": {"optimizer": "asha"},
    "hyperband": {"optimizer": "hyperband"},
    "hyperband, asynchronous": {"optimizer": "hyperband", "asynchronous": True},
    "hyperband, tpe": {"optimizer": "hyperband", "proposer": "tpe"},
    "auto": {"optimizer": "auto"},
    "freeze_thaw": {"optimizer": "freeze_thaw"},
    "auto, full trainings": {"optimizer": "auto", "full": True},
    "tpe, full trainings": {"optimizer": "tpe", "full": True},
}
"""Those with full trainings are given a problem without a fidelity."""


class Trained(Lookup):
    """A task as a problem; its trainings are simulated outside."""

    def __init__(self, task: Task, *, has_fidelity: bool) -> None:
        super().__init__(task)
        if has_fidelity:
            self.fidelity = hpopt.Fidelity(1, task.most, "epochs")


class Strategy:
    """A strategy as a searcher."""

    watches = False

    def __init__(self, name: str, task: Task, seed: int) -> None:
        made = STRATEGIES[name]
        problem = Trained(task, has_fidelity=not made.get("full", False))
        self._optimizer = optimizer_of(made).bind(problem, seed=seed)
        self._most = task.most

    def ask(self) -> Job | None:
        solutions = self._optimizer.ask()
        if not solutions:
            return None
        (solution,) = solutions
        return Job(solution.config, round(solution.fidelity or self._most), solution)

    def report(self, job: Job, at: int, loss: float) -> bool:
        raise NotImplementedError("the strategies here decide when a trial has ended")

    def tell(self, job: Job, losses: Floats) -> None:
        curve = tuple((float(n), float(loss)) for n, loss in enumerate(losses, 1))
        status = "complete" if np.isfinite(losses[-1]) else "invalid"
        outcome = hpopt.Outcome(status, {"value": float(losses[-1])}, curve=curve)
        self._optimizer.tell([hpopt.Trial(job.asked, outcome)])

    def answer(self) -> Mapping[str, Any] | None:
        try:
            return self._optimizer.best_believed()[0]
        except (AttributeError, HpoptError):  # it has no model, or not yet
            return None


def optimizer_of(made: dict[str, Any]) -> hpopt.Optimizer:
    arguments = {key: value for key, value in made.items() if key not in ("optimizer", "full")}
    return make_optimizer(made["optimizer"], arguments)


def runs(wanted: list[tuple[str, str, int]], budget: int) -> Iterator[Any]:
    return each_run(Strategy, wanted, budget)


def settings(strategies: list[str]) -> list[Any]:
    found = []
    for name in strategies:
        alone, workers = split(name)
        made = STRATEGIES[alone]
        found.append({**made, "workers": workers, "settings": optimizer_of(made).settings()})
    return found


def known(tasks: list[str]) -> dict[str, float]:
    """Return the least loss of a full training that is known of each task."""
    return {name: curves.load(name).best() for name in tasks}


def about() -> dict[str, Any]:
    return {"version": f"hpopt {hpopt.__version__}", "strategies": [*STRATEGIES]}


if __name__ == "__main__":
    serve(globals())
