"""Save a study whose file is no longer in its place while it is written."""

from __future__ import annotations

import itertools
import sqlite3
from pathlib import Path

from hpopt.errors import StudyError
from hpopt.storage.connection import has_log
from hpopt.storage.open_file import OpenFile

FAILURES = (OSError, sqlite3.Error, StudyError)

WHAT = {"gone": "is no longer there", "replaced": "has been replaced by another file"}


def rescued(file: OpenFile, path: Path) -> tuple[OpenFile, str]:
    """Go on with a study whose file is not in its place any more.

    Parameters
    ----------
    file : OpenFile
        What is open.
    path : Path
        Where the study was when it was opened.

    Returns
    -------
    OpenFile, str
        What is open now, perhaps the same; and what has happened, in a sentence, or "" where
        nothing has.
    """
    found = file.what_became_of_it()
    if file.path is None:
        return _saved_at_last(file, path)
    if found == "":
        return file, ""
    if found == "log":
        return _with_new_log(file)
    moved_to = file.where_now() if found == "moved" else None
    if moved_to is not None:
        said = f"the folder of the study {file.path} has been moved: it goes on in {moved_to}"
        return file.moved(moved_to), said
    what = f"the study file {file.path} {WHAT.get(found, WHAT['gone'])}"
    try:
        saved = file.copied(free_path(path))
    except FAILURES as error:
        return _in_memory(file, f"{what}, and cannot be saved beside it ({error})")
    file.abandon()
    return saved, f"{what}: nothing is lost, the study goes on in {saved.path}"


def free_path(path: Path) -> Path:
    """Return a path beside a study's at which nothing is."""
    for n in itertools.count(1):
        number = "" if n == 1 else f"-{n}"
        free = path.with_name(f"{path.stem}.rescued{number}{path.suffix}")
        if not free.exists() and not has_log(free):
            return free
    raise AssertionError


def _with_new_log(file: OpenFile) -> tuple[OpenFile, str]:
    try:
        new = file.with_new_log()
    except FAILURES:
        return file, ""  # it is tried again
    if new is None:
        return file, ""
    said = f"the log of the study {new.path} was deleted: nothing is lost, it has been made anew"
    return new, said


def _in_memory(file: OpenFile, what: str) -> tuple[OpenFile, str]:
    try:
        new = file.copied_to_memory()
    except FAILURES as error:
        return file, f"{what}: further trials are lost when this process ends ({error})"
    file.abandon()
    return new, f"{what}: it goes on in memory, and ends with this process"


def _saved_at_last(file: OpenFile, path: Path) -> tuple[OpenFile, str]:
    try:
        saved = file.copied(free_path(path))
    except FAILURES:
        return file, ""
    file.abandon()
    return saved, f"the study that was in memory is saved in {saved.path}, and goes on there"
