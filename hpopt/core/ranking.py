"""Which of two trials is better: the one ranking behind every best trial and every front."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from hpopt.core.problem import Objective, losses
from hpopt.core.trial import Trial
from hpopt.numerics import pareto

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Trials that are compared with a front at once: each comparison costs some calls of numpy, so few
# are made, and 500 trials are little memory.
AT_ONCE = 500


class Ranking:
    """Rank trials that have values: by the first objective, and the earlier of equal ones first."""

    def __init__(self, objectives: Sequence[Objective]) -> None:
        self.objectives = objectives

    def key(self, trial: Trial) -> tuple[float, int]:
        """Return what trials are sorted by, the best first: loss and number."""
        return self.objectives[0].loss(trial.outcome.values), trial.number

    def top(self, trials: Iterable[Trial], n: int) -> list[Trial]:
        """Return the n best trials, best first; those without values are left out."""
        return heapq.nsmallest(n, (trial for trial in trials if trial.ok), key=self.key)

    def front(self, trials: Iterable[Trial]) -> list[Trial]:
        """Return the trials that no other is better than in every objective, in their order."""
        front = Front(self.objectives)
        for trial in trials:
            front.add(trial)
        return front.trials()


class Front:
    """The Pareto front of trials that come one by one, in memory that grows with the front only."""

    def __init__(self, objectives: Sequence[Objective]) -> None:
        self._objectives = objectives
        self._candidates: list[Trial] = []
        self._most = AT_ONCE

    def add(self, trial: Trial) -> None:
        """Compare a trial with the others; one without values is left out."""
        if not trial.ok:
            return
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


def best_first(losses: Floats, numbers: Ints) -> Ints:
    """Return the places of trials in the order of `Ranking`, from their arrays.

    Parameters
    ----------
    losses : ndarray (n, n_objectives)
    numbers : ndarray (n,) of int
    """
    return np.lexsort((numbers, losses[:, 0]))
