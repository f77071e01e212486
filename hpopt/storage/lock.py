"""One writer owns a study file: a lock that the kernel frees when its process dies.

A lock file beside the study, ``<study>-lock``, is held by a POSIX record lock (on Windows by
``msvcrt.locking``). Forked children do not inherit it, and it ends with its process, however
that dies: a lock file that nobody holds is simply taken over. What the file says (process,
host, since when) is only for the message that others get.

POSIX frees a process's locks on a file when *any* of its descriptors of that file is closed.
So a lock file that this process holds is never opened a second time: who holds what is kept
here by inode, which also finds a second writer of the same process.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from hpopt.errors import StudyError, StudyLockedError

PATIENCE = 0.5
"""Seconds to wait for a lock: a killed process may take some time to vanish."""

PAUSE = 0.02  # seconds: 25 tries within that patience

REFUSED = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)

Inode = tuple[int, int]

if sys.platform == "win32":
    import msvcrt

    FAR = 1 << 30
    """The byte that is locked: others cannot read locked bytes there, and want the message."""

    def _ask_kernel(descriptor: int, shared: bool) -> None:
        os.lseek(descriptor, FAR, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _ask_kernel(descriptor: int, shared: bool) -> None:
        fcntl.lockf(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)


@dataclass(frozen=True, slots=True)
class Writer:
    """The process that writes a study: its id, its host, and since when, in epoch seconds."""

    pid: int
    host: str
    started: float

    def __str__(self) -> str:
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.started))
        here = (self.pid, self.host) == (os.getpid(), socket.gethostname())
        who = "this process," if here else "process"
        return f"{who} {self.pid} on {self.host} since {since}"


_held: dict[Inode, Writer] = {}
_guard = threading.Lock()


class WriterLock:
    """The right to write one study file, from its making until `release`.

    Parameters
    ----------
    path : Path
        The study file, with links resolved: every way to write its path must give one lock.

    Raises
    ------
    StudyLockedError
        Another writer, of this or of another process, has it.
    StudyError
        The lock file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = lock_path(path)
        self._writer = Writer(os.getpid(), socket.gethostname(), time.time())
        deadline = time.monotonic() + PATIENCE
        while True:
            with _guard:
                holder = self._acquire()
            if holder is None:
                return
            if time.monotonic() > deadline or holder.pid == os.getpid():
                raise _locked(path, holder)
            time.sleep(PAUSE)

    def _acquire(self) -> Writer | None:
        """Take the lock, or return the writer that has it."""
        while True:
            own = _own_writer(self._path)
            if own is not None:
                return own
            try:
                descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
            except OSError as error:
                raise _unusable(self._path, error) from None
            inode = _inode(os.fstat(descriptor))
            try:
                locked = _try_to_lock(descriptor)
            except OSError as error:
                os.close(descriptor)
                raise _unusable(self._path, error) from None
            if not locked:
                holder = _read_writer(descriptor)
                os.close(descriptor)
                return holder
            # The last holder may have removed the file between our opening and locking it.
            if inode_at(self._path) == inode:
                self._descriptor, self._inode = descriptor, inode
                _held[inode] = self._writer
                self._sign()
                return None
            os.close(descriptor)

    def _sign(self) -> None:
        writer = self._writer
        data = {"pid": writer.pid, "host": writer.host, "started": writer.started}
        with contextlib.suppress(OSError):  # a lock that is not signed is held all the same
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, json.dumps(data).encode())

    def moved(self, path: Path) -> None:
        """Take note that the study, and with it the lock file, is now at another path."""
        self._path = lock_path(path)

    def release(self) -> None:
        """Let others write. Without effect the second time, and in a forked child."""
        with _guard:
            if _held.get(self._inode) is not self._writer or self._writer.pid != os.getpid():
                return
            del _held[self._inode]
            with contextlib.suppress(OSError):
                if inode_at(self._path) == self._inode:
                    self._path.unlink()
            os.close(self._descriptor)
            if sys.platform == "win32":  # an open file cannot be removed there
                with contextlib.suppress(OSError):
                    self._path.unlink()


def lock_path(path: Path) -> Path:
    """Return the path of a study's lock file."""
    return path.with_name(path.name + "-lock")


def writer_of(path: str | os.PathLike[str]) -> Writer | None:
    """Return which process is writing a study file now; None where nobody is.

    The file need not exist, and nothing is written.
    """
    lock = lock_path(Path(os.path.realpath(path)))
    with _guard:
        own = _own_writer(lock)
        if own is not None:
            return own
        try:
            descriptor = os.open(lock, os.O_RDONLY)
        except OSError:
            return None
        try:
            return None if _try_to_lock(descriptor, shared=True) else _read_writer(descriptor)
        except OSError:
            return None
        finally:
            os.close(descriptor)


def _try_to_lock(descriptor: int, *, shared: bool = False) -> bool:
    try:
        _ask_kernel(descriptor, shared)
    except OSError as error:
        if error.errno in REFUSED:
            return False
        raise
    return True


def _own_writer(lock: Path) -> Writer | None:
    inode = inode_at(lock)
    own = _held.get(inode) if inode is not None else None
    return own if own is not None and own.pid == os.getpid() else None


def _inode(status: os.stat_result) -> Inode:
    return status.st_dev, status.st_ino


def inode_at(path: Path) -> Inode | None:
    """Return which file is at a path; None where none is."""
    try:
        return _inode(path.stat())
    except OSError:
        return None


def _read_writer(descriptor: int) -> Writer:
    """Read who holds a lock; an unsigned one, taken this very moment, has an unknown holder."""
    try:
        os.lseek(descriptor, 0, os.SEEK_SET)
        data = json.loads(os.read(descriptor, 4096))
        return Writer(int(data["pid"]), str(data["host"]), float(data["started"]))
    except (OSError, ValueError, TypeError, KeyError):
        return Writer(0, "an unknown host", time.time())


def _locked(path: Path, writer: Writer) -> StudyLockedError:
    return StudyLockedError(
        f"a study has one writer at a time, but {path} is being written by {writer}: wait until "
        f"it has ended, or open the study for reading, with hpopt.Study.load({str(path)!r})"
    )


def _unusable(path: Path, error: OSError) -> StudyError:
    return StudyError(
        f"the folder of a study that is written must allow a lock file, but {path} cannot be "
        f"made or locked ({error.strerror}): choose another folder, or open the study for "
        "reading, with hpopt.Study.load"
    )
