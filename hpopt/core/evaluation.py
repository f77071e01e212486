"""Evaluate one solution of a problem: whatever happens becomes an outcome."""

from __future__ import annotations

import functools
import os
import re
import socket
import threading
import time
import traceback as tracebacks
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hpopt.core.handle import Curve, Previous, TrialHandle, handle_for
from hpopt.core.heartbeat import LiveFolder
from hpopt.core.judging import judge, reached
from hpopt.core.problem import Problem, objectives_of
from hpopt.core.trial import REACHED, Outcome, Solution, Status, copy_data
from hpopt.errors import EvaluationLost, MemoryLimitExceeded, Stopped, TimeLimitExceeded

OUT_OF_MEMORY = {"ResourceExhaustedError", "OutOfMemoryError"}
COLOURS = re.compile(r"\x1b\[[0-9;]*m")  # which Keras, among others, puts into its messages
# What one trial may write, so that no evaluation fills the disk; all far above what people look at.
MOST_CHARACTERS = 10_000  # of an error: some pages
MOST_IN_TRACEBACK = 10 * MOST_CHARACTERS  # characters: a chain of some deep tracebacks
MOST_REPORTS = 100_000  # of a curve: a few MB
MOST_NAME = 64  # of a machine, or of a thread: what a machine's name may have


def evaluate(
    problem: Problem,
    solution: Solution,
    *,
    directory: Path | str | None = None,
    previous: Previous | None = None,
    early_stopping: Callable[[Curve], bool] | None = None,
    live: LiveFolder | None = None,
) -> Outcome:
    """Evaluate a solution, time it, and turn anything that happens into an Outcome.

    Parameters
    ----------
    directory : path, optional
        Where the trial may keep files.
    previous : Previous, optional
        The earlier trial of the config that it may go on from.
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
        Nothing else is raised.
    """
    handle = handle_for(
        solution,
        directory=directory,
        previous=previous,
        early_stopping=early_stopping,
        live=live,
        objectives=objectives_to_report(problem),
    )
    started, clock = time.time(), time.perf_counter()
    try:
        outcome = _judged(problem, solution, handle)
        handle.tell_values(outcome.values)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        outcome = failure_of(error)
    finally:
        handle.end()
    # Made anew, as dataclasses.replace takes five times as long, at each trial.
    return Outcome(
        status=outcome.status,
        values=outcome.values,
        curve=thinned_curve(handle.curve),
        error=outcome.error,
        traceback=outcome.traceback,
        started=started,
        seconds=time.perf_counter() - clock,
        info=info_of(problem, handle, outcome),
        worker=this_worker(),
    )


def this_worker() -> str:
    """Return where this runs: ``host:pid``, with the thread unless it is the main one."""
    process = f"{_host()}:{os.getpid()}"
    thread = threading.current_thread()
    return process if thread is threading.main_thread() else f"{process}/{thread.name[:MOST_NAME]}"


@functools.cache
def _host() -> str:
    return socket.gethostname()[:MOST_NAME]


def objectives_to_report(problem: Problem) -> tuple[str, ...]:
    """Return the names of a problem's objectives; none where they are wrong, as `judge` says."""
    try:
        return tuple(objective.name for objective in objectives_of(problem))
    except Exception:
        return ()


def _judged(problem: Problem, solution: Solution, handle: TrialHandle) -> Outcome:
    try:
        returned = problem.evaluate(copy_data(solution.config), handle)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return judge_error(problem, error, handle)
    return judge(problem, returned, handle)


def info_of(problem: Problem, handle: TrialHandle, outcome: Outcome) -> Mapping[str, Any]:
    """Return the info of an outcome; with the highest fidelity, if its values are of that too."""
    is_final = handle.is_final or (handle.stopped and handle.ended_status == "complete")
    if problem.fidelity is None or outcome.status != "complete" or not is_final:
        return outcome.info
    high = problem.fidelity.high
    return outcome.info if handle.fidelity == high else {**outcome.info, REACHED: high}


def judge_error(problem: Problem, error: BaseException, handle: TrialHandle) -> Outcome:
    """Return the outcome of an evaluation that raised: a failure, or an early stop."""
    stopped = stopped_by(error)
    if stopped is None and not handle.stopped:
        return failure_of(error)
    if stopped is not None and stopped.values is not None:
        asks = "hpopt.Stopped must be raised with"
        outcome = judge(problem, stopped.values, asks=asks, is_partial=True)
    else:
        outcome = reached(problem, handle)
    if outcome.ok:
        outcome = replace(outcome, status=handle.ended_status if handle.stopped else "stopped")
    if not outcome.is_failure and stopped is not None:
        return outcome
    # Another exception after the stop may be a framework's way to end, or a fault: it is kept.
    traceback = _traceback(error)
    return replace(outcome, error=outcome.error or in_one_line(error), traceback=traceback)


def stopped_by(error: BaseException) -> Stopped | None:
    """Return the `Stopped` that an exception is, or that it was raised from or while handling."""
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        each = waiting.pop(0)
        if isinstance(each, Stopped):
            return each
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            inner = getattr(each, "exceptions", ())  # of an ExceptionGroup
            inner = inner if isinstance(inner, tuple) else ()
            several = [one for one in inner if isinstance(one, BaseException)]
            waiting += [each.__cause__, each.__context__, *several]
    return None


def failure_of(error: BaseException) -> Outcome:
    """Return the outcome of an evaluation that raised, and had not been stopped."""
    return Outcome(status_of(error), error=in_one_line(error), traceback=_traceback(error))


def _traceback(error: BaseException) -> str:
    return shorten("".join(tracebacks.format_exception(error)), MOST_IN_TRACEBACK)


def outcome_of_loss(lost: BaseException) -> Outcome:
    """Return the outcome of an evaluation that ended without one: killed, or its worker gone."""
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
        worker=lost.worker if isinstance(lost, EvaluationLost) else None,
    )


def status_of(error: BaseException) -> Status:
    """Return the status of an evaluation that raised an error."""
    return "out_of_memory" if _is_out_of_memory(error) else "failed"


def in_one_line(error: BaseException) -> str:
    """Write an error's kind and message in one line."""
    message = " ".join(shorten(COLOURS.sub("", _message(error)), MOST_CHARACTERS).split())
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def shorten(text: str, most: int) -> str:
    """Leave out the middle of a text that is too long for a journal."""
    if len(text) <= most:
        return text
    return f"{text[: most // 2]} … ({len(text)} characters) … {text[-(most // 2) :]}"


def thinned_curve(curve: Curve) -> tuple[tuple[float, float | Any], ...]:
    """Return a curve of at most `MOST_REPORTS` reports, evenly spread, with the last one."""
    step = -(-len(curve) // MOST_REPORTS)
    return tuple(curve) if step <= 1 else (*curve[:-1:step], curve[-1])


def _message(error: BaseException) -> str:
    # An error's own __str__ may raise.
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
