"""Open a study: begin it in a fresh storage, or go on with what a storage holds."""

from __future__ import annotations

import functools
import json
import secrets
import shlex
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hpopt.core import (
    Constraint,
    Optimizer,
    Problem,
    constraints_of,
    fingerprint_of,
    is_part_of,
    objectives_of,
    with_constraints,
)
from hpopt.errors import StudyFileError, StudyMismatchError, StudyWarning
from hpopt.optimizers import BY_NAME, make_optimizer
from hpopt.space import Space
from hpopt.space.differences import IS_NEW, prior_differences
from hpopt.storage import Header, Storage, open_storage
from hpopt.study.callers import users_level
from hpopt.study.knowledge import teach
from hpopt.study.metadata import (
    check_metadata,
    checked_extra,
    constraints_in,
    fidelity_as_json,
    make_metadata,
    objectives_in,
    optimizer_as_json,
    space_in,
)
from hpopt.study.record import Record

DEFAULT_OPTIMIZER = "auto"
OTHER_PRIORS = (
    "the study {} goes on with other priors: {}. Its trials count as before, and what is asked "
    "next follows the new ones"
)
LEARN = " that learns from it: learn_from={!r} (--learn-from {} on the command line)"


def begin_or_resume(
    storage: Storage,
    problem: Problem,
    optimizer: Optimizer | None,
    *,
    seed: int | None,
    start: Sequence[Mapping[str, Any]],
    about: Mapping[str, Any] | None,
    path: object,
) -> tuple[Header, Optimizer]:
    """Return a study's metadata, which are written where they are new, and the bound optimizer.

    Raises
    ------
    StudyMismatchError, StudyFileError
        See `Study`.

    Warns
    -----
    StudyWarning
        The problem's fingerprint, or a prior, is another one than when the study was last opened.
    """
    metadata = storage.header()
    if metadata is None:
        seed = secrets.randbits(32) if seed is None else seed
        used = optimizer or make_optimizer(DEFAULT_OPTIMIZER)
        used.bind(problem, seed=seed, start=start)
        metadata = make_metadata(problem, used, seed, used.start, about)
        storage.write_header(metadata)
        return metadata, used
    check_metadata(metadata, path)
    _check_same(metadata, problem, seed, start, path)
    used = bind(_same_optimizer(metadata, optimizer, path), problem, metadata)
    current, changed = _with_fingerprint(metadata, problem)
    current |= checked_extra(about)
    if changed and any(storage.count().values()):
        warnings.warn(other_than_before(path, changed), StudyWarning, stacklevel=users_level())
    current, believed = _with_priors(current, problem)
    if believed and any(storage.count().values()):
        warnings.warn(OTHER_PRIORS.format(path, "; ".join(believed)), StudyWarning, users_level())
    if current != metadata:
        storage.write_header(current)  # so that it is said once
    return current, used


def with_stored_constraints(problem: Problem, storage: Storage, path: object) -> Problem:
    """Return a problem with the constraints of its study, where it has none of its own."""
    metadata = storage.header()
    if metadata is None or constraints_of(problem):
        return problem
    check_metadata(metadata, path)
    stored = constraints_in(metadata)
    return with_constraints(problem, stored) if stored else problem


def other_than_before(path: object, changed: Sequence[str]) -> str:
    """Return the warning for a study that goes on with what its space does not show."""
    return (
        f"the study {path} goes on with other {', '.join(changed)}: its trials before and after "
        "this cannot be compared. Use another study file to keep them apart"
    )


def bind(optimizer: Optimizer, problem: Problem, metadata: Header) -> Optimizer:
    """Bind an optimizer as the study began, and tell it all that came before the first trial."""
    optimizer.bind(problem, seed=metadata["seed"], start=metadata.get("start", ()))
    if "trials" in metadata:
        optimizer.expect(metadata["trials"])
    teach(optimizer, metadata.get("learned", ()))
    return optimizer


def bind_again(optimizer: Optimizer, problem: Problem, metadata: Header) -> Optimizer:
    """Return another optimizer of the same settings, bound as the study began."""
    settings = {name: getattr(optimizer, name) for name in optimizer.argument_names()}
    return bind(type(optimizer)(**settings), problem, metadata)


def read_study(path: Path) -> Record:
    """Return the study of a file, only to be read.

    Raises
    ------
    StudyFileError
        It is no study, or has not begun to be one.
    """
    with open_storage(path, "r") as storage:
        metadata = storage.header()
    if metadata is None:
        raise StudyFileError(
            f"a study must have begun to be read, but {path} is still empty: run it again as "
            "it was begun"
        )
    check_metadata(metadata, path)
    opening = functools.partial(open_storage, path, "r")
    return Record(metadata, objectives_in(metadata), space_in(metadata), opening, path)


# -- is it the study that the file holds? ------------------------------------------------------


def _same_optimizer(
    metadata: Mapping[str, Any], chosen: Optimizer | None, path: object
) -> Optimizer:
    """Return the optimizer that a study goes on with: the one given, or as it is stored.

    Raises
    ------
    StudyMismatchError
        It is not the one that the study began with.
    """
    stored = metadata["optimizer"]
    if chosen is None:
        if stored["name"] not in BY_NAME:
            raise StudyMismatchError(
                f"the study {path} was made with an optimizer of your own, {stored['name']}: "
                "give it again as optimizer="
            )
        return make_optimizer(stored["name"], stored["settings"])
    described = optimizer_as_json(chosen)
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


def _check_same(
    metadata: Mapping[str, Any],
    problem: Problem,
    seed: int | None,
    start: Iterable[Mapping[str, Any]],
    path: object,
) -> None:
    """Raise StudyMismatchError where a study is of another problem, seed or start."""
    document = json.loads(json.dumps(problem.space.to_json()))
    differences = space_in(metadata).differences(space_in({"space": document}))
    hint = _how_to_learn(differences, problem.space, path)
    forbidden, was = _forbidden_in(document), _forbidden_in(metadata["space"])
    if forbidden != was:
        differences.append(f"forbid is {forbidden} but was {was}")
    objectives = [[o.name, o.direction] for o in objectives_of(problem)]
    if objectives != metadata["objectives"]:
        differences.append(f"objectives were {metadata['objectives']} and are {objectives}")
    constraints, bounds = constraints_of(problem), constraints_in(metadata)
    if constraints != bounds:
        differences.append(f"constraints were {_listed(bounds)} and are {_listed(constraints)}")
        hint = hint or LEARN.format(str(path), shlex.quote(str(path)))
    fidelity = fidelity_as_json(problem)
    if fidelity != metadata.get("fidelity"):
        before = _range_of(metadata.get("fidelity"))
        differences.append(f"fidelity was {before} and is {_range_of(fidelity)}")
    if seed is not None and seed != metadata["seed"]:
        differences.append(f"seed was {metadata['seed']} and is {seed}")
    _raise(differences, path, hint)
    _check_start(start, metadata, problem.space, path)


def _listed(constraints: Sequence[Constraint]) -> str:
    return ", ".join(map(str, constraints)) or "none"


def _range_of(fidelity: Sequence[Any] | None) -> str:
    if fidelity is None:
        return "none"
    again = ", each time from the beginning" if len(fidelity) > 3 else ""
    return "{:g} to {:g} {}".format(*fidelity) + again


def _check_start(
    start: Iterable[Mapping[str, Any]], metadata: Mapping[str, Any], space: Space, path: object
) -> None:
    """Raise unless what is given is what the study began with, before it was completed."""
    before = [space.validate(config) for config in metadata.get("start", [])]
    given = [*start]
    if given and not (
        len(given) == len(before)
        and all(is_part_of(*pair, space) for pair in zip(given, before, strict=True))
    ):
        _raise([f"start is {given} but was {before}"], path)


def _with_fingerprint(
    metadata: Mapping[str, Any], problem: Problem
) -> tuple[dict[str, Any], list[str]]:
    """Return metadata with a problem's fingerprint, and the names under which it has changed."""
    found = fingerprint_of(problem)
    before = metadata.get("fingerprint", {})
    # Only names that both know are compared: a file of an older version lacks some, or all.
    changed = [name for name, text in found.items() if before.get(name, text) != text]
    return {**metadata, "fingerprint": {**before, **found}}, changed


def _with_priors(metadata: Mapping[str, Any], problem: Problem) -> tuple[dict[str, Any], list[str]]:
    """Return metadata with a problem's priors, and how they differ from what they were."""
    document = json.loads(json.dumps(problem.space.to_json()))
    differing = prior_differences(space_in(metadata), space_in({"space": document}))
    return {**metadata, **({"space": document} if differing else {})}, differing


def _forbidden_in(space: Mapping[str, Any], place: str = "the space") -> dict[str, Any]:
    """Return what a stored space and its lists of layers forbid, by their names."""
    found = {place: space["forbid"]} if space.get("forbid") else {}
    for name, data in space["parameters"]:
        if "space" in data:
            found |= _forbidden_in(data["space"], name)
    return found


def _how_to_learn(differences: Sequence[str], space: Space, path: object) -> str:
    """Return how a changed space goes on with what the study has found; empty where it is same."""
    if not differences:
        return ""
    new = [said.removesuffix(IS_NEW) for said in differences if said.endswith(IS_NEW)]
    lacking = [name for name in new if not _has_default(name, space)]
    needs = f"; give {', '.join(lacking)} a default= for that" if lacking else ""
    return LEARN.format(str(path), shlex.quote(str(path))) + needs


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


def _raise(differences: Sequence[str], path: object, hint: str = "") -> None:
    if differences:
        raise StudyMismatchError(
            f"the study {path} can only go on as it began, but "
            + "; ".join(differences)
            + f". Use what it began with, or another study file{hint}"
        )
