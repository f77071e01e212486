"""Configs as flat rows: each parameter of each layer of a list has a name of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hpopt.space.parameter import Parameter

MOST_ENTRIES = 32
"""Entries of a vector that have a name each: thousands of columns are no table."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands in the configs of a space.

    Attributes
    ----------
    name : str
        ``units``; of a list ``len(layers)``, of its layers ``layers[0].units``; of a vector
        ``weights[0]``.
    parameter : Parameter
        That it is a value of. Of a length, the list; of an entry, the vector.
    kind : {"value", "length", "entry"}
    is_always_active : bool
        Whether every config has it.
    """

    name: str
    parameter: Parameter
    kind: str = "value"
    is_always_active: bool = True


def places_of(space: Mapping[str, Parameter], *, whole: bool = False) -> tuple[Place, ...]:
    """Return the places of a space in the order of its parameters, layer by layer.

    Parameters
    ----------
    space : mapping of str to Parameter
    whole : bool
        Whether a vector of more than 32 entries has one place, so that nothing of it is lost.
    """
    return tuple(_places(space, "", True, whole))


def _places(
    space: Mapping[str, Parameter], prefix: str, is_active: bool, whole: bool
) -> Iterator[Place]:
    for key, parameter in space.items():
        name, here = f"{prefix}{key}", is_active and not parameter.when
        inside: Any = parameter
        if _is_list(parameter):
            yield Place(f"len({name})", parameter, "length", here)
            for n in range(inside.max_length):
                yield from _places(
                    inside.layer, f"{name}[{n}].", here and n < inside.min_length, whole
                )
        elif _is_vector(parameter) and not (whole and inside.length > MOST_ENTRIES):
            for n in range(min(inside.length, MOST_ENTRIES)):
                yield Place(f"{name}[{n}]", parameter, "entry", here)
        else:
            yield Place(name, parameter, "value", here)


def flattened(
    config: Mapping[str, Any], space: Mapping[str, Parameter], *, whole: bool = False
) -> dict[str, Any]:
    """Return the active values of a config by the names of their places.

    Parameters
    ----------
    config : mapping
        A config of the space, as `Space.validate` returns it or as a journal has it. What does not
        fit the space, as in a file that somebody has changed, keeps its name.
    space : mapping of str to Parameter
    whole : bool
        As for `places_of`.
    """
    return dict(_flattened(config, space, "", whole))


def _flattened(
    config: Mapping[str, Any], space: Mapping[str, Parameter], prefix: str, whole: bool
) -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        parameter: Any = space.get(key)
        name = f"{prefix}{key}"
        if parameter is None or not isinstance(value, list | tuple):
            yield name, value
        elif _is_list(parameter):
            yield f"len({name})", len(value)
            for n, layer in enumerate(value):
                if isinstance(layer, Mapping):
                    yield from _flattened(layer, parameter.layer, f"{name}[{n}].", whole)
        elif _is_vector(parameter) and not (whole and len(value) > MOST_ENTRIES):
            for n, entry in enumerate(value[:MOST_ENTRIES]):
                yield f"{name}[{n}]", entry
        else:
            yield name, value


def _is_list(parameter: Parameter) -> bool:
    return parameter.kind == "sequence"


def _is_vector(parameter: Parameter) -> bool:
    return parameter.kind == "vector"
