"""Where an evaluation runs, since when, and what it last reported: for others to read meanwhile.

Each running evaluation keeps one small file in a folder beside the study. Whoever looks at the
study reads the files; nobody is asked, and no executor knows of them. No symbolic link is followed
on the way to a file, so that what is written stays in the folder.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PERIOD_SECONDS = 0.5
"""The least time between two writes; an evaluation in the driver's own process must run so long
until the first one, so that short ones cost nothing there. (Nobody looks more often than once a
second, and a write takes 20 µs.)"""

WIDTH = 256
"""Bytes of a file: all of one length, so that one write replaces what was there. (To cut a file
first would have some file systems flush it to the disk, which takes milliseconds.)"""

NOTHING = b"[]".ljust(WIDTH)
NO_FOLLOWING = getattr(os, "O_NOFOLLOW", 0)


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What is known of a running evaluation.

    Attributes
    ----------
    number : int
        The solution's number.
    pid, host, gpu : int, str, str
        The process that runs it, its machine, and the GPUs it may see (``CUDA_VISIBLE_DEVICES``).
        On a machine that does not see the folder, 0, what the executor calls the worker, and "".
    since : float
        When it began, in seconds since the epoch.
    step, value : float or None
        Its last report.
    """

    number: int
    pid: int
    host: str
    gpu: str
    since: float
    step: float | None = None
    value: float | None = None


KINDS = (int, int, str, str, int | float, int | float | None, int | float | None)
"""The types of a heartbeat's fields."""


@dataclass(frozen=True, slots=True)
class LiveFolder:
    """The folder of these files; it travels with the work.

    Only the driver makes and removes it. Where a worker does not find it (on another machine, on
    a full disk) nothing is written, and nothing else changes.

    Parameters
    ----------
    path : str
        Absolute.
    driver : int
        The driver's process id.
    """

    path: str
    driver: int

    def heartbeat(self, number: int) -> HeartbeatWriter:
        """Return the writer of this number's evaluation."""
        return HeartbeatWriter(self._file(number), number, at_once=os.getpid() != self.driver)

    def place(self, number: int, where: str) -> None:
        """Write where an evaluation runs, unless its worker has done so itself, or will."""
        with contextlib.suppress(OSError):
            _write(
                self._file(number), [number, 0, where[:64], "", time.time(), None, None], os.O_EXCL
            )

    def _file(self, number: int) -> str:
        return f"{self.path}{os.sep}{number}"

    def forget(self, number: int) -> None:
        """Remove what an evaluation has left that could not do so itself."""
        with contextlib.suppress(OSError):
            _check_folder(self._file(number))
            Path(self._file(number)).unlink()


class HeartbeatWriter:
    """Write the heartbeat of one running evaluation.

    Parameters
    ----------
    path : str
        The file.
    number : int
    at_once : bool
        Whether to write as it begins, or only with a report when it has run for a while.
    """

    def __init__(self, path: str, number: int, *, at_once: bool) -> None:
        self._path, self._number, self._is_kept = path, number, at_once
        self._since, self._shown = time.time(), time.monotonic()
        self._file: int | None = None
        if at_once:
            self._write(None, None)

    def report(self, step: float, value: float) -> None:
        """Write what was reported last, if half a second has passed since the last write."""
        now = time.monotonic()
        if now - self._shown >= PERIOD_SECONDS:
            self._shown = now
            self._write(step, value)

    def end(self) -> None:
        """Remove the file, or empty it for the next evaluation of this process."""
        if self._file is None:
            return
        if self._is_kept and not _kept:
            with contextlib.suppress(OSError):
                _overwrite(self._file, NOTHING)
            _kept.append((os.getpid(), self._path, self._file))
        else:
            os.close(self._file)
            with contextlib.suppress(OSError):
                _check_folder(self._path)
                os.unlink(self._path)  # noqa: PTH108  (Path takes twice as long)

    def _write(self, step: float | None, value: float | None) -> None:
        gpu = os.environ.get("CUDA_VISIBLE_DEVICES", "")[:32]
        # Names are cut so that the whole fits WIDTH.
        seen = [self._number, os.getpid(), socket.gethostname()[:64], gpu, self._since, step, value]
        with contextlib.suppress(OSError):
            if self._file is None:
                self._file = _taken_over(self._path) if self._is_kept else None
            if self._file is None:
                self._file = _opened(self._path)
            _fill(self._file, seen)


_kept: list[tuple[int, str, int]] = []
"""The file of this process's last evaluation (process, path and descriptor), empty meanwhile: the
next one takes it over, as to rename a file takes half as long as to remove one and make another."""


def _taken_over(path: str) -> int | None:
    """Return the kept file under its new path, if there is one."""
    try:
        process, old, file = _kept.pop()
    except IndexError:
        return None
    if process == os.getpid():  # else this is a fork, and the file its parent's
        with contextlib.suppress(OSError):
            _check_folder(path)
            os.rename(old, path)  # noqa: PTH104  (Path takes twice as long)
            return file
    os.close(file)
    return None


def _opened(path: str, also: int = 0) -> int:
    _check_folder(path)
    flags = os.O_WRONLY | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | NO_FOLLOWING | also
    return os.open(path, flags, 0o666)


def _check_folder(path: str) -> None:
    folder = os.path.dirname(path)  # noqa: PTH120  (Path takes ten times as long)
    if os.path.islink(folder):  # noqa: PTH114
        raise OSError(errno.ELOOP, "a symbolic link is not followed", folder)


def _fill(file: int, seen: list[Any]) -> None:
    _overwrite(file, json.dumps(seen).ljust(WIDTH).encode())


def _overwrite(file: int, content: bytes) -> None:
    os.lseek(file, 0, os.SEEK_SET)
    os.write(file, content)


def _write(path: str, seen: list[Any], also: int = 0) -> None:
    file = _opened(path, also)
    try:
        _fill(file, seen)
    finally:
        os.close(file)


def heartbeat_of(folder: str, number: int) -> Heartbeat | None:
    """Read the heartbeat of a number; None where there is none, or not yet all of it."""
    try:
        found = _read(f"{folder}{os.sep}{number}", WIDTH)
        seen = Heartbeat(*found)
    except (OSError, ValueError, TypeError):
        return None
    are_right = all(isinstance(each, kind) for each, kind in zip(found, KINDS, strict=False))
    return seen if are_right and seen.number == number else None


def _read(path: str, width: int) -> list[Any]:
    """Read a file, which may be anybody's: a pipe that nobody writes into, or one without end."""
    file = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | NO_FOLLOWING)
    try:
        found = json.loads(os.read(file, width))
    finally:
        os.close(file)
    if not isinstance(found, list):
        raise TypeError("a list must be in a file of a live folder")
    return found
