"""What a user may give to a study, checked before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from hpopt.errors import SettingError
from hpopt.stopping import StoppingRule


def checked_seed(seed: Any) -> int | None:
    """Give a seed as a plain int; raise SettingError where it is none."""
    if seed is None:
        return None
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise SettingError(f"seed must be an int of at least 0, but got {seed!r}")
    return int(seed)


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
    return found


def check_retries(retries: Any) -> None:
    """Raise SettingError unless this is a number of retries."""
    if isinstance(retries, bool) or not isinstance(retries, int) or retries < 0:
        raise SettingError(f"retries must be an int of at least 0, but got {retries!r}")


def check_fail_fast(fail_fast: Any) -> None:
    """Raise SettingError unless this is a number of failures or None."""
    if fail_fast is not None and (
        isinstance(fail_fast, bool) or not isinstance(fail_fast, int) or fail_fast < 0
    ):
        raise SettingError(
            f"fail_fast must be an int of at least 0 (0 is for never), but got {fail_fast!r}"
        )


def check_window(window: Any) -> None:
    """Raise SettingError unless this is a window or None."""
    if window is not None and (
        isinstance(window, bool) or not isinstance(window, int) or window < 1
    ):
        raise SettingError(f"window must be an int of at least 1, but got {window!r}")
