"""The file that a writer has open: its connection, lock, way to the disk, and place.

SQLite with ``synchronous=NORMAL`` hands each transaction to the operating system, which keeps
it when the process dies, and waits for the disk only now and then. A thread of our own does
that waiting, so that a power cut costs at most the last second, and the writer never waits.

A file that is deleted or replaced while it is open goes on without a name: what is written to it
is lost with the process. On POSIX it can still be read through the open connection, so a copy can
be saved beside it. (Windows does not let an open file be deleted.)
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hpopt.errors import DiskFullError, StudyError
from hpopt.storage.connection import close_writer, connect_to_write, log_path
from hpopt.storage.lock import Inode, WriterLock, inode_at

FULL = (errno.ENOSPC, errno.EDQUOT)

FLUSH_SECONDS = 0.5
"""Between the first write and its way to the disk, which may take as long itself."""


@dataclass
class OpenFile:
    """What the writer of a study holds.

    Attributes
    ----------
    path : Path or None
        Where the study is; None where it is in memory.
    connection : sqlite3.Connection
    lock : WriterLock or None
    flusher : Flusher or None
    n_names : int
        How many hard links the file has.
    """

    path: Path | None
    connection: sqlite3.Connection
    lock: WriterLock | None = None
    flusher: Flusher | None = None
    n_names: int = 1
    _known: dict[Path, Inode] = field(default_factory=dict)
    _owner: int = field(default_factory=os.getpid)

    @classmethod
    def of(cls, path: Path, lock: WriterLock) -> OpenFile:
        """Open a study file that is there, and whose lock is held."""
        opened = cls(path, connect_to_write(path), lock)
        try:
            # Now the log is there too, which the connection makes when it first reads.
            opened.connection.execute("SELECT 1 FROM study").fetchone()
        except BaseException:
            opened.connection.close()
            raise
        opened.flusher = Flusher(log_path(path))
        opened._known = {each: inode for each in _all_of(path) if (inode := inode_at(each))}
        return opened

    def what_became_of_it(self) -> str:
        """Return "" where all is in its place, else "gone", "moved", "replaced", or "log"."""
        if self.path is None:
            return ""
        try:
            status = self.path.stat()
        except OSError:
            return "moved" if self.where_now() else "gone"
        self.n_names = status.st_nlink
        if (status.st_dev, status.st_ino) != self._known.get(self.path):
            return "replaced"
        return "" if all(inode_at(each) == self._known[each] for each in self._known) else "log"

    def where_now(self) -> Path | None:
        """Find the file where its whole folder was moved to, as far as the system tells."""
        if self.path is None:
            return None
        inodes = [self._known.get(each) for each in _all_of(self.path)]
        for path in _paths_of_open_files(inodes[0]):
            if [inode_at(each) for each in _all_of(path)] == inodes:
                return path
        return None

    def touch(self) -> None:
        """Have what was written brought to the disk soon."""
        if self.flusher is not None:
            self.flusher.touch()

    def check(self) -> None:
        """Raise StudyError where the disk has failed."""
        if self.flusher is not None:
            self.flusher.check()

    def with_new_log(self) -> OpenFile | None:
        """Open it again, so that its log is beside it; None while a reader keeps it from that."""
        row = self.connection.execute("PRAGMA wal_checkpoint(FULL)").fetchone()
        if row[0] or row[1] != row[2] or self.path is None or self.lock is None:
            return None
        self._end_flusher()
        self.connection.close()
        return OpenFile.of(self.path, self.lock)

    def copied(self, path: Path) -> OpenFile:
        """Save all of it to a new file, and open that.

        Raises
        ------
        OSError, sqlite3.Error, StudyError
            It cannot be saved there.
        """
        lock = WriterLock(path)
        try:
            with path.open("xb"):  # nobody else's file is overwritten
                pass
            draft = path.with_name(path.name + "-new")
            try:
                with contextlib.closing(sqlite3.connect(draft)) as target:
                    self.connection.backup(target)
                flush(draft)
                draft.replace(path)
                flush_folder(path.parent)
                return OpenFile.of(path, lock)
            except BaseException:
                path.unlink()
                raise
            finally:
                draft.unlink(missing_ok=True)
        except BaseException:
            lock.release()
            raise

    def copied_to_memory(self) -> OpenFile:
        """Save all of it in memory."""
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        try:
            self.connection.backup(connection)
        except BaseException:
            connection.close()
            raise
        return OpenFile(None, connection)

    def moved(self, path: Path) -> OpenFile:
        """Open it in the folder that it was moved to, with its log and its lock."""
        self._end_flusher()
        self.connection.close()  # SQLite sees that the file has moved, and leaves the log there
        lock = self.lock or WriterLock(path)
        lock.moved(path)
        return OpenFile.of(path, lock)

    def abandon(self) -> None:
        """Close it, and leave what is now in its place; of its own only the log is removed."""
        self._end_flusher()
        self.connection.close()
        for each, inode in self._known.items():
            if each != self.path and inode_at(each) == inode:
                with contextlib.suppress(OSError):
                    each.unlink()
        if self.lock is not None:
            self.lock.release()

    def close(self) -> None:
        """Close it and leave one file, without a lock."""
        if os.getpid() != self._owner:  # a forked child has copies of what its parent still uses
            return
        try:
            self._end_flusher()
            if self.path is None:
                self.connection.close()
            else:
                close_writer(self.connection)
        finally:
            if self.lock is not None:
                self.lock.release()

    def _end_flusher(self) -> None:
        if self.flusher is not None:
            self.flusher.close()


def _all_of(path: Path) -> tuple[Path, Path, Path]:
    # The study, its log, and the log's index.
    return path, log_path(path), path.with_name(path.name + "-shm")


def _paths_of_open_files(inode: Inode | None) -> Iterator[Path]:
    # Linux tells where a file is now that this process has open.
    folder = Path("/proc/self/fd")
    for each in folder.iterdir() if folder.is_dir() else ():
        if inode is not None and inode_at(each) == inode:
            with contextlib.suppress(OSError):
                yield each.readlink()


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
        """Note that something was written."""
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
            if self._closing.wait(FLUSH_SECONDS):
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
