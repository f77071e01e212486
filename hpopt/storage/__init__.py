"""Storages: a study's journal of trials, in a file or in memory."""

from __future__ import annotations

import os

from hpopt.errors import SettingError
from hpopt.storage.connection import lacks_log
from hpopt.storage.lock import Writer, writer_of
from hpopt.storage.memory import MemoryStorage
from hpopt.storage.salvage import salvage
from hpopt.storage.sqlite import Mode, SQLiteStorage
from hpopt.storage.storage import Header, Journal, Pending, Storage

__all__ = [
    "Header",
    "Journal",
    "MemoryStorage",
    "Pending",
    "SQLiteStorage",
    "Storage",
    "Writer",
    "lacks_log",
    "open_storage",
    "salvage",
    "writer_of",
]


def open_storage(path: str | os.PathLike[str] | None, mode: Mode = "w") -> Storage:
    """Open the storage of a study.

    Parameters
    ----------
    path : path or None
        The study file; None keeps the study in memory.
    mode : {"w", "r"}
        To write it (it is made where there is none), or only to read it.

    Raises
    ------
    StudyError
        It cannot be opened; see `SQLiteStorage`.
    SettingError
        There is no path to read from.
    """
    if path is not None:
        return SQLiteStorage(path, mode)
    if mode != "w":
        raise SettingError("the path of a study file is wanted to read it, but got None")
    return MemoryStorage()
