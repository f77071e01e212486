"""The streams of a command: stdout is for results, and stderr may have no reader any more."""

from __future__ import annotations

import contextlib
import faulthandler
import io
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO

STDOUT, STDERR = 1, 2  # file descriptors, as POSIX has them


class _Patient(io.FileIO):
    """A file that drops what cannot be written: nobody reads the pipe, the terminal is gone."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def open_missing() -> None:
    """Open standard streams that the process was started without, to lead nowhere.

    Else the study file could become file 2, and get what C code writes to stderr.
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, closefd=False))


@contextlib.contextmanager
def patient_stderr() -> Iterator[None]:
    """In the block, drop what cannot be written to stderr, in place of an error."""
    if not _is_file(sys.stderr, STDERR):
        yield
        return
    with contextlib.redirect_stderr(_patient(STDERR, like=sys.stderr)):
        yield


@contextlib.contextmanager
def results_apart() -> Iterator[TextIO]:
    """Return stdout for results; in the block, all else that is printed goes to stderr.

    Where the two are the process's own, that holds for C code and child processes too.
    """
    if not (_is_file(sys.stdout, STDOUT) and _is_file(sys.stderr, STDERR)):
        stdout = sys.stdout
        with contextlib.redirect_stdout(sys.stderr):
            yield stdout
        return
    sys.stdout.flush()
    kept = os.dup(STDOUT)
    printed = _patient(STDOUT, like=sys.stdout)
    os.dup2(STDERR, STDOUT)
    try:
        with (
            contextlib.redirect_stdout(printed),
            _text(io.FileIO(os.dup(kept), "w"), like=sys.stdout) as results,
        ):
            yield results
    finally:
        os.dup2(kept, STDOUT)
        os.close(kept)


@contextlib.contextmanager
def copy_of_stderr() -> Iterator[TextIO]:
    """Return a stream to where stderr goes now, wherever it is redirected to in the block."""
    if not _is_file(sys.stderr, STDERR):
        yield sys.stderr
        return
    with _patient(os.dup(STDERR), like=sys.stderr, closefd=True) as copy, _reporting_crashes(copy):
        yield copy


@contextlib.contextmanager
def _reporting_crashes(stream: TextIO) -> Iterator[None]:
    """Have faulthandler write there in which line the process crashes."""
    if faulthandler.is_enabled():
        yield
        return
    faulthandler.enable(stream, all_threads=False)
    try:
        yield
    finally:
        faulthandler.disable()


def _is_file(stream: TextIO, number: int) -> bool:
    """Return whether a stream writes to a file descriptor, unlike a test's or a notebook's."""
    try:
        return stream.fileno() == number
    except (OSError, ValueError, AttributeError):
        return False


def _patient(number: int, like: TextIO, *, closefd: bool = False) -> TextIO:
    return _text(_Patient(number, "w", closefd=closefd), like, line_buffering=True)


def _text(file: io.FileIO, like: TextIO, *, line_buffering: bool = False) -> TextIO:
    return io.TextIOWrapper(
        io.BufferedWriter(file),
        encoding=like.encoding,
        errors="backslashreplace",
        line_buffering=line_buffering,
    )
