"""The file that keeps what a command prints, of a limited size."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


class OutputFile:
    """A file of a trial's output; where it becomes too large, its middle is left out.

    A full disk is no reason to fail a trial: then nothing more is kept.

    Parameters
    ----------
    path : Path
        It is written anew, or appended to where the trial goes on.
    most : int
        Bytes.
    """

    def __init__(self, path: Path, most: int, *, append: bool = False) -> None:
        self._most = most
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | (0 if append else os.O_TRUNC)
        self._file = os.open(path, flags, 0o666)
        self._size = os.lseek(self._file, 0, os.SEEK_END)

    def write(self, data: bytes) -> None:
        """Append what was printed."""
        with contextlib.suppress(OSError):
            self._size += os.pwrite(self._file, data, self._size)
            if self._size > self._most:
                self._shorten()

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _shorten(self) -> None:
        # A half stays, so that the other half is written before it is done again.
        part = self._most // 4
        head, tail = os.pread(self._file, part, 0), os.pread(self._file, part, self._size - part)
        head, tail = head[: head.rfind(b"\n") + 1], tail[tail.find(b"\n") + 1 :]
        note = b"... (output in between is left out) ...\n"
        os.ftruncate(self._file, 0)
        self._size = os.pwrite(self._file, head + note + tail, 0)
