"""Points of a space as Parzen kernels see them: continuous numbers, and codes of few values."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hpopt.core.proposals import Floats
from hpopt.numerics.parzen import (
    Factors,
    Parzen,
    Singles,
    bandwidth,
    cell_edges,
    cell_table,
    choice_table,
    log_tables,
    stacked_tables,
)
from hpopt.optimizers.surrogates.encoding import Encoding
from hpopt.space import Sequence

Parts = tuple[Floats, NDArray[np.bool_], NDArray[np.int64]]
"""Numbers (n, a), whether they exist, and codes (n, b) with K for what does not exist."""

FEW = 16
"""A number with more values is continuous to a kernel, which is wider than its cells."""
STEP, SCALES = math.log(1.1), 2


class Scale(NamedTuple):
    """How wide kernels are: the deviation of numbers, the tables of codes, and their logs."""

    width: float
    tables: Floats
    logs: Floats


class Kernels:
    """Cross from points to the parts of kernels, and back.

    Parameters
    ----------
    encoding : Encoding

    Attributes
    ----------
    factors : Factors
        How parts become rows whose products are logarithms of kernels.
    n_columns : int
        How many uniform numbers make a point.
    is_flat : bool
        Whether all coordinates always exist.
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
        self._numbers, self._coded = np.flatnonzero(~few), np.flatnonzero(few)
        self._centres = [c for c, is_few in zip(encoding.centres, few, strict=True) if is_few]
        self._ordered = space.ordered[self._coded].tolist()
        edges = [np.empty(0) if c is None else cell_edges(c) for c in self._centres]
        self._uniforms = [
            np.diff(each) if ordered else np.full(len(each) - 1, 1 / (len(each) - 1))
            for each, ordered in zip(edges, self._ordered, strict=True)
        ]
        sizes = [len(each) for each in self._uniforms]
        self._most = max(sizes, default=0)
        self._values = np.zeros((len(edges), self._most))
        self._inner = np.full((len(edges), max(self._most - 1, 0)), np.inf)
        for place, centres in enumerate(self._centres):
            if centres is not None:
                self._values[place, : len(centres)] = centres
                self._inner[place, : len(centres) - 1] = edges[place][1:-1]
        self._places = np.arange(len(edges))
        always = _always(encoding)
        self.is_flat = bool(always.all())
        self.factors = Factors(always[self._numbers], sizes)
        self.n_columns = 1 + space.d
        self._scales: dict[int, Scale] = {}

    def of(self, points: Floats) -> Parts:
        """Give the parts of points (n, d)."""
        codes = (points[:, self._coded, None] >= self._inner).sum(axis=2)
        numbers = points[:, self._numbers]
        if self.is_flat:
            return numbers, np.ones(numbers.shape, dtype=bool), codes
        active = self._space.active(points)
        codes = np.where(active[:, self._coded], codes, self._most)
        return numbers, active[:, self._numbers], codes

    def points(self, numbers: Floats, codes: NDArray[np.int64]) -> Floats:
        """Give the points of numbers (n, a) and codes (n, b), shape (n, d)."""
        points = np.empty((len(numbers), self._space.d))
        points[:, self._numbers] = numbers
        points[:, self._coded] = self._values[self._places, codes]
        return points

    def scale(self, n: int) -> Scale:
        """Give how wide n kernels are; the same for n that differ by less than a tenth."""
        step = round(math.log(n) / STEP) if n else -1
        if step not in self._scales:
            if len(self._scales) == SCALES:  # tables of many choices are large
                del self._scales[next(iter(self._scales))]
            self._scales[step] = self._made(math.exp(STEP * step) if n else 0.0)
        return self._scales[step]

    def _made(self, n: float) -> Scale:
        width = bandwidth(n, self._encoding.n_effective)
        tables = [
            cell_table(self._values[place, : len(uniform)], width)
            if ordered
            else choice_table(len(uniform), n)
            for place, (uniform, ordered) in enumerate(
                zip(self._uniforms, self._ordered, strict=True)
            )
        ]
        stacked = stacked_tables(tables, self._uniforms)
        return Scale(width, stacked, log_tables(stacked))

    def rows(self, points: Floats, scale: Scale) -> Singles:
        """Give the rows of a kernel on each point."""
        return self.factors.of_kernels(*self.of(points), scale.width, scale.logs)

    def density(self, parts: Parts) -> Parzen:
        """Give the density of parts: a kernel on each."""
        scale = self.scale(len(parts[0]))
        return Parzen(self.factors, *parts, width=scale.width, tables=scale.tables)


def _always(encoding: Encoding) -> NDArray[np.bool_]:
    """Say which coordinates exist in all configs."""
    space = encoding.space
    always = np.ones(space.d, dtype=bool)
    for name, parameter in space.items():
        if isinstance(parameter, Sequence) or space.conditions.of(name):
            always[space.columns(name)] = False
    return always
