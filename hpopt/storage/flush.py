"""Bring what was written to the disk within a second, without making the writer wait.

SQLite with ``synchronous=NORMAL`` hands each transaction to the operating system, which keeps
it when the process dies, and waits for the disk only now and then. A thread of our own does
that waiting, so that a power cut costs at most the last second.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from pathlib import Path

from hpopt.errors import DiskFullError, StudyError

FULL = (errno.ENOSPC, errno.EDQUOT)

INTERVAL = 0.5
"""Seconds between the first write and its way to the disk; the way itself takes some too."""


class Flusher:
    """A thread that brings a file to the disk soon after `touch`.

    Parameters
    ----------
    path : Path
        The file. No lock may be held on it: it is opened and closed, which frees POSIX locks.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._error: OSError | None = None
        self._dirty, self._closing = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="hpopt-flush", daemon=True)
        self._thread.start()

    def touch(self) -> None:
        """Say that something was written."""
        if not self._dirty.is_set():
            self._dirty.set()

    def check(self) -> None:
        """Raise StudyError, once, when the disk has failed since the last check."""
        if self._error is not None:
            error, self._error = self._error, None
            kind = DiskFullError if error.errno in FULL else StudyError
            raise kind(
                f"what is written must reach the disk, but for {self._path} it reports: {error}; "
                "trials of the last seconds may be lost if the machine stops now: check the disk, "
                "then resume the study"
            )

    def close(self) -> None:
        """End the thread; the last writes are left to the closing of the database."""
        self._closing.set()
        self._dirty.set()
        if self._thread is not threading.current_thread():  # as when collected as garbage
            self._thread.join()

    def _run(self) -> None:
        while True:
            self._dirty.wait()
            if self._closing.wait(INTERVAL):
                return
            self._dirty.clear()
            if self._closing.is_set():  # since just now: then what woke us has been cleared
                return
            try:
                flush(self._path)
            except OSError as error:
                self._error = error


def flush(path: Path) -> None:
    """Wait until a file is on the disk; one that is gone needs no waiting."""
    with contextlib.suppress(FileNotFoundError):
        # Windows flushes only what is open for writing.
        descriptor = os.open(path, os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def flush_folder(path: Path) -> None:
    """Wait until a folder's list of files is on the disk, where folders can be flushed."""
    if os.name == "posix":
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
