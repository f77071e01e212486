"""Configs that are never proposed: a function of a config, or a mapping that a config matches."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hpopt.errors import ConfigError, SpaceError, UnknownNameError
from hpopt.space.parameter import Parameter, Test, as_json, hint_of_tuple, identity, normalised_when


class Forbidden(ABC):
    """A predicate on configs."""

    @abstractmethod
    def __call__(self, config: dict[str, Any]) -> bool:
        """Say whether the config is forbidden."""

    @property
    def names(self) -> tuple[str, ...] | None:
        """The parameters whose values decide; None where all of them may."""
        return None

    @abstractmethod
    def to_json(self) -> Any:
        """Give it as JSON data."""

    @staticmethod
    def of(predicate: Any, parameters: Mapping[str, Parameter]) -> Forbidden:
        """Make one of what a user wrote, checked against the parameters."""
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
    """What a function says True of."""

    def __init__(self, function: Callable[[dict[str, Any]], bool]) -> None:
        self.function = function

    def __call__(self, config: dict[str, Any]) -> bool:
        """Say whether the function says True."""
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
        """Give its name: a study file holds data, never code."""
        return {"function": str(self).rpartition(".")[2] if "<" not in str(self) else "<lambda>"}


class ForbiddenMatch(Forbidden):
    """What has these values, all of them."""

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
        """Say whether the config has one of the values of each name."""
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
        """Give the values by name."""
        return {"match": as_json(self.values)}


class ForbiddenLayer(Forbidden):
    """A list with a layer that the layers' own space forbids."""

    def __init__(self, name: str, test: Test) -> None:
        self.name, self.test = name, test

    def __call__(self, config: dict[str, Any]) -> bool:
        """Say whether one of the layers is forbidden."""
        return any(map(self.test, config.get(self.name, ())))

    @property
    def names(self) -> tuple[str, ...]:
        """The list that decides."""
        return (self.name,)

    def __repr__(self) -> str:
        return f"{self.test!r} in {self.name!r}"

    def to_json(self) -> Any:
        """Give it as JSON data; it is stored with the list's own space."""
        return {"layer": self.name}


def remaining_predicates(
    predicates: Sequence[Forbidden], parameters: Mapping[str, Parameter]
) -> list[Forbidden]:
    """Give the predicates that configs of a smaller space can still match."""
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
    """Give what can be restored of stored predicates.

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
