"""The kernels of all that was told, kept from one ask to the next."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hpopt.core.proposals import Floats
from hpopt.numerics.parzen import Parzen, Singles
from hpopt.optimizers.surrogates.kernels import Kernels

Ints = NDArray[np.int64]

OUT = -1e6
"""Added to the logarithm of a kernel that is none of the bad ones."""
FIRST_CAPACITY = 128


class ToldKernels:
    """Add kernels as results come in; make all of them anew only where their width changes.

    What it gives follows from what was told alone, not from what it was asked before.

    Parameters
    ----------
    kernels : Kernels

    Attributes
    ----------
    scale : Scale
        Of the bad kernels that were asked for last.
    """

    def __init__(self, kernels: Kernels) -> None:
        self._kernels = kernels
        self.scale = kernels.scale(0)
        self._rows = kernels.factors.of_uniform(self.scale)
        self._n = 0
        self._good: Parzen | None = None
        self._good_rows: list[int] = []
        self._out: list[int] = []

    def good(self, points: Floats, rows: list[int]) -> Parzen:
        """Give the density of some of the points (n, d), by their ascending rows."""
        if self._good is None or rows != self._good_rows:
            self._good = self._kernels.density(self._kernels.of(points[rows]))
            self._good_rows = rows
        return self._good

    def bad(self, points: Floats, good: list[int], kept: Ints | None, pending: Floats) -> Singles:
        """Give the rows of the bad kernels and the uniform one, to be read before the next call.

        Parameters
        ----------
        points : ndarray (n, d), in [0, 1]
            All that was told, in its order.
        good : list of int
            The rows that are good.
        kept : ndarray of int, optional
            The rows to learn from, good ones too; by default all.
        pending : ndarray (q, d), in [0, 1]
            What counts as bad beside them.
        """
        n = len(points)
        self._learn(points, (n if kept is None else len(kept)) - len(good), len(pending))
        self._mark(good)
        stop = 1 + n + len(pending)
        if len(pending):
            self._rows[1 + n : stop] = self._kernels.rows(pending, self.scale)
        if kept is None:
            return self._rows[:stop]
        found: Singles = self._rows[np.concatenate([[0], 1 + kept, np.arange(1 + n, stop)])]
        return found

    def _learn(self, points: Floats, n_bad: int, n_pending: int) -> None:
        """Have the kernels of all points, of the width that so many bad ones have."""
        scale = self._kernels.scale(n_bad)
        n, before = len(points), self._n
        if scale is not self.scale:
            self.scale, before = scale, 0
            self._out = []
            self._rows = self._kernels.factors.of_uniform(scale)
        if 1 + n + n_pending > len(self._rows):
            room = max(FIRST_CAPACITY, 2 * (1 + n + n_pending))
            rows = np.empty((room, self._rows.shape[1]), dtype=np.float32)
            rows[: 1 + before] = self._rows[: 1 + before]
            self._rows = rows
        if n > before:
            self._rows[1 + before : 1 + n] = self._kernels.rows(points[before:], scale)
        self._n = n

    def _mark(self, rows: list[int]) -> None:
        """Take the kernels of these rows out, and those that were out back in."""
        if rows == self._out:
            return
        for row in set(rows).symmetric_difference(self._out):
            self._rows[1 + row, self._kernels.factors.mark] = OUT if row in rows else 0.0
        self._out = rows
