"""The parameters of a sweep of Weights & Biases as tables of ``[space]``."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from typing import Any

from hpopt.checks import integer, real
from hpopt.errors import SpaceError, UnknownNameError
from hpopt.names import known_name

Table = dict[str, Any]

KEYS = ("value", "values", "min", "max", "distribution", "q", "mu", "sigma", "probabilities")
DISTRIBUTIONS = (
    "constant",
    "categorical",
    "categorical_w_probabilities",
    "int_uniform",
    "uniform",
    "q_uniform",
    "log_uniform",
    "log_uniform_values",
    "q_log_uniform",
    "q_log_uniform_values",
    "inv_log_uniform",
    "inv_log_uniform_values",
    "normal",
    "q_normal",
    "log_normal",
    "q_log_normal",
    "beta",
    "q_beta",
)
WIDTH = 3.0  # standard deviations to each side: 99.7 % of a normal distribution
MOST_LISTED = 1000  # values of a range in steps that the log of a parameter cannot have


def space_of(parameters: Any, notes: list[str]) -> dict[str, Table]:
    """Return the tables of parameters; what differs is added to the notes.

    Raises
    ------
    SpaceError, UnknownNameError
        One of them has no counterpart.
    """
    if not isinstance(parameters, Mapping) or not parameters:
        raise SpaceError(
            f"parameters of a sweep must be a table with names, but got {parameters!r}"
        )
    tables: dict[str, Table] = {}
    _add(tables, parameters, "", notes)
    return tables


def _add(
    tables: dict[str, Table], parameters: Mapping[str, Any], prefix: str, notes: list[str]
) -> None:
    for key, given in parameters.items():
        name = f"{prefix}{key}"
        if not isinstance(given, Mapping):
            raise SpaceError(f"parameter {name!r} of a sweep must be a table, but got {given!r}")
        if isinstance(given.get("parameters"), Mapping):
            if not prefix:
                inner = next(iter(given["parameters"]), "x")
                notes.append(
                    f"{name}: nested parameters are passed as {name}.{inner}, each by itself"
                )
            _add(tables, given["parameters"], f"{name}.", notes)
        else:
            tables[name] = _Parameter(name, given, notes).table()


class _Parameter:
    """One parameter of a sweep."""

    def __init__(self, name: str, given: Mapping[str, Any], notes: list[str]) -> None:
        for key in given:
            if key not in KEYS:
                raise UnknownNameError(f"key of parameter {name!r}", str(key), KEYS)
        self._name, self._given, self._notes = name, given, notes
        self._kind = self._distribution()

    def table(self) -> Table:
        """Return it as a table of ``[space]``."""
        kind = self._kind.removeprefix("q_")
        if self._kind == "constant":
            return {"type": "categorical", "choices": [self._need("value")]}
        if kind.startswith("categorical"):
            return self._listed()
        if kind == "int_uniform":
            low, high = (self._number(key) for key in ("min", "max"))
            return self._range(math.ceil(low), math.floor(high), kind="int")
        low, high, log = self._bounds(kind)
        if self._kind.startswith("q_"):
            return self._quantized(low, high, log=log)
        return self._range(low, high, log=log)

    def _distribution(self) -> str:
        given = self._given
        if "distribution" in given:
            kind = f"distribution of {self._name!r}"
            return known_name(kind, str(given["distribution"]), DISTRIBUTIONS)
        if "value" in given:
            return "constant"
        if "values" in given:
            return "categorical"
        if {"min", "max"} <= {*given}:
            are_ints = all(integer(given[key]) is not None for key in ("min", "max"))
            return "int_uniform" if are_ints else "uniform"
        if {"mu", "sigma"} & {*given}:
            return "normal"
        raise SpaceError(
            f"parameter {self._name!r} of a sweep must have value, values, or min and max, but got "
            f"{dict(given)!r}"
        )

    def _bounds(self, kind: str) -> tuple[float, float, bool]:
        """Return the least and the largest value, and whether ratios matter."""
        if kind in ("normal", "log_normal"):
            mu, sigma = self._number("mu", 0.0), self._number("sigma", 1.0)
            low, high = mu - WIDTH * sigma, mu + WIDTH * sigma
            is_log = kind == "log_normal"
            low, high = (math.exp(low), math.exp(high)) if is_log else (low, high)
            self._note(f"{self._kind} is a range of {WIDTH:g} standard deviations to each side")
            return low, high, is_log
        if kind == "beta":
            self._note(f"{self._kind} is a uniform range from 0 to 1")
            return 0.0, 1.0, False
        low, high = self._number("min"), self._number("max")
        if kind == "log_uniform":
            return math.exp(low), math.exp(high), True
        if kind == "inv_log_uniform":
            return math.exp(-high), math.exp(-low), True
        return low, high, kind != "uniform"

    def _quantized(self, low: float, high: float, *, log: bool) -> Table:
        """Return the multiples of q in a range."""
        q = self._number("q", 1.0)
        if q <= 0:
            raise SpaceError(f"q of parameter {self._name!r} must be above 0, but got {q}")
        first, last = round(low / q), round(high / q)
        first = max(first, 1) if log else first
        if q == 1:
            return self._range(first, last, kind="int", log=log)
        digits = max(0, -math.floor(math.log10(q))) + 3  # 3 × 0.1 is 0.3
        if not log:
            ends = round(first * q, digits), round(last * q, digits)
            if all(float(end).is_integer() for end in (*ends, q)):
                return self._range(int(ends[0]), int(ends[1]), kind="int", step=int(q))
            return self._range(*ends, step=q)
        if last - first < MOST_LISTED:
            values = [round(each * q, digits) for each in range(first, last + 1)]
            self._note(f"{self._kind} is a list of {len(values)} values, all equally likely")
            return {"type": "ordinal", "values": values}
        self._note(f"q={q:g} is left out, as there are too many steps")
        return self._range(low, high, log=True)

    def _range(self, low: float, high: float, **settings: Any) -> Table:
        kind = settings.pop("kind", "float")
        if low == high:
            return {"type": "categorical", "choices": [low]}
        table = {"type": kind, "low": low, "high": high}
        return table | {key: value for key, value in settings.items() if value}

    def _listed(self) -> Table:
        values = self._need("values")
        if not isinstance(values, list) or not values:
            raise SpaceError(f"values of {self._name!r} must be a list, but got {values!r}")
        different = [
            v for place, v in enumerate(values) if _keys(v) not in map(_keys, values[:place])
        ]
        if len(different) < len(values):
            self._note("values that are there twice count once")
        if len({*map(str, self._given.get("probabilities", ()))}) > 1:
            self._note("probabilities are left out: all values are equally likely at first")
        numbers = [real(value) for value in different]
        if len(different) > 2 and all(number is not None for number in numbers):
            # In their order, so that a model knows that 32 lies between 16 and 64.
            return {"type": "ordinal", "values": sorted(different)}
        return {"type": "categorical", "choices": different}

    def _need(self, key: str) -> Any:
        if key not in self._given:
            raise SpaceError(
                f"parameter {self._name!r} of a sweep must have {key}, as {self._kind}"
            )
        return self._given[key]

    def _number(self, key: str, default: float | None = None) -> float:
        given = self._need(key) if default is None else self._given.get(key, default)
        if isinstance(given, str):  # YAML 1.1 takes 1e-4, without a dot, for text
            with contextlib.suppress(ValueError):
                given = float(given)
        number = real(given)
        if number is None or not math.isfinite(number):
            raise SpaceError(
                f"{key} of parameter {self._name!r} must be a number, but got {given!r}"
            )
        return number

    def _note(self, what: str) -> None:
        self._notes.append(f"{self._name}: {what}")


def _keys(value: Any) -> tuple[str, str]:
    return type(value).__name__, repr(value)
