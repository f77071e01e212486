"""What travels between a driver and a worker process: frames on pipes, and pickles in them.

A frame is a kind (1 byte), a length (8 bytes, little-endian) and that many bytes. A worker
opens with ``READY``, then answers each ``TASK`` with ``BEGAN`` and a result. A task that
can't be loaded never begins: it is answered by ``RAISED`` alone.

cloudpickle carries lambdas, closures and whatever lives in ``__main__`` by value, so neither
a notebook nor a script without a ``__main__`` guard needs anything special.
"""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import struct
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import IntEnum
from io import FileIO
from typing import Any

import numpy as np

from hpopt.core import Outcome
from hpopt.errors import RemoteError, RemoteTraceback, TransferError
from hpopt.executors.supervision.main_module import pickler, script_of_driver

HEADER = struct.Struct("<BQ")
COST = struct.Struct("<QQ")
"""What a result begins with: the peak memory of its call in bytes, 0 where unknown, and how many
bytes of what it printed follow."""
SMALL = 1 << 16  # what a pipe takes at once on Linux: one write (and one copy) is enough

DEEPEST = 6  # levels of attributes and items to look into: a message names the path to the culprit


class Kind(IntEnum):
    """What a frame carries."""

    CALL_ENVIRONMENT = 1
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
    """Write one frame, its body in parts; raise BrokenPipeError when nobody reads any more."""
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


def dump_call(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
    """Pickle a call.

    Raises
    ------
    TransferError
        Naming the argument, and the part of it, that can't be pickled.
    """
    try:
        return dumps((function, args, kwargs), pickler())
    except TransferError:  # of the part that cannot be sent: it says what to do
        raise
    except Exception as error:
        name = getattr(function, "__qualname__", type(function).__name__)
        parts = [(f"the function {name}", function)]
        parts += [(f"argument {i}", value) for i, value in enumerate(args)]
        parts += [(f"argument {key!r}", value) for key, value in kwargs.items()]
        raise TransferError(
            "a call must be picklable to be sent to a worker process, but "
            f"{culprit(parts, error)}: make it inside the call, or leave it out by __getstate__"
        ) from error


def dump_call_environment() -> bytes:
    """Pickle what a call finds around it: the driver's working directory, sys.path and script."""
    directory: str | None
    try:
        directory = os.getcwd()  # noqa: PTH109  (Path.cwd takes three times as long)
    except OSError:
        directory = None
    path = [entry for entry in sys.path if isinstance(entry, str)]
    return pickle.dumps((directory, path, script_of_driver()))


def load_call(
    data: bytes | bytearray,
) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
    """Unpickle a call.

    Raises
    ------
    TransferError
        Whatever the reason, most often a module that can't be imported.
    """
    try:
        call: tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]] = pickle.loads(data)
    except (Exception, SystemExit) as error:
        raise TransferError(
            "a call must be loadable in a worker process, but "
            f"{type(error).__name__}: {_text_of(error)}: "
            "see that all it refers to can be imported there"
        ) from error
    return call


def dumps(value: Any, pickler: type[pickle.Pickler] | None = None) -> bytes:
    """Pickle by cloudpickle's Pickler, or by a subclass of it."""
    import cloudpickle

    file = io.BytesIO()
    (pickler or cloudpickle.Pickler)(file, protocol=pickle.HIGHEST_PROTOCOL).dump(value)
    return file.getvalue()


def dump_result(value: Any) -> bytes:
    """Pickle a result.

    Raises
    ------
    TransferError
        Naming the part of it that can't be pickled.
    """
    if type(value) is Outcome:  # plain data, for which cloudpickle takes twice as long
        return pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    try:
        return dumps(value)
    except Exception as error:
        raise TransferError(
            "a result must be picklable to be sent from a worker process, but "
            f"{culprit([('the result', value)], error)}: return plain data",
            "result",
        ) from error


def load_result(data: bytes | bytearray | memoryview) -> Any:
    """Unpickle a result.

    Raises
    ------
    TransferError
        Whatever the reason, most often a module that only the worker process could import.
    """
    try:
        return pickle.loads(data)
    except Exception as error:
        raise TransferError(
            "a result must be loadable in the driver, but "
            f"{type(error).__name__}: {_text_of(error)}: return plain data",
            "result",
        ) from error


def dump_exception(error: BaseException) -> bytes:
    """Pickle an exception with the text of its traceback, or what stands for it."""
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    name = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    described = f"{name}: {_text_of(error)}"
    try:
        data = dumps(error)
        pickle.loads(data)  # many exceptions can be pickled, but not unpickled
    except Exception:
        data = dumps(RemoteError(described))
    return pickle.dumps((data, described, text))


def load_exception(data: bytes | bytearray | memoryview) -> BaseException:
    """Return the exception, or a RemoteError in its place, caused by a RemoteTraceback."""
    pickled, described, text = pickle.loads(data)
    error: BaseException = RemoteError(described)
    with contextlib.suppress(Exception):
        error = pickle.loads(pickled)
    error.__cause__ = RemoteTraceback(text)  # as concurrent.futures does: shown above the error
    return error


def culprit(parts: Sequence[tuple[str, Any]], error: Exception) -> str:
    """Name the part that can't be pickled, as deep inside as can be found, and say why."""
    name, value, why = "something in it", None, error
    level: Iterator[tuple[str, Any]] = iter(parts)
    for _ in range(DEEPEST):
        found = _first_unpicklable(level)
        if found is None:
            break
        name, value, why = found
        level = _parts_of(name, value)
    reason = " ".join(str(why).split()) or type(why).__name__
    return f"{name} ({type(value).__name__}) is not: {reason}"


class _NullFile:
    def write(self, data: Any) -> int:
        return len(data)


def _first_unpicklable(
    parts: Iterator[tuple[str, Any]],
) -> tuple[str, Any, Exception] | None:
    import cloudpickle

    for name, value in parts:
        if isinstance(value, np.ndarray) and not value.dtype.hasobject:
            continue  # it can be, and trying would take a while
        try:
            # Into no memory: the value may fill half of it already.
            cloudpickle.Pickler(_NullFile(), protocol=pickle.HIGHEST_PROTOCOL).dump(value)
        except Exception as error:
            return name, value, error
    return None


def _parts_of(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield what an object consists of, named as code would reach it."""
    if isinstance(value, Mapping):
        yield from ((f"{name}[{key!r}]", part) for key, part in value.items())
    elif isinstance(value, list | tuple | set | frozenset):
        yield from ((f"{name}[{i}]", part) for i, part in enumerate(value))
    elif callable(value) and getattr(value, "__closure__", None):
        names, cells = value.__code__.co_freevars, value.__closure__
        for variable, cell in zip(names, cells, strict=True):
            if cell != type(cell)():
                yield f"{variable!r} in the closure of {name}", cell.cell_contents
    if callable(value) and hasattr(value, "__code__"):
        used = [key for key in value.__code__.co_names if key in value.__globals__]
        yield from ((f"the global {key!r} of {name}", value.__globals__[key]) for key in used)
    elif hasattr(value, "__self__") and not isinstance(value.__self__, type):
        yield f"{name}.__self__", value.__self__
    elif isinstance(getattr(value, "__dict__", None), dict) and not isinstance(value, type):
        yield from ((f"{name}.{key}", part) for key, part in vars(value).items())


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "(its text can't be shown either)"
