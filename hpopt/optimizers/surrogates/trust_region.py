"""A trust region: a box around the best that grows with success and shrinks without.

Eriksson et al. 2019, "Scalable global optimization via local Bayesian optimization",
https://arxiv.org/abs/1910.01739, section 2 and appendix D.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpopt.core.proposals import Floats
from hpopt.numerics.ties import TIED

# The first side, the longest and the shortest; TuRBO's settings (appendix D) but for its 2⁻⁷.
SIDE, LONGEST, SHORTEST = 0.8, 1.6, 2.0**-6
SUCCESSES = 3  # in a row double the side, as in TuRBO
FEWEST_FAILURES = 4  # in a row halve it: max(4, n_effective), TuRBO's rule for one point a time
# A loss is an improvement only by more than this share of the distance from the best to the median:
# neither another unit nor another zero of the losses gives another search.
ENOUGH = 0.01
# How many losses without improvement are a stall: max(20, 4 n_effective). Twice as many, with
# another kernel, were no better on new problems.
FEWEST_STALLED, STALLED_PER_DIMENSION = 20, 4
# From this share of equal losses on a search has plateaus. A smooth function has none, and there a
# stall must not make distant asks rare: it then missed other valleys of multimodal ones.
REPEATING = 0.1
# Bounds of a side's stretch, so that what hardly matters is not searched from end to end.
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
        """Return the box of a side, each stretched by 0.2 to 5 as its lengthscale (d,) says.

        A stretch is the lengthscale over the geometric mean of those of ordered coordinates. Other
        coordinates are not bounded.
        """
        typical = np.log(lengths[ordered]).mean() if ordered.any() else 0.0
        shape = np.clip(lengths / np.exp(typical), FLATTEST, LONGEST_SIDE)
        half = np.where(ordered, side * shape / 2, 1.0)
        return Box(centre, np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0))

    def including(self, low: Floats, high: Floats) -> Box:
        """Return the smallest box that holds this one and the bounds (d,)."""
        return Box(self.centre, np.minimum(self.low, low), np.maximum(self.high, high))


class TrustRegion:
    """The side of the box, updated by one loss after the other.

    Parameters
    ----------
    n_effective : float
        The dimension: so many failures in a row, and at least four, halve the side.
    n_first : int
        How many losses only determine the best.
    n_known : int
        How many of them were known before the search, which cannot stall before it begins.

    Attributes
    ----------
    side : float
        Before lengthscales stretch it.
    n_since : int
        How many losses there were since the last improvement.
    """

    def __init__(self, n_effective: float, n_first: int, n_known: int = 0) -> None:
        self._patience = max(FEWEST_FAILURES, round(n_effective))
        self._n_first, self._n_known, self._n_seen = n_first, n_known, 0
        self._losses: list[float] = []
        self.side = SIDE
        self._successes = self._failures = 0
        self._stalled_after = max(FEWEST_STALLED, round(STALLED_PER_DIMENSION * n_effective))
        self.n_since = self._n_repeated = 0

    @property
    def n_stalls(self) -> int:
        """How many times max(20, 4 n_effective) losses came since the last improvement.

        It is at most 1 where values hardly repeat.
        """
        n_stalls = self.n_since // self._stalled_after
        return n_stalls if self.values_repeat else min(n_stalls, 1)

    @property
    def values_repeat(self) -> bool:
        """Whether a tenth of the losses or more equal an earlier one."""
        return self._n_repeated >= REPEATING * max(len(self._losses), 1)

    def learn(self, losses: Floats) -> None:
        """Learn the losses (n,) of a whole search, of which the first may be known already."""
        for loss in losses[self._n_seen :].tolist():
            self._learn_one(loss)

    def _learn_one(self, loss: float) -> None:
        self._n_seen += 1
        if not math.isfinite(loss):
            return  # a failure, by chance or not, says nothing about the size of the box
        better = self._is_better(loss)
        self._n_repeated += self._is_known(loss)
        insort(self._losses, loss)
        self.n_since = 0 if better or self._n_seen <= self._n_known else self.n_since + 1
        if self._n_seen <= self._n_first:
            return
        self._successes = self._successes + 1 if better else 0
        self._failures = 0 if better else self._failures + 1
        if self._successes == SUCCESSES:
            self.side, self._successes = min(2 * self.side, LONGEST), 0
        elif self._failures == self._patience:
            self.side, self._failures = self.side / 2, 0
            if self.side < SHORTEST:
                self.side = SIDE

    def _is_known(self, loss: float) -> bool:
        place = bisect_left(self._losses, loss)
        beside = self._losses[max(place - 1, 0) : place + 1]
        return any(abs(loss - each) <= TIED * max(abs(loss), abs(each)) for each in beside)

    def _is_better(self, loss: float) -> bool:
        if not self._losses:
            return True
        best, median = self._losses[0], self._losses[len(self._losses) // 2]
        return best - loss > max(ENOUGH * (median - best), TIED * abs(best))
