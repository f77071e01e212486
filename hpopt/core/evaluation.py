"""Evaluate one solution of a problem: whatever happens becomes an outcome."""

from __future__ import annotations

import math
import sys
import time
import traceback as tracebacks
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hpopt.core.handle import Curve, TrialHandle, handle_for
from hpopt.core.live import LiveFolder
from hpopt.core.problem import Problem, objectives_of
from hpopt.core.solution import Solution, copied
from hpopt.core.trial import Outcome, Status
from hpopt.errors import EvaluationLost, MemoryLimitExceeded, TimeLimitExceeded

OUT_OF_MEMORY = {"ResourceExhaustedError", "OutOfMemoryError"}
LARGE = 1_000_000
"""Bytes of an object whose text nobody reads: writing it could take all of the memory."""

MOST_CHARACTERS = 10_000
"""Of an error, and of the name of a number."""

MOST_LINES = 10 * MOST_CHARACTERS
"""Characters of a traceback."""

MOST_REPORTS = 100_000
MOST_NUMBERS = 10_000


def evaluate(
    problem: Problem,
    solution: Solution,
    *,
    directory: Path | str | None = None,
    early_stopping: Callable[[Curve], bool] | None = None,
    live: LiveFolder | None = None,
) -> Outcome:
    """Evaluate a solution, time it, and turn anything that happens into an Outcome.

    Parameters
    ----------
    problem : Problem
    solution : Solution
    directory : path, optional
        Where the trial may keep files.
    early_stopping : callable, optional
        Gets the reported curve, says whether to stop: a small picklable snapshot of a rule.
    live : LiveFolder, optional
        Where to show that it runs, and what it reports.

    Returns
    -------
    Outcome
        Plain data, whatever the evaluation returned or raised.

    Raises
    ------
    KeyboardInterrupt
        The only thing that passes.
    """
    handle = handle_for(solution, directory=directory, early_stopping=early_stopping, live=live)
    started, clock = time.time(), time.perf_counter()
    values: dict[str, float] = {}
    error = traceback = None
    status: Status
    try:
        returned = problem.evaluate(copied(solution.config), handle)
        status, values, error = judge(problem, returned, handle)
    except KeyboardInterrupt:
        raise
    except BaseException as problem_error:
        status, error = status_of(problem_error), in_one_line(problem_error)
        traceback = shortened(tracebacks.format_exc(), MOST_LINES)
    finally:
        handle.end()
    return Outcome(
        status=status,
        values=values,
        curve=kept(handle.curve),
        error=error,
        traceback=traceback,
        started=started,
        seconds=time.perf_counter() - clock,
    )


def judge(
    problem: Problem, returned: Any, handle: TrialHandle | None = None
) -> tuple[Status, dict[str, float], str | None]:
    """Say what a returned value means: its status, its numbers, and what is wrong with it."""
    names = [objective.name for objective in objectives_of(problem)]
    if not isinstance(returned, Mapping):
        if len(names) > 1:
            wanted = f"a mapping with the objectives {names}"
            return "failed", {}, f"evaluate must return {wanted}, but returned {_short(returned)}"
        returned = {names[0]: returned}
    if len(returned) > MOST_NUMBERS:
        most = f"at most {MOST_NUMBERS} numbers"
        return "failed", {}, f"evaluate must return {most}, but returned {len(returned)}"
    values: dict[str, float] = {}
    for name, value in returned.items():
        number = _number(value)
        if isinstance(name, str) and len(name) > MOST_CHARACTERS:
            most = f"names of at most {MOST_CHARACTERS} characters"
            return "failed", {}, f"evaluate must return {most}, but one has {len(name)}"
        if not isinstance(name, str) or number is None:
            what = "a number" if len(returned) == 1 else "a mapping of names to numbers"
            return "failed", {}, f"evaluate must return {what}, but {name!r} is {_short(value)}"
        values[name] = number
    missing = [name for name in names if name not in values]
    if missing:
        return (
            "failed",
            {},
            f"evaluate must return the objectives {names}, but returned {sorted(values)}",
        )
    unfit = [name for name in names if not math.isfinite(values[name])]
    if unfit:
        return "invalid", {}, f"objective {unfit[0]!r} is {values[unfit[0]]}"
    return ("stopped" if handle is not None and handle.stopped else "complete"), values, None


def outcome_of_loss(lost: BaseException) -> Outcome:
    """Give the outcome of an evaluation that ended without one: killed, or its worker gone."""
    status: Status = "lost"
    if isinstance(lost, TimeLimitExceeded):
        status = "timeout"
    elif isinstance(lost, MemoryLimitExceeded | MemoryError):
        status = "out_of_memory"
    seconds = lost.seconds if isinstance(lost, EvaluationLost) else 0.0
    return Outcome(
        status=status,
        error=str(lost) if isinstance(lost, EvaluationLost) else in_one_line(lost),
        started=time.time() - seconds,
        seconds=seconds,
        memory=lost.memory if isinstance(lost, EvaluationLost) else None,
    )


def status_of(error: BaseException) -> Status:
    """Give the status of an evaluation that raised an error."""
    return "out_of_memory" if _is_out_of_memory(error) else "failed"


def _number(value: Any) -> float | None:
    """Give a plain float of any real number or array or tensor of one element, else None."""
    try:
        if callable(getattr(value, "item", None)):
            value = value.item()
        return float(value) if hasattr(value, "__float__") else None
    except Exception:  # several elements, no elements, too large an int …
        return None


def _short(value: Any) -> str:
    try:
        large = sys.getsizeof(value) > LARGE
        text = f"of {sys.getsizeof(value)} bytes" if large else repr(value)
    except Exception as error:
        text = f"without a repr ({type(error).__name__})"
    return f"{type(value).__name__} {text if len(text) <= 80 else text[:77] + '...'}"


def in_one_line(error: BaseException) -> str:
    """Write an error's kind and message in one line."""
    message = " ".join(shortened(_message(error), MOST_CHARACTERS).split())
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def shortened(text: str, most: int) -> str:
    """Leave out the middle of a text that is too long for a journal."""
    if len(text) <= most:
        return text
    return f"{text[: most // 2]} … ({len(text)} characters) … {text[-(most // 2) :]}"


def kept(curve: Curve) -> tuple[tuple[float, float], ...]:
    """Give what is kept of a curve: of too many reports every so manieth, and the last."""
    step = -(-len(curve) // MOST_REPORTS)
    return tuple(curve) if step <= 1 else (*curve[:-1:step], curve[-1])


def _message(error: BaseException) -> str:
    """Give an error's message, also where its own ``__str__`` raises."""
    try:
        return str(error)
    except Exception as another:
        return f"(its message cannot be read: {type(another).__name__})"


def _is_out_of_memory(error: BaseException) -> bool:
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ in OUT_OF_MEMORY
        or "RESOURCE_EXHAUSTED" in _message(error)
    )
