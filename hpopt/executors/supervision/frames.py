"""Length-framed messages over a pipe, as driver and worker process exchange them.

A frame is a kind (1 byte), a length (8 bytes, little-endian) and that many bytes. A worker
opens with ``READY``, then answers each ``TASK`` with ``BEGAN`` and a result. A task that
can't be loaded never begins: it is answered by ``RAISED`` alone.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from io import FileIO

HEADER = struct.Struct("<BQ")
COST = struct.Struct("<QQ")
"""What a result begins with: the peak memory of its call in bytes, 0 where unknown, and how many
bytes of what it printed follow."""
SMALL = 1 << 16


class Kind(IntEnum):
    """What a frame carries."""

    ENVIRONMENT = 1
    """To the worker: working directory, sys.path and script, before the task that they are for."""
    TASK = 2
    """To the worker: a pickled call."""
    STOP = 3
    """To the worker: end in good order."""
    READY = 4
    """To the driver: the process is up."""
    BEGAN = 5
    """To the driver: the task is loaded and begins now."""
    VALUE = 6
    """To the driver: the cost, the output and the pickled result."""
    RAISED = 7
    """To the driver: the cost, the output and the exception."""


def write_frame(file: FileIO, kind: Kind, *parts: bytes) -> None:
    """Write one frame, its body given in parts.

    Raises
    ------
    BrokenPipeError
        When nobody reads any more.
    """
    size = sum(map(len, parts))
    header = HEADER.pack(kind, size)
    if size < SMALL:
        _write(file, b"".join((header, *parts)))
        return
    for part in (header, *parts):
        _write(file, part)


def read_frame(file: FileIO) -> tuple[Kind, bytearray] | None:
    """Read one frame, or None where the other side has gone (also in the middle of it).

    Raises
    ------
    ValueError
        When what arrives is no frame: something else wrote into the pipe.
    """
    header = _read(file, HEADER.size)
    if header is None:
        return None
    kind, size = HEADER.unpack(header)
    known = Kind(kind)
    body = _read(file, size)
    return None if body is None else (known, body)


def _write(file: FileIO, data: bytes) -> None:
    written = file.write(data)
    if written == len(data):
        return
    rest = memoryview(data)[written:]
    while rest:
        rest = rest[file.write(rest) :]


def _read(file: FileIO, size: int) -> bytearray | None:
    body = bytearray(size)
    view = memoryview(body)
    while view:
        n_read = file.readinto(view)
        if not n_read:
            return None
        view = view[n_read:]
    return body
