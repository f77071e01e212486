"""A study's path: what may be there, how a new file is made, and what is found instead."""

from __future__ import annotations

import contextlib
import functools
import os
import sqlite3
import stat
from pathlib import Path
from typing import Any

from hpopt.checks import expanded
from hpopt.errors import SettingError, StudyError, StudyFileError
from hpopt.storage.connection import connect_to_read, has_log, log_path
from hpopt.storage.damage import (
    SQLITE_ERRORS,
    altered,
    damaged,
    not_a_study,
    study_error,
    without_log,
)
from hpopt.storage.open_file import flush, flush_folder
from hpopt.storage.rows import ADDED, APPLICATION_ID, SCHEMA, SCHEMA_VERSION
from hpopt.terminal import printable

Columns = dict[str, tuple[Any, ...]]


def study_path(path: str | os.PathLike[str]) -> Path:
    """Return the one absolute path, without links, of a study file; or raise SettingError."""
    text = os.fspath(path)
    if not isinstance(text, str) or not text or "://" in text or text == ":memory:":
        raise SettingError(
            "a study's path must be that of a file, as 'study.db', or None to keep it in "
            f"memory, but got {text!r}"
        )
    return Path(os.path.realpath(expanded(text)))


def make_folder(path: Path) -> None:
    """Make the folder of a study file; raise StudyFileError where it cannot be made."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StudyFileError(
            f"a study needs a folder, but {path.parent} cannot be made ({error.strerror}): "
            "choose another path"
        ) from None


def create(path: Path) -> None:
    """Make an empty study file: it is there whole or not at all, also after a power cut."""
    if has_log(path):
        raise StudyFileError(
            f"a new study must not lie beside the log of another, but {path} is missing and "
            f"{log_path(path).name} is there, with the last trials of the one it belongs to: "
            "bring that study back beside it, or delete it too"
        )
    draft = path.with_name(path.name + "-new")
    try:
        _write_schema(draft)
        flush(draft)
        draft.replace(path)
        flush_folder(path.parent)
    except SQLITE_ERRORS as error:
        raise study_error(error, path) from None
    except OSError as error:
        raise StudyError(
            f"a new study must be made as a file, but {path} cannot be ({error.strerror}): "
            "check the permissions of the folder, or choose another path"
        ) from None
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)


def _write_schema(draft: Path) -> None:
    draft.unlink(missing_ok=True)
    connection = sqlite3.connect(draft, isolation_level=None)
    try:
        connection.execute("PRAGMA synchronous = OFF")
        connection.executescript(SCHEMA)
    finally:
        connection.close()


def examine(path: Path, *, is_alone: bool) -> None:
    """Raise StudyFileError unless there is a study file that this hpopt understands.

    `is_alone` is whether it lacked its log (`lacks_log`) before anybody opened it.
    """
    _examine_kind(path)
    try:
        with contextlib.closing(connect_to_read(path, is_alone=is_alone)) as connection:
            (mark,) = connection.execute("PRAGMA application_id").fetchone()
            (page,) = connection.execute("PRAGMA page_size").fetchone()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            fault = _fault_of_tables(connection) if mark == APPLICATION_ID else _tables(connection)
            is_empty = mark == APPLICATION_ID and not fault and _is_empty(connection)
    except SQLITE_ERRORS as error:
        raise study_error(error, path) from None
    if mark != APPLICATION_ID:
        raise not_a_study(path, f"another SQLite database (its tables: {fault})")
    if version > SCHEMA_VERSION:
        raise StudyFileError(
            f"a study file must be of a version that this hpopt knows, up to {SCHEMA_VERSION}, but "
            f"{path} is of version {version}: upgrade hpopt"
        )
    if fault:
        raise altered(path, fault)
    if is_empty and is_alone:
        raise without_log(path)
    if path.stat().st_size % page and not has_log(path):
        raise damaged(path, "its end is missing")  # SQLite would take the rest for zeros


def _is_empty(connection: sqlite3.Connection) -> bool:
    query = "SELECT EXISTS (SELECT 1 FROM study) OR EXISTS (SELECT 1 FROM trials)"
    return bool(connection.execute(query).fetchone() == (0,))


def _tables(connection: sqlite3.Connection) -> str:
    query = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name LIMIT 5"
    names = [str(name) for (name,) in connection.execute(query)]
    return printable(", ".join(names)) or "none"


def _examine_kind(path: Path) -> None:
    try:
        status = path.stat()
    except FileNotFoundError:
        raise StudyFileError(
            f"a study file must exist to be read, but there is no {path}: check the path"
        ) from None
    except OSError as error:
        raise StudyFileError(
            f"a study file must be accessible, but {path} is not ({error.strerror}): check the path"
        ) from None
    if stat.S_ISDIR(status.st_mode):
        raise not_a_study(path, "a folder")
    if not stat.S_ISREG(status.st_mode):
        raise not_a_study(path, "no plain file")
    if status.st_size == 0:
        raise not_a_study(path, "an empty file")


def _fault_of_tables(connection: sqlite3.Connection) -> str:
    """Return in which way the tables are not the plain ones of a study; empty where they are.

    A view, a generated column or a virtual table can give any number of rows and values of any
    length out of a small file; keys can stand in any order without a rowid; a trigger writes more
    than it is asked to.
    """
    query = "SELECT type, name, tbl_name, sql FROM main.sqlite_master"
    found = [tuple(map(str, row)) for row in connection.execute(query)]
    by_name = {name.lower(): (kind, sql) for kind, name, _, sql in found}
    for kind, name, table, _ in found:
        if kind == "trigger" or (kind == "index" and table.lower() in _expected()):
            return f"there is the {kind} {name!r}, which hpopt does not make"
    for table, columns in _expected().items():
        kind, sql = by_name.get(table, ("", ""))
        if not kind:
            return f"the table {table} is missing"
        words = sql.upper().split(None, 2)[:2]
        # That the number is the rowid shows in that no index was made for it.
        has_index = connection.execute(f"PRAGMA main.index_list({table})").fetchone()
        if kind != "table" or words != ["CREATE", "TABLE"] or has_index:
            return f"{table} is not a plain table"
        fault = _faulty_column(_columns(connection, table), columns)
        if fault:
            return f"the column {fault!r} of the table {table} is not as hpopt makes it"
    return ""


def _faulty_column(found: Columns, expected: Columns) -> str:
    for name in [*expected, *found]:
        here = found.get(name)
        if here is None and name in ADDED:
            continue
        is_ours = here == expected[name] if name in expected else here and here[-1] == 0
        if not is_ours:
            return name
    return ""


def _columns(connection: sqlite3.Connection, table: str) -> Columns:
    # Of each column its type, whether it may be NULL, its default, key and way of generation.
    rows = connection.execute(f"PRAGMA main.table_xinfo({table})")
    return {str(name): tuple(rest) for _, name, *rest in rows}


@functools.cache
def _expected() -> dict[str, Columns]:
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(SCHEMA)
        return {table: _columns(connection, table) for table in ("study", "trials")}
