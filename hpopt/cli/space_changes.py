"""Change the parameters of a problem's space by name, as ``[space]`` of a run file says."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from hpopt.core import Problem
from hpopt.errors import ProblemError, SpaceError, UnknownNameError
from hpopt.space import Parameter, Space
from hpopt.space.changes import replaced, with_changes


def change_space(problem: Problem, changes: Mapping[str, Any]) -> None:
    """Give a problem a changed space; one without a space gets what is said as its space.

    Raises
    ------
    UnknownNameError
        A parameter, or a key of one, does not exist; suggests the nearest.
    SpaceError
        The changed space cannot be built.
    ProblemError
        The problem does not let its space be changed.
    """
    space = getattr(problem, "space", None)
    changed_space = changed(space, changes) if isinstance(space, Space) else _new(changes)
    try:
        problem.space = changed_space
    except AttributeError as error:
        raise ProblemError(
            f"{type(problem).__name__} must let its space be changed by [space], but {error}: "
            "make space an attribute, or leave [space] out"
        ) from error


def changed(space: Space, changes: Mapping[str, Any]) -> Space:
    """Give a space with some parameters changed.

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


def _new(changes: Mapping[str, Any]) -> Space:
    return Space({name: Parameter.from_json(name, table) for name, table in changes.items()})


def _changed_parameter(name: str, parameter: Parameter, change: Any) -> Parameter:
    if not isinstance(change, Mapping):
        raise SpaceError(
            f"parameter {name!r} in [space] must be a table, as {{ high = 0.1 }} or "
            f'{{ type = "categorical", choices = [{change!r}] }}, but got {change!r}'
        )
    if "type" in change:
        return Parameter.from_json(name, change)
    known = [field.name for field in dataclasses.fields(parameter) if field.init]  # type: ignore[arg-type]
    for key in change:
        if key not in known:
            raise UnknownNameError(f"key of parameter {name!r} in [space]", key, known)
    settings = dict(change)
    layer = getattr(parameter, "layer", None)
    if "space" in settings and isinstance(layer, Space):
        settings["space"] = changed(layer, settings["space"])
    try:
        return replaced(parameter, settings)
    except UnknownNameError:
        raise
    except SpaceError as error:
        raise SpaceError(f"parameter {name!r}: {error}") from error
