"""Which of two trials is better: the one ranking behind every best trial and every front."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpopt import checks
from hpopt.core.objective import Objective, losses
from hpopt.core.trial import Trial
from hpopt.errors import SettingError
from hpopt.numerics import pareto
from hpopt.numerics.hypervolume import hypervolume

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Trials that are compared with a front at once: each comparison costs some calls of numpy, so few
# are made, and 500 trials are little memory.
AT_ONCE = 500


class Ranking:
    """Rank trials that have values: by fidelity, by the first objective, the earlier one first.

    Values of different fidelities cannot be compared, so what has reached a higher one is better.
    """

    def __init__(self, objectives: Sequence[Objective]) -> None:
        self.objectives = objectives

    def key(self, trial: Trial) -> tuple[float, float, int]:
        """Return what trials are sorted by, the best first: minus fidelity, loss and number."""
        return -_reached(trial), self.objectives[0].loss(trial.outcome.values), trial.number

    def top(self, trials: Iterable[Trial], n: int) -> list[Trial]:
        """Return the n best trials, best first; those without values are left out."""
        return heapq.nsmallest(n, (trial for trial in trials if trial.ok), key=self.key)

    def front(self, trials: Iterable[Trial]) -> list[Trial]:
        """Return the trials that no other dominates, the best by the first objective first.

        They are of the highest fidelity that any with values has reached.
        """
        front = Front(self.objectives)
        for trial in trials:
            front.add(trial)
        return sorted(front.trials(), key=self.key)

    def knee(self, front: Sequence[Trial]) -> Trial | None:
        """Return the trial of a front that lies deepest in its bend; None of an empty one.

        With the best loss of each objective on the front as 0 and the worst as 1, it has the least
        sum: of two objectives, it is the farthest from the line between the ends. Among equals it
        is the first.
        """
        if not front:
            return None
        found = np.array([losses(self.objectives, each.outcome.values) for each in front])
        least = found.min(axis=0)
        with np.errstate(all="ignore"):  # of the largest numbers, and of constant objectives
            shares = (found / 2 - least / 2) / (found.max(axis=0) / 2 - least / 2)
        return front[int(np.nan_to_num(shares, nan=0.0).sum(axis=1).argmin())]


def highest_fidelity(trials: Iterable[Trial]) -> float:
    """Return the highest fidelity of the trials with values; 0 where they have none."""
    return max((_reached(trial) for trial in trials if trial.ok), default=0.0)


def is_comparable(trial: Trial, highest: float) -> bool:
    """Return whether a trial has the highest fidelity, or no values and so nothing to compare."""
    return not trial.ok or _reached(trial) >= highest


def _reached(trial: Trial) -> float:
    return trial.solution.fidelity or 0.0


class Front:
    """The Pareto front of trials that come one by one, in memory that grows with the front only.

    It has the trials of the highest fidelity only.

    Attributes
    ----------
    worst : ndarray (n_objectives,)
        The worst loss of each objective among all trials of that fidelity; -inf without any.
    """

    def __init__(self, objectives: Sequence[Objective]) -> None:
        self._objectives = objectives
        self._candidates: list[Trial] = []
        self._most = AT_ONCE
        self._reached = 0.0
        self.worst = np.full(len(objectives), -np.inf)

    def add(self, trial: Trial) -> None:
        """Compare a trial with the others; one without final values is left out."""
        reached = _reached(trial)
        # Of several objectives: one that was stopped may be better in those that it knew.
        is_stopped = trial.status == "stopped" and len(self._objectives) > 1
        if not trial.ok or is_stopped or reached < self._reached:
            return
        if reached > self._reached:
            self._reached = reached
            self._candidates.clear()
            self.worst[:] = -np.inf
        self.worst = np.maximum(self.worst, losses(self._objectives, trial.outcome.values))
        self._candidates.append(trial)
        if len(self._candidates) >= self._most:
            # Twice the front: each trial is compared a bounded number of times on average.
            self._most = 2 * len(self.trials()) + AT_ONCE

    def trials(self) -> list[Trial]:
        """Return the front of all trials so far, in the order in which they came."""
        if self._candidates:
            values = [losses(self._objectives, each.outcome.values) for each in self._candidates]
            stays = pareto.front(np.array(values))
            self._candidates = [self._candidates[row] for row in np.flatnonzero(stays)]
        return list(self._candidates)

    def hypervolume(self, reference: Floats | None = None) -> float:
        """Return the volume between the front and reference losses, by default the worst."""
        front = [losses(self._objectives, each.outcome.values) for each in self.trials()]
        shape = (len(front), len(self._objectives))
        worst = self.worst if reference is None else reference
        with np.errstate(all="ignore"):  # of the largest numbers
            return hypervolume(np.array(front).reshape(shape), worst)


def reference_losses(
    objectives: Sequence[Objective], reference: Mapping[str, float] | Sequence[float]
) -> Floats:
    """Return the reference point of a hypervolume, as a user gives it, as losses.

    Raises
    ------
    SettingError
        It has not exactly one number for each objective.
    """
    names = [objective.name for objective in objectives]
    values: dict[str, Any] = {}
    if isinstance(reference, Mapping):
        values = dict(reference)
    elif np.shape(reference) == (len(names),):
        values = dict(zip(names, reference, strict=True))
    found = {name: checks.real(value) for name, value in values.items()}
    if set(found) != set(names) or not all(map(_is_finite, found.values())):
        raise SettingError(
            f"reference must have a number for each of the objectives {names}, but got "
            f"{reference!r}: write {{{', '.join(f'{name!r}: 1.0' for name in names)}}}"
        )
    return losses(objectives, {name: float(value) for name, value in values.items()})


def _is_finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def best_first(losses: Floats, numbers: Ints, fidelities: Floats) -> Ints:
    """Return the places of trials in the order of `Ranking`, from their arrays; bad ones are last.

    Parameters
    ----------
    losses : ndarray (n, n_objectives)
        Infinite where an evaluation gave no values.
    numbers : ndarray (n,) of int
    fidelities : ndarray (n,)
        nan where the problem has none.
    """
    has_values = losses[:, 0] < np.inf
    reached = np.where(has_values, np.nan_to_num(fidelities, nan=0.0), -np.inf)
    return np.lexsort((numbers, losses[:, 0], -reached))


def comparable(losses: Floats, fidelities: Floats) -> NDArray[np.bool_]:
    """Return which trials have the highest fidelity of those with values, or no values.

    Parameters
    ----------
    losses : ndarray (n, n_objectives)
    fidelities : ndarray (n,)
    """
    has_values = (losses < np.inf).all(axis=1)
    reached = np.nan_to_num(fidelities, nan=0.0)
    highest: float = reached[has_values].max(initial=0.0)
    return ~has_values | (reached >= highest)
