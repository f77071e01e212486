"""Numbers: Float and Int, linear or in the log, continuous or in steps."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, ClassVar

import numpy as np

from hpopt.checks import integer, real
from hpopt.errors import ConfigError, SpaceError
from hpopt.space.formula import Formula, cells
from hpopt.space.parameter import (
    Floats,
    When,
    as_plain,
)
from hpopt.space.prior import Normal
from hpopt.space.rounding import (
    DIGITS,
    EXACT_POWER,
    LEAST_LOG,
    MOST_LOG,
    decimals_for,
    digits_for,
    round_decimals,
    round_significant,
)
from hpopt.space.scalar import Number

LARGEST_INT = 2**53  # up to it every whole number is a float without error
MOST_TABLED = 4096  # values of which a table is kept: 32 kB, and far more than people write steps
FINEST_STEP = 1e-11  # of the larger bound: what rounding to 13 digits keeps apart


@dataclass(frozen=True)
class Float(Number):
    """A real number.

    Parameters
    ----------
    low, high : float
        Both ends are reachable. ``low < high`` must hold.
    log : bool
        Whether ratios matter rather than differences (learning rates). Needs ``low > 0``.
    step : float, optional
        Only ``low, low + step, ... high``. It must divide ``high - low``.
    when : mapping of str to value or values, optional
        The parameter exists only where its parents have those values.
    default : optional
        A value that the parameter takes, for a config that leaves it out; see `Space.filled`.
    prior : float or Normal, optional
        Where good values are believed to lie: a value, or a normal distribution around it.

    Notes
    -----
    Values are rounded to 13 digits (of the larger bound on a linear range, of the value in the
    log; to fewer where the log spans more than 40 powers of ten), so that a config survives the
    way to coordinates and back to the bit.
    """

    kind: ClassVar[str] = "float"
    low: float
    high: float
    log: bool = False
    step: float | None = None
    when: When | None = None
    default: Any = field(default=None, kw_only=True, hash=False)
    prior: float | Normal | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        for name in ("low", "high", "step"):
            object.__setattr__(self, name, _as_float(getattr(self, name)))
        self._check_range()
        self._check_step()
        self._check_when_and_default()
        self._check_prior()

    def _step_divides(self, step: float) -> bool:
        largest = max(abs(self.low), abs(self.high))
        if step < FINEST_STEP * largest:
            raise SpaceError(
                f"step must be at least {FINEST_STEP} of the larger bound, but got low={self.low}, "
                f"high={self.high}, step={step}: leave it out for a continuous parameter"
            )
        # Bounds and steps are decimals: their rounding errors, and the division's, are allowed.
        cells = (self.high - self.low) / step
        tolerance = 1e-9 + 4 * np.finfo(float).eps * largest / step
        return round(cells) >= 1 and bool(abs(cells - round(cells)) <= tolerance)

    @property
    def n_levels(self) -> int:
        return 0 if self.step is None else round((self.high - self.low) / self.step) + 1

    @property
    def formula(self) -> Formula:
        if self.step is not None:
            return self._steps()
        low, high = self.low, self.high
        kind, decimals, rounded = self._rounding()
        start, stop = self.edges
        least, most = rounded(np.array([low, high])).tolist()
        return Formula(
            kind,
            start,
            stop - start,
            least=low,
            most=high,
            ends=(least, most),
            decimals=decimals,
            rounded=rounded if kind in ("others", "other logs") else None,
        )

    def _rounding(self) -> tuple[str, int, Callable[[Floats], Floats]]:
        """Return the kind of its formula, its decimals, and what rounds values."""
        low, high = self.low, self.high
        if self.in_log:
            digits = digits_for(low, high)
            is_usual = digits == DIGITS and low >= LEAST_LOG and high < MOST_LOG
            kind = "logs" if is_usual else "other logs"
            return kind, 0, partial(round_significant, digits=digits)
        decimals = decimals_for(low, high)
        if decimals is None:
            return "others", 0, np.positive
        is_usual = 0 <= decimals <= EXACT_POWER
        rounded = partial(round_decimals, decimals=decimals)
        return ("linear", decimals, rounded) if is_usual else ("others", 0, rounded)

    def _on_grid(self, codes: Floats) -> Floats:
        # Rounded, so that 3 × 0.1 is 0.3.
        step = self.step or 0.0
        values = self.low + codes * step
        decimals = decimals_for(self.low, self.high)
        rounded = (values if decimals is None else round_decimals(values, decimals)) + 0.0
        return np.where(
            codes == 0, self.low, np.where(codes == self.n_levels - 1, self.high, rounded)
        )

    def unit(self, codes: Floats) -> Floats:
        """Return the coordinates of codes: 0 and 1 for the ends of a continuous range."""
        if self.step is not None:
            return self._to_unit(self._on_grid(codes))
        inside = np.where(codes >= self.high, 1.0, self._to_unit(codes))
        return np.where(codes <= self.low, 0.0, inside)

    def values_of(self, codes: list[float]) -> list[Any]:
        if self.step is None:
            return codes
        if self.n_levels > MOST_TABLED:
            values: list[Any] = self._on_grid(np.array(codes)).tolist()
            return values
        grid = self._grid_values
        return [grid[int(code)] for code in codes]

    @cached_property
    def _grid_values(self) -> list[float]:
        """All values of the step grid."""
        grid: list[float] = self._on_grid(np.arange(self.n_levels, dtype=np.float64)).tolist()
        return grid

    def code(self, value: Any) -> float:
        if self.step is None:
            return float(value)
        return float(round((value - self.low) / self.step))

    def check(self, value: Any, name: str) -> float:
        """Return a number of the range, rounded as the space rounds."""
        value = as_plain(value)
        found = real(value)
        if found is None or math.isnan(found):
            raise ConfigError(f"{name} must be a number, but got {value!r}")
        self._check_bounds(value, name)
        canonical = self.decode(self.encode([found]))[0]
        if self.step is not None and abs(canonical - value) > 1e-6 * self.step:
            raise ConfigError(
                f"{name} must be {self.low} plus a multiple of {self.step}, but got {value!r}: "
                f"the nearest is {canonical!r}"
            )
        return float(canonical)

    def settings(self) -> dict[str, Any]:
        return {"low": self.low, "high": self.high} | _options(self.log, self.step)


@dataclass(frozen=True)
class Int(Number):
    """A whole number.

    Parameters
    ----------
    low, high : int
        Both ends are reachable. ``low < high`` must hold.
    log : bool
        Whether ratios matter rather than differences (layer widths). Needs ``low > 0``.
    step : int
        Only ``low, low + step, ... high``. It must divide ``high - low``.
    when : mapping of str to value or values, optional
        The parameter exists only where its parents have those values.
    default : optional
        A value that the parameter takes, for a config that leaves it out; see `Space.filled`.
    prior : float or Normal, optional
        Where good values are believed to lie: a value, or a normal distribution around it.
    """

    kind: ClassVar[str] = "int"
    low: int
    high: int
    log: bool = False
    step: int = 1
    when: When | None = None
    default: Any = field(default=None, kw_only=True, hash=False)
    prior: float | Normal | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        for name in ("low", "high", "step"):
            value = _as_int(getattr(self, name))
            if value is None:
                raise SpaceError(
                    f"{name} of an Int must be a whole number, but got {getattr(self, name)!r}"
                )
            if abs(value) > LARGEST_INT:
                raise SpaceError(f"{name} of an Int must lie within 2**53, but got {value}")
            object.__setattr__(self, name, value)
        self._check_range()
        self._check_step()
        self._check_when_and_default()
        self._check_prior()
        if self.n_levels > LARGEST_INT // 4 or (self.log and self.high > 10**13):
            raise SpaceError(
                f"an Int must have fewer than 2**51 values (10**13 with log=True), but got "
                f"low={self.low}, high={self.high}"
            )

    def _step_divides(self, step: float) -> bool:
        return (self.high - self.low) % self.step == 0

    @property
    def n_levels(self) -> int:
        return (self.high - self.low) // self.step + 1

    @property
    def formula(self) -> Formula:
        return self._steps() if self.log else cells(self.n_levels)

    def unit(self, codes: Floats) -> Floats:
        """Return the coordinates of codes: the centres of their cells."""
        if self.log:
            return self._to_unit(self.low + codes * self.step)
        return (codes + 0.5) / self.n_levels

    def values_of(self, codes: list[float]) -> list[Any]:
        return [self.low + int(place) * self.step for place in codes]

    def code(self, value: Any) -> float:
        return float((value - self.low) // self.step)

    def check(self, value: Any, name: str) -> int:
        found = _as_int(value)
        if found is None:
            raise ConfigError(f"{name} must be a whole number, but got {as_plain(value)!r}")
        self._check_bounds(found, name)
        if (found - self.low) % self.step:
            nearest = self.low + round((found - self.low) / self.step) * self.step
            raise ConfigError(
                f"{name} must be {self.low} plus a multiple of {self.step}, but got {found}: "
                f"the nearest is {min(nearest, self.high)}"
            )
        return found

    def settings(self) -> dict[str, Any]:
        step = self.step if self.step != 1 else None
        return {"low": self.low, "high": self.high} | _options(self.log, step)


def _as_float(value: Any) -> Any:
    """Return a real number as a float, without -0.0, and anything else as it is."""
    value = as_plain(value)
    found = real(value)
    return value if found is None else found + 0.0


def _as_int(value: Any) -> int | None:
    """Return a whole number, 3.0 too, as an int; None for anything else."""
    value = as_plain(value)
    return int(value) if isinstance(value, float) and value.is_integer() else integer(value)


def _options(log: bool, step: float | None) -> dict[str, Any]:
    return ({"log": True} if log else {}) | ({"step": step} if step is not None else {})
