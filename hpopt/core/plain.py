"""What evaluations return and report, as plain data: floats, and JSON data beside them."""

from __future__ import annotations

import json
import reprlib
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

LARGE = 1_000_000  # bytes of an object: its repr, which nobody reads, could take all of the memory
MOST_INFO = 1_000_000  # bytes of JSON that a trial keeps beside its numbers: a megabyte a trial
# Lists and dicts inside one another, the mapping of an evaluation's names among them: no study
# writes or reads deeper ones, as readers of JSON recurse.
DEEPEST = 100
MOST_NOTE = 200  # characters in place of what JSON cannot hold, or is too large: two lines


def as_float(value: Any) -> float | None:
    """Return a plain float of any real number, or array or tensor of one element, else None."""
    if type(value) is float:
        return value
    try:
        if isinstance(value, str | bytes) or _is_no_number_of_numpy(value):
            return None
        if callable(getattr(value, "item", None)):
            value = value.item()
        elif callable(getattr(value, "numpy", None)):  # TensorFlow
            value = value.numpy().item()
        return float(value) if hasattr(value, "__float__") else None
    except Exception:  # several elements, no elements, too large an int …
        return None


def _is_no_number_of_numpy(value: Any) -> bool:
    # A masked value's float is 0, and a time's item may be an int.
    if isinstance(value, np.ma.MaskedArray) and bool(np.ma.getmaskarray(value).any()):
        return True
    return isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "mM"


def as_json_data(named: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy as JSON data: arrays as lists, and a short text for what JSON cannot hold.

    What would take the whole beyond `MOST_INFO`, or is nested beyond `DEEPEST`, is replaced by
    such a text too.
    """
    data: dict[str, Any] = {}
    left = MOST_INFO
    for name, value in named.items():
        try:
            text = _json_text(value, left)
            kept = json.loads(text)
            if is_deeper(kept, text, DEEPEST - 1):
                raise ValueError("too deep")
        except Exception:  # no JSON, too large, too deep, or an error of its own methods
            text = _json_text(limited_repr(value, MOST_NOTE), LARGE)
            kept = json.loads(text)
        left -= len(text)
        data[name] = kept
    return data


def is_deeper(data: Any, text: str, most: int) -> bool:
    """Return whether lists and dicts are nested more than so deep, of data and its JSON text."""
    # Almost always there are too few brackets for it.
    if text.count("[") + text.count("{") <= most:
        return False
    level = [data] if isinstance(data, dict | list | tuple) else []
    for _ in range(most):
        inner = [each.values() if isinstance(each, dict) else each for each in level]
        level = [one for each in inner for one in each if isinstance(one, dict | list | tuple)]
        if not level:
            return False
    return True


def _json_text(value: Any, most: int) -> str:
    if isinstance(value, str) and len(value) > most:
        raise ValueError("too large")
    pieces = []
    for piece in _TO_JSON.iterencode(value):  # so that it ends where it becomes too large
        most -= len(piece)
        if most < 0:
            raise ValueError("too large")
        pieces.append(piece)
    # No storage holds lone surrogates, as undecodable file names have them.
    return "".join(pieces).encode("utf-8", "replace").decode("utf-8")


def _as_lists(value: Any) -> Any:
    # An array, a tensor or a number of numpy.
    if callable(getattr(value, "numpy", None)) and not hasattr(value, "tolist"):  # TensorFlow
        value = value.numpy()
    if not callable(getattr(value, "tolist", None)) or getattr(value, "nbytes", 0) > MOST_INFO:
        raise TypeError("neither JSON nor an array of a sensible size")
    return value.tolist()


def short_repr(value: Any) -> str:
    """Return the type and the repr of a value for a message, cut to some 80 characters."""
    text = limited_repr(value, 80)
    kind = type(value).__name__
    return text if text.startswith(f"{kind} of ") else f"{kind} {text}"


def limited_repr(value: Any, most: int) -> str:
    """Return the repr of a value, cut to a number of characters; of a large one only its size."""
    try:
        size = sys.getsizeof(value)
        text = f"{type(value).__name__} of {size} bytes" if size > LARGE else _repr(value)
    except Exception as error:
        text = f"without a repr ({type(error).__name__})"
    return text if len(text) <= most else text[: most - 3] + "..."


def _repr(value: Any) -> str:
    # Of containers the first items only: nested ones may hold each other exponentially often.
    if not isinstance(value, list | tuple | dict | set | frozenset):
        return repr(value)
    cut = reprlib.Repr()
    cut.maxlevel = 3
    cut.maxlist = cut.maxtuple = cut.maxdict = cut.maxset = cut.maxfrozenset = 20
    cut.maxstring = cut.maxother = cut.maxlong = MOST_NOTE
    return cut.repr(value)


_TO_JSON = json.JSONEncoder(ensure_ascii=False, default=_as_lists)
