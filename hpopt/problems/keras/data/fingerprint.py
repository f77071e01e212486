"""Digests of data, functions and settings, the same in every process."""

from __future__ import annotations

import ast
import functools
import hashlib
import inspect
import textwrap
from collections.abc import Iterator, Mapping, Set
from types import CodeType, FunctionType, MethodType
from typing import Any

import numpy as np

from hpopt.problems.keras.data.rows import Rows
from hpopt.problems.keras.data.sources import (
    ArraySource,
    DatasetSource,
    FunctionSource,
    SeriesSource,
    Source,
)
from hpopt.problems.keras.data.structures import Array
from hpopt.space import Space

MOST_BYTES = 2**28  # read of an array: a quarter of a second
# Blocks of rows that are read of a larger array, evenly spaced: few enough for a disk, which reads
# 256 kB from each.
N_BLOCKS = 1024
# Depth of nested objects that are read: enough for settings, and cycles end.
DEEPEST = 8
METHODS = ("build", "compile_settings", "evaluate")
"""What a subclass of a problem may write that decides the values of a config."""


def digest_of(*things: Any) -> str:
    """Return a digest of 12 characters of plain data, arrays, functions and objects of these.

    Memory addresses do not count, nor do spaces, which a study compares by itself.
    """
    digest = hashlib.blake2b(digest_size=6)
    for thing in things:
        for part in _encoded(thing, 0):
            digest.update(part)
            digest.update(b"\0")
    return digest.hexdigest()


def methods_below(base: type, kind: type) -> list[Any]:
    """Return the `METHODS` that a class and its bases write, below a base of all."""
    # That base is of hpopt, and a new version of hpopt is no new problem.
    own = kind.__mro__[: kind.__mro__.index(base)]
    return [vars(each)[name] for each in own for name in METHODS if name in vars(each)]


def fingerprint_of_data(source: Source) -> dict[str, str]:
    """Return digests of the examples to train on, and of those to validate on."""
    if isinstance(source, ArraySource):
        training, validation = source.splits[0]
        parts = [rows for pair in source.splits for rows in pair if rows is not None]
        return {
            "data": digest_of(training.x, training.y, training.weights),
            "validation": digest_of(
                [rows.numbers for rows in parts],
                None if validation is None or validation.x is training.x else validation,
            ),
        }
    if isinstance(source, SeriesSource):
        return {"data": digest_of(source.series)}
    if isinstance(source, DatasetSource | FunctionSource):
        return {
            "data": digest_of(source.training),
            "validation": digest_of(source.validation),
            "steps": digest_of(source.steps),
        }
    return {}


def source_of_function(function: Any) -> bytes:
    """Return the source of a function without comments; its bytecode where there is no source."""
    code = getattr(function, "__code__", None)
    bytecode = b"".join(_bytecode(code)) if isinstance(code, CodeType) else b""
    try:
        text = textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):
        return bytecode
    try:
        tree: ast.AST = ast.parse(text)
    except SyntaxError:  # a lambda in the middle of a call over several lines
        return text.strip().encode()
    if getattr(function, "__name__", "") == "<lambda>":
        lambdas = [node for node in ast.walk(tree) if isinstance(node, ast.Lambda)]
        if len(lambdas) > 1:  # Python does not tell which it is
            return bytecode
        tree = lambdas[0]
    return ast.unparse(tree).encode()


def _bytecode(code: CodeType) -> Iterator[bytes]:
    yield code.co_code
    yield repr(code.co_names).encode()
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _bytecode(constant)
        else:
            in_order = sorted(map(repr, constant)) if isinstance(constant, Set) else constant
            yield repr(in_order).encode()


def _encoded(thing: Any, depth: int) -> Iterator[bytes]:
    """Yield an object as bytes that are the same in each process."""
    if thing is None or isinstance(thing, bool | int | float | complex | str | bytes | np.generic):
        yield f"{type(thing).__name__} {thing!r}".encode()
    elif isinstance(thing, Space):  # a mapping too, whose parameters hold caches
        return
    elif isinstance(thing, np.ndarray):
        yield from _encoded_array(thing)
    elif isinstance(thing, Mapping):
        yield type(thing).__name__.encode()
        # Sorted: equal mappings may differ in order.
        for key in sorted(thing, key=repr):
            yield repr(key).encode()
            yield from _encoded(thing[key], depth + 1)
    elif isinstance(thing, Rows):
        yield from _encoded([thing.x, thing.y, thing.weights, thing.numbers], depth)
    elif isinstance(thing, list | tuple):
        yield f"{type(thing).__name__} {len(thing)}".encode()
        for each in thing:
            yield from _encoded(each, depth + 1)
    elif hasattr(type(thing), "element_spec"):
        yield f"tf.data {thing.element_spec!r} {int(thing.cardinality())}".encode()
    elif callable(thing):
        yield from _encoded_callable(thing, depth)
    else:
        yield from _encoded_object(thing, depth)


def _encoded_callable(thing: Any, depth: int) -> Iterator[bytes]:
    if isinstance(thing, FunctionType | type):
        yield thing.__qualname__.encode()
        yield source_of_function(thing)
    elif isinstance(thing, MethodType):
        yield from _encoded([thing.__func__, thing.__self__], depth)
    elif isinstance(thing, functools.partial):
        yield from _encoded([thing.func, thing.args, thing.keywords], depth)
    else:
        yield from _encoded_object(thing, depth)


def _encoded_object(thing: Any, depth: int) -> Iterator[bytes]:
    kind = type(thing)
    if depth > DEEPEST:
        return
    if isinstance(thing, Set):
        yield repr(sorted(map(repr, thing))).encode()
        return
    yield f"{kind.__module__}.{kind.__qualname__}".encode()
    if not kind.__module__.startswith(("hpopt.", "builtins", "keras.")):
        yield source_of_function(kind)
    if not kind.__module__.startswith("keras."):  # layers and metrics hold locks and counters
        yield from _encoded(dict(getattr(thing, "__dict__", {})), depth + 1)


def _encoded_array(array: Array) -> Iterator[bytes]:
    yield f"{array.shape} {array.dtype}".encode()
    # The bytes of objects are addresses: their texts, of 2**18 rows at most, count.
    if array.dtype.kind == "O":
        array = np.array([str(each) for each in array[:: len(array) // 2**18 + 1].ravel()])
    if not array.size:
        return
    n_rows = len(array) if array.nbytes <= MOST_BYTES else MOST_BYTES * len(array) // array.nbytes
    n_blocks = 1 if n_rows == len(array) else min(N_BLOCKS, max(n_rows, 1))
    length = max(n_rows // n_blocks, 1)
    for start in np.linspace(0, len(array) - length, n_blocks, dtype=np.int64):
        yield np.ascontiguousarray(array[start : start + length]).tobytes()
