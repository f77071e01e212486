"""Save what can be read of a damaged study file to a new one."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from hpopt.errors import SettingError, StudyFileError
from hpopt.storage import files
from hpopt.storage.connection import connect
from hpopt.storage.damage import (
    ALL_COLUMNS,
    SQLITE_ERRORS,
    readable_header,
    readable_rows,
    study_error,
)
from hpopt.storage.rows import STATUS, places


def salvage(path: str | os.PathLike[str], to: str | os.PathLike[str]) -> int:
    """Write what can be read of a damaged study to a new study file, which can be resumed.

    Parameters
    ----------
    path : path
        The damaged file. It is only read.
    to : path
        The new file. Nothing may be there.

    Returns
    -------
    int
        The number of finished trials that were saved.

    Raises
    ------
    StudyFileError
        Nothing could be read.
    SettingError
        There is a file at `to`.
    """
    source, target = files.study_path(path), files.study_path(to)
    if target.exists():
        raise SettingError(f"nothing may be where a study is saved to, but there is a {target}")
    header = readable_header(source)
    if header is None:
        raise StudyFileError(
            f"the header of a study must be readable for it to be saved, but that of {source} is "
            "not: go back to a copy"
        )
    files.make_folder(target)
    files.create(target)
    try:
        with closing(connect(target, "mode=rw")) as connection:
            return _fill(connection, header, source)
    except BaseException as error:
        target.unlink()
        if isinstance(error, SQLITE_ERRORS):
            raise study_error(error, target) from None
        raise


def _fill(connection: sqlite3.Connection, header: str, source: Path) -> int:
    n_trials = 0
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO study (id, header) VALUES (1, ?)", (header,))
    for row in readable_rows(source):
        query = f"INSERT OR IGNORE INTO trials ({ALL_COLUMNS}) VALUES ({places(ALL_COLUMNS)})"
        is_new = connection.execute(query, row).rowcount == 1
        n_trials += is_new and row[STATUS] is not None
    connection.execute("COMMIT")
    return n_trials
