"""The columns of numbers and choices, all of them crossed at once.

A parameter's own methods take some ten calls of numpy each, whatever the number of points; for
the few points of an ask these calls are all that counts. Here all columns take them together, with
the same formulas, so that what comes out is the same to the bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hpopt.space.choice import Listed
from hpopt.space.numeric import MOST_TABLED, Int, Number
from hpopt.space.parameter import Floats, Parameter
from hpopt.space.rounding import (
    DIGITS,
    EXACT_POWER,
    decimals_for,
    digits_for,
    powers_for,
)

MOST_REMEMBERED = 4096
"""The codes of points of so many bytes are remembered."""
LEAST_LOG, MOST_LOG = 10.0 ** (DIGITS - EXACT_POWER), 10.0 ** (DIGITS - 1)
"""Between them all decimals of a number's digits are powers of ten without error."""
KINDS = "cells", "steps", "log steps", "logs", "linear"
"""Equal cells, numbers in steps, and continuous ones: those in the log lie side by side."""

Placed = list[tuple[int, Parameter]]


class Columns:
    """Cross from coordinates to codes, and to the centres of cells.

    Parameters
    ----------
    parameters : mapping of str to Parameter
    columns : mapping of str to slice
        Which coordinates belong to each.
    """

    def __init__(self, parameters: Mapping[str, Parameter], columns: Mapping[str, slice]) -> None:
        kinds: dict[str, Placed] = {kind: [] for kind in KINDS}
        self._others: list[tuple[slice, Parameter]] = []
        for name, parameter in parameters.items():
            kind = _kind(parameter)
            if kind:
                kinds[kind].append((columns[name].start, parameter))
            else:
                self._others.append((columns[name], parameter))
        placed = [each for kind in KINDS for each in kinds[kind]]
        self._order = np.array([column for column, _ in placed], dtype=np.int64)
        self._back = np.argsort(self._order)
        self._together = Together({kind: [p for _, p in kinds[kind]] for kind in KINDS})
        self._discrete = self._order[: self._together.n_discrete]
        self._last = b"", np.empty((0, 0))

    def codes(self, points: Floats) -> Floats:
        """Give what each parameter's `codes` gives, shape (n, d); no -0.0, and read-only.

        The last few points are remembered: what is asked is looked up, noted and decoded.
        """
        if points.nbytes > MOST_REMEMBERED:
            return self._joined(points, self._of_together(points))
        crossed, (known, codes) = points.tobytes(), self._last
        if crossed != known or codes.shape != points.shape:
            codes = self._joined(points, self._of_together(points))
            self._last = crossed, codes
        return codes

    def snapped(self, points: Floats) -> Floats:
        """Give what each parameter's `snap` gives, shape (n, d).

        Of a few points the codes are remembered as well: they are the same, and asked for next.
        """
        few = points.nbytes <= MOST_REMEMBERED
        order = self._order if few else self._discrete
        codes = self._together.codes(points.take(order, axis=1))
        snapped: Floats = points.copy()
        if len(self._discrete):
            snapped[:, self._discrete] = self._together.centres(codes)
        for where, parameter in self._others:
            snapped[:, where] = parameter.snap(points[:, where])
        if few:
            self._last = snapped.tobytes(), self._joined(points, codes)
        return snapped

    def _of_together(self, points: Floats) -> Floats:
        return self._together.codes(points.take(self._order, axis=1))

    def _joined(self, points: Floats, together: Floats) -> Floats:
        """Give the codes of all columns, in their order."""
        if not self._others:
            codes = together.take(self._back, axis=1)
        else:
            codes = np.empty(points.shape)
            codes[:, self._order] = together
            for where, parameter in self._others:
                codes[:, where] = parameter.codes(points[:, where]) + 0.0
        codes.flags.writeable = False
        return codes


def _kind(parameter: Parameter) -> str:
    """Say how it is crossed together with others, in a word; empty where it is not."""
    if isinstance(parameter, Listed) or (isinstance(parameter, Int) and not parameter.log):
        return "cells"
    if not isinstance(parameter, Number):
        return ""
    if parameter.n_levels:
        few = parameter.n_levels <= MOST_TABLED
        return ("log steps" if parameter.in_log else "steps") if few else ""
    low, high = parameter.low, parameter.high
    if parameter.in_log:
        usual = digits_for(low, high) == DIGITS and low >= LEAST_LOG and high < MOST_LOG
        return "logs" if usual else ""
    decimals = decimals_for(low, high)
    return "linear" if decimals is not None and 0 <= decimals <= EXACT_POWER else ""


class Together:
    """The codes of parameters of one coordinate each, whose rounding takes no detour.

    All of them are ([exp] (low + u length) - base) / step, clipped to [least, most], and rounded
    as their kind is.

    Parameters
    ----------
    kinds : mapping of str to list of Scalar
        The parameters of each of `KINDS`.

    Attributes
    ----------
    n_discrete : int
        How many have cells or steps: the first ones.
    """

    def __init__(self, kinds: Mapping[str, Sequence[Any]]) -> None:
        cells, steps, log_steps, logs, linear = (kinds[kind] for kind in KINDS)
        grids, numbers = [*steps, *log_steps], [*logs, *linear]
        self._n_cells, self.n_discrete = len(cells), len(cells) + len(grids)
        self._in_log = slice(len(cells) + len(steps), self.n_discrete + len(logs))
        # Rows of shape (1, n): with one point, arrays of the same shape are the fastest.
        self._n_each = np.array([[p.n_levels for p in cells]], dtype=np.float64)
        self._base = np.array([[p.low for p in grids]], dtype=np.float64)
        self._step = np.array([[p.step for p in grids]], dtype=np.float64)
        formulas = [
            *((0.0, p.n_levels, 0.0, p.n_levels - 1) for p in cells),
            *((*_range(p), 0.0, p.n_levels - 1) for p in grids),
            *((*_range(p), p.low, p.high) for p in numbers),
        ]
        terms = np.array(formulas, dtype=np.float64).reshape(-1, 4).T[:, None].copy()
        # By the number of columns: all of them, or the discrete ones alone.
        self._terms = {n: tuple(terms[:, :, :n]) for n in (self.n_discrete, len(formulas))}
        self._ends = np.array([p.rounded_ends for p in numbers]).reshape(-1, 2).T[:, None].copy()
        given = np.array([(p.low, p.high) for p in numbers]).reshape(-1, 2).T[:, None]
        self._rounds_to_ends = bool((self._ends == given).all())
        # Of all but the cells; those of numbers in the log follow from the values.
        decimals = [decimals_for(p.low, p.high) or 0 for p in linear]
        powers = 10.0 ** np.array(decimals, dtype=np.int64)
        self._powers = np.concatenate([np.ones(len(grids) + len(logs)), powers])[None]
        self._digits = slice(len(grids), len(grids) + len(logs))
        self._units = np.zeros((len(grids), max((p.n_levels for p in grids), default=0)))
        for row, p in zip(self._units, grids, strict=True):
            row[: p.n_levels] = p.unit(np.arange(p.n_levels, dtype=np.float64))
        self._first = self._units.shape[1] * np.arange(len(grids))[None]

    def codes(self, block: Floats) -> Floats:
        """Give the codes of all columns, or of the discrete ones alone; no -0.0."""
        n, k, n_cells = block.shape[1], self.n_discrete, self._n_cells
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
            cells = values[:, :n_cells]
            np.floor(cells, out=cells)
        if n_cells < n:
            self._round(values[:, n_cells:])
        if k < n and not self._rounds_to_ends:
            values[:, k:] = self._with_ends(values[:, k:], block[:, k:])
        values += 0.0
        return values

    def _round(self, values: Floats) -> None:
        """Round what is no cell to whole numbers, to decimals, or to significant digits."""
        powers, logs = self._powers[:, : values.shape[1]], values[:, self._digits]
        if logs.size:
            powers = powers.repeat(len(values), axis=0)
            powers[:, self._digits] = powers_for(logs)
        values *= powers
        np.rint(values, out=values)
        values /= powers

    def _with_ends(self, values: Floats, block: Floats) -> Floats:
        """Give continuous values; those that round as an end does are the end."""
        (least, most), n = self._ends, self.n_discrete
        _, _, low, high = self._terms[n + values.shape[1]]
        lowest = (block <= 0.0) | ((values <= least) & (block < 1.0))
        highest = (block >= 1.0) | ((values >= most) & ~lowest)
        found: Floats = np.where(lowest, low[:, n:], np.where(highest, high[:, n:], values))
        return found

    def centres(self, codes: Floats) -> Floats:
        """Give the centres of the cells of discrete columns, shape (n, n_discrete)."""
        k = self._n_cells
        centres: Floats = codes[:, : self.n_discrete] + 0.5
        if k:
            cells = centres[:, :k]
            cells /= self._n_each
        if k < self.n_discrete:
            places = codes[:, k : self.n_discrete].astype(np.int64)
            centres[:, k:] = self._units.take(places + self._first)
        return centres


def _range(parameter: Number) -> tuple[float, float]:
    """Give the lower edge and the length of what the unit interval is stretched to."""
    low, high = parameter.edges
    return low, high - low
