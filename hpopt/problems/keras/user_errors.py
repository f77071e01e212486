"""Errors in a user's own functions: found before the first trial, shown with their line."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from hpopt.checks import refusal
from hpopt.core.evaluation import in_one_line, shorten, status_of
from hpopt.core.libraries import is_of_library
from hpopt.core.trial import Config
from hpopt.errors import HpoptError, ProblemError, SettingError
from hpopt.space import Space

# Configs that must all fail: a single one may be impossible for reasons of its own. Each takes the
# seconds of building a network, so there are few.
N_TRIED = 3
MOST_CHARACTERS = 500  # of another library's message, which may hold arrays


def configs_to_try(space: Space) -> Iterable[Config]:
    """Yield some configs: the middle of the space first, if it is allowed."""
    middle = np.full((1, space.d), 0.5)
    if space.allowed(middle)[0]:
        yield space.decode(middle)[0]
    yield from space.sample(N_TRIED - 1, seed=0)


def check_by_trying(
    configs: Iterable[Config], attempt: Callable[[Config, Callable[[str], None]], None]
) -> None:
    """Raise if a user's functions fail with every one of some configs.

    `attempt` is called with a config, and with a function that it calls with what its next step
    must do. Errors of hpopt itself pass as they are; a config that takes too much memory is left
    to its trial.

    Raises
    ------
    ProblemError
        With the config, the error, and the line of the user's code; the error is its cause.
    """
    first: tuple[str, Config, Exception] | None = None
    for config in configs:
        steps: list[str] = []
        try:
            attempt(config, steps.append)
            return
        except HpoptError:
            raise
        except Exception as error:
            if status_of(error) == "out_of_memory":
                return
            first = first or (steps[-1], config, error)
    if first is not None:
        step, config, cause = first
        raise ProblemError(
            f"{step}, but with the config {shorten(repr(config), MOST_CHARACTERS)} it raised "
            f"{shorten(in_one_line(cause), MOST_CHARACTERS)}{line_of(cause)}"
        ) from cause


def check_callbacks(callbacks: Any) -> None:
    """Raise SettingError unless this can be called as ``callbacks(config, trial)``."""
    got = repr(callbacks)
    if callable(callbacks):
        refused = refusal(callbacks, {}, None)
        if refused is None:
            return
        name, signature, reason = refused
        got = f"{name}{signature} ({reason})"
    raise SettingError(
        "callbacks must be a function of config and trial that returns new ones, but got "
        f"{got}: write callbacks=lambda config, trial: [...]"
    )


def line_of(error: BaseException) -> str:
    """Return the last line of the user's own code in a traceback, in brackets; or ""."""
    # The innermost frames are of Keras and its backend.
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not is_of_library(frame.filename):
            text = f": {frame.line[:100]}" if frame.line else ""
            return f" ({Path(frame.filename).name}, line {frame.lineno}{text})"
    return ""
