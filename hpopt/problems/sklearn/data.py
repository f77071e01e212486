"""What a problem's trials depend on, as short digests."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

LENGTH = 16  # hexadecimal digits: chance makes two equal once in 10**19
ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def digest(*parts: Any) -> str:
    """Return a digest that is the same for equal data in any process.

    Of arrays, sparse matrices and tables it is of their values; of estimators of their parameters;
    of anything else of its repr, without addresses.
    """
    found = hashlib.sha256()
    for part in parts:
        _feed(found, part)
    return found.hexdigest()[:LENGTH]


def _feed(found: Any, part: Any) -> None:
    found.update(type(part).__name__.encode())
    if hasattr(part, "tocoo") and hasattr(part, "shape"):  # a sparse matrix
        entries = part.tocoo()
        _feed(found, [entries.shape, entries.data, *entries.coords])
    elif hasattr(part, "columns") and hasattr(part, "__getitem__") and hasattr(part, "shape"):
        for name in part.columns:
            found.update(str(name).encode())
            _feed(found, np.asarray(part[name]))
    elif isinstance(part, np.ndarray):
        found.update(f"{part.shape}{part.dtype}".encode())
        is_plain = not part.dtype.hasobject
        found.update(np.ascontiguousarray(part).tobytes() if is_plain else _text(part.tolist()))
    elif hasattr(part, "get_params") and not isinstance(part, type):
        _feed(found, part.get_params(deep=False))
    elif isinstance(part, Mapping):
        for name in sorted(part, key=str):
            found.update(str(name).encode())
            _feed(found, part[name])
    elif isinstance(part, list | tuple) and any(not _is_scalar(each) for each in part):
        for each in part:
            _feed(found, each)
    elif hasattr(part, "__array__") and hasattr(part, "dtype"):
        _feed(found, np.asarray(part))
    else:
        found.update(_text(part))


def _is_scalar(part: Any) -> bool:
    return isinstance(part, str | bytes) or not isinstance(part, Iterable)


def _text(part: Any) -> bytes:
    name = getattr(part, "__qualname__", None)  # of functions and classes, whose repr has more
    return (name if isinstance(name, str) else ADDRESS.sub("", repr(part))).encode(
        "utf-8", "replace"
    )
