"""From coordinates to codes: the one formula of all parameters of one coordinate.

A parameter by itself and all columns of a space at once are computed here, so they agree to the
bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpopt.space.rounding import powers_for

Floats = NDArray[np.float64]

# Discrete kinds come first, and those in the log side by side, so that each kind of step below
# works on one slice. "Other" numbers are those whose rounding takes more than powers of ten.
KINDS = "cells", "steps", "log steps", "other logs", "logs", "linear", "others"


@dataclass(frozen=True, slots=True)
class Formula:
    """How the coordinate u of one parameter becomes a code.

    The code is ([exp] (low + u length) - base) / step, clipped to [least, most], then rounded:
    cells down, steps to the nearest, continuous numbers to decimals or significant digits.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    low, length : float
        What the unit interval is stretched to: values, or their logs.
    base, step : float
        The first value of a step grid and its step; 0 and 1 for the other kinds.
    least, most : float
        The first and the last code: places from 0, or the bounds of a continuous number.
    ends : (float, float)
        The bounds of a continuous number as its values are rounded.
    decimals : int
        Of a linear number, from 0 to 22.
    rounded : callable, optional
        Rounds the values (n,) of one of the other numbers.
    """

    kind: str
    low: float
    length: float
    least: float
    most: float
    base: float = 0.0
    step: float = 1.0
    ends: tuple[float, float] = (0.0, 0.0)
    decimals: int = 0
    rounded: Callable[[Floats], Floats] | None = None


def cells(n_levels: int) -> Formula:
    """Return the formula of equal cells."""
    return Formula("cells", 0.0, n_levels, 0.0, n_levels - 1)


class Formulas:
    """Compute the codes of several parameters at once.

    Parameters
    ----------
    formulas : iterable of Formula
        Sorted by the order of `KINDS`.

    Attributes
    ----------
    n_cells, n_discrete : int
        How many have cells, and how many have cells or steps: the first ones.
    """

    def __init__(self, formulas: Iterable[Formula]) -> None:
        all_of = list(formulas)
        self._n = len(all_of)
        kinds = [KINDS.index(each.kind) for each in all_of]
        first = np.searchsorted(kinds, range(len(KINDS) + 1)).tolist()  # of each kind
        self.n_cells, self.n_discrete = first[1], first[3]
        self._in_log = slice(first[2], first[5])
        # Rows of shape (1, n): with one point, arrays of the same shape are the fastest.
        terms = _rows([(each.low, each.length, each.least, each.most) for each in all_of], 4)
        # By the number of columns: all of them, or the discrete ones alone.
        self._terms = {n: tuple(terms[:, :, :n]) for n in (self.n_discrete, self._n)}
        grids, numbers = all_of[first[1] : first[3]], all_of[first[3] :]
        self._base, self._step = _rows([(each.base, each.step) for each in grids], 2)
        self._ends = _rows([each.ends for each in numbers], 2)
        self._rounds_to_ends = all(each.ends == (each.least, each.most) for each in numbers)
        # Of all but the cells; the powers of numbers in the log follow from their values.
        decimals = np.array([each.decimals for each in all_of[first[1] :]], dtype=np.int64)
        self._powers = (10.0**decimals)[None]
        self._logs = slice(first[4] - first[1], first[5] - first[1])
        self._others = [
            (place - first[1], each.rounded) for place, each in enumerate(all_of) if each.rounded
        ]

    def codes(self, block: Floats) -> Floats:
        """Return the codes at coordinates (m, n), or (m, n_discrete) of the discrete ones alone.

        There is no -0.0 among them: codes are compared as bytes.
        """
        n, k, n_cells = block.shape[1], self.n_discrete, self.n_cells
        low, length, least, most = self._terms[n]
        values: Floats = block * length
        values += low
        in_log = values[:, self._in_log]
        if in_log.size:
            np.exp(in_log, out=in_log)
        if n_cells < k:
            grids = values[:, n_cells:k]
            grids -= self._base
            grids /= self._step
        np.maximum(values, least, out=values)
        np.minimum(values, most, out=values)
        if n_cells:
            whole = values[:, :n_cells]
            np.floor(whole, out=whole)
        if n_cells < n:
            self._round(values[:, n_cells:])
        if k < n and not self._rounds_to_ends:
            values[:, k:] = self._with_ends(values[:, k:], block[:, k:])
        values += 0.0
        return values

    def _round(self, values: Floats) -> None:
        others = [
            (column, rounded(values[:, column]))
            for column, rounded in self._others
            if column < values.shape[1]
        ]
        powers, logs = self._powers[:, : values.shape[1]], values[:, self._logs]
        if logs.size:
            powers = powers.repeat(len(values), axis=0)
            powers[:, self._logs] = powers_for(logs)
        # A whole number divided by an exact power of ten is the float nearest to the decimal.
        values *= powers
        np.rint(values, out=values)
        values /= powers
        for column, rounded in others:
            values[:, column] = rounded

    def _with_ends(self, values: Floats, block: Floats) -> Floats:
        """Return continuous values, with an end in place of those that round as it does.

        Coordinates cannot tell them apart.
        """
        (least, most), n = self._ends, self.n_discrete
        _, _, low, high = self._terms[n + values.shape[1]]
        lowest = (block <= 0.0) | ((values <= least) & (block < 1.0))
        highest = (block >= 1.0) | ((values >= most) & ~lowest)
        found: Floats = np.where(lowest, low[:, n:], np.where(highest, high[:, n:], values))
        return found


def _rows(columns: list[tuple[float, ...]], n: int) -> Floats:
    """Return n rows of shape (1, len(columns)), each contiguous."""
    rows: Floats = np.array(columns, dtype=np.float64).reshape(-1, n).T[:, None].copy()
    return rows
