"""The parameters of a space as the sides of a box, and the parts of it where each exists."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpopt.reports.columns import Column, coder_of
from hpopt.space.choice import Listed
from hpopt.space.flat import Place, places_of
from hpopt.space.parameter import Parameter

Floats = NDArray[np.float64]
Allowed = Mapping[str, tuple[float, ...]]
"""Names of columns → the values that they must have."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A parameter as a side of the box, on which the search draws uniformly.

    A value of a countable parameter is a cell: 3 of 1 to 4 goes from 0.5 to 0.75.

    Attributes
    ----------
    column : Column
    low, high : float
        What the ends of the side mean, in values or in their logarithms.
    log : bool
    step : float
        Between countable values; 0 for a continuous parameter.
    """

    column: Column
    low: float
    high: float
    log: bool
    step: float

    def at(self, values: Floats) -> Floats:
        """Return the coordinates of values; nan of nan."""
        with np.errstate(all="ignore"):
            inside = np.log(values) if self.log else np.asarray(values, dtype=np.float64)
            found: Floats = np.clip((inside - self.low) / (self.high - self.low), 0.0, 1.0)
        return found

    def cells(self, values: Floats) -> tuple[Floats, Floats]:
        """Return the coordinates of where the cells of countable values begin and end."""
        half = self.step / 2
        with np.errstate(all="ignore"):
            return np.nan_to_num(self.at(values - half)), self.at(values + half)

    def settings(self, most: int) -> Floats:
        """Return at most so many values, ascending, as `Column.values` has them."""
        low, high = self.column.low, self.column.high
        if self.step:
            n = round((high - low) / self.step) + 1
            if n <= most or self.column.choices:
                return np.asarray(low + self.step * np.arange(n), dtype=np.float64)
        first, last = self.at(np.array([low, high])).tolist()
        spread = np.linspace(first, last, most)
        values = self.low + spread * (self.high - self.low)
        values = np.clip(np.exp(values) if self.log else values, low, high)
        if self.step:
            values = low + self.step * np.round((values - low) / self.step)
        return np.asarray(np.unique(values), dtype=np.float64)


def axis_of(place: Place, column: Column) -> Axis:
    """Return the side of a place."""
    parameter: Any = place.parameter
    if isinstance(parameter, Listed) or place.kind == "length":
        return Axis(column, column.low - 0.5, column.high + 0.5, log=False, step=1.0)
    if place.kind == "entry":
        return Axis(column, column.low, column.high, log=False, step=0.0)
    low, high = parameter.edges
    return Axis(column, low, high, log=parameter.in_log, step=float(parameter.step or 0))


def axes_of(space: Mapping[str, Parameter], columns: tuple[Column, ...]) -> tuple[Axis, ...]:
    """Return the sides of a space, in the order of its columns."""
    return tuple(map(axis_of, places_of(space), columns))


def conditions_of(space: Mapping[str, Parameter]) -> dict[str, dict[str, tuple[float, ...]]]:
    """Return for each place what its parents, theirs, … must be for it to exist."""
    own = dict(_conditions(space, "", {}))
    full: dict[str, dict[str, tuple[float, ...]]] = {}
    for name, conditions in own.items():
        full[name] = merged(conditions, *(full[parent] for parent in conditions))
    return full


def merged(*several: Allowed) -> dict[str, tuple[float, ...]]:
    """Return what meets several conditions at once."""
    both: dict[str, tuple[float, ...]] = {}
    for conditions in several:
        for name, values in conditions.items():
            both[name] = tuple(v for v in both[name] if v in values) if name in both else values
    return both


def _conditions(
    space: Mapping[str, Parameter], prefix: str, inherited: Allowed
) -> Iterator[tuple[str, Allowed]]:
    for key, parameter in space.items():
        name = f"{prefix}{key}"
        own = dict(inherited)
        for parent, values in (parameter.when or {}).items():
            code = coder_of(Place(parent, space[parent]))
            own[f"{prefix}{parent}"] = tuple(sorted(code(value) for value in values))
        yield from _of_one(name, parameter, own)


def _of_one(name: str, parameter: Any, own: Allowed) -> Iterator[tuple[str, Allowed]]:
    if parameter.kind == "sequence":
        length, most = f"len({name})", parameter.max_length
        yield length, own
        for n in range(most):
            longer = tuple(float(k) for k in range(n + 1, most + 1))
            reached = {length: longer} if n >= parameter.min_length else {}
            yield from _conditions(parameter.layer, f"{name}[{n}].", {**own, **reached})
    elif parameter.kind == "vector":
        for place in places_of({name: parameter}):
            yield place.name, own
    else:
        yield name, own
