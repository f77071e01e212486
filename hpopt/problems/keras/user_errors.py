"""Errors in a user's own functions: found before the first trial, shown with their line."""

from __future__ import annotations

import re
import sysconfig
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from hpopt.core.evaluation import in_one_line, shorten, status_of
from hpopt.core.solution import Config
from hpopt.errors import HpoptError, ProblemError
from hpopt.space import Space

N_TRIED = 3
"""Configs that all must fail: a single one may be impossible for reasons of its own."""
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
MOST_CHARACTERS = 500
"""Of another library's message, which may hold arrays."""
LIBRARIES = tuple(
    f"{Path(path).resolve()}/" for path in (Path(__file__).parents[2], sysconfig.get_path("stdlib"))
)


def configs_to_try(space: Space) -> Iterable[Config]:
    """Yield some configs: that in the middle of the space first, if it is allowed."""
    middle = np.full((1, space.d), 0.5)
    if space.allowed(middle)[0]:
        yield space.decode(middle)[0]
    yield from space.sample(N_TRIED - 1, seed=0)


def check_by_trying(
    configs: Iterable[Config], attempt: Callable[[Config, Callable[[str], None]], None]
) -> None:
    """Raise if a user's functions fail with every one of some configs.

    Parameters
    ----------
    configs : iterable of dict
    attempt : callable
        Called with a config, and a function to which it tells what must hold in its next step.

    Raises
    ------
    ProblemError
        With the config, the error, and the line of the user's code that it rose in; the error is
        its cause. Errors of hpopt itself pass as they are; a config that takes too much memory is
        left to its trial.
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
            f"{shorten(COLOURS.sub('', in_one_line(cause)), MOST_CHARACTERS)}{line_of(cause)}"
        ) from cause


def line_of(error: BaseException) -> str:
    """Return the last line of the user's own code that an error passed, in brackets; or nothing."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not _is_of_library(frame.filename):
            text = f": {frame.line[:100]}" if frame.line else ""
            return f" ({Path(frame.filename).name}, line {frame.lineno}{text})"
    return ""


def _is_of_library(filename: str) -> bool:
    is_installed = any(folder in filename for folder in ("site-packages", "dist-packages"))
    return is_installed or filename.startswith(("<frozen", *LIBRARIES))
