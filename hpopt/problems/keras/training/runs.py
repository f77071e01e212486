"""The runs of a trial: one, or one for each fold and repeat, whose values are averaged."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hpopt.core.handle import TrialHandle
from hpopt.core.problem import Objective
from hpopt.problems.keras.training.fit import watched_objective


@dataclass(frozen=True, slots=True)
class Run:
    """One training of a trial.

    Attributes
    ----------
    number : int
        Its place among the trial's runs.
    split : int
        The number of the split of the data it has.
    seed : int
        Of everything random in it. The first has the trial's.
    """

    number: int
    split: int
    seed: int


def list_runs(seed: int, n_splits: int, repeats: int) -> Iterator[Run]:
    """Return the runs of a trial: all splits, as often as it is repeated."""
    for number in range(n_splits * repeats):
        own = (
            seed if not number else int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
        )
        yield Run(number, number % n_splits, own)


class SilentFollower:
    """Follow a run whose epochs nobody is told of: there are several runs to average."""

    def report(self, step: float, value: float) -> None:
        """Tell nobody."""

    def should_stop(self) -> bool:
        """Never end it."""
        return False


class RunAverage:
    """The mean of what the runs of a trial gave.

    Parameters
    ----------
    objectives : sequence of Objective
    trial : TrialHandle
        Told of the mean of the first objective after each run, at the sum of their epochs.
    """

    def __init__(self, objectives: Sequence[Objective], trial: TrialHandle) -> None:
        self._objectives, self._trial = objectives, trial
        self._found: list[Mapping[str, float]] = []
        self._n_epochs = 0.0

    def add(self, values: Mapping[str, float]) -> bool:
        """Take in the values of a run; say whether the next is wanted."""
        self._found.append(values)
        self._n_epochs += values["epochs"]
        means = self.values()
        mean = means[watched_objective(self._objectives, means).name]
        if not math.isfinite(mean):
            return False
        self._trial.report(self._n_epochs, mean)
        return not self._trial.should_stop()

    def values(self) -> dict[str, float]:
        """Return the mean of each value, and the deviation of the objectives among the runs."""
        names = [name for name in self._found[0] if all(name in values for values in self._found)]
        of_all = {name: [values[name] for values in self._found] for name in names}
        means = {name: float(np.mean(numbers)) for name, numbers in of_all.items()}
        deviations = {
            f"{objective.name}_std": float(np.std(of_all[objective.name]))
            for objective in self._objectives
            if objective.name in of_all
        }
        return {**means, **deviations}
