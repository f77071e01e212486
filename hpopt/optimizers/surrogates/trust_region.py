"""A box around the best that grows with success and shrinks without.

Eriksson et al. 2019, "Scalable global optimization via local Bayesian optimization",
https://arxiv.org/abs/1910.01739, section 2 and appendix D.
"""

from __future__ import annotations

import math
from bisect import insort
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpopt.core.proposals import Floats
from hpopt.numerics.ties import TIED

SIDE, LONGEST, SHORTEST = 0.8, 1.6, 2.0**-6
SUCCESSES = 3
FEWEST_FAILURES = 4
ENOUGH = 0.01
"""A loss is better if it is so by more than this share of how far the best was from the median:
neither another unit nor another zero of losses makes it another search."""
FEWEST_STALLED, STALLED_PER_DIMENSION = 20, 4
FLATTEST, LONGEST_SIDE = 0.2, 5.0


@dataclass(frozen=True, slots=True)
class Box:
    """Bounds of coordinates.

    Attributes
    ----------
    centre, low, high : ndarray (d,), in [0, 1]
    """

    centre: Floats
    low: Floats
    high: Floats

    @staticmethod
    def around(centre: Floats, side: float, lengths: Floats, ordered: NDArray[np.bool_]) -> Box:
        """Give the box of a side, longer where lengthscales (d,) are longer: by 0.2 to 5.

        Their geometric mean is taken over the ordered coordinates; the others have no sides.
        """
        typical = np.log(lengths[ordered]).mean() if ordered.any() else 0.0
        shape = np.clip(lengths / np.exp(typical), FLATTEST, LONGEST_SIDE)
        half = np.where(ordered, side * shape / 2, 1.0)
        return Box(centre, np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0))

    def holding(self, low: Floats, high: Floats) -> Box:
        """Give the box that holds these bounds (d,) too."""
        return Box(self.centre, np.minimum(self.low, low), np.maximum(self.high, high))

    def reaching(self, distances: Floats) -> Box:
        """Give the box that goes as far as distances (d,) from its centre, or farther."""
        low, high = self.centre - distances, self.centre + distances
        return self.holding(np.maximum(low, 0.0), np.minimum(high, 1.0))


class Side:
    """The side of the box, as it follows from one loss after the other.

    Parameters
    ----------
    n_effective : float
        So many failures in a row, and four at least, halve it.
    n_first : int
        How many losses only say what the best is.

    Attributes
    ----------
    length : float
        Of a side, before lengthscales shape it.
    """

    def __init__(self, n_effective: float, n_first: int) -> None:
        self._patience = max(FEWEST_FAILURES, round(n_effective))
        self._n_first, self._n_seen = n_first, 0
        self._losses: list[float] = []
        self.length = SIDE
        self._successes = self._failures = 0
        self._stalled_after = max(FEWEST_STALLED, round(STALLED_PER_DIMENSION * n_effective))
        self._since = 0

    @property
    def is_stalled(self) -> bool:
        """Whether nothing got better for long: max(20, 4 d) losses."""
        return self._since >= self._stalled_after

    def learn(self, losses: Floats) -> None:
        """Take up losses (n,), of which the first were there before.

        What failed, by chance or not, says nothing of how long the box should be.
        """
        for loss in losses[self._n_seen :].tolist():
            self._take(loss)

    def _take(self, loss: float) -> None:
        self._n_seen += 1
        if not math.isfinite(loss):
            return
        better = self._is_better(loss)
        insort(self._losses, loss)
        self._since = 0 if better else self._since + 1
        if self._n_seen <= self._n_first:
            return
        self._successes = self._successes + 1 if better else 0
        self._failures = 0 if better else self._failures + 1
        if self._successes == SUCCESSES:
            self.length, self._successes = min(2 * self.length, LONGEST), 0
        elif self._failures == self._patience:
            self.length, self._failures = self.length / 2, 0
            if self.length < SHORTEST:
                self.length = SIDE

    def _is_better(self, loss: float) -> bool:
        if not self._losses:
            return True
        best, median = self._losses[0], self._losses[len(self._losses) // 2]
        return best - loss > max(ENOUGH * (median - best), TIED * abs(best))
