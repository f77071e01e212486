"""What a build is given: KerasTuner's HyperParameters, or ours, which have the same methods."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any

from hpopt.checks import integer, real
from hpopt.errors import ProblemError
from hpopt.integrations.keras_tuner.entries import Condition, Entry, are_met

SAMPLINGS = ("linear", "log", "reverse_log")


class HyperParameters:
    """Give values by name, and record what is asked for; see KerasTuner's class.

    Parameters
    ----------
    values : mapping
        Values by name; what is asked for and not among them has its default.

    Attributes
    ----------
    space : list of Entry
        What was asked for, each once, also where its conditions are not met.
    values : dict
        The values of what is active.
    """

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        self.space: list[Entry] = []
        self.values: dict[str, Any] = dict(values or {})
        self._conditions: list[Condition] = []
        self._scopes: list[str] = []

    # -- KerasTuner's methods; the names are theirs ----------------------------------------------

    def Int(
        self,
        name: str,
        min_value: int,
        max_value: int,
        step: int | None = None,
        sampling: str | None = "linear",
        default: int | None = None,
        parent_name: str | None = None,
        parent_values: Any = None,
    ) -> Any:
        """Return a whole number of a range, both ends included."""
        low, high = integer(min_value), integer(max_value)
        if low is None or high is None or (step is not None and integer(step) is None):
            raise ProblemError(
                f"hp.Int({name!r}) must have whole numbers, but got min_value={min_value!r}, "
                f"max_value={max_value!r}, step={step!r}"
            )
        first = low if default is None else default
        entry = Entry("int", "", low, high, step, _sampling(sampling), default=first)
        return self._number(name, entry, parent_name, parent_values)

    def Float(
        self,
        name: str,
        min_value: float,
        max_value: float,
        step: float | None = None,
        sampling: str | None = "linear",
        default: float | None = None,
        parent_name: str | None = None,
        parent_values: Any = None,
    ) -> Any:
        """Return a number of a range."""
        first = min_value if default is None else default
        entry = Entry("float", "", min_value, max_value, step, _sampling(sampling), default=first)
        return self._number(name, entry, parent_name, parent_values)

    def Choice(
        self,
        name: str,
        values: Sequence[Any],
        ordered: bool | None = None,
        default: Any = None,
        parent_name: str | None = None,
        parent_values: Any = None,
    ) -> Any:
        """Return one of some values; numbers are ordered by default."""
        listed = tuple(values)
        if not listed:
            raise ProblemError(f"hp.Choice({name!r}) must have values, but got none")
        if ordered is None:
            ordered = real(listed[0]) is not None
        if default is None:
            default = None if None in listed else listed[0]
        entry = Entry("choice", "", values=listed, ordered=ordered, default=default)
        return self._asked(name, entry, parent_name, parent_values)

    def Boolean(
        self,
        name: str,
        default: bool = False,
        parent_name: str | None = None,
        parent_values: Any = None,
    ) -> Any:
        """Return True or False."""
        return self._asked(name, Entry("boolean", "", default=default), parent_name, parent_values)

    def Fixed(
        self, name: str, value: Any, parent_name: str | None = None, parent_values: Any = None
    ) -> Any:
        """Return the value."""
        return self._asked(name, Entry("fixed", "", default=value), parent_name, parent_values)

    @contextmanager
    def conditional_scope(self, parent_name: str, parent_values: Any) -> Iterator[None]:
        """Let what is asked for inside be active only where a parent has one of some values."""
        name = self._full(parent_name)
        if name not in {entry.name for entry in self.space}:
            raise ProblemError(
                f"a conditional_scope must have a parent that was asked for before, but {name!r} "
                "was not"
            )
        is_list = isinstance(parent_values, list | tuple)
        self._conditions.append((name, tuple(parent_values if is_list else [parent_values])))
        try:
            yield
        finally:
            self._conditions.pop()

    @contextmanager
    def name_scope(self, name: str) -> Iterator[None]:
        """Put a name and a slash before all names inside."""
        self._scopes.append(name)
        try:
            yield
        finally:
            self._scopes.pop()

    def get(self, name: str) -> Any:
        """Return the value of what was asked for."""
        name = self._full(name)
        if name in self.values:
            return self.values[name]
        if name in {entry.name for entry in self.space}:
            raise ValueError(f"{name} is currently inactive")
        raise KeyError(f"{name} does not exist")

    def __getitem__(self, name: str) -> Any:
        return self.get(name)

    def __contains__(self, name: str) -> bool:
        return self._full(name) in self.values

    # -- inside ----------------------------------------------------------------------------------

    def _number(self, name: str, entry: Entry, parent_name: str | None, parent_values: Any) -> Any:
        low, high, step, sampling = entry.low, entry.high, entry.step, entry.sampling
        if sampling not in SAMPLINGS:
            raise ProblemError(
                f"sampling of {name!r} must be one of {', '.join(SAMPLINGS)}, but got {sampling!r}"
            )
        if not low <= high or (sampling != "linear" and low <= 0):
            raise ProblemError(
                f"min_value <= max_value must hold, above 0 in the log, but {name!r} has "
                f"min_value={low!r}, max_value={high!r}, sampling={sampling!r}"
            )
        least = 0 if sampling == "linear" else 1  # in the log a step is a factor
        if step is not None and not step > least:
            raise ProblemError(f"step of {name!r} must be above {least}, but got {step!r}")
        return self._asked(name, entry, parent_name, parent_values)

    def _asked(self, name: str, entry: Entry, parent_name: str | None, parent_values: Any) -> Any:
        scope = self.conditional_scope(parent_name, parent_values) if parent_name else nullcontext()
        with scope:
            conditions, full = tuple(self._conditions), self._full(name)
            entry = replace(entry, name=full, conditions=conditions)
        same = (full, conditions)
        known = [each for each in self.space if (each.name, each.conditions) == same]
        if not known:
            self.space.append(entry)
        if not are_met(conditions, self.values):
            return None
        return self.values.setdefault(full, (known or [entry])[0].default)

    def _full(self, name: str) -> str:
        return "/".join([*self._scopes, str(name)])


def _sampling(given: str | None) -> str:
    return (given or "linear").lower()


def uses_keras_tuner() -> bool:
    """Return whether KerasTuner has been imported, as whoever needs its class has done."""
    return "keras_tuner" in sys.modules


def hyperparameters(values: Mapping[str, Any], *, theirs: bool) -> Any:
    """Return what a build is given, with some values.

    Parameters
    ----------
    theirs : bool
        Whether it is of KerasTuner's own class, which is imported for it.
    """
    if not theirs:
        return HyperParameters(values)
    import keras_tuner

    made = keras_tuner.HyperParameters()
    made.values = dict(values)
    return made
