"""Change the parameters of a problem's space by name, as ``[space]`` of a run file says."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from hpopt.core import Problem
from hpopt.errors import ProblemError, SpaceError, UnknownNameError
from hpopt.names import known_name
from hpopt.space import Parameter, Space
from hpopt.space.changes import with_changes, with_settings

SPELLINGS = {
    "integer": "int",
    "real": "float",
    "double": "float",
    "choice": "categorical",
    "category": "categorical",
    "list": "sequence",
}
ADVICE = {
    **dict.fromkeys(("bool", "boolean"), 'write type = "categorical", choices = [true, false].'),
    **dict.fromkeys(("loguniform", "log_float", "log"), 'write type = "float", log = true.'),
}
"""Of types of parameters: what other libraries call them, and what is none here."""


def change_space(problem: Problem, changes: Mapping[str, Any]) -> None:
    """Change the space of a problem; one without a space gets that of the tables."""
    space = getattr(problem, "space", None)
    if isinstance(space, Space):
        changed_space = changed(space, changes)
    else:
        changed_space = whole_space(changes, type(problem).__name__)
    try:
        problem.space = changed_space
    except AttributeError as error:
        raise ProblemError(
            f"{type(problem).__name__} must let its space be changed by [space], but {error}: "
            "make space an attribute, or leave [space] out"
        ) from error


def changed(space: Space, changes: Mapping[str, Any]) -> Space:
    """Return a space with some parameters changed.

    A table with a ``type`` replaces the parameter; one without changes what it names of it. A
    parameter whose condition can no longer hold is left out. What is forbidden stays forbidden.
    """
    if not isinstance(changes, Mapping):
        raise SpaceError(f"changes to a space must be a table, but got {changes!r}")
    parameters = {}
    for name, change in changes.items():
        if name not in space:
            raise UnknownNameError("parameter in [space]", name, space)
        parameters[name] = _changed_parameter(name, space[name], change)
    return Space(with_changes(space, parameters), space.forbidden)


def whole_space(tables: Mapping[str, Any], owner: str) -> Space:
    """Return the space that tables define, each a whole parameter with a ``type``.

    `owner` is what has no space of its own, for messages.
    """
    for name, table in tables.items():
        if isinstance(table, Mapping) and "type" not in table:
            raise SpaceError(
                f"[space] must define whole parameters where {owner} has no space of its own, but "
                f"{name!r} has no type: write {name} = {{ type = "
                f'"{"float" if "low" in table else "categorical"}", ... }}'
            )
    return Space({name: _parameter(name, table) for name, table in tables.items()})


def _parameter(name: str, table: Any) -> Parameter:
    return Parameter.from_json(name, _with_known_types(name, table))


def _with_known_types(name: str, table: Any) -> Any:
    """Return a parameter's table, and those of its layers, with types as they are spelt here."""
    if not isinstance(table, Mapping):
        return table
    known = dict(table)
    if isinstance(table.get("type"), str):
        kind = f"type of parameter {name!r}"
        known["type"] = known_name(
            kind, table["type"], Parameter.kinds, aliases=SPELLINGS, advice=ADVICE
        )
    if isinstance(table.get("space"), Mapping):
        known["space"] = {
            field: _with_known_types(f"{name}.{field}", each)
            for field, each in table["space"].items()
        }
    return known


def _changed_parameter(name: str, parameter: Parameter, change: Any) -> Parameter:
    if not isinstance(change, Mapping):
        raise SpaceError(
            f"parameter {name!r} in [space] must be a table, as {{ high = 0.1 }} or "
            f'{{ type = "categorical", choices = [{change!r}] }}, but got {change!r}'
        )
    if "type" in change:
        return _parameter(name, change)
    known = [field.name for field in dataclasses.fields(parameter) if field.init]  # type: ignore[arg-type]
    for key in change:
        if key not in known:
            raise UnknownNameError(f"key of parameter {name!r} in [space]", key, known)
    settings = dict(change)
    layer = getattr(parameter, "layer", None)
    if "space" in settings and isinstance(layer, Space):
        settings["space"] = changed(layer, settings["space"])
    try:
        return with_settings(parameter, settings)
    except UnknownNameError:
        raise
    except SpaceError as error:
        raise SpaceError(f"parameter {name!r}: {error}") from error
