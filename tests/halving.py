"""Strategies that choose fidelities, as small as they come, and problems for them."""

import time
from pathlib import Path

import numpy as np

import hpopt
from hpopt.core import Proposer
from hpopt.core.hosting import at_highest, first, latest
from hpopt.core.ranking import best_first
from hpopt.errors import SettingError
from hpopt.optimizers import make_optimizer

LEARNS = {"latest": latest, "first": first, "highest": at_highest(3)}


class TwoRungs(hpopt.Optimizer):
    """Two new configs at the lowest fidelity, then the better of all waiting at the highest."""

    def __init__(self, *, proposer="random", learns="latest"):
        self.proposer, self.learns = proposer, learns

    @property
    def n_possible(self):
        return 2 * self.space.size

    def _setup(self):
        if self.fidelity is None:
            raise SettingError("TwoRungs needs a problem with a fidelity, but got one without")
        inner = Proposer(make_optimizer(self.proposer), learns=LEARNS[self.learns])
        self._new = self.host(inner)

    def _start_fidelity(self, number):
        return self.fidelity.low

    def _ask(self, number, n):
        return self._new.propose(number, 1)

    def _ask_at(self, number, n):
        points, fidelity = np.empty((0, self.space.d)), self.fidelity.high
        if number % 3 == 2:
            points = self._promoted()
        if not len(points):
            points, fidelity = self._ask(number, n), self.fidelity.low
        if not len(points):
            points, fidelity = self._promoted(), self.fidelity.high
        return points, np.full(len(points), fidelity)

    def _promoted(self):
        history, high = self.history, self.fidelity.high
        done = history.points[history.fidelities >= high]
        running = [each.point for each in self.pending.values() if each.fidelity >= high]
        taken = {*self.space.keys_of(np.array([*done, *running]).reshape(-1, self.space.d))}
        rows = np.flatnonzero((history.fidelities < high) & np.isfinite(history.losses[:, 0]))
        order = best_first(history.losses[rows], history.numbers[rows], history.fidelities[rows])
        points = history.points[rows[order]]
        left = [key not in taken for key in self.space.keys_of(points)] if len(points) else []
        return points[np.flatnonzero(left)][:1]


class Curves(hpopt.Problem):
    """Trained step by step: the state is a file, and the value depends on the trial's seed too."""

    space = hpopt.Space({"x": hpopt.Float(-5, 5), "kind": hpopt.Categorical(["a", "b"])})
    fidelity = hpopt.Fidelity(2, 8, "steps")

    def __init__(self, delay=0.0, log=None, bytes_of_state=0):
        self.delay, self.log, self.bytes_of_state = delay, log, bytes_of_state

    def evaluate(self, config, trial):
        first, value = 1, float(trial.seed % 1000)
        if trial.previous is not None:
            first = int(trial.previous.fidelity) + 1
            value = float((trial.previous.directory / "state").read_text().split()[0])
        if self.log is not None:
            with Path(self.log).open("a") as file:
                file.write(f"{trial.number} {first} {trial.fidelity}\n")
        for step in range(first, int(trial.fidelity) + 1):
            value = value / 2 + config["x"] ** 2 + (config["kind"] == "b")
            trial.report(step, value)
            time.sleep(self.delay * (1 + trial.number % 3))
        state = f"{value!r} {'-' * self.bytes_of_state}"
        (trial.directory / "state").write_text(state)
        return value
