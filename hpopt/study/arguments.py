"""What a user may give to a study, checked before anything runs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from hpopt import checks
from hpopt.checks import integer, whole
from hpopt.errors import SettingError
from hpopt.stopping import StoppingRule


def checked_seed(seed: Any) -> int | None:
    """Give a seed as a plain int; raise SettingError where it is none."""
    return None if seed is None else checks.seed(seed)


def check_stop(stop: Any) -> None:
    """Raise SettingError unless this is a stopping rule or None."""
    if stop is not None and not isinstance(stop, StoppingRule):
        raise SettingError(f"stop must be a rule of hpopt.stopping, but got {stop!r}")


def checked_callbacks(callbacks: Any) -> list[Callable[..., Any]]:
    """Give callbacks as a list; raise SettingError where one is none."""
    if callable(callbacks) or not isinstance(callbacks, Iterable):
        raise SettingError(f"callbacks must be a list of callables, but got {callbacks!r}")
    found = list(callbacks)
    for callback in found:
        if not callable(callback):
            raise SettingError(f"callbacks must be callables, but got {callback!r}")
        _check_takes_two(callback)
    return found


def _check_takes_two(callback: Callable[..., Any]) -> None:
    """Raise SettingError where a callback cannot be called with a study and a trial."""
    try:
        signature = inspect.signature(callback)
    except (TypeError, ValueError):  # some that are written in C have none
        return
    try:
        signature.bind(None, None)
    except TypeError as error:
        name = getattr(callback, "__name__", type(callback).__name__)
        raise SettingError(
            "a callback must be one that can be called with the study and a trial, but "
            f"{name}{signature} cannot ({error}): write def {name}(study, trial)"
        ) from None


def checked_fail_fast(fail_fast: Any) -> int | None:
    """Return a number of failures as an int, or None; raise SettingError where it is neither."""
    if fail_fast is None:
        return None
    found = integer(fail_fast)
    if found is None or found < 0:
        raise SettingError(
            f"fail_fast must be an int of at least 0 (0 is for never), but got {fail_fast!r}"
        )
    return found


def checked_window(window: Any) -> int | None:
    """Return a window as an int, or None; raise SettingError where it is neither."""
    return None if window is None else whole("window", window, 1)
