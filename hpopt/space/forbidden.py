"""Configs that are never proposed: a function of a config, or a mapping that a config matches."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from hpopt.errors import ConfigError, SpaceError, UnknownNameError
from hpopt.space.parameter import (
    Bools,
    Floats,
    Parameter,
    Test,
    as_json,
    hint_of_tuple,
    identity,
    normalised_when,
)

# Of a parameter's table, one for each of its values and each mapping: 4 MB. Larger ones are tested
# config by config.
MOST_ENTRIES = 2**22


class Forbidden(ABC):
    """A predicate on configs."""

    @abstractmethod
    def __call__(self, config: dict[str, Any]) -> bool:
        """Return whether the config is forbidden."""

    @property
    def names(self) -> tuple[str, ...] | None:
        """The parameters whose values decide; None where all of them may."""
        return None

    @abstractmethod
    def to_json(self) -> Any:
        """Return the predicate as JSON data."""

    @staticmethod
    def from_user(predicate: Any, parameters: Mapping[str, Parameter]) -> Forbidden:
        """Return the predicate that a function or a mapping stands for, checked."""
        if isinstance(predicate, Forbidden):
            return predicate
        if callable(predicate):
            return ForbiddenFunction(predicate)
        if isinstance(predicate, Mapping) and predicate:
            return ForbiddenMatch(predicate, parameters)
        raise SpaceError(
            "forbid must hold functions of a config, or mappings of names to values, but got "
            f"{predicate!r}"
        )


class ForbiddenFunction(Forbidden):
    """The configs for which a function returns True."""

    def __init__(self, function: Callable[[dict[str, Any]], bool]) -> None:
        self.function = function

    def __call__(self, config: dict[str, Any]) -> bool:
        """Return what the function returns."""
        try:
            return bool(self.function(config))
        except Exception as error:
            raise SpaceError(
                f"a forbid function must give True or False for every config, but {self} raised "
                f"{type(error).__name__}: {error} for {config}. Parameters that are not active "
                "are absent: use config.get(name)"
            ) from error

    def __str__(self) -> str:
        name = getattr(self.function, "__qualname__", type(self.function).__qualname__)
        return f"{getattr(self.function, '__module__', '?')}.{name}"

    def __repr__(self) -> str:
        return f"<function {self}>"

    def to_json(self) -> Any:
        """Return the function's name: a study file holds data, never code."""
        return {"function": str(self).rpartition(".")[2] if "<" not in str(self) else "<lambda>"}


class ForbiddenMatch(Forbidden):
    """The configs that have one of the given values for each of the names."""

    def __init__(self, values: Mapping[str, Any], parameters: Mapping[str, Parameter]) -> None:
        self.values: dict[str, tuple[Any, ...]] = {}
        for name, wanted in (normalised_when(values) or {}).items():
            if name not in parameters:
                raise UnknownNameError("parameter in forbid", name, parameters)
            try:
                self.values[name] = tuple(parameters[name].check(value, name) for value in wanted)
            except ConfigError as error:
                hint = hint_of_tuple(parameters[name], name, wanted)
                raise SpaceError(
                    f"forbid={{{name!r}: ...}} can never match: {error}{hint}"
                ) from None
        self._texts = {name: {*map(identity, wanted)} for name, wanted in self.values.items()}

    def __call__(self, config: dict[str, Any]) -> bool:
        """Return whether the config has one of the values of each name."""
        return all(
            name in config and identity(config[name]) in texts
            for name, texts in self._texts.items()
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters whose values decide."""
        return tuple(self.values)

    def __repr__(self) -> str:
        return repr({name: list(values) for name, values in self.values.items()})

    def to_json(self) -> Any:
        """Return the values by name."""
        return {"match": as_json(self.values)}


class ForbiddenLayer(Forbidden):
    """The configs with a list of which a layer is forbidden by the layers' own space."""

    def __init__(self, name: str, test: Test) -> None:
        self.name, self.test = name, test

    def __call__(self, config: dict[str, Any]) -> bool:
        """Return whether one of the layers is forbidden."""
        return any(map(self.test, config.get(self.name, ())))

    @property
    def names(self) -> tuple[str, ...]:
        """The list that decides."""
        return (self.name,)

    def __repr__(self) -> str:
        return f"{self.test!r} in {self.name!r}"

    def to_json(self) -> Any:
        """Return the name of the list: its own space stores the predicate."""
        return {"layer": self.name}


def remaining_predicates(
    predicates: Sequence[Forbidden], parameters: Mapping[str, Parameter]
) -> list[Forbidden]:
    """Return the predicates that configs of a smaller space can still match."""
    kept: list[Forbidden] = []
    for predicate in predicates:
        if not isinstance(predicate, ForbiddenMatch):
            kept.append(predicate)
            continue
        left = {
            name: [
                value for value in wanted if name in parameters and parameters[name].takes(value)
            ]
            for name, wanted in predicate.values.items()
        }
        if all(left.values()):
            kept.append(ForbiddenMatch(left, parameters))
    return kept


def forbidden_from_json(documents: Sequence[Any]) -> list[Any]:
    """Return stored predicates as mappings.

    Raises
    ------
    SpaceError
        One of them is a function, which JSON cannot hold.
    """
    for document in documents:
        if "match" not in document:
            raise SpaceError(
                f"the space forbids by the function {document.get('function')}, which JSON cannot "
                "hold: give forbid=[...] to Space.from_json"
            )
    return [document["match"] for document in documents]


class ForbiddenTables:
    """All `forbid` mappings as tables over codes, to be tested on many points at once.

    Parameters
    ----------
    columns : mapping of str to slice
        Which coordinates belong to each.

    Attributes
    ----------
    others : tuple of Forbidden
        The predicates that have no tables: functions, and values of lists and of parameters that
        are continuous.
    """

    def __init__(
        self,
        predicates: Sequence[Forbidden],
        parameters: Mapping[str, Parameter],
        columns: Mapping[str, slice],
    ) -> None:
        n_all = max(1, len(predicates))
        tabled = {
            name
            for name, parameter in parameters.items()
            if parameter.width == 1 and 0 < parameter.levels[0] < MOST_ENTRIES // n_all
        }
        matches = [
            each
            for each in predicates
            if isinstance(each, ForbiddenMatch) and {*each.names} <= tabled
        ]
        self.others = tuple(each for each in predicates if each not in matches)
        self._tables: list[tuple[int, Bools]] = []
        for name in dict.fromkeys(name for each in matches for name in each.names):
            parameter = parameters[name]
            # The last row is for points in which the parameter does not exist.
            table = np.zeros((int(parameter.levels[0]) + 1, len(matches)), dtype=bool)
            for place, match in enumerate(matches):
                if name not in match.values:
                    table[:, place] = True
                else:
                    block = parameter.encode(match.values[name])
                    table[parameter.codes(block)[:, 0].astype(np.int64), place] = True
            self._tables.append((columns[name].start, table))

    def any_holds(self, codes: Floats) -> Bools:
        """Return a mask (n,) of the points that match a mapping, by their codes (nan: absent)."""
        if not self._tables:
            return np.zeros(len(codes), dtype=bool)
        found: Bools = np.ones((len(codes), self._tables[0][1].shape[1]), dtype=bool)
        for column, table in self._tables:
            rows = np.where(np.isnan(codes[:, column]), len(table) - 1, codes[:, column])
            np.logical_and(found, table.take(rows.astype(np.int64), axis=0), out=found)
        return np.asarray(found.any(axis=1))
