"""The observations that a model learns from: knowledge and history together, or a part of them."""

from __future__ import annotations

import math
from bisect import bisect_left, insort

import numpy as np
from numpy.typing import NDArray

from hpopt.core import Optimizer
from hpopt.core.proposals import Floats
from hpopt.optimizers.surrogates.penalties import penalties

Ints = NDArray[np.int64]

# Shares of a bounded subset: the best, the most recent, and the rest at random. A process of 200
# points chosen so still led TPE after 600 evaluations.
BEST, RECENT = 0.5, 0.2
PRIORITIES = 1  # the key of the random numbers by which the rest is chosen


class Observations:
    """All that an optimizer with one objective has learned, in that order.

    Attributes
    ----------
    points : ndarray (n, d), in [0, 1]
    losses : ndarray (n,)
        As measured; infinite where an evaluation gave no value.
    ranked : ndarray (n,)
        The same, with penalties where a constraint is broken: see `History`.
    violations : ndarray (n, n_constraints)
        By how much constraints are broken; nan where that is not known.
    is_broken : ndarray (n,) of bool
        Which have values that do not meet all constraints.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer, history = optimizer, optimizer.history
        self.points, self.violations = history.all_points, history.all_violations
        self.losses, self.ranked = history.all_measured[:, 0], history.all_losses[:, 0]
        self.is_broken = history.all_broken

    def __len__(self) -> int:
        return len(self.losses)

    def valued(self, n: int) -> NDArray[np.bool_]:
        """Return which of the first n evaluations gave a value that is no penalty, shape (n,)."""
        return np.isfinite(self.losses[:n]) & ~penalties(self.losses[:n])

    @property
    def feasible(self) -> Floats:
        """The losses, infinite where a constraint is broken, too; shape (n,)."""
        return np.where(self.is_broken, np.inf, self.losses)

    def subset(self, n: int, most: int, *, valued: bool = False) -> Ints:
        """Return at most `most` rows to learn from, of the first n, ascending.

        Half of them are the best, a fifth the most recent, and the rest a random choice that hardly
        changes as n grows: a row's priority does not depend on n. With `valued`, evaluations that
        gave no value, or a penalty, are left out.
        """
        rows = np.flatnonzero(self.valued(n)) if valued else np.arange(n)
        if len(rows) <= most:
            return rows
        best = _smallest(self.ranked[rows], round(BEST * most))
        return thinned(self._optimizer, rows, best, n, most)


def thinned(optimizer: Optimizer, rows: Ints, best: Ints, n: int, most: int) -> Ints:
    """Return `most` of rows (ascending, of the first n): the best, a fifth the most recent.

    The rest is a random choice that hardly changes as n grows: a row's priority does not depend on
    n. `best` are places in `rows`.
    """
    kept = np.zeros(len(rows), dtype=bool)
    kept[best] = True
    recent = np.flatnonzero(~kept)[-round(RECENT * most) :]
    kept[recent] = True
    others = np.flatnonzero(~kept)
    # Drawn for all n rows, so that a row keeps its priority as n grows.
    priorities = optimizer.generator(PRIORITIES, 0, 0).random(n)[rows[others]]
    kept[others[_smallest(priorities, most - int(kept.sum()))]] = True
    return rows[kept]


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
