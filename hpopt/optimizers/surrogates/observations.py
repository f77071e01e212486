"""The observations that a model learns from: knowledge and history together, or a part of them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from bisect import bisect_left, insort

import numpy as np
from numpy.typing import NDArray

from hpopt.core import Optimizer
from hpopt.core.proposals import Floats
from hpopt.optimizers.surrogates.penalties import penalties
from hpopt.optimizers.surrogates.transfer import EVERYTHING, Verdict

Ints = NDArray[np.int64]

# Shares of a bounded subset: the best, the most recent, and the rest at random. A process of 200
# points chosen so still led TPE after 600 evaluations.
BEST, RECENT = 0.5, 0.2
PRIORITIES = 1  # the key of the random numbers by which the rest is chosen


class Observed(ABC):
    """All that an optimizer has learned, in that order.

    Attributes
    ----------
    points : ndarray (n, d), in [0, 1]
    losses : ndarray (n,) of one objective, (n, m) of several
        As measured; infinite where an evaluation gave no values.
    ranked : ndarray, of the same shape
        The same, with penalties where a constraint is broken: see `History`.
    violations : ndarray (n, n_constraints)
        By how much constraints are broken; nan where that is not known.
    is_broken : ndarray (n,) of bool
        Which have values that do not meet all constraints.
    n_known : int
        How many of them were observed before the search, which come first.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer, history = optimizer, optimizer.history
        self.points, self.violations = history.all_points, history.all_violations
        self.losses, self.ranked = history.all_measured, history.all_losses
        self.is_broken, self.n_known = history.all_broken, len(optimizer.knowledge)

    def __len__(self) -> int:
        return len(self.losses)

    @abstractmethod
    def valued(self, n: int) -> NDArray[np.bool_]:
        """Return which of the first n evaluations gave values that are no penalties, shape (n,)."""

    @abstractmethod
    def _best(self, rows: Ints, most: int) -> Ints:
        """Return the places, in rows, of the best ones to keep where `most` rows are learned."""

    def subset(self, n: int, most: int, *, valued: bool = False) -> Ints:
        """Return at most `most` rows to learn from, of the first n, ascending.

        They are the best, a fifth the most recent, and a random choice of the rest that hardly
        changes as n grows: a row's priority does not depend on n. With `valued`, evaluations that
        gave no value, or a penalty, are left out.
        """
        rows = np.flatnonzero(self.valued(n)) if valued else np.arange(n)
        if len(rows) <= most:
            return rows
        kept = np.zeros(len(rows), dtype=bool)
        kept[self._best(rows, most)] = True
        recent = np.flatnonzero(~kept)[-round(RECENT * most) :]
        kept[recent] = True
        others = np.flatnonzero(~kept)
        # Drawn for all n rows, so that a row keeps its priority as n grows.
        priorities = self._optimizer.generator(PRIORITIES, 0, 0).random(n)[rows[others]]
        kept[others[_smallest(priorities, most - int(kept.sum()))]] = True
        return rows[kept]


class Observations(Observed):
    """All that an optimizer with one objective has learned; half of a subset are the best.

    Parameters
    ----------
    optimizer : Optimizer
    verdict : Verdict
        What of its knowledge counts, and as what.
    """

    def __init__(self, optimizer: Optimizer, verdict: Verdict = EVERYTHING) -> None:
        super().__init__(optimizer)
        self.losses, self.ranked = self.losses[:, 0], self.ranked[:, 0]
        self._is_other = np.zeros(self.n_known, dtype=bool)
        if verdict is EVERYTHING:
            return
        self._is_other = optimizer.sources >= 0
        if verdict.losses is not None:
            known, is_broken = verdict.losses, self.is_broken[: self.n_known]
            self.losses = np.concatenate([known, self.losses[self.n_known :]])
            known = np.where(is_broken, self.ranked[: self.n_known], known)
            self.ranked = np.concatenate([known, self.ranked[self.n_known :]])
        if verdict.n_left_out and verdict.kept is not None:
            self._leave_out(~verdict.kept)

    def _leave_out(self, known: NDArray[np.bool_]) -> None:
        rows = np.concatenate([np.flatnonzero(~known), np.arange(self.n_known, len(self))])
        self.points, self.violations = self.points[rows], self.violations[rows]
        self.losses, self.ranked = self.losses[rows], self.ranked[rows]
        self.is_broken, self._is_other = self.is_broken[rows], self._is_other[~known]
        self.n_known = int((~known).sum())

    @property
    def is_own(self) -> NDArray[np.bool_]:
        """Which this study evaluated itself, shape (n,)."""
        return ~np.append(self._is_other, np.zeros(len(self) - self.n_known, dtype=bool))

    def valued(self, n: int) -> NDArray[np.bool_]:
        """Return which of the first n evaluations gave a value that is no penalty, shape (n,)."""
        return np.isfinite(self.losses[:n]) & ~penalties(self.losses[:n])

    @property
    def feasible(self) -> Floats:
        """The losses, infinite where a constraint is broken, too; shape (n,)."""
        return np.where(self.is_broken, np.inf, self.losses)

    def _best(self, rows: Ints, most: int) -> Ints:
        return _smallest(self.ranked[rows], round(BEST * most))


class Ranking:
    """The rows of losses, best first, kept as more of them come in."""

    def __init__(self) -> None:
        self._order: list[tuple[float, int]] = []

    def learn(self, losses: Floats) -> None:
        """Insert those of all losses (n,) that are new."""
        known = len(self._order)
        new = [(loss, known + row) for row, loss in enumerate(losses[known:].tolist())]
        if not known:
            self._order = sorted(new)
        else:
            for each in new:
                insort(self._order, each)

    @property
    def n_values(self) -> int:
        """The number of evaluations that gave a value."""
        return bisect_left(self._order, (math.inf,))

    def best(self, k: int) -> list[int]:
        """Return the rows of the k best, best first; of equals the earlier one first."""
        return [row for _, row in self._order[:k]]


def _smallest(losses: Floats, k: int) -> Ints:
    """Return the places of the k smallest, ascending; of equals the earlier one first."""
    if not k:
        return np.empty(0, dtype=np.int64)
    # A partition and a sort of k values: sorting all would take longer for large n.
    worst = np.partition(losses, k - 1)[k - 1]
    places = np.flatnonzero(losses <= worst)
    return places[np.argsort(losses[places], kind="stable")][:k]
