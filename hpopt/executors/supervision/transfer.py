"""Send calls, results and exceptions between processes, and say what can't be sent.

cloudpickle carries lambdas, closures and whatever lives in ``__main__`` by value, so neither
a notebook nor a script without a ``__main__`` guard needs anything special.
"""

from __future__ import annotations

import contextlib
import io
import pickle
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from hpopt.core import Outcome
from hpopt.errors import RemoteError, RemoteTraceback, TransferError
from hpopt.executors.supervision.main_module import pickler

DEEPEST = 6


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
    """Pickle anything that cloudpickle can, by its Pickler or one of its kind."""
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
    """Give the exception back, or a RemoteError, caused by a RemoteTraceback."""
    pickled, described, text = pickle.loads(data)
    error: BaseException = RemoteError(described)
    with contextlib.suppress(Exception):
        error = pickle.loads(pickled)
    error.__cause__ = RemoteTraceback(text)
    return error


def culprit(parts: Sequence[tuple[str, Any]], error: Exception) -> str:
    """Say which part can't be pickled, as deep inside it as can be found."""
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


class _Nowhere:
    """A file that forgets: trying to pickle must not need the memory of the pickle."""

    def write(self, data: Any) -> int:
        return len(data)


def _first_unpicklable(
    parts: Iterator[tuple[str, Any]],
) -> tuple[str, Any, Exception] | None:
    import cloudpickle

    for name, value in parts:
        if isinstance(value, np.ndarray) and not value.dtype.hasobject:
            continue
        try:
            cloudpickle.Pickler(_Nowhere(), protocol=pickle.HIGHEST_PROTOCOL).dump(value)
        except Exception as error:
            return name, value, error
    return None


def _parts_of(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Give what an object consists of, named as code would reach it."""
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
