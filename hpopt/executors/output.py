"""The file that takes what a worker process prints."""

from __future__ import annotations

import os
import sys
import tempfile

KEPT_CHARACTERS = 20_000
MOST_BYTES = 4 * KEPT_CHARACTERS
TRIMMED_ABOVE = 4_000_000


class OutputFile:
    """A nameless file of which only the end matters.

    What a worker process writes is appended, so that the file can be emptied from here while
    the process prints. It has no name (but on Windows), so it can't stay behind.
    """

    def __init__(self) -> None:
        self._opened = tempfile.TemporaryFile(buffering=0, prefix="hpopt-output-")  # noqa: SIM115
        self._file = self._opened.fileno()
        if sys.platform != "win32":
            import fcntl

            flags = fcntl.fcntl(self._file, fcntl.F_GETFL)
            fcntl.fcntl(self._file, fcntl.F_SETFL, flags | os.O_APPEND)

    def fileno(self) -> int:
        """Give the file descriptor."""
        return self._file

    def take(self) -> str:
        """Give the last 20,000 characters and empty the file."""
        return as_text(take_end(self._file))

    def trim(self) -> None:
        """Keep only the end of it where it has become large."""
        if os.fstat(self._file).st_size > TRIMMED_ABOVE:
            os.write(self._file, take_end(self._file))

    def close(self) -> None:
        """Close it."""
        self._opened.close()


def take_end(file: int) -> bytes:
    """Give the last bytes of an output file, as many as are kept, and empty it.

    Parameters
    ----------
    file : int
        A file descriptor.
    """
    size = os.fstat(file).st_size
    if size == 0:
        return b""
    end = os.pread(file, MOST_BYTES, max(0, size - MOST_BYTES))
    os.ftruncate(file, 0)
    return end


def as_text(end: bytes) -> str:
    """Give the last 20,000 characters of what was printed."""
    return end.decode("utf-8", errors="replace")[-KEPT_CHARACTERS:]
