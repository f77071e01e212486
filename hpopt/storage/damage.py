"""What SQLite found, in the user's words: no study, damage, a full disk, a lock."""

from __future__ import annotations

import codecs
import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hpopt.errors import DiskFullError, StudyError, StudyFileError
from hpopt.storage.connection import (
    SPARE_BYTES,
    connect_with_limits,
    has_log,
    lacks_log,
    log_path,
    n_bytes_of,
    read_all_columns,
)
from hpopt.storage.rows import (
    APPLICATION_ID,
    OUTCOME_COLUMNS,
    SOLUTION_COLUMNS,
    STATUS,
    length_of_row,
    solution_of_row,
    trial_of_row,
)
from hpopt.terminal import printable

ALL_COLUMNS = f"{SOLUTION_COLUMNS}, {OUTCOME_COLUMNS}, told, asked_after, output"
SQLITE_ERRORS = (sqlite3.Error, UnicodeDecodeError)
"""What reading a damaged file may raise: also its error messages may be damaged."""

MOST_GAPS = 1000
"""Unreadable places after which the search for readable rows ends."""


def study_error(error: Exception, path: Path) -> StudyError:
    """Make the error for the user of one of SQLITE_ERRORS."""
    text = str(error)
    if "closed database" in text:
        return StudyError(f"a study must be open, but {path} has been closed: open it again")
    if "is full" in text or "disk I/O error" in text:
        return DiskFullError(
            f"a study needs a disk with room, but {path} could not be written ({text}): no trial "
            "that was written before is lost; make room, then resume the study"
        )
    if "lock" in text:
        return StudyError(
            f"a study is written by hpopt alone, but another program has locked {path}: end "
            "its transaction, then resume the study"
        )
    if "readonly" in text or "unable to open" in text or "WAL is not possible" in text:
        return StudyError(_not_accessible(text, path))
    if "not a database" in text:
        return not_a_study(path, describe(path))
    if text == "interrupted":
        return damaged(path, "to read it takes more steps than a whole file of its size could")
    return damaged(path, printable(text))


def _not_accessible(text: str, path: Path) -> str:
    if not path.exists():
        return f"a study file must stay where it is, but there is no {path} now: bring it back"
    if has_log(path):
        return (
            f"a study with a log beside it ({path.name}-wal) needs a folder that can be written, "
            f"but {path.parent} cannot ({text}): copy both files to one that can"
        )
    return (
        f"a study file must lie on a disk of this machine and be open to this user, but {path} "
        f"cannot be used ({text}): check its permissions, and those of its folder"
    )


def not_a_study(path: Path, found: str) -> StudyFileError:
    """Make the error for a path that is no study file."""
    return StudyFileError(
        f"a study file is wanted, but {path} is {found}: check the path; a new study "
        "needs one where nothing is"
    )


def how_it_lacks_its_log(path: Path) -> str:
    """Return in words that a file is a copy without its log."""
    return f"it was copied while it was written, without its log {log_path(path).name}"


def without_log(path: Path) -> StudyFileError:
    """Make the error for a copy of a study whose trials are all in a log that is not there."""
    return StudyFileError(
        f"a study file that is being written must be copied with its log, but {path} has no trial "
        f"yet, and {how_it_lacks_its_log(path)}: copy both files, or the study when the run has "
        "ended; SQLite's .backup and hpopt export copy one that runs"
    )


def altered(path: Path, what: str) -> StudyFileError:
    """Make the error for a study file whose tables are not those that hpopt makes."""
    return StudyFileError(
        f"a study file must have the tables that hpopt makes, but in {path} {what}: something "
        "else has changed it; go back to a copy"
    )


def damaged(path: Path, what: str) -> StudyFileError:
    """Make the error for a damaged study file, with what is left of it."""
    if not _is_marked(path):
        return not_a_study(path, f"a damaged SQLite database ({what})")
    if lacks_log(path):
        what = f"{what}, perhaps as {how_it_lacks_its_log(path)}"
    n_readable = sum(1 for row in readable_rows(path) if row[STATUS] is not None)
    if n_readable == 0:
        todo = "go back to a copy, or start a new study"
    else:
        todo = f"save them to a new study with hpopt.storage.salvage({str(path)!r}, 'saved.db')"
    return StudyFileError(
        f"a study file must be whole, but {path} is damaged ({what}), and {n_readable} of its "
        f"trials can still be read: keep a copy of it as it is, then {todo}"
    )


def describe(path: Path) -> str:
    """Return in words what kind of file this is, which SQLite says is no database."""
    with path.open("rb") as file:
        head = file.read(1024)
    if head.startswith(b"SQLite format 3\0"):
        return "a damaged SQLite database"
    with contextlib.suppress(UnicodeDecodeError):
        # Unlike bytes.decode, this allows that the last character is cut.
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
        if all(character.isprintable() or character.isspace() for character in text):
            return f"a text file, which begins with {text[:30]!r}"
    return f"a file of another kind, which begins with {head[:8]!r}"


def readable_rows(path: Path) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a damaged study that can be read: ALL_COLUMNS.

    From each damage on, numbers further and further ahead are tried; from the first that can be
    read it goes back to the damage, and then on.
    """
    # What is read of a file is no longer than the file, unless the same pages come again.
    left = n_bytes_of(path) + SPARE_BYTES
    for row in _readable_rows(path):
        left -= length_of_row(row)
        if left < 0:
            return
        if _is_sound(row):
            yield row


def _readable_rows(path: Path) -> Iterator[tuple[Any, ...]]:
    with contextlib.suppress(*SQLITE_ERRORS), _lenient_connection(path) as connection:
        first: int = 0
        for _ in range(MOST_GAPS):
            last = first - 1
            for row in _rows_until_damage(connection, "number >= ? ORDER BY number", first):
                last = max(last, row[0])
                yield row
            gap = last + 1
            following = _next_readable(connection, gap)
            if following is None:
                return
            first = following
            which = "number >= ? AND number < ? ORDER BY number DESC"
            yield from _rows_until_damage(connection, which, gap, first)


def _rows_until_damage(
    connection: sqlite3.Connection, which: str, *numbers: int
) -> Iterator[tuple[Any, ...]]:
    with contextlib.suppress(*SQLITE_ERRORS, OverflowError):
        query = f"SELECT {ALL_COLUMNS} FROM trials WHERE {which}"
        yield from connection.execute(query, numbers)


def _next_readable(connection: sqlite3.Connection, gap: int) -> int | None:
    # 2^39 is beyond any number of trials; doubling finds the end of a gap in a few steps.
    for power in range(40):
        with contextlib.suppress(*SQLITE_ERRORS, OverflowError):
            number = gap + 2**power
            query = "SELECT number FROM trials WHERE number >= ? LIMIT 1"
            return number if connection.execute(query, (number,)).fetchone() else None
    return None


def readable_header(path: Path) -> str | None:
    """Return the header of a damaged study, if it can be read."""
    with contextlib.suppress(*SQLITE_ERRORS), _lenient_connection(path) as connection:
        row = connection.execute("SELECT header FROM study").fetchone()
        return row[0] if row and isinstance(row[0], str) else None
    return None


def _is_marked(path: Path) -> bool:
    with contextlib.suppress(*SQLITE_ERRORS), _lenient_connection(path) as connection:
        return bool(connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,))
    return False


@contextlib.contextmanager
def _lenient_connection(path: Path) -> Iterator[sqlite3.Connection]:
    connection = connect_with_limits(path, "mode=ro" if has_log(path) else "mode=ro&immutable=1")
    try:
        connection.execute("PRAGMA writable_schema = ON")  # lets it read a file that is too short
        read_all_columns(connection)
        yield connection
    finally:
        connection.close()


def _is_sound(row: tuple[Any, ...]) -> bool:
    try:
        solution_of_row(row[:STATUS]) if row[STATUS] is None else trial_of_row(row)
    except StudyFileError:
        return False
    return True
