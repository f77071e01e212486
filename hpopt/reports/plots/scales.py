"""Axes of values and of parameters: their limits, logarithms, ticks and names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hpopt.core import Objective
from hpopt.digits import DIGITS, in_digits
from hpopt.reports.columns import Column
from hpopt.reports.data import Floats
from hpopt.reports.plots.canvas import shown

DECADES = 2.0  # of positive values, from which an axis is logarithmic
FAR = 3.0  # interquartile ranges beyond the quartiles: Tukey's "far out", 1977
WORTH = 2.0  # times the width of what lies within: only then is anything left outside
HOPELESS = 1000.0  # … and even the best is, where its distance would make all others one line
SPARE = 0.04  # of the width, at either end
INACTIVE = 0.12  # distance of the place "inactive" from the range, in ranges
WIDEST = 150.0  # decades to either side of 1: matplotlib's ticks overflow beyond
LARGEST = 1e305  # and on an axis without logarithm
MOST_TICKS = 6
MOST_NAMES = 14  # of choices on an axis


@dataclass(frozen=True)
class ValueScale:
    """An axis of values.

    Attributes
    ----------
    label : str
    log : bool
    low, high : float
        Its limits.
    n_below, n_above : int
        How many values lie outside.
    least, most : float
        Of all values.
    """

    label: str
    log: bool
    low: float
    high: float
    n_below: int
    n_above: int
    least: float
    most: float

    @property
    def note(self) -> str:
        """Say how many values lie outside."""
        below = f"{self.n_below:,} below (to {self.least:.3g})" if self.n_below else ""
        above = f"{self.n_above:,} above (to {self.most:.3g})" if self.n_above else ""
        said = " and ".join(each for each in (below, above) if each)
        return f"outside the axis: {said}" if said else ""

    @property
    def norm(self) -> Any:
        """Return what makes colours of values."""
        from matplotlib.colors import LogNorm, Normalize

        return (LogNorm if self.log else Normalize)(self.low, self.high, clip=True)

    def unit(self, values: Floats) -> Floats:
        """Return values as shares of the axis, within it."""
        low, high, inside = self.low, self.high, np.clip(values, self.low, self.high)
        if self.log:
            low, high, inside = np.log(low), np.log(high), np.log(inside)
        return np.asarray((inside / 2 - low / 2) / (high / 2 - low / 2))

    def apply(self, ax: Any, axis: str = "y", *, label: bool = True) -> None:
        """Set the scale, limits and label of an axis."""
        if self.log:
            getattr(ax, f"set_{axis}scale")("log")
        getattr(ax, f"set_{axis}lim")(self.low, self.high)
        if label:
            getattr(ax, f"set_{axis}label")(self.label)


def value_scale(values: Floats, objective: Objective) -> ValueScale:
    """Return the axis of finite values of an objective."""
    better = "lower" if objective.direction == "minimize" else "higher"
    return scale_of(values, f"{shown(objective.name, 40)} ({better} is better)", objective.sign)


def scale_of(values: Floats, label: str, sign: int = 0) -> ValueScale:
    """Return an axis on which most values can be told apart.

    Parameters
    ----------
    values : ndarray (n,)
        Finite, at least one.
    label : str
    sign : {-1, 0, 1}
        1 where small is good, -1 where large is good: the best is kept inside, if it can be.
    """
    least, most = float(values.min()), float(values.max())
    log = least > 0 and _decades(values, sign) > DECADES
    with np.errstate(all="ignore"):
        inner = np.log10(values) if log else values / 4  # quarters: no width overflows
        low, high = _limits(inner, sign)
        spare = SPARE * (high - low) or (abs(low) * SPARE or 1.0)
        low, high = low - spare, high + spare
        if log:
            low, high = 10.0 ** np.clip([low, high], -WIDEST, WIDEST)
        else:
            low, high = np.clip([low, high], -LARGEST / 4, LARGEST / 4) * 4
    n_below, n_above = int((values < low).sum()), int((values > high).sum())
    return ValueScale(label, log, float(low), float(high), n_below, n_above, least, most)


def _decades(values: Floats, sign: int) -> float:
    # Where large is good, a logarithm would press the good ones together for a few bad ones.
    ends = np.quantile(values, [0.25 if sign < 0 else 0.01, 0.99])
    low = min(ends[0], values.min()) if sign > 0 else ends[0]
    high = max(ends[1], values.max()) if sign < 0 else ends[1]
    return float(np.log10(high) - np.log10(low))


def _limits(values: Floats, sign: int) -> tuple[float, float]:
    least, most = float(values.min()), float(values.max())
    for share in (0.25, 0.1, 0.02):  # wider ones where most values are equal
        first, last = (float(each) for each in np.quantile(values, [share, 1 - share]))
        if last > first:
            break
    else:
        return least, most
    low, high = max(least, first - FAR * (last - first)), min(most, last + FAR * (last - first))
    inside = high - low
    if sign > 0 and high - least < HOPELESS * inside:
        low = least
    if sign < 0 and most - low < HOPELESS * inside:
        high = most
    if most - least <= WORTH * (high - low):
        return least, most
    return low, high


class ParameterScale:
    """An axis of a parameter: numbers, or choices by name, and a place for "inactive".

    Parameters
    ----------
    column : Column
    has_inactive : bool, optional
        Whether there is a place for it; by default where a trial needs it.

    Attributes
    ----------
    places : ndarray (n,)
        Where each trial stands.
    inactive : float or None
        The place of those without the parameter.
    """

    def __init__(self, column: Column, has_inactive: bool | None = None) -> None:
        self.column = column
        self.label = shown(column.name)
        values = column.values
        known = values[~np.isnan(values)]
        self.low = min(column.low, float(known.min(initial=column.low)))
        self.high = max(column.high, float(known.max(initial=column.high)))
        self.log = column.log and self.low > 0
        self.is_listed = bool(column.choices)
        needed = bool(np.isnan(values).any()) if has_inactive is None else has_inactive
        self.inactive = self._beyond(-INACTIVE) if needed else None
        self.places = (
            values if self.inactive is None else np.where(np.isnan(values), self.inactive, values)
        )

    def _beyond(self, share: float) -> float:
        """Return the place at a share of the range, on the scale of the axis."""
        low, high = self.low, self.high
        if self.log and high > low:
            decades = np.log10(high) - np.log10(low)
            return float(10 ** np.clip(np.log10(low) + share * decades, -307, 307))
        width = (high - low) or (abs(high) or 1.0)
        if self.is_listed and share < 0:
            return low - max(1.0, -share * width)
        return float(low + share * width)

    @property
    def limits(self) -> tuple[float, float]:
        """The limits of the axis."""
        if self.is_listed:
            return (self.low if self.inactive is None else self.inactive) - 0.6, self.high + 0.6
        first = self._beyond(-SPARE if self.inactive is None else -INACTIVE - SPARE)
        if self.high > self.low:
            return first, self._beyond(1 + SPARE)
        return (first * 0.5 if self.log else first), self._beyond(SPARE) * (2 if self.log else 1)

    def ticks(self) -> tuple[list[float], list[str]]:
        """Return places and their names."""
        places = self._listed_ticks() if self.is_listed else self._number_ticks()
        labels = [self._label(each) for each in places]
        if self.inactive is not None:
            places, labels = [self.inactive, *places], ["inactive", *labels]
        return places, labels

    def _label(self, value: float) -> str:
        return shown(self.column.label(value), 16) if self.is_listed else briefly(value)

    def _listed_ticks(self) -> list[float]:
        n = len(self.column.choices)
        return [float(k) for k in range(0, n, -(-n // MOST_NAMES))]

    def _number_ticks(self) -> list[float]:
        from matplotlib.ticker import MaxNLocator

        low, high = self.low, self.high
        if not low < high:
            return [low]
        if max(-low, high) > LARGEST:
            return [low, high]
        if self.log:
            found = _log_ticks(low, high)
        else:
            whole = self.column.kind == "int"
            found = [float(t) for t in MaxNLocator(5, integer=whole).tick_values(low, high)]
        inside = [each for each in found if low <= each <= high]
        return inside if len(inside) > 1 else [low, high]

    def apply(self, ax: Any, axis: str = "x", *, label: bool = True, room: float = 1.0) -> None:
        """Set the scale, limits, ticks and label of an axis.

        Parameters
        ----------
        ax : Axes
        axis : {"x", "y"}
        label : bool
        room : float
            Share of a figure's width that it has: names that are wider are turned.
        """
        if self.log:
            getattr(ax, f"set_{axis}scale")("log")
        getattr(ax, f"set_{axis}lim")(*self.limits)
        places, labels = self.ticks()
        getattr(ax, f"set_{axis}ticks")(places, labels)
        ax.tick_params(
            axis=axis, which="minor", bottom=False, left=False, labelbottom=False, labelleft=False
        )
        getattr(ax, f"set_{axis}ticks")([], minor=True)
        if label:
            getattr(ax, f"set_{axis}label")(self.label)
        if axis == "x":
            turn(ax, labels[0 if self.inactive is None else 1 :], room)
            if self.inactive is not None:
                ax.get_xticklabels()[0].set_rotation(90)
        if self.inactive is not None:
            between = self._beyond(-INACTIVE / 2) if not self.is_listed else self.low - 0.5
            line = ax.axvline if axis == "x" else ax.axhline
            line(between, color=ax.spines["left"].get_edgecolor(), linewidth=0.7, linestyle=":")


def briefly(value: float, digits: int = 5) -> str:
    """Write a number as short as it can be, for a tick."""
    plain = in_digits(float(f"{value:.{digits}g}"))
    mantissa, _, exponent = f"{value:.{min(digits, DIGITS) - 1}e}".partition("e")
    short = f"{mantissa.rstrip('0').rstrip('.') if '.' in mantissa else mantissa}e{int(exponent)}"
    return short if len(short) < len(plain) else plain


def bounded(values: Floats) -> Floats:
    """Return values whose sums and differences do not overflow."""
    return np.clip(values, -LARGEST, LARGEST)


def turn(ax: Any, labels: list[str], room: float = 1.0) -> None:
    """Turn the names on the horizontal axis, where they would touch."""
    if sum(len(each) + 2 for each in labels) > 100 * room:  # characters on a figure's width
        ax.tick_params(axis="x", labelrotation=90 if max(map(len, labels)) > 3 else 0)


def _log_ticks(low: float, high: float) -> list[float]:
    exponents = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    digits = (1.0,) if np.log10(high) - np.log10(low) >= 2 else (1.0, 2.0, 5.0)
    found = [d * 10.0**k for k in exponents if k > -307 for d in digits]
    inside = [each for each in found if low <= each <= high]
    step = -(-len(inside) // MOST_TICKS) or 1
    return inside[::step]
