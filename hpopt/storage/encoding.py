"""Plain data as JSON text that is valid everywhere and comes back as it was.

JSON has no nan and no infinities, so ``{"$float": "nan"}``, ``{"$float": "inf"}`` and
``{"$float": "-inf"}`` stand for them. A key that begins with ``$`` in the data itself gets
one more ``$``, so nothing can be mistaken for them. Tuples become lists, numpy numbers plain
ones; floats and integers keep every digit.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from hpopt.core.plain import DEEPEST, is_deeper
from hpopt.errors import SettingError

MARK = "$"
NOT_FINITE = MARK + "float"

TOO_DEEP = f"JSON must be nested at most {DEEPEST} deep"

MOST_BYTES = 200 * 2**20
"""What one text may take in memory once it is read."""

BYTES_OF_DICT, BYTES_OF_LIST, BYTES_OF_VALUE = 240, 96, 64
"""What each takes at least: of ``{``, of ``[`` and of a comma in the text."""


def encode(data: Any) -> str:
    """Return plain data as JSON text.

    Raises
    ------
    SettingError
        Something in it is no number, str, bool, None, list, tuple or dict with str keys; or it
        could not be read again: it is nested more than 100 deep, or takes 200 MB of memory.
    """
    text = _text_of(data)
    if len(text) <= DEEPEST:  # too short to be too deep or too large: nearly every text
        return text
    problem = _why_too_large(text) or _why_too_deep(data, text)
    if problem:
        raise _not_plain(ValueError(problem))
    return text


def decode(text: str) -> Any:
    """Return what was encoded.

    Raises
    ------
    ValueError
        The text is not JSON, or it is nested too deep, or takes too much memory.
    TypeError
        It is no text.
    """
    problem = _why_too_large(text)
    if problem:
        raise ValueError(problem)
    try:
        data, end = _decode(text)
    except RecursionError:
        raise ValueError(TOO_DEEP) from None
    if end != len(text):
        raise ValueError(f"JSON must end at {end}, but goes on to {len(text)}")
    problem = _why_too_deep(data, text, DEEPEST + 1)  # one more for a number that is not finite
    if problem:
        raise ValueError(problem)
    return data if '"' + MARK not in text else _unmarked(data)


def _why_too_large(text: str) -> str:
    if len(text) < MOST_BYTES // BYTES_OF_DICT:
        return ""
    lists, dicts, values = text.count("["), text.count("{"), text.count(",")
    n_bytes = BYTES_OF_LIST * lists + BYTES_OF_DICT * dicts + BYTES_OF_VALUE * values
    most = f"JSON must take at most {MOST_BYTES >> 20} MB of memory"
    return f"{most}, but this takes {n_bytes >> 20}" if n_bytes > MOST_BYTES else ""


def _why_too_deep(data: Any, text: str, most: int = DEEPEST) -> str:
    return TOO_DEEP if is_deeper(data, text, most) else ""


def _text_of(data: Any) -> str:
    try:
        text = _encode(data)
        # Almost always the text is right at once: the marks cost only those who need them.
        return text if '"' + MARK not in text else _encode(_marked(data))
    except ValueError:
        return _encode_with_marks(data)
    except (TypeError, RecursionError) as error:
        raise _not_plain(error) from None


def _encode_with_marks(data: Any) -> str:
    try:
        return _encode(_marked(data))
    except (TypeError, RecursionError) as error:
        raise _not_plain(error) from None


def _not_plain(error: Exception) -> SettingError:
    return SettingError(
        "a study keeps plain data (numbers, str, bool, None, lists, and dicts of str to these), "
        f"but got something else: {error}"
    )


def _number_of_numpy(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} {value!r:.80}")


def _marked(data: Any) -> Any:
    if isinstance(data, np.generic):
        data = data.item()
    if isinstance(data, float) and not math.isfinite(data):
        return {NOT_FINITE: repr(float(data))}
    if isinstance(data, dict):
        return {_marked_key(key): _marked(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_marked(value) for value in data]
    return data


def _marked_key(key: Any) -> Any:
    return MARK + key if isinstance(key, str) and key.startswith(MARK) else key


def _unmarked(data: Any) -> Any:
    if isinstance(data, dict):
        if len(data) == 1 and NOT_FINITE in data:
            return float(data[NOT_FINITE])
        return {key.removeprefix(MARK): _unmarked(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_unmarked(value) for value in data]
    return data


_encode = json.JSONEncoder(allow_nan=False, separators=(",", ":"), default=_number_of_numpy).encode
_decode = json.JSONDecoder().raw_decode
