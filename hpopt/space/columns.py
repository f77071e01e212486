"""The columns of numbers and choices, all of them crossed at once.

A parameter's own methods take some ten calls of numpy each, whatever the number of points; for
the few points of an ask these calls are all that counts. Here each kind of column takes them once,
with the same formulas, so that what comes out is the same to the bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeGuard

import numpy as np

from hpopt.space.choice import Listed
from hpopt.space.numeric import Float, Int, Number, Scalar
from hpopt.space.parameter import Floats, Parameter
from hpopt.space.rounding import (
    DIGITS,
    EXACT_POWER,
    decimals_for,
    digits_for,
    round_significant,
)

MOST_REMEMBERED = 4096
"""The codes of points of so many bytes are remembered."""
LEAST_LOG, MOST_LOG = 10.0 ** (DIGITS - EXACT_POWER), 10.0 ** (DIGITS - 1)
"""Between them all decimals of a number's digits are powers of ten without error."""
MOST_TABLED = 4096
"""A number with more values than this is snapped by its own method."""


class Columns:
    """Cross from coordinates to codes, and to the centres of cells.

    Parameters
    ----------
    parameters : mapping of str to Parameter
    columns : mapping of str to slice
        Which coordinates belong to each.
    """

    def __init__(self, parameters: Mapping[str, Parameter], columns: Mapping[str, slice]) -> None:
        cells: list[tuple[int, Scalar]] = []
        steps: list[tuple[int, Number]] = []
        linear: list[tuple[int, Float]] = []
        logs: list[tuple[int, Float]] = []
        self._others: list[tuple[slice, Parameter]] = []
        for name, parameter in parameters.items():
            where = columns[name]
            if _has_equal_cells(parameter):
                cells.append((where.start, parameter))
            elif _has_steps(parameter):
                steps.append((where.start, parameter))
            elif _is_rounded_as_usual(parameter):
                (logs if parameter.in_log else linear).append((where.start, parameter))
            else:
                self._others.append((where, parameter))
        self._cells, self._steps = _Cells(cells), _Steps(steps)
        self._continuous = _Continuous(linear, logs)
        self._last = b"", np.empty((0, 0))

    def codes(self, points: Floats) -> Floats:
        """Give what each parameter's `codes` gives, shape (n, d); read-only.

        The last few points are remembered: what is asked is looked up, noted and decoded.
        """
        if points.nbytes > MOST_REMEMBERED:
            return self._codes(points)
        crossed, (known, codes) = points.tobytes(), self._last
        if crossed != known or codes.shape != points.shape:
            codes = self._codes(points)
            self._last = crossed, codes
        return codes

    def _codes(self, points: Floats) -> Floats:
        codes = np.empty(points.shape)
        for group in (self._cells, self._steps, self._continuous):
            if len(group.columns):
                codes[:, group.columns] = group.codes(points[:, group.columns])
        for where, parameter in self._others:
            codes[:, where] = parameter.codes(points[:, where])
        codes.flags.writeable = False
        return codes

    def snapped(self, points: Floats) -> Floats:
        """Give what each parameter's `snap` gives, shape (n, d)."""
        snapped: Floats = points.copy()
        for group in (self._cells, self._steps):
            if len(group.columns):
                snapped[:, group.columns] = group.snapped(points[:, group.columns])
        for where, parameter in self._others:
            snapped[:, where] = parameter.snap(points[:, where])
        return snapped


def _has_equal_cells(parameter: Parameter) -> TypeGuard[Scalar]:
    """Say whether k values are k equal cells."""
    return isinstance(parameter, Listed) or (isinstance(parameter, Int) and not parameter.log)


def _has_steps(parameter: Parameter) -> TypeGuard[Number]:
    """Say whether it is a number of not too many values."""
    return isinstance(parameter, Number) and 0 < parameter.n_levels <= MOST_TABLED


def _is_rounded_as_usual(parameter: Parameter) -> TypeGuard[Float]:
    """Say whether it is continuous, and its rounding takes no detour."""
    if not isinstance(parameter, Float) or parameter.n_levels:
        return False
    if parameter.in_log:
        usual = digits_for(parameter.low, parameter.high) == DIGITS
        return usual and parameter.low >= LEAST_LOG and parameter.high < MOST_LOG
    decimals = decimals_for(parameter.low, parameter.high)
    return decimals is not None and 0 <= decimals <= EXACT_POWER


class _Cells:
    """Equal cells: k values are k of them."""

    def __init__(self, placed: list[tuple[int, Scalar]]) -> None:
        self.columns = np.array([column for column, _ in placed], dtype=np.int64)
        self._n = np.array([p.n_levels for _, p in placed], dtype=np.float64)
        self._last = self._n - 1

    def codes(self, block: Floats) -> Floats:
        codes: Floats = np.minimum(np.maximum(np.floor(block * self._n), 0.0), self._last)
        return codes

    def snapped(self, block: Floats) -> Floats:
        found: Floats = (self.codes(block) + 0.5) / self._n
        return found


class _Stretch:
    """Map [0, 1] to ranges, or to their logs first; those in the log are the last ones."""

    def __init__(self, numbers: Sequence[Number]) -> None:
        edges = np.array([p.edges for p in numbers]).reshape(-1, 2)
        self._low, self._length = edges[:, 0], edges[:, 1] - edges[:, 0]
        self._first_log = sum(not p.in_log for p in numbers)

    def __call__(self, block: Floats) -> Floats:
        stretched = self._low + block * self._length
        logs = stretched[:, self._first_log :]
        if logs.size:
            stretched[:, self._first_log :] = np.exp(logs)
        found: Floats = stretched
        return found


class _Steps:
    """Numbers on a grid of steps that are no equal cells."""

    def __init__(self, placed: list[tuple[int, Number]]) -> None:
        placed = sorted(placed, key=lambda each: each[1].in_log)
        numbers = [p for _, p in placed]
        self.columns = np.array([column for column, _ in placed], dtype=np.int64)
        self._stretch = _Stretch(numbers)
        self._low = np.array([p.low for p in numbers], dtype=np.float64)
        self._step = np.array([p.step for p in numbers], dtype=np.float64)
        self._last = np.array([p.n_levels - 1 for p in numbers], dtype=np.float64)
        self._units = np.zeros((len(numbers), int(max(self._last, default=0)) + 1))
        for row, p in zip(self._units, numbers, strict=True):
            row[: p.n_levels] = p.unit(np.arange(p.n_levels, dtype=np.float64))
        self._rows = np.arange(len(numbers))

    def codes(self, block: Floats) -> Floats:
        codes = np.rint((self._stretch(block) - self._low) / self._step)
        return np.minimum(np.maximum(codes, 0.0), self._last)

    def snapped(self, block: Floats) -> Floats:
        found: Floats = self._units[self._rows, self.codes(block).astype(np.int64)]
        return found


class _Continuous:
    """Continuous numbers: linear ones, rounded to decimals, and ones in the log, to digits."""

    def __init__(self, linear: list[tuple[int, Float]], logs: list[tuple[int, Float]]) -> None:
        placed = linear + logs
        numbers = [p for _, p in placed]
        self.columns = np.array([column for column, _ in placed], dtype=np.int64)
        self._stretch, self._n = _Stretch(numbers), len(linear)
        self._low = np.array([p.low for p in numbers])
        self._high = np.array([p.high for p in numbers])
        decimals = [decimals_for(p.low, p.high) or 0 for _, p in linear]
        self._powers = 10.0 ** np.array(decimals, dtype=np.int64)
        self._least, self._most = np.array([p.rounded_ends for p in numbers]).reshape(-1, 2).T

    def codes(self, block: Floats) -> Floats:
        values: Floats = np.minimum(np.maximum(self._stretch(block), self._low), self._high)
        linear, logs = values[:, : self._n], values[:, self._n :]
        if linear.size:
            values[:, : self._n] = np.rint(linear * self._powers) / self._powers + 0.0  # no -0.0
        if logs.size:
            values[:, self._n :] = round_significant(logs, DIGITS, easy=True)
        at_end = (values <= self._least) | (values >= self._most) | (block <= 0) | (block >= 1)
        if not at_end.any():
            return values
        lowest = (block <= 0.0) | ((values <= self._least) & (block < 1.0))
        highest = (block >= 1.0) | ((values >= self._most) & ~lowest)
        found: Floats = np.where(lowest, self._low, np.where(highest, self._high, values))
        return found
