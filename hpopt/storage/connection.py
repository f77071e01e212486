"""Open a study file with SQLite: to write it, or to read it, also while it is written.

The writer keeps it in WAL mode, where readers and the writer never wait for one another, and
gives it back as one plain file (``journal_mode=DELETE``). Readers open it read-only for one
operation at a time: nothing of theirs stays behind, nor keeps the writer from tidying up.
"""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
import sys
import time
from pathlib import Path

from hpopt.storage.rows import ADDED

TIMEOUT = 10.0
"""Seconds to wait where somebody else, such as the sqlite3 shell, has locked the file."""

PAUSE_SECONDS = 0.01  # a reader holds the file for milliseconds

WAL_PAGES = 4000
"""Pages in the write-ahead log after which they move to the file: some 4 MB."""

WAL_BYTES = 16 * 2**20
"""Length to which the log is cut after a long reader made it grow."""

OPERATIONS, OPERATIONS_A_BYTE = 10**7, 4
"""Of SQLite's virtual machine: what a statement may take, and more for each byte of the file.
To count the trials takes some 40 for each row, of at least 30 bytes."""

OPERATIONS_AT_ONCE = 10**5  # between two looks at that limit: a millisecond

WAL_MARK = b"\x02\x02"
"""What a file that is written with a log says: https://www.sqlite.org/fileformat.html#vnums"""

SPARE_BYTES = 2**20
"""How much longer than the file a value may be: a file may grow while it is read."""


def connect(path: Path, options: str) -> sqlite3.Connection:
    """Open an existing file, without transactions that begin by themselves."""
    connection = sqlite3.connect(
        f"{path.as_uri()}?{options}",
        uri=True,
        timeout=TIMEOUT,
        isolation_level=None,
        check_same_thread=False,
    )
    # The file may be somebody else's: nothing that its schema says may call functions.
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def connect_with_limits(path: Path, options: str) -> sqlite3.Connection:
    """Open a file that anybody may have made, to read it once.

    What takes more work or memory than a whole file of this size could is an error of SQLite's:
    in damaged and hostile ones, pages may be entered again and again.
    """
    connection = connect(path, options)
    n_bytes = n_bytes_of(path)
    most = (OPERATIONS + OPERATIONS_A_BYTE * n_bytes) // OPERATIONS_AT_ONCE
    n_calls = itertools.count()
    connection.set_progress_handler(lambda: next(n_calls) >= most, OPERATIONS_AT_ONCE)
    if sys.version_info >= (3, 11):
        longest = min(n_bytes + SPARE_BYTES, 2**31 - 1)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, longest)
        connection.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, 10**5)
    connection.execute("PRAGMA cell_size_check = ON")
    return connection


def n_bytes_of(path: Path) -> int:
    """Return the size of a study file, its log included; 0 where it is gone."""
    n_bytes = 0
    for each in (path, log_path(path)):
        with contextlib.suppress(OSError):
            n_bytes += each.stat().st_size
    return n_bytes


def connect_to_read(path: Path, *, is_alone: bool | None = None) -> sqlite3.Connection:
    """Open a study file for reading, also in a folder where nothing can be written.

    `is_alone` is whether it `lacks_log`.
    """
    is_alone = lacks_log(path) if is_alone is None else is_alone
    # Alone, nobody writes it, and SQLite would leave an empty log there.
    connection = connect_with_limits(path, "mode=ro&immutable=1" if is_alone else "mode=ro")
    try:
        read_all_columns(connection)
        return connection
    except sqlite3.OperationalError as error:
        connection.close()
        # Reading beside a log needs a file for the readers' locks. Without a log nobody is
        # writing, and nobody can: so the file may be read as one that never changes.
        if has_log(path) or not ("unable to open" in str(error) or "readonly" in str(error)):
            raise
    except BaseException:
        connection.close()
        raise
    connection = connect_with_limits(path, "mode=ro&immutable=1")
    try:
        read_all_columns(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def connect_to_write(path: Path) -> sqlite3.Connection:
    """Open a study file for writing; the caller holds its lock."""
    connection = connect(path, "mode=rw")
    try:
        mode = _set_journal_mode(connection, "WAL", patience=TIMEOUT)
        if mode != "wal":
            raise sqlite3.OperationalError(f"WAL is not possible here, only {mode}")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA secure_delete = OFF")
        for name in _lacking(connection):
            connection.execute(f"ALTER TABLE trials ADD COLUMN {name} {ADDED[name]}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
    except BaseException:
        connection.close()
        raise
    return connection


def close_writer(connection: sqlite3.Connection) -> None:
    """Close the writer's connection and leave one plain file, if no reader is just reading.

    Otherwise, and when the disk is full, the log stays beside it, with nothing lost: the next
    writer tidies up.
    """
    with contextlib.suppress(sqlite3.Error):
        _set_journal_mode(connection, "DELETE", patience=1.0)
    connection.close()


def has_log(path: Path) -> bool:
    """Whether a write-ahead log with something in it lies beside the file."""
    try:
        return log_path(path).stat().st_size > 0
    except OSError:
        return False


def lacks_log(path: Path) -> bool:
    """Whether a file was written with a log beside it that is not there: a copy without it.

    So is a file that another SQLite program has closed, and nothing is missing in that.
    """
    beside = [path.with_name(path.name + ending) for ending in ("-wal", "-shm", "-lock")]
    if not path.is_file() or any(each.exists() for each in beside):  # a pipe may never open
        return False
    try:
        # To close a file frees the locks of this process on it: here it has none as a writer.
        with path.open("rb") as file:
            return file.read(20)[18:] == WAL_MARK
    except OSError:
        return False


def log_path(path: Path) -> Path:
    """Return the path of a study's write-ahead log."""
    return path.with_name(path.name + "-wal")


def read_all_columns(connection: sqlite3.Connection) -> None:
    """Let a reader see all columns also in a file of an earlier version.

    The view is the connection's own and kept in memory. A writer may add the columns meanwhile:
    then its own columns come before the view's.
    """
    lacking = _lacking(connection)
    if lacking:
        nothing = ", ".join(f"NULL AS {name}" for name in lacking)
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute(f"CREATE TEMP VIEW trials AS SELECT *, {nothing} FROM main.trials")


def _lacking(connection: sqlite3.Connection) -> list[str]:
    names = [name for _, name, *_ in connection.execute("PRAGMA main.table_info(trials)")]
    return [name for name in ADDED if name not in names] if names else []


def _set_journal_mode(connection: sqlite3.Connection, mode: str, patience: float) -> str:
    # SQLite itself does not wait for readers here, as it does elsewhere for TIMEOUT.
    deadline = time.monotonic() + patience
    while True:
        try:
            (found,) = connection.execute(f"PRAGMA journal_mode = {mode}").fetchone()
            return str(found)
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
        time.sleep(PAUSE_SECONDS)
