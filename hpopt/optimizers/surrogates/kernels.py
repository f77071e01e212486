"""Points of a space as Parzen kernels see them: continuous numbers, and codes of few values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hpopt.core.proposals import Floats
from hpopt.numerics.parzen import (
    Parzen,
    bandwidth,
    cell_edges,
    cell_table,
    choice_table,
    stacked_tables,
)
from hpopt.optimizers.surrogates.encoding import Encoding

Parts = tuple[Floats, NDArray[np.bool_], NDArray[np.int64]]
"""Numbers (n, a), whether they exist, and codes (n, b) with K for what does not exist."""

FEW = 16
"""A number with more values is continuous to a kernel, which is wider than its cells."""


class Kernels:
    """Cross from points to the parts of kernels, and back.

    Parameters
    ----------
    encoding : Encoding
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
        self._most = max((len(each) for each in self._uniforms), default=0)
        self._values = np.zeros((len(edges), self._most))
        self._inner = np.full((len(edges), max(self._most - 1, 0)), np.inf)
        for place, centres in enumerate(self._centres):
            if centres is not None:
                self._values[place, : len(centres)] = centres
                self._inner[place, : len(centres) - 1] = edges[place][1:-1]
        self._tables: dict[tuple[int, float], Floats] = {}

    def of(self, points: Floats) -> Parts:
        """Give the parts of points (n, d)."""
        active = self._space.active(points)
        codes = (points[:, self._coded, None] >= self._inner).sum(axis=2)
        codes = np.where(active[:, self._coded], codes, self._most)
        return points[:, self._numbers], active[:, self._numbers], codes

    def points(self, numbers: Floats, codes: NDArray[np.int64]) -> Floats:
        """Give the points of numbers (n, a) and codes (n, b), shape (n, d)."""
        points = np.empty((len(numbers), self._space.d))
        points[:, self._numbers] = numbers
        points[:, self._coded] = self._values[np.arange(codes.shape[1]), codes]
        return points

    def density(self, parts: Parts) -> Parzen:
        """Give the density of parts: a kernel on each."""
        n = len(parts[0])
        width = bandwidth(n, self._encoding.n_effective)
        tables = [
            self._cell_table(place, width) if ordered else choice_table(len(uniform), n)
            for place, (uniform, ordered) in enumerate(
                zip(self._uniforms, self._ordered, strict=True)
            )
        ]
        return Parzen(*parts, width, stacked_tables(tables, self._uniforms))

    def _cell_table(self, place: int, width: float) -> Floats:
        """Give a number's table for a width, computed once: widths come in steps."""
        key = place, width
        if key not in self._tables:
            centres = self._values[place, : len(self._uniforms[place])]
            self._tables[key] = cell_table(centres, width)
        return self._tables[key]
