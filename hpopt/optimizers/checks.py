"""Checks of what a strategy is given: each gives the value back, or says what must hold."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from hpopt.checks import real
from hpopt.core import Objective
from hpopt.errors import SettingError, UnknownNameError


def number(name: str, value: Any, least: float, most: float = math.inf) -> float:
    """Give a finite number in [least, most]."""
    found = real(value)
    if found is None or not (least <= found <= most and math.isfinite(found)):
        within = f"in [{least:g}, {most:g}]" if most < math.inf else f"of at least {least:g}"
        raise SettingError(f"{name} must be a number {within}, but got {value!r}")
    return found


def share(name: str, value: Any) -> float:
    """Give a number in [0, 1]: a probability, or a part of a whole."""
    return number(name, value, 0.0, 1.0)


def positive(name: str, value: Any) -> float:
    """Give a finite number above 0."""
    found = real(value)
    if found is None or not 0 < found < math.inf:
        raise SettingError(f"{name} must be a positive number, but got {value!r}")
    return found


def one_of(name: str, value: Any, known: Iterable[str]) -> str:
    """Give one of the known names; an unknown one suggests the nearest."""
    known = tuple(known)
    if value not in known:
        raise UnknownNameError(name, str(value), known)
    return str(value)


def flag(name: str, value: Any) -> bool:
    """Give True or False."""
    if not isinstance(value, bool):
        raise SettingError(f"{name} must be True or False, but got {value!r}")
    return value


def one_objective(strategy: str, objectives: Sequence[Objective]) -> None:
    """Raise unless a problem has one objective."""
    if len(objectives) != 1:
        names = ", ".join(objective.name for objective in objectives)
        raise SettingError(
            f"a problem for optimizer={strategy!r} must have one objective, but got "
            f"{len(objectives)} ({names}): use optimizer='genetic'"
        )
