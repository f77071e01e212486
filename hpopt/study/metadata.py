"""The metadata of a study: what its file's header says, and what it must look like."""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from operator import index
from typing import Any

import numpy as np

from hpopt._version import __version__
from hpopt.core import (
    Constraint,
    Fidelity,
    Objective,
    Optimizer,
    Problem,
    constraints_of,
    fingerprint_of,
    normalised_constraints,
    normalised_objectives,
    objectives_of,
)
from hpopt.errors import HpoptError, SettingError, StudyFileError
from hpopt.space import Parameter, Space
from hpopt.space.coordinates import MOST_COORDINATES

Test = Callable[[Any], bool]

# Raised when a version writes what earlier ones cannot read.
FORMAT = 1
# Or constraints: more than any study has, and few enough that their names are compared in no time.
MOST_OBJECTIVES = 1000
# Characters of an error, which may quote all of a header.
MOST_QUOTED = 500

NEEDED = ("format", "space", "objectives", "seed", "optimizer")

# What JSON data that describe no space make its constructors raise.
NOT_UNDERSTOOD = (
    HpoptError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)


def make_metadata(
    problem: Problem,
    optimizer: Optimizer,
    seed: int,
    start: Sequence[Mapping[str, Any]],
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Describe a new study as JSON data."""
    metadata = {
        "format": FORMAT,
        "hpopt": __version__,
        "python": platform.python_version(),
        "created": time.time(),
        "problem": f"{type(problem).__module__}.{type(problem).__qualname__}",
        "space": problem.space.to_json(),
        "objectives": [[o.name, o.direction] for o in objectives_of(problem)],
        "constraints": constraints_as_json(problem),
        "fidelity": fidelity_as_json(problem),
        "fingerprint": fingerprint_of(problem),
        "seed": seed,
        "optimizer": optimizer_as_json(optimizer),
        "start": [dict(config) for config in start],
    }
    return metadata | checked_extra(extra)


def checked_extra(extra: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what a user adds to the metadata.

    Raises
    ------
    SettingError
        It would take the place of what a study says itself.
    """
    found = dict(extra or {})
    taken = sorted(KINDS.keys() & found.keys())
    if taken:
        raise SettingError(f"about must not use the names of the header itself, but has {taken}")
    return found


def optimizer_as_json(optimizer: Optimizer) -> dict[str, Any]:
    """Return an optimizer's name and settings as JSON data."""
    name = optimizer.name or f"{type(optimizer).__module__}.{type(optimizer).__qualname__}"
    return {"name": name, "settings": optimizer.settings()}


def constraints_as_json(problem: Problem) -> list[list[Any]]:
    """Return a problem's constraints as JSON data."""
    return [[each.name, each.operator, each.bound] for each in constraints_of(problem)]


def fidelity_as_json(problem: Problem) -> list[Any] | None:
    """Return a problem's fidelity as JSON data."""
    fidelity = problem.fidelity
    if fidelity is None:
        return None
    again = [] if fidelity.resumes else [False]  # nothing where it resumes, as in older files
    return [fidelity.low, fidelity.high, fidelity.name, *again]


def objectives_in(metadata: Mapping[str, Any]) -> tuple[Objective, ...]:
    """Return the objectives of a stored study."""
    return tuple(Objective(name, direction) for name, direction in metadata["objectives"])


def constraints_in(metadata: Mapping[str, Any]) -> tuple[Constraint, ...]:
    """Return the constraints of a stored study."""
    return tuple(Constraint(*each) for each in metadata.get("constraints", ()))


def fidelity_in(metadata: Mapping[str, Any]) -> Fidelity | None:
    """Return the fidelity of a stored study."""
    stored = metadata.get("fidelity")
    return None if stored is None else Fidelity(*stored)


def space_in(metadata: Mapping[str, Any]) -> Space:
    """Return the space of a stored study, without what it forbids: enough to read its configs."""
    # A file's numbers may be of any size; what is wrong with them is raised as an error.
    with np.errstate(all="ignore"):
        return Space.from_json(_without_forbidden(metadata["space"]), forbid=())


def has_tuples(space: Space) -> bool:
    """Return whether JSON changes a value of a space: makes a list of a tuple."""
    return any(_has_tuples(parameter) for parameter in space.values())


def _has_tuples(parameter: Parameter) -> bool:
    layer = getattr(parameter, "layer", None)
    if layer is not None:
        return has_tuples(layer)
    listed = getattr(parameter, "choices", getattr(parameter, "values", ()))
    return any(isinstance(value, tuple) for value in listed)


def _without_forbidden(space: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored space without what it and its lists of layers forbid: functions, perhaps."""
    parameters = [
        [name, {**data, "space": _without_forbidden(data["space"])} if "space" in data else data]
        for name, data in space["parameters"]
    ]
    return {"parameters": parameters}


# -- what a file of anybody's may say ----------------------------------------------------------


def check_metadata(metadata: Mapping[str, Any], path: object) -> None:
    """Raise StudyFileError where metadata are not those that this version can read."""
    missing = [key for key in NEEDED if key not in metadata]
    if missing:
        raise StudyFileError(
            f"a study file must hold a study's header, but {path} has one without {missing}: "
            "it was written by something else"
        )
    for key, (is_right, kind) in KINDS.items():
        # Files of earlier versions lack some.
        if key in metadata and not is_right(metadata[key]):
            raise _not_understood(path, f"{key} must be {kind}, but is {metadata[key]!r:.80}")
    if metadata["format"] != FORMAT:
        raise StudyFileError(
            f"this version of hpopt reads study files of format {FORMAT}, but {path} has format "
            f"{metadata['format']} (written by hpopt {metadata.get('hpopt')}): upgrade hpopt"
        )
    try:
        normalised_objectives(objectives_in(metadata))
        normalised_constraints(constraints_in(metadata))
        fidelity_in(metadata)
        _check_size(metadata["space"])
        space_in(metadata)
    except NOT_UNDERSTOOD as error:
        raise _not_understood(path, str(error)) from None


def _not_understood(path: object, why: str) -> StudyFileError:
    return StudyFileError(
        f"the header of a study file must describe its space and objectives, but that of {path} "
        f"cannot be understood ({why[:MOST_QUOTED]}): it was changed by something else"
    )


def _check_size(space: Mapping[str, Any]) -> None:
    """Raise ValueError for a stored space that would take far more memory than its JSON data."""
    # A few bytes say a list of 10**9 layers, and lists may stand in lists.
    n = _n_coordinates(space)
    if n > MOST_COORDINATES:
        raise ValueError(f"a space must have at most {MOST_COORDINATES} coordinates, but has {n}")


def _n_coordinates(space: Mapping[str, Any]) -> int:
    """Count the coordinates of a space, and those of its layers' own spaces."""
    n = 0
    for _, data in space["parameters"]:
        if "space" in data:
            inner = _n_coordinates(data["space"])
            n += 1 + inner * (1 + max(0, index(data["max_length"])))
        else:
            n += max(1, index(data.get("length", 1)))
    return n


def _is_int(value: Any) -> bool:
    return type(value) is int


def _is_number(value: Any) -> bool:
    # An int of a million digits is finite too, and no float.
    return type(value) in (int, float) and abs(value) < 1e300 and math.isfinite(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_dict(value: Any) -> bool:
    return isinstance(value, dict)


def _is_optimizer(value: Any) -> bool:
    return _is_dict(value) and _is_text(value.get("name")) and _is_dict(value.get("settings"))


def _is_objectives(value: Any) -> bool:
    return (
        isinstance(value, list)
        and 0 < len(value) <= MOST_OBJECTIVES
        and all(isinstance(pair, list) and len(pair) == 2 for pair in value)
    )


def _is_constraints(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= MOST_OBJECTIVES
        and all(isinstance(each, list) and len(each) == 3 for each in value)
        and all(_is_text(name) and _is_number(bound) for name, _, bound in value)
    )


def _is_fidelity(value: Any) -> bool:
    if value is None:
        return True
    if not isinstance(value, list) or len(value) not in (3, 4):
        return False
    return all(map(_is_number, value[:2])) and _is_text(value[2]) and value[3:] in ([], [False])


def _is_configs(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_dict, value))


def _is_learned(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_learned_part, value))


def _is_learned_part(part: Any) -> bool:
    return (
        _is_dict(part)
        and _is_text(part.get("source"))
        and isinstance(part.get("path"), str | None)
        and _is_text(part.get("identity"))
        and isinstance(part.get("trials"), list)
        and all(isinstance(pair, list) and len(pair) == 2 for pair in part["trials"])
        and all(
            _is_dict(config) and isinstance(values, list | None)
            for config, values in part["trials"]
        )
        and _is_dict(part.get("left_out"))
        and all(map(_is_int, part["left_out"].values()))
    )


KINDS: dict[str, tuple[Test, str]] = {
    "format": (_is_int, "a whole number"),
    "hpopt": (_is_text, "text"),
    "python": (_is_text, "text"),
    "created": (_is_number, "a number"),
    "problem": (_is_text, "text"),
    "space": (_is_dict, "a table"),
    "objectives": (_is_objectives, "a list of names and directions"),
    "constraints": (_is_constraints, "a list of names, operators and bounds"),
    "fidelity": (_is_fidelity, "null, or two numbers and a name"),
    "seed": (_is_int, "a whole number"),
    "optimizer": (_is_optimizer, "a table of name and settings"),
    "start": (_is_configs, "a list of tables"),
    "learned": (_is_learned, "a list of what was learned"),
    "trials": (_is_int, "a whole number"),
    "fingerprint": (_is_dict, "a table"),
}
"""Every name that a study uses itself, the test of its value, and what it must be in words."""
