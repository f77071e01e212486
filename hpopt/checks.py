"""Checks of what users write: each returns the value as one type, or raises what must hold."""

from __future__ import annotations

import inspect
import math
import operator
import os
from collections.abc import Callable, ItemsView, Iterable, KeysView, Sequence, Set
from datetime import timedelta
from numbers import Real
from typing import Any

import numpy as np

from hpopt.errors import HpoptError, SettingError, UnknownNameError

Seed = int | np.random.Generator | np.random.SeedSequence
Duration = float | str | timedelta


def integer(value: Any) -> int | None:
    """Return a whole number, numpy's too, as an int; None for anything else, bools included."""
    if isinstance(value, bool | np.bool_ | np.ndarray):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def real(value: Any) -> float | None:
    """Return a real number, numpy's too, as a float; None for anything else, bools included."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0.0 else -math.inf  # type: ignore[operator]


def whole(name: str, value: Any, least: int, *, error: type[HpoptError] = SettingError) -> int:
    """Return a setting that counts something as an int of at least `least`.

    Raises
    ------
    SettingError
        It is none; or another error, where one is given.
    """
    found = integer(value)
    if found is None or found < least:
        raise error(f"{name} must be an int of at least {least}, but got {value!r}")
    return found


def number(name: str, value: Any, least: float, most: float = math.inf) -> float:
    """Return a finite number in [least, most] as a float."""
    found = real(value)
    if found is None or not (least <= found <= most and math.isfinite(found)):
        within = f"in [{least:g}, {most:g}]" if most < math.inf else f"of at least {least:g}"
        raise SettingError(f"{name} must be a number {within}, but got {value!r}")
    return found


def share(name: str, value: Any) -> float:
    """Return a number in [0, 1]: a probability, or a part of a whole."""
    return number(name, value, 0.0, 1.0)


def fraction(name: str, value: Any) -> float:
    """Return a number in [0, 1): a part that leaves something of the whole."""
    found = real(value)
    if found is None or not 0 <= found < 1:
        raise SettingError(f"0 <= {name} < 1 must hold, but got {value!r}: it is a part of a whole")
    return found


def positive(name: str, value: Any, *, error: type[HpoptError] = SettingError) -> float:
    """Return a finite number above 0 as a float."""
    found = real(value)
    if found is None or not 0 < found < math.inf:
        raise error(f"{name} must be a positive number, but got {value!r}")
    return found


def one_of(name: str, value: Any, known: Iterable[str]) -> str:
    """Return one of the known names; the error for an unknown one suggests the nearest."""
    known = tuple(known)
    if value not in known:
        raise UnknownNameError(name, str(value), known)
    return str(value)


def flag(name: str, value: Any, *, error: type[HpoptError] = SettingError) -> bool:
    """Return True or False; numbers and texts are not taken for them."""
    if not isinstance(value, bool):
        raise error(f"{name} must be True or False, but got {value!r}")
    return value


def seconds(value: Any) -> Any:
    """Return a `datetime.timedelta` in seconds, and anything else as it is."""
    return value.total_seconds() if isinstance(value, timedelta) else value


def seed(value: Any) -> int:
    """Return a seed as an int.

    Parameters
    ----------
    value : int, numpy.random.SeedSequence or numpy.random.Generator
        A generator is drawn from once.

    Raises
    ------
    SettingError
        It is none of these, or below 0.
    """
    if isinstance(value, np.random.Generator):
        return int(value.integers(2**63))
    if isinstance(value, np.random.SeedSequence):
        return int(value.generate_state(1, np.uint64)[0])
    return whole("seed", value, 0)


def in_order(name: str, values: Any, error: type[HpoptError] = SettingError) -> Any:
    """Return values as they are, but for a set: its order differs from process to process.

    Raises
    ------
    SettingError
        They are a set; or another error, where one is given.
    """
    is_ordered = isinstance(values, Sequence | KeysView | ItemsView)
    if isinstance(values, Set) and not is_ordered:
        raise error(
            f"{name} must be a list, as the order of a set is another one in every process, but "
            f"got {values!r}: write [...] instead of {{...}}, or sorted(...)"
        )
    return values


def refusal(function: Callable[..., Any], *arguments: Any) -> tuple[str, str, str] | None:
    """Return the name and signature of a function that cannot take some arguments, and the reason.

    None if it can take them, or has no signature that would tell.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some that are written in C have none
        return None
    try:
        signature.bind(*arguments)
    except TypeError as error:
        name = getattr(function, "__name__", type(function).__name__)
        return str(name), str(signature), str(error)
    return None


def expanded(path: str | os.PathLike[str]) -> str:
    """Return a path that a user wrote with the home folder for ``~``."""
    return os.path.expanduser(os.fspath(path))  # noqa: PTH111  ("~nobody" stays as it is)
