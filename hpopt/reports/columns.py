"""The parameters of a space as columns of numbers, as figures and models of trials need them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hpopt.digits import in_digits
from hpopt.space.choice import Listed
from hpopt.space.flat import Place

Floats = NDArray[np.float64]
Kind = Literal["float", "int", "ordinal", "categorical"]


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One parameter of all trials, of a list one of each place; see `hpopt.space.flat.Place`.

    Attributes
    ----------
    name : str
    kind : {"float", "int", "ordinal", "categorical"}
        The length of a list is an int.
    values : ndarray (n,)
        Numbers; of a listed parameter the place among its choices, from 0. nan where inactive.
    choices : tuple of str
        The listed values as people write them, in order; empty for numbers.
    low, high : float
        The range; of a listed parameter 0 and the last place.
    log : bool
        Whether it is searched by its logarithm.
    is_always_active : bool
        Whether every config has it.
    group : str
        Of a layer's parameter or a vector's entry, the name of the list or vector; else empty.
    """

    name: str
    kind: Kind
    low: float
    high: float
    log: bool = False
    choices: tuple[str, ...] = ()
    is_always_active: bool = True
    group: str = ""
    values: Floats = field(default_factory=lambda: np.empty(0))

    @property
    def is_active(self) -> NDArray[np.bool_]:
        """In which trials it exists, shape (n,)."""
        return ~np.isnan(self.values)

    @property
    def unit(self) -> Floats:
        """The values as shares of the range, by the logarithm where it is searched so; (n,)."""
        low, high, values = np.float64(self.low), np.float64(self.high), self.values
        if self.log:
            with np.errstate(all="ignore"):
                low, high, values = np.log(low), np.log(high), np.log(values)
        if not low < high:
            return np.where(np.isnan(values), np.nan, 0.5)
        return np.asarray((values / 2 - low / 2) / (high / 2 - low / 2))  # halves: no overflow

    def label(self, value: float) -> str:
        """Write one of the values for people; empty for nan."""
        if np.isnan(value):
            return ""
        if not self.choices:
            return in_digits(value)
        place = int(value)
        return self.choices[place] if 0 <= place < len(self.choices) else "?"

    def taking(self, values: Floats) -> Column:
        """Return the same column with other values."""
        return replace(self, values=values)


def column_of(place: Place) -> Column:
    """Return the column of a place in configs, without values."""
    parameter: Any = place.parameter
    group = place.name.partition("[")[0] if "[" in place.name else ""
    if place.kind == "length":
        low, high = parameter.min_length, parameter.max_length
        return Column(place.name, "int", low, high, is_always_active=place.is_always_active)
    if isinstance(parameter, Listed):
        listed = getattr(parameter, parameter.noun)
        kind: Kind = "ordinal" if parameter.kind == "ordinal" else "categorical"
        choices = tuple(text_of(value) for value in listed)
        return Column(
            place.name,
            kind,
            0.0,
            float(len(choices) - 1),
            choices=choices,
            is_always_active=place.is_always_active,
            group=group,
        )
    kind = "int" if parameter.kind == "int" else "float"
    return Column(
        place.name,
        kind,
        float(parameter.low),
        float(parameter.high),
        log=bool(getattr(parameter, "log", False)),
        is_always_active=place.is_always_active,
        group=group,
    )


def coder_of(place: Place) -> Callable[[Any], float]:
    """Return what makes a number of a value at a place; nan of what it cannot be."""
    parameter = place.parameter
    if place.kind == "value" and isinstance(parameter, Listed):
        return _Places(parameter)
    return _as_number


class _Places:
    """Where values stand among the choices; each is looked up once."""

    def __init__(self, parameter: Listed) -> None:
        self._parameter = parameter
        self._known: dict[tuple[type, Any], float] = {}

    def __call__(self, value: Any) -> float:
        key = (type(value), value if not isinstance(value, list) else json.dumps(value))
        found = self._known.get(key)
        if found is None:
            try:
                found = float(self._parameter.code(value))
            except (KeyError, ValueError, TypeError, ArithmeticError):
                found = np.nan
            self._known[key] = found
        return found


def _as_number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return np.nan


def text_of(value: Any) -> str:
    """Write a listed value for people: numbers with five digits, text as it is."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return in_digits(value)
    return json.dumps(value, default=str, ensure_ascii=False)
