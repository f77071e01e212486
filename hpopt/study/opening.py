"""Open a study: begin it in a fresh storage, or go on with what a storage holds."""

from __future__ import annotations

import secrets
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hpopt.core import Optimizer, Problem
from hpopt.errors import StudyFileError, StudyWarning
from hpopt.optimizers import make_optimizer
from hpopt.storage import Header, Storage, open_storage
from hpopt.study import header as headers
from hpopt.study.knowledge import teach


def opened(
    storage: Storage,
    problem: Problem,
    optimizer: Optimizer | None,
    *,
    seed: int | None,
    start: Sequence[Mapping[str, Any]],
    about: Mapping[str, Any] | None,
    path: object,
) -> tuple[Header, Optimizer]:
    """Give the header of a study, which is written where it is new, and the bound optimizer.

    Raises
    ------
    StudyMismatchError, StudyFileError
        See `Study`.

    Warns
    -----
    StudyWarning
        The problem's fingerprint is another one than when the study was last opened.
    """
    header = storage.header()
    if header is None:
        seed = secrets.randbits(32) if seed is None else seed
        used = optimizer or make_optimizer(headers.DEFAULT_OPTIMIZER)
        used.bind(problem, seed=seed, start=start)
        header = headers.make_header(problem, used, seed, used.start, about)
        storage.write_header(header)
        return header, used
    headers.check_header(header, path)
    headers.check_same(header, problem, seed, start, path)
    used = bound(headers.stored_optimizer(header, optimizer, path), problem, header)
    current, changed = headers.with_fingerprint(header, problem)
    current |= headers.checked_extra(about)
    if changed and any(storage.count().values()):
        warnings.warn(other_than_before(path, changed), StudyWarning, stacklevel=_users_level())
    if current != header:
        storage.write_header(current)  # so that it is said once
    return current, used


def _users_level() -> int:
    """Return the level, for the caller's warnings, of the first frame that is not hpopt's."""
    level, frame = 0, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("hpopt."):
        level, frame = level + 1, frame.f_back
    return level + 1


def other_than_before(path: object, changed: Sequence[str]) -> str:
    """Say that a study goes on with something that its space does not show."""
    return (
        f"the study {path} goes on with other {', '.join(changed)}: its trials before and after "
        "this cannot be compared. Use another study file to keep them apart"
    )


def bound(optimizer: Optimizer, problem: Problem, header: Header) -> Optimizer:
    """Bind an optimizer as the study began, and tell it all that came before the first trial."""
    optimizer.bind(problem, seed=header["seed"], start=header.get("start", ()))
    if "trials" in header:
        optimizer.expect(header["trials"])
    teach(optimizer, header.get("learned", ()))
    return optimizer


def bound_again(optimizer: Optimizer, problem: Problem, header: Header) -> Optimizer:
    """Return another optimizer of the same settings, bound as the study began."""
    settings = {name: getattr(optimizer, name) for name in optimizer.argument_names()}
    return bound(type(optimizer)(**settings), problem, header)


def header_of(path: Path) -> Header:
    """Read the header of a study file that is only to be read.

    Raises
    ------
    StudyFileError
        It is no study, or has not begun to be one.
    """
    with open_storage(path, "r") as storage:
        header = storage.header()
    if header is None:
        raise StudyFileError(
            f"a study must have begun to be read, but {path} is still empty: run it again as "
            "it was begun"
        )
    headers.check_header(header, path)
    return header
