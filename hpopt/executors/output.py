"""The file that takes what a worker process prints."""

from __future__ import annotations

import os
import sys
import tempfile

KEPT_CHARACTERS = 20_000
MOST_BYTES_A_CHARACTER = 4
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
        if os.fstat(self._file).st_size == 0:
            return ""
        text = self._end().decode("utf-8", errors="replace")
        os.ftruncate(self._file, 0)
        return text[-KEPT_CHARACTERS:]

    def trim(self) -> None:
        """Keep only the end of it where it has become large."""
        if os.fstat(self._file).st_size > TRIMMED_ABOVE:
            end = self._end()
            os.ftruncate(self._file, 0)
            os.write(self._file, end)

    def close(self) -> None:
        """Close it."""
        self._opened.close()

    def _end(self) -> bytes:
        wanted = KEPT_CHARACTERS * MOST_BYTES_A_CHARACTER
        size = os.fstat(self._file).st_size
        return os.pread(self._file, wanted, max(0, size - wanted))
