"""What a study file says of the study it holds, and how another one differs from it."""

from __future__ import annotations

import json
import platform
import shlex
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from hpopt._version import __version__
from hpopt.core import (
    Objective,
    Optimizer,
    Problem,
    fingerprint_of,
    is_part_of,
    normalised_objectives,
    objectives_of,
)
from hpopt.errors import HpoptError, SettingError, StudyFileError, StudyMismatchError
from hpopt.optimizers import BY_NAME, make_optimizer
from hpopt.space import Space
from hpopt.space.differences import IS_NEW
from hpopt.study import header_form

FORMAT = 1
NEEDED = ("format", "space", "objectives", "seed", "optimizer")
OWN = {
    "format",
    "hpopt",
    "python",
    "created",
    "problem",
    "fidelity",
    "fingerprint",
    "start",
    "learned",
    "trials",
    *NEEDED,
}
DEFAULT_OPTIMIZER = "auto"

NOT_UNDERSTOOD = (
    HpoptError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)
"""What JSON data that describe no space make its constructors raise."""

MOST_QUOTED = 500
"""Characters of an error, which may quote all of a header."""


def make_header(
    problem: Problem,
    optimizer: Optimizer,
    seed: int,
    start: Sequence[Mapping[str, Any]],
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Describe a new study as JSON data."""
    header = {
        "format": FORMAT,
        "hpopt": __version__,
        "python": platform.python_version(),
        "created": time.time(),
        "problem": f"{type(problem).__module__}.{type(problem).__qualname__}",
        "space": problem.space.to_json(),
        "objectives": [[o.name, o.direction] for o in objectives_of(problem)],
        "fidelity": _fidelity(problem),
        "fingerprint": fingerprint_of(problem),
        "seed": seed,
        "optimizer": describe(optimizer),
        "start": [dict(config) for config in start],
    }
    return header | checked_extra(extra)


def checked_extra(extra: Mapping[str, Any] | None) -> dict[str, Any]:
    """Give what a user adds to a header.

    Raises
    ------
    SettingError
        It would take the place of what the header says itself.
    """
    found = dict(extra or {})
    taken = sorted(OWN & found.keys())
    if taken:
        raise SettingError(f"about must not use the names of the header itself, but has {taken}")
    return found


def describe(optimizer: Optimizer) -> dict[str, Any]:
    """Give an optimizer's name and settings as JSON data."""
    name = optimizer.name or f"{type(optimizer).__module__}.{type(optimizer).__qualname__}"
    return {"name": name, "settings": optimizer.settings()}


def objectives_in(header: Mapping[str, Any]) -> tuple[Objective, ...]:
    """Read the objectives of a stored study."""
    return tuple(Objective(name, direction) for name, direction in header["objectives"])


def space_in(header: Mapping[str, Any]) -> Space:
    """Read the space of a stored study, without what it forbids: enough to read its configs."""
    with np.errstate(all="ignore"):
        return Space.from_json(_permissive(header["space"]), forbid=())


def check_header(header: Mapping[str, Any], path: object) -> None:
    """Raise StudyFileError where a header is not one that this version can read."""
    missing = [key for key in NEEDED if key not in header]
    if missing:
        raise StudyFileError(
            f"a study file must hold a study's header, but {path} has one without {missing}: "
            "it was written by something else"
        )
    wrong = header_form.what_is_wrong(header)
    if wrong:
        raise _not_understood(path, wrong)
    if header["format"] != FORMAT:
        raise StudyFileError(
            f"this version of hpopt reads study files of format {FORMAT}, but {path} has format "
            f"{header['format']} (written by hpopt {header.get('hpopt')}): upgrade hpopt"
        )
    try:
        normalised_objectives(objectives_in(header))
        header_form.check_size(header["space"])
        space_in(header)
    except NOT_UNDERSTOOD as error:
        raise _not_understood(path, str(error)) from None


def _not_understood(path: object, why: str) -> StudyFileError:
    return StudyFileError(
        f"the header of a study file must describe its space and objectives, but that of {path} "
        f"cannot be understood ({why[:MOST_QUOTED]}): it was changed by something else"
    )


def stored_optimizer(
    header: Mapping[str, Any], optimizer: str | Optimizer | None, path: object
) -> Optimizer:
    """Give the optimizer that a study goes on with.

    Parameters
    ----------
    header : mapping
    optimizer : str, Optimizer or None
        What the user asked for; None takes the stored one.

    Raises
    ------
    StudyMismatchError
        It is not the one that the study began with.
    """
    stored = header["optimizer"]
    if optimizer is None:
        if stored["name"] not in BY_NAME:
            raise StudyMismatchError(
                f"the study {path} was made with an optimizer of your own, {stored['name']}: "
                "give it again as optimizer="
            )
        return make_optimizer(stored["name"], stored["settings"])
    chosen = make_optimizer(optimizer)
    described = describe(chosen)
    differences = []
    if described["name"] != stored["name"]:
        differences.append(f"optimizer was {stored['name']!r} and is {described['name']!r}")
    else:
        was = stored["settings"]
        differences += [
            f"{name} of the optimizer was {was.get(name)!r} and is {value!r}"
            for name, value in described["settings"].items()
            if was.get(name) != value
        ]
    _raise(differences, path)
    return chosen


def check_same(
    header: Mapping[str, Any],
    problem: Problem,
    seed: int | None,
    start: Iterable[Mapping[str, Any]],
    path: object,
) -> None:
    """Raise StudyMismatchError where a study is of another problem, seed or start."""
    document = json.loads(json.dumps(problem.space.to_json()))
    differences = space_in(header).differences(space_in({"space": document}))
    anew = _anew(differences, problem.space, path)
    forbidden, was = _forbidden(document), _forbidden(header["space"])
    if forbidden != was:
        differences.append(f"forbid is {forbidden} but was {was}")
    objectives = [[o.name, o.direction] for o in objectives_of(problem)]
    if objectives != header["objectives"]:
        differences.append(f"objectives were {header['objectives']} and are {objectives}")
    if _fidelity(problem) != header.get("fidelity"):
        differences.append(f"fidelity was {header.get('fidelity')} and is {_fidelity(problem)}")
    if seed is not None and seed != header["seed"]:
        differences.append(f"seed was {header['seed']} and is {seed}")
    _raise(differences, path, anew)
    _check_start(start, header, problem.space, path)


def _check_start(
    start: Iterable[Mapping[str, Any]], header: Mapping[str, Any], space: Space, path: object
) -> None:
    """Raise unless what is given is what the study began with, before it was completed."""
    before = [space.validate(config) for config in header.get("start", [])]
    given = [*start]
    if given and not (
        len(given) == len(before)
        and all(is_part_of(*pair, space) for pair in zip(given, before, strict=True))
    ):
        _raise([f"start is {given} but was {before}"], path)


def with_fingerprint(
    header: Mapping[str, Any], problem: Problem
) -> tuple[dict[str, Any], list[str]]:
    """Return a header that has a problem's fingerprint, and the names under which it has changed.

    Only names that both know are compared: a file of an older version lacks some, or all.
    """
    found = fingerprint_of(problem)
    stored = header.get("fingerprint")
    before = stored if isinstance(stored, Mapping) else {}
    changed = [name for name, text in found.items() if before.get(name, text) != text]
    return {**header, "fingerprint": {**before, **found}}, changed


def _permissive(space: Mapping[str, Any]) -> dict[str, Any]:
    """Give a stored space without what it and its lists of layers forbid: functions, perhaps."""
    parameters = [
        [name, {**data, "space": _permissive(data["space"])} if "space" in data else data]
        for name, data in space["parameters"]
    ]
    return {"parameters": parameters}


def _forbidden(space: Mapping[str, Any], place: str = "the space") -> dict[str, Any]:
    """Give what a stored space and its lists of layers forbid, by their names."""
    found = {place: space["forbid"]} if space.get("forbid") else {}
    for name, data in space["parameters"]:
        if "space" in data:
            found |= _forbidden(data["space"], name)
    return found


def _anew(differences: Sequence[str], space: Space, path: object) -> str:
    """Say how a changed space goes on with what the study has found; empty where it is the same."""
    if not differences:
        return ""
    new = [said.removesuffix(IS_NEW) for said in differences if said.endswith(IS_NEW)]
    lacking = [name for name in new if not _has_default(name, space)]
    needs = f"; give {', '.join(lacking)} a default= for that" if lacking else ""
    return (
        f" that learns from it: learn_from={str(path)!r} (--learn-from {shlex.quote(str(path))} "
        f"on the command line){needs}"
    )


def _has_default(name: str, space: Space) -> bool:
    """Return whether a parameter has a default; "layers.kernel" is a field of a list's layers."""
    if name in space:
        return space[name].default is not None
    layers = ((each, getattr(parameter, "layer", None)) for each, parameter in space.items())
    return any(
        name.startswith(f"{each}.") and _has_default(name.removeprefix(f"{each}."), layer)
        for each, layer in layers
        if isinstance(layer, Space)
    )


def _raise(differences: Sequence[str], path: object, anew: str = "") -> None:
    if differences:
        raise StudyMismatchError(
            f"the study {path} can only go on as it began, but "
            + "; ".join(differences)
            + f". Use what it began with, or another study file{anew}"
        )


def _fidelity(problem: Problem) -> list[Any] | None:
    fidelity = problem.fidelity
    return [fidelity.low, fidelity.high, fidelity.name] if fidelity is not None else None
