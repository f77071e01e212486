"""Several runs of a trial: each by itself, and the mean of their values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from hpopt.core.handle import TrialHandle
from hpopt.core.objective import Objective
from hpopt.problems.keras.training.fit import report_objectives, watched_objective


class SilentFollower:
    """Follow a run without reports: with several runs only their mean is reported."""

    def report(self, step: float, value: float | Mapping[str, float]) -> None:
        """Do nothing."""

    def should_stop(self) -> bool:
        """Return False."""
        return False


class RunAverage:
    """The mean of the values of a trial's runs.

    The trial gets the means of the objectives after each run. The step of the report counts
    what the fidelity counts, so that the curves of a config's trials are parts of one. Without a
    fidelity it is the sum of the epochs.

    Parameters
    ----------
    objectives : sequence of Objective
    trial : TrialHandle
    counted : str, optional
        What the fidelity counts: ``"epochs"``, ``"folds"`` or ``"samples"``.
    amount : int
        The trial's fidelity.
    """

    def __init__(
        self,
        objectives: Sequence[Objective],
        trial: TrialHandle,
        *,
        counted: str | None = None,
        amount: int = 0,
    ) -> None:
        self._objectives, self._trial = objectives, trial
        self._counted, self._amount = counted, amount
        self._found: list[Mapping[str, float]] = []
        self._n_epochs = 0.0

    def add(self, values: Mapping[str, float], known: Mapping[str, float] | None = None) -> bool:
        """Add the values of a run, and return whether to begin the next.

        `known` are values of the trial that do not change.
        """
        self._found.append(values)
        self._n_epochs += values["epochs"]
        means = self.values()
        mean = means[watched_objective(self._objectives, means).name]
        # The mean stays nan or infinite, whatever the other runs give.
        if not math.isfinite(mean):
            return False
        report_objectives(self._trial, self._objectives, self._step(), means, known or {})
        return not self._trial.should_stop()

    def _step(self) -> float:
        if self._counted is None:
            return self._n_epochs
        return len(self._found) if self._counted == "folds" else self._amount

    def values(self) -> dict[str, float]:
        """Return the mean of each value, and the standard deviation of each objective."""
        # A metric that only some runs report has no mean.
        names = [name for name in self._found[0] if all(name in values for values in self._found)]
        of_all = {name: [values[name] for values in self._found] for name in names}
        means = {name: float(np.mean(numbers)) for name, numbers in of_all.items()}
        if len(self._found) == 1:
            return means
        deviations = {
            f"{objective.name}_std": float(np.std(of_all[objective.name]))
            for objective in self._objectives
            if objective.name in of_all
        }
        return {**means, **deviations}
