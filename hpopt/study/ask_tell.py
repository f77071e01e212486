"""A loop of the user's own: hand out solutions one by one, and take what they report and give."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, SupportsFloat

import numpy as np

from hpopt.checks import integer
from hpopt.core import (
    STATUSES,
    Outcome,
    Problem,
    Solution,
    Trial,
    TrialHandle,
    as_json_data,
    constraints_of,
    copy_data,
    judge,
    objectives_of,
)
from hpopt.core.evaluation import thinned_curve
from hpopt.early_stopping import StopTest
from hpopt.errors import ExhaustedError, SettingError, StudyError, WaitingError
from hpopt.storage import Pending
from hpopt.study.arguments import early_rule_of
from hpopt.study.state import StudyState

Value = SupportsFloat | Mapping[str, Any] | Outcome
"""What a user may tell of a solution."""

# Numbers of pending solutions that an error names: as many as fit a line.
MOST_NAMED = 10


class AskTell:
    """Ask and tell for somebody who evaluates solutions elsewhere, from any thread.

    A run that is going on evaluates what was asked before and has no result, so none of that may
    be asked or told by a user meanwhile. What a user asks meanwhile, the user tells.
    """

    def __init__(self, state: StudyState) -> None:
        self._state = state
        # Asked by an earlier process that ended without a result; None until they are looked up.
        self._again: deque[Solution] | None = None
        self._asked_at: dict[int, float] = {}
        self._handles: dict[int, TrialHandle] = {}  # of those that have reported
        self._is_run = self._is_closed = False

    def close(self) -> None:
        """Wake the threads that wait for a solution: none will come."""
        with self._state.lock:
            self._is_closed = True
            self._state.changed.notify_all()

    @contextmanager
    def left_to_run(self) -> Iterator[None]:
        """Leave what was asked and has no result to a run, as long as it goes on."""
        with self._state.lock:
            # What was asked is the run's now; nobody else is to get it as cut off.
            self._is_run, self._again = True, deque()
            self._asked_at.clear()
            self._handles.clear()
        try:
            yield
        finally:
            with self._state.lock:
                self._is_run, self._again = False, None

    def ask(self, seconds: float, *, again: bool = True) -> Solution:
        """Return what was asked before and has no result, then what the optimizer proposes."""
        state, deadline = self._state, time.monotonic() + seconds
        with state.lock:
            while True:
                before = self._cut_off() if again else None
                solution = before or next(iter(state.ask(1)), None)
                if before is not None:  # what it had reported belongs to an evaluation that ended
                    state.storage.reported(before.number, ())
                if solution is not None:
                    self._asked_at[solution.number] = time.time()
                    return replace(solution, config=copy_data(solution.config))
                pending = sorted(state.optimizer.pending)
                if not pending:
                    raise ExhaustedError(f"nothing is left to ask: {state.why_nothing_left()}")
                left = deadline - time.monotonic()
                if left <= 0:
                    raise WaitingError(
                        "the optimizer needs the results of running solutions before the next "
                        "one (ask(timeout=...) waits for other threads to tell them): "
                        f"tell {', '.join(map(str, pending[:MOST_NAMED]))}"
                        f"{' …' if len(pending) > MOST_NAMED else ''}"
                    )
                # This gives the lock to those who tell until one of them has.
                state.changed.wait(min(left, threading.TIMEOUT_MAX))
                if self._is_closed:
                    raise StudyError("the study was closed while a thread waited for a solution")

    def _cut_off(self) -> Solution | None:
        """Return the next solution that an earlier process asked and never told."""
        state = self._state
        if self._again is None:
            # What was asked since the study was opened is left out: somebody works on it.
            found = (s for s in state.unfinished() if s.number not in self._asked_at)
            self._again = deque(found)
        while self._again:
            solution = self._again.popleft()
            if solution.number in state.optimizer.pending:
                return solution
        return None

    def tell_step(
        self, solution: Solution | int, step: float, value: float | Mapping[str, float]
    ) -> bool:
        """Take what a solution has reached; return whether early stopping would end it here."""
        with self._state.lock:
            pending = self._pending(solution)
            handle = self._handles.get(pending.number) or self._handle(pending, reports=True)
            handle.report(step, value)
            self._handles[pending.number] = handle
            self._state.storage.reported(pending.number, thinned_curve(handle.curve))
            return handle.should_stop()

    def tell(
        self, solution: Solution | int, value: Value | None, *, stopped: bool = False
    ) -> Trial:
        """Record what a solution gave."""
        with self._state.lock:
            pending = self._pending(solution)
            number = pending.number
            handle = self._handles.get(number) or self._handle(pending)
            handle.stopped = handle.stopped or stopped
            if handle.curve:
                handle.should_stop()  # which is then known to `handle`, also in a later process
            began = self._asked_at.get(number) or self._stored(number).since or time.time()
            trial = Trial(pending, outcome_of_value(self._state.problem, value, began, handle))
            self._state.finish([trial])
            self._asked_at.pop(number, None)
            self._handles.pop(number, None)
        return trial

    def _handle(self, pending: Solution, *, reports: bool = False) -> TrialHandle:
        """Return the handle of a solution, with what an earlier process has reported of it."""
        state, number = self._state, pending.number
        curve = () if number in self._asked_at else self._stored(number).curve
        handle = TrialHandle(
            number,
            pending.seed,
            pending.fidelity,
            early_stopping=self._stop_test(pending) if reports or curve else None,
            objectives=[each.name for each in objectives_of(state.problem)],
        )
        handle.curve += curve
        return handle

    def _stop_test(self, pending: Solution) -> StopTest | None:
        state = self._state
        if state.early_stopping is None and state.optimizer.early_stopping is not None:
            state.stop_early(early_rule_of(None, state.optimizer), None)
        return state.stop_test(pending)

    def _stored(self, number: int) -> Pending:
        return self._state.storage.pending(number)[0]

    def _pending(self, solution: Solution | int) -> Solution:
        """Return the solution that is meant, which must be the user's to tell."""
        state, number = self._state, _number_of(solution)
        pending = state.optimizer.pending.get(number)
        if pending is not None and isinstance(solution, Solution):
            pending = pending if _is_same(pending, solution) else None
        if pending is None:
            known = number in state.optimizer.history
            what = "has been told already" if known else "was never asked of this study"
            raise SettingError(
                f"each solution is told once, but number {number} {what}: {_what_to_tell(state)}"
            )
        if self._is_run and number not in self._asked_at:
            raise SettingError(
                f"a solution that a run evaluates is told by it, and number {number} is one: "
                "tell what ask gave"
            )
        return pending

    def add(self, config: Mapping[str, Any], value: Value) -> Trial:
        """Record a result that is known, and was never asked for."""
        state = self._state
        outcome = outcome_of_value(state.problem, value, time.time(), caller="add_trial")
        # What it has cost is known from an Outcome only.
        seconds = value.seconds if isinstance(value, Outcome) else 0.0
        with state.lock:
            if self._is_run:
                raise StudyError(
                    "results are added to a study before or after a run, but it is running: wait "
                    "for its end"
                )
            return state.add(config, replace(outcome, seconds=seconds))


def _what_to_tell(state: StudyState) -> str:
    numbers = sorted(state.optimizer.pending)
    if not numbers:
        return "nothing is pending, so ask first"
    shown = ", ".join(map(str, numbers[:MOST_NAMED])) + ", ..." * (len(numbers) > MOST_NAMED)
    return f"tell one that is pending, which are {shown}"


def _how_to_give(problem: Problem) -> str:
    names = [objective.name for objective in objectives_of(problem)]
    names += [constraint.name for constraint in constraints_of(problem)]
    written = ", ".join(f'"{name}": ...' for name in dict.fromkeys(names))
    return f"give a number for each, as {{{written}}}"


def outcome_of_value(
    problem: Problem,
    value: Any,
    began: float,
    handle: TrialHandle | None = None,
    *,
    caller: str = "tell",
) -> Outcome:
    """Return the outcome that a user's value stands for, of a solution that was asked at `began`.

    Of one that early stopping has ended, which its handle says, None stands for its last report.

    Raises
    ------
    SettingError
        It is no number, or not the objectives by name, or an outcome without them.
    """
    given = value if isinstance(value, Outcome) else Outcome("complete", value)
    if given.status not in STATUSES:
        raise SettingError(f"a status must be one of {STATUSES}, but got {given.status!r}")
    if given.ok:
        is_partial = given.status == "stopped"
        judged = judge(problem, given.values, handle, asks=f"{caller} wants", is_partial=is_partial)
        if judged.status == "failed":
            said = str(judged.error)  # what has a colon says already what to do
            raise SettingError(said if ": " in said else f"{said}: {_how_to_give(problem)}")
        is_told = judged.ok and isinstance(value, Outcome)  # else the handle knows of the stop
        status = given.status if is_told else judged.status
        given = replace(
            given,
            status=status,
            values=judged.values,
            error=judged.error,
            info={**given.info, **judged.info},
        )
    return replace(
        given,
        curve=given.curve or (() if handle is None else thinned_curve(handle.curve)),
        info=as_json_data(given.info),
        started=given.started or began,
        seconds=given.seconds or max(0.0, time.time() - began),
    )


def _is_same(one: Solution, other: Solution) -> bool:
    # Not by the config, which is the user's to change.
    return one.seed == other.seed and np.array_equal(one.point, other.point)


def _number_of(solution: Any) -> int:
    if isinstance(solution, Solution):
        return solution.number
    number = integer(solution)
    if number is None:
        raise SettingError(
            f"tell wants the solution that ask gave, or its number, but got {solution!r}"
        )
    return number
