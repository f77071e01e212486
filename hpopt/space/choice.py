"""Choices among listed values: Ordinal (in an order) and Categorical (in none)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from hpopt.checks import in_order
from hpopt.errors import ConfigError, SpaceError
from hpopt.space.formula import Formula, cells
from hpopt.space.parameter import (
    Bools,
    Floats,
    Resolution,
    When,
    as_json,
    as_plain,
    identity,
)
from hpopt.space.prior import WIDTH, Belief, Bell, Weights, checked_weights
from hpopt.space.scalar import Scalar

PLAIN_TYPES = (str, int, float, bool, type(None))


class Listed(Scalar):
    """A parameter of listed values: what Ordinal and Categorical share."""

    noun: ClassVar[str]
    optional: ClassVar[tuple[str, ...]] = ("prior",)
    when: When | None
    prior: Any
    _places: dict[str, int]

    def _listed(self) -> tuple[Any, ...]:
        listed: tuple[Any, ...] = getattr(self, self.noun)
        return listed

    def _check_listed(self) -> None:
        given = getattr(self, self.noun)
        if isinstance(given, str | bytes) or not hasattr(given, "__iter__"):
            raise SpaceError(f"{self.noun} must be a list of values, but got {given!r}")
        in_order(self.noun, given, SpaceError)
        listed = tuple(_as_tuple(as_plain(value)) for value in given)
        if not listed:
            raise SpaceError(f"{self.noun} must hold at least one value, but got none")
        places: dict[str, int] = {}
        for place, value in enumerate(listed):
            if not _is_plain(value):
                raise SpaceError(
                    f"{self.noun} must be str, int, finite float, bool, None or tuples of them, "
                    f"but got {value!r}: name your objects and look them up in evaluate"
                )
            text = identity(value)
            if text in places:
                raise SpaceError(f"{self.noun} must be different, but got {value!r} twice")
            places[text] = place
        object.__setattr__(self, self.noun, listed)
        object.__setattr__(self, "_places", places)
        self._check_when_and_default()
        self._check_prior()

    def _check_prior(self) -> None:
        prior = self.prior
        if prior is None:
            return
        if isinstance(prior, Mapping):
            given = self._weighed(prior)
            prior = [given.get(place, 1.0) for place in range(self.n_levels)]
        object.__setattr__(self, "prior", checked_weights(prior, self.noun, self.n_levels))

    def _weighed(self, prior: Mapping[Any, Any]) -> dict[int, Any]:
        """Return weights by the places of the values."""
        try:
            checked = [(self.check(value, "a value of prior"), w) for value, w in prior.items()]
        except ConfigError as error:
            raise SpaceError(str(error)) from None
        return {int(self.code(value)): weight for value, weight in checked}

    def _belief(self) -> Belief | None:
        return None if self.prior is None else Weights(self.prior)

    @property
    def n_levels(self) -> int:
        return len(self._places)

    @property
    def formula(self) -> Formula:
        return cells(self.n_levels)

    def unit(self, codes: Floats) -> Floats:
        """Return the centres of the cells: k values are k equal cells."""
        return (codes + 0.5) / self.n_levels

    def values_of(self, codes: list[float]) -> list[Any]:
        listed = self._listed()
        return [listed[int(place)] for place in codes]

    def code(self, value: Any) -> float:
        return float(self._places[identity(value)])

    def check(self, value: Any, name: str) -> Any:
        """Return the listed value that equals this one."""
        value = _as_tuple(as_plain(value))
        listed = self._listed()
        try:
            place = self._places.get(identity(value))
        except (TypeError, ValueError):
            place = None
        if place is None:
            equal = [other for other in listed if _equal_number(other, value)]
            if not equal:
                raise ConfigError(f"{name} must be one of {list(listed)}, but got {value!r}")
            return equal[0]
        return listed[place]

    def settings(self) -> dict[str, Any]:
        return {self.noun: as_json(self._listed())}


@dataclass(frozen=True)
class Ordinal(Listed):
    """One of a list of values in a meaningful order: a non-uniform grid.

    Parameters
    ----------
    values : sequence
        Numbers or names from least to most, all different.
    when : mapping of str to value or values, optional
        The parameter exists only where its parents have those values.
    default : optional
        A value that the parameter takes, for a config that leaves it out; see `Space.filled`.
    prior : mapping of values to weights, or sequence of weights, or a value, optional
        How likely each value is believed to be the best; what a mapping leaves out weighs 1. One of
        the values alone: the nearer to it, the likelier.
    """

    kind: ClassVar[str] = "ordinal"
    required: ClassVar[tuple[str, ...]] = ("values",)
    noun: ClassVar[str] = "values"
    values: Sequence[Any]
    when: When | None = None
    default: Any = field(default=None, kw_only=True, hash=False)
    prior: Any = field(default=None, kw_only=True)
    _places: dict[str, int] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._check_listed()

    def _check_prior(self) -> None:
        if self.prior is not None and self.takes(self.prior):
            object.__setattr__(self, "prior", self.check(self.prior, "prior"))
        else:
            super()._check_prior()

    def _belief(self) -> Belief | None:
        if self.prior is None or not self.takes(self.prior):
            return super()._belief()
        return Bell(float(self.encode([self.prior])[0, 0]), WIDTH)


@dataclass(frozen=True)
class Categorical(Listed):
    """One of a list of values without an order.

    Parameters
    ----------
    choices : sequence
        All different: str, int, float, bool, None or tuples of them.
    when : mapping of str to value or values, optional
        The parameter exists only where its parents have those values.
    default : optional
        A value that the parameter takes, for a config that leaves it out; see `Space.filled`.
    prior : mapping of choices to weights, or sequence of weights, optional
        How likely each choice is believed to be the best; what a mapping leaves out weighs 1.
    """

    kind: ClassVar[str] = "categorical"
    required: ClassVar[tuple[str, ...]] = ("choices",)
    noun: ClassVar[str] = "choices"
    choices: Sequence[Any]
    when: When | None = None
    default: Any = field(default=None, kw_only=True, hash=False)
    prior: Any = field(default=None, kw_only=True)
    _places: dict[str, int] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._check_listed()

    @property
    def ordered(self) -> Bools:  # type: ignore[override]
        return np.array([False])

    def count(self, resolution: Resolution) -> float:
        """Return the number of choices: a grid has them all, whatever its resolution."""
        super().count(resolution)
        return self.n_levels

    def neighbours(self, row: Floats, resolution: int, step: float = 0.0) -> Floats:
        others = np.delete(np.arange(self.n_levels, dtype=np.float64), int(self.codes(row)[0]))
        return self.unit(others)[:, None]


def _as_tuple(value: Any) -> Any:
    # JSON makes lists of tuples, at any depth.
    if isinstance(value, list | tuple):
        return tuple(_as_tuple(as_plain(part)) for part in value)
    return value


def _is_plain(value: Any) -> bool:
    """Return whether JSON keeps a value as it is, but for tuples."""
    if isinstance(value, tuple):
        return all(_is_plain(part) for part in value)
    return type(value) in PLAIN_TYPES and (type(value) is not float or math.isfinite(value))


def _equal_number(one: Any, other: Any) -> bool:
    # 1 == True, but a bool among the choices is not the number.
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (one, other))
    return numbers and one == other
