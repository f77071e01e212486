"""What a build asks for: KerasTuner's hyper-parameters, and parameters that mean the same."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hpopt.space import Categorical, Float, Int, Ordinal, Parameter

# The number of values of a range in the log with a step is the floor of a quotient of logs, which
# may come out a little low: as in KerasTuner.
ROUNDING = 1e-8

Condition = tuple[str, tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Entry:
    """One hyper-parameter as a build has asked for it.

    Attributes
    ----------
    kind : {"int", "float", "choice", "boolean", "fixed"}
    name : str
        With its name scopes.
    low, high, step, sampling
        Of a number; in the log a step is a factor.
    values, ordered
        Of a choice.
    default : object
        Its value where none is given; that of a fixed one.
    conditions : tuple of (str, tuple)
        The values that other hyper-parameters must have, all of them, for it to be active.
    """

    kind: str
    name: str
    low: float = 0
    high: float = 0
    step: float | None = None
    sampling: str = "linear"
    values: tuple[Any, ...] = ()
    ordered: bool = False
    default: Any = None
    conditions: tuple[Condition, ...] = ()

    @property
    def definition(self) -> tuple[Any, ...]:
        """What tells it from others of its name, whatever their conditions and defaults."""
        return self.kind, self.low, self.high, self.step, self.sampling, self.values

    @property
    def listed(self) -> tuple[Any, ...] | None:
        """Its values where they are few by their nature; None of a range."""
        if self.kind == "fixed":
            return (self.default,)
        if self.kind == "boolean":
            return (False, True)
        if self.kind == "choice":
            return self.values
        if self.step is None or self.sampling == "linear":
            return (self._number(self.low),) if self.low == self.high else None
        n = math.floor(math.log(self.high / self.low, self.step) + ROUNDING) + 1
        steps = [self.low * self.step**k for k in range(n)]
        if self.sampling == "reverse_log":
            steps = [self.low + self.high - each for each in reversed(steps)]
        return tuple(dict.fromkeys(map(self._number, steps)))

    @property
    def is_reversed(self) -> bool:
        """Whether its parameter is the distance from the end of the range: fine there."""
        return self.sampling == "reverse_log" and self.listed is None

    def value_of(self, value: Any) -> Any:
        """Return the value that a value of its parameter means; it is its own inverse."""
        return self._number(self.low + self.high - value) if self.is_reversed else value

    def parameter(self) -> Parameter | None:
        """Return the parameter that means the same; None of what has one value only."""
        listed, default = self.listed, self.value_of(self.default)
        if listed is not None:
            if len(listed) < 2:
                return None
            is_ordered = self.ordered if self.kind == "choice" else self.kind != "boolean"
            return _with_default((Ordinal if is_ordered else Categorical)(listed), default)
        is_log, high = self.sampling != "linear", self.high
        if self.step is not None:
            high = self.low + math.floor((self.high - self.low) / self.step + ROUNDING) * self.step
            if high == self.low:
                return None
        if self.kind == "int":
            step = int(self.step or 1)
            return _with_default(Int(int(self.low), int(high), is_log, step), default)
        return _with_default(Float(self.low, high, is_log, self.step), default)

    def _number(self, value: float) -> float:
        return int(value) if self.kind == "int" else float(value)


def _with_default(parameter: Any, default: Any) -> Parameter:
    if default is None or not parameter.takes(default):
        made: Parameter = parameter
        return made
    settings = {name: getattr(parameter, name) for name in parameter.settings()}
    made = type(parameter)(**settings, default=default)
    return made


def entry_of(asked: Any) -> Entry:
    """Return what one of KerasTuner's hyper-parameters is, or one of ours."""
    if isinstance(asked, Entry):
        return asked
    kind = type(asked).__name__.lower()
    conditions = tuple((each.name, tuple(each.values)) for each in asked.conditions)
    known: dict[str, Any] = {"conditions": conditions, "default": asked.default}
    if kind in ("int", "float"):
        known |= {"low": asked.min_value, "high": asked.max_value, "step": asked.step}
        known["sampling"] = asked.sampling
    elif kind == "choice":
        known |= {"values": tuple(asked.values), "ordered": bool(asked.ordered)}
    elif kind == "fixed":
        known["default"] = asked.value
    return Entry(kind, asked.name, **known)


def are_met(conditions: Sequence[Condition], values: dict[str, Any]) -> bool:
    """Return whether the values of a build meet all conditions."""
    return all(name in values and values[name] in wanted for name, wanted in conditions)
