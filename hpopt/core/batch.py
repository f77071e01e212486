"""Evaluate several solutions of a problem in one computation."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hpopt.core.evaluation import (
    failure_of,
    in_one_line,
    info_of,
    judge_error,
    objectives_to_report,
    thinned_curve,
    this_worker,
)
from hpopt.core.handle import Curve, Previous, TrialHandle, handle_for
from hpopt.core.heartbeat import LiveFolder
from hpopt.core.judging import judge
from hpopt.core.problem import Problem
from hpopt.core.trial import Outcome, Solution, copy_data


def evaluate_together(
    problem: Problem,
    solutions: Sequence[Solution],
    *,
    directories: Sequence[Path | str | None] | None = None,
    previous: Sequence[Previous | None] | None = None,
    early_stopping: Sequence[Callable[[Curve], bool] | None] | None = None,
    live: LiveFolder | None = None,
) -> list[Outcome] | str:
    """Evaluate solutions by the problem's `evaluate_batch`.

    Parameters
    ----------
    solutions : sequence of Solution
        Of one `batch_key`, `max_batch` at most.
    directories, previous, early_stopping
        For each of them what `evaluate` gets for one.
    live : LiveFolder, optional
        Where to show that they run.

    Returns
    -------
    list of Outcome, or str
        In the order of the solutions, each with its share of the time. Text where the batch as a
        whole has failed, which says why: then evaluate the solutions one by one.

    Raises
    ------
    KeyboardInterrupt
        Nothing else is raised.
    """
    none = [None] * len(solutions)
    given = zip(
        solutions, directories or none, previous or none, early_stopping or none, strict=True
    )
    objectives = objectives_to_report(problem)
    handles = [
        handle_for(
            solution,
            directory=folder,
            previous=earlier,
            early_stopping=rule,
            live=live,
            objectives=objectives,
        )
        for solution, folder, earlier, rule in given
    ]
    started, clock = time.time(), time.perf_counter()
    try:
        returned = list(problem.evaluate_batch([copy_data(s.config) for s in solutions], handles))
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return in_one_line(error)
    finally:
        for handle in handles:
            handle.end()
    if len(returned) != len(solutions):
        return f"it must return {len(solutions)} results, but returned {len(returned)}"
    seconds = (time.perf_counter() - clock) / len(solutions)
    return [
        _outcome(problem, value, handle, started, seconds)
        for value, handle in zip(returned, handles, strict=True)
    ]


def _outcome(
    problem: Problem, returned: Any, handle: TrialHandle, started: float, seconds: float
) -> Outcome:
    if isinstance(returned, Exception):
        outcome = judge_error(problem, returned, handle)
    else:
        outcome = judge(problem, returned, handle)
    try:
        handle.tell_values(outcome.values)
    except Exception as error:
        outcome = failure_of(error)
    return replace(
        outcome,
        curve=thinned_curve(handle.curve),
        started=started,
        seconds=seconds,
        info=info_of(problem, handle, outcome),
        worker=this_worker(),
    )
