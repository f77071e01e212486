"""The file that takes what a worker process prints, or this one while a call runs."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

KEPT_CHARACTERS = 20_000  # some 250 lines: a traceback and a progress bar's last epochs
MOST_BYTES = 4 * KEPT_CHARACTERS  # no character of UTF-8 is longer
TRIMMED_ABOVE = 4_000_000  # so large a file for each worker fits any disk
TRIM_SECONDS = 0.5  # in which a loop that only prints writes some 50 MB
STREAMS = (0, 1, 2)  # stdin, stdout, stderr


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
        """Return the file descriptor."""
        return self._file

    def take(self) -> str:
        """Return the last 20,000 characters, and empty the file."""
        return as_text(take_end(self._file))

    def trim(self) -> None:
        """Remove all but the end where it has become large."""
        if os.fstat(self._file).st_size > TRIMMED_ABOVE:
            os.write(self._file, take_end(self._file))

    def close(self) -> None:
        """Close the file, which removes it."""
        self._opened.close()


class Captured:
    """In a ``with`` block, take all that this process prints to stdout and stderr.

    Also what C code and child processes print: the file descriptors themselves are redirected.
    Nobody would see a question, so stdin ends at once.

    Attributes
    ----------
    text : str
        The last 20,000 characters, when the block has ended.
    """

    text = ""

    def __enter__(self) -> Captured:
        self._undo = contextlib.ExitStack()
        with contextlib.ExitStack() as undo:
            output = OutputFile()
            # They are undone in the reverse order: streams first, then the text is taken.
            undo.callback(output.close)
            undo.callback(self._take, output)
            undo.enter_context(_trimmed(output))
            flush()
            undo.callback(_restore, [os.dup(stream) for stream in STREAMS])
            with Path(os.devnull).open() as nothing:
                os.dup2(nothing.fileno(), 0)
            for stream in STREAMS[1:]:
                os.dup2(output.fileno(), stream)
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def _take(self, output: OutputFile) -> None:
        self.text = output.take()


def _restore(copies: list[int]) -> None:
    flush()
    for stream, copy in zip(STREAMS, copies, strict=True):
        os.dup2(copy, stream)
        os.close(copy)


@contextlib.contextmanager
def _trimmed(output: OutputFile) -> Iterator[None]:
    has_ended = threading.Event()

    def trim() -> None:
        while not has_ended.wait(TRIM_SECONDS):
            output.trim()

    thread = threading.Thread(target=trim, name="hpopt-output", daemon=True)
    thread.start()
    try:
        yield
    finally:
        has_ended.set()
        thread.join()


def flush() -> None:
    """Write out what Python and C code have printed into their buffers."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    with contextlib.suppress(OSError, ValueError, AttributeError):
        c_library().fflush(c_stdout())


@functools.cache
def c_library() -> Any:
    """Return the C library."""
    return ctypes.CDLL(None)


@functools.cache
def c_stdout() -> Any:
    """Return its stdout."""
    name = "__stdoutp" if sys.platform == "darwin" else "stdout"
    return ctypes.c_void_p.in_dll(c_library(), name)


def take_end(file: int) -> bytes:
    """Return the last bytes of an output file (a descriptor), at most 80,000, and empty it."""
    size = os.fstat(file).st_size
    if size == 0:
        return b""
    end = os.pread(file, MOST_BYTES, max(0, size - MOST_BYTES))
    os.ftruncate(file, 0)
    return end


def as_text(end: bytes) -> str:
    """Return the last 20,000 characters of what was printed."""
    return end.decode("utf-8", errors="replace")[-KEPT_CHARACTERS:]
