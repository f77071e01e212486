"""Points of a space as Parzen kernels see them: continuous numbers, and codes of few values."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hpopt.core.proposals import Floats
from hpopt.numerics.parzen import Factors, Parzen, Singles
from hpopt.numerics.parzen_tables import (
    Scale,
    bandwidth,
    cell_edges,
    cell_tables,
    choice_tables,
)
from hpopt.optimizers.surrogates.encoding import Encoding
from hpopt.space import Sequence

KernelArguments = tuple[Floats, NDArray[np.bool_], NDArray[np.int64]]
"""Numbers (n, a), whether they are active, (n, a) or (1, a), and codes (n, b); see `Factors`."""

FEW = 16  # a number with more values is continuous: kernels are wider than its cells
MOST_TABLED = 64  # choices in a table, which grows with their square; more are computed as needed
STEP = math.log(
    1.1
)  # bandwidths are recomputed for each tenth more kernels: they change by 2 % then
# Scales are computed four at a time, which costs little more than one, unless their tables exceed
# 65,536 numbers; two such groups are kept: those of the good and of the bad.
MOST_AHEAD, MOST_IN_TABLES, MOST_GROUPS = 4, 2**16, 2
OUT = -1e6  # added to the logarithm of a kernel that is not one of the bad ones: exp gives 0
FIRST_CAPACITY = 128  # doubled as needed: any value from 16 to 1,000 does


class Kernels:
    """Product kernels on the points of a space.

    Attributes
    ----------
    factors : Factors
        Turns arguments of kernels into rows whose products are logarithms of kernels.
    n_columns : int
        The number of uniform numbers that a point is sampled from.
    is_flat : bool
        Whether all coordinates are always active.
    everywhere : ndarray (1, a) of bool
        All true: the numbers that are active in a flat space.
    """

    def __init__(self, encoding: Encoding) -> None:
        space = encoding.space
        self._encoding, self._space = encoding, space
        few = np.array(
            [
                centres is not None and (len(centres) <= FEW or not ordered)
                for centres, ordered in zip(encoding.centres, space.ordered, strict=True)
            ]
        )
        large = ~space.ordered & (space.levels > MOST_TABLED)
        self._numbers, self._coded = np.flatnonzero(~few), np.flatnonzero(few & ~large)
        self._large, self._n_choices = np.flatnonzero(large), space.levels[large]
        self._ordered = space.ordered[self._coded]
        centres = [
            c
            for c, in_tables in zip(encoding.centres, few & ~large, strict=True)
            if in_tables and c is not None
        ]
        sizes = [len(each) for each in centres]
        b, self._most = len(sizes), max(sizes, default=1)
        self._values = np.zeros((b, self._most))
        edges = np.ones((b, self._most + 1))
        self._uniforms = np.zeros((b, self._most))
        for place, (own, size) in enumerate(zip(centres, sizes, strict=True)):
            self._values[place, :size] = own
            edges[place, : size + 1] = cell_edges(own)
            self._uniforms[place, :size] = 1.0 / size
        self._cells = self._values[self._ordered], edges[self._ordered]
        self._uniforms[self._ordered] = np.diff(self._cells[1], axis=1)
        # A value's code is the first cell whose upper edge lies above it; the last has no edge.
        has_edge = np.arange(1, self._most + 1) < np.array(sizes, dtype=np.int64)[:, None]
        self._upper = np.where(has_edge, edges[:, 1:], np.inf).T[:, None, :].copy()
        self._first = self._most * np.arange(b)[None]
        self._back = np.argsort(np.concatenate([self._numbers, self._coded, self._large]))
        always = _always_active(encoding)
        self.is_flat = bool(always.all())
        self.everywhere = np.ones((1, len(self._numbers)), dtype=bool)
        self.factors = Factors(always[self._numbers], sizes, len(self._large))
        self.n_columns = 1 + space.d
        in_tables = max(1, b * self._most**2)
        self._n_ahead = max(1, min(MOST_AHEAD, MOST_IN_TABLES // in_tables))
        self._scales: dict[int, list[Scale]] = {}

    def arguments(self, points: Floats) -> KernelArguments:
        """Return the arguments of kernels for points (n, d)."""
        codes = (points.take(self._coded, axis=1) >= self._upper).argmin(axis=0)
        # take with an axis is several times faster than fancy indexing on arrays this small.
        numbers = points.take(self._numbers, axis=1)
        large = (points.take(self._large, axis=1) * self._n_choices).astype(np.int64)
        large = np.minimum(large, self._n_choices - 1)
        if self.is_flat:
            return numbers, self.everywhere, np.concatenate([codes, large], axis=1)
        active = self._space.active(points)
        codes = np.where(active[:, self._coded], codes, self._most)
        large = np.where(active[:, self._large], large, -1)
        return numbers, active[:, self._numbers], np.concatenate([codes, large], axis=1)

    def points(self, numbers: Floats, codes: NDArray[np.int64]) -> Floats:
        """Return the points of numbers (n, a) and codes (n, b), shape (n, d)."""
        b = len(self._coded)
        values = self._values.take(codes[:, :b] + self._first)
        large = (codes[:, b:] + 0.5) / self._n_choices
        return np.concatenate([numbers, values, large], axis=1).take(self._back, axis=1)

    def scale(self, n: int) -> Scale:
        """Return the widths of n kernels; the same for n that differ by less than a tenth."""
        step = round(math.log(n) / STEP) if n else -1
        group, place = divmod(step, self._n_ahead)
        if group not in self._scales:
            if len(self._scales) == MOST_GROUPS:
                del self._scales[next(iter(self._scales))]
            self._scales[group] = self._scales_from(self._n_ahead * group)
        return self._scales[group][place]

    def _scales_from(self, first: int) -> list[Scale]:
        steps = range(first, first + self._n_ahead)
        n = [math.exp(STEP * step) if step >= 0 else 0.0 for step in steps]
        widths = [bandwidth(each, self._encoding.n_effective) for each in n]
        tables = choice_tables(self._uniforms, np.array(n))
        tables[:, self._ordered] = cell_tables(*self._cells, np.array(widths))
        return Scale.from_tables(
            widths,
            tables,
            self._uniforms,
            len(self._numbers),
            large=self._n_choices.tolist(),
            n=np.array(n),
        )

    def rows(self, points: Floats, scale: Scale) -> Singles:
        """Return the row of a kernel on each point."""
        return self.factors.of_kernels(*self.arguments(points), scale)

    def density(self, points: Floats) -> Parzen:
        """Return the density with a kernel on each point."""
        return Parzen(self.factors, *self.arguments(points), self.scale(len(points)))


def _always_active(encoding: Encoding) -> NDArray[np.bool_]:
    space = encoding.space
    always = np.ones(space.d, dtype=bool)
    for name, parameter in space.items():
        if isinstance(parameter, Sequence) or space.conditions.allowed_codes(name):
            always[space.columns(name)] = False
    return always


Ints = NDArray[np.int64]


class ObservedKernels:
    """The kernels of all observations, kept from one ask to the next.

    New ones are added, and all are recomputed only where their width changes. What it returns
    depends on the observations alone, not on earlier calls.

    Attributes
    ----------
    scale : Scale
        Of the bad kernels that were returned last.
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
        """Return the density of some of the points (n, d), by their ascending rows."""
        if self._good is None or rows != self._good_rows:
            self._good = self._kernels.density(points[rows])
            self._good_rows = rows
        return self._good

    def bad(self, points: Floats, good: list[int], kept: Ints | None, pending: Floats) -> Singles:
        """Return the rows of the bad kernels and the uniform one; valid until the next call.

        Parameters
        ----------
        points : ndarray (n, d), in [0, 1]
            All observed points, in their order.
        good : list of int
            The rows that are good.
        kept : ndarray of int, optional
            The rows to learn from, good ones too; by default all.
        pending : ndarray (q, d), in [0, 1]
            Pending points, which count as bad.
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
        """Update the kernels of all points to the width that `n_bad` kernels have."""
        scale = self._kernels.scale(n_bad)
        n, before = len(points), self._n
        if scale is not self.scale:
            self.scale, before = scale, 0
            self._out = []
            self._rows = self._kernels.factors.of_uniform(scale)
        if 1 + n + n_pending > len(self._rows):
            room = max(FIRST_CAPACITY, 2 * (1 + n + n_pending))
            # Single precision halves the time of l / g; what it rounds tells no candidates apart.
            rows = np.empty((room, self._rows.shape[1]), dtype=np.float32)
            rows[: 1 + before] = self._rows[: 1 + before]
            self._rows = rows
        if n > before:
            self._rows[1 + before : 1 + n] = self._kernels.rows(points[before:], scale)
        self._n = n

    def _mark(self, rows: list[int]) -> None:
        """Switch off the kernels of these rows, and on again those of the rows before."""
        if rows == self._out:
            return
        for row in set(rows).symmetric_difference(self._out):
            self._rows[1 + row, self._kernels.factors.mark] = OUT if row in rows else 0.0
        self._out = rows
