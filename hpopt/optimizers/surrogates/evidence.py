"""What a model learns from: knowledge and history as one list, and a bounded part of it."""

from __future__ import annotations

import math
from bisect import bisect_left, insort

import numpy as np
from numpy.typing import NDArray

from hpopt.core import Optimizer
from hpopt.core.proposals import Floats

Ints = NDArray[np.int64]

RECENT = 0.2
BEST = 0.5
PRIORITIES = 1
"""The key of the numbers that say which of the others are kept."""


class Evidence:
    """What an optimizer knows, in the order in which it came to know it.

    Parameters
    ----------
    optimizer : Optimizer
        With one objective.

    Attributes
    ----------
    points : ndarray (n, d), in [0, 1]
    losses : ndarray (n,)
        Infinite where an evaluation gave no value.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer
        self.points = optimizer.history.all_points
        self.losses = optimizer.history.all_losses[:, 0]

    def __len__(self) -> int:
        return len(self.losses)

    @property
    def n_values(self) -> int:
        """How many evaluations gave a value."""
        return int(np.isfinite(self.losses).sum())

    def kept(self, n: int, most: int, *, valued: bool = False) -> Ints:
        """Give the rows to learn from, of the first n, in their order.

        Half of `most` are the best, a fifth the most recent, and the rest a random choice that
        hardly changes as n grows.

        Parameters
        ----------
        valued : bool
            Whether to pass over what gave no value.
        """
        rows = np.flatnonzero(np.isfinite(self.losses[:n])) if valued else np.arange(n)
        if len(rows) <= most:
            return rows
        kept = np.zeros(len(rows), dtype=bool)
        kept[_best(self.losses[rows], round(BEST * most))] = True
        recent = np.flatnonzero(~kept)[-round(RECENT * most) :]
        kept[recent] = True
        others = np.flatnonzero(~kept)
        priorities = self._optimizer.generator(PRIORITIES, 0, 0).random(n)[rows[others]]
        kept[others[_best(priorities, most - int(kept.sum()))]] = True
        return rows[kept]


class Ranking:
    """The rows of losses, best first, kept as more of them come in."""

    def __init__(self) -> None:
        self._order: list[tuple[float, int]] = []

    def learn(self, losses: Floats) -> None:
        """Take up those of losses (n,) that are new."""
        known = len(self._order)
        new = [(loss, known + row) for row, loss in enumerate(losses[known:].tolist())]
        if not known:
            self._order = sorted(new)
        else:
            for each in new:
                insort(self._order, each)

    @property
    def n_values(self) -> int:
        """How many evaluations gave a value."""
        return bisect_left(self._order, (math.inf,))

    def best(self, k: int) -> list[int]:
        """Give the rows of the k best, best first; the earlier one where they tie."""
        return [row for _, row in self._order[:k]]


def _best(losses: Floats, k: int) -> Ints:
    """Give the places of the k smallest in ascending order; the earlier one where they tie."""
    if not k:
        return np.empty(0, dtype=np.int64)
    worst = np.partition(losses, k - 1)[k - 1]
    places = np.flatnonzero(losses <= worst)
    return places[np.argsort(losses[places], kind="stable")][:k]
