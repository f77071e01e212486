"""A loop of the user's own: hand out solutions one by one, and take what they gave."""

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
from hpopt.core import STATUSES, Outcome, Problem, Solution, Trial, as_json_data, copy_data, judge
from hpopt.errors import ExhaustedError, SettingError, StudyError, WaitingError
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
        try:
            yield
        finally:
            with self._state.lock:
                self._is_run, self._again = False, None

    def ask(self, seconds: float) -> Solution:
        """Return what was asked before and has no result, then what the optimizer proposes."""
        state, deadline = self._state, time.monotonic() + seconds
        with state.lock:
            while True:
                solution = self._cut_off() or next(iter(state.ask(1)), None)
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

    def tell(self, solution: Solution | int, value: Value) -> Trial:
        """Record what a solution gave."""
        state, number = self._state, _number_of(solution)
        with state.lock:
            pending = state.optimizer.pending.get(number)
            if pending is not None and isinstance(solution, Solution):
                pending = pending if _is_same(pending, solution) else None
            if pending is None:
                known = number in state.optimizer.history
                what = "has been told already" if known else "was never asked of this study"
                raise SettingError(f"each solution is told once, but number {number} {what}")
            if self._is_run and number not in self._asked_at:
                raise SettingError(
                    f"a solution that a run evaluates is told by it, and number {number} is one: "
                    "tell what ask gave"
                )
            began = self._asked_at.get(number, time.time())
            trial = Trial(pending, outcome_of_value(state.problem, value, began))
            state.finish([trial])
            self._asked_at.pop(number, None)
        return trial

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


def outcome_of_value(
    problem: Problem, value: Any, began: float, *, caller: str = "tell"
) -> Outcome:
    """Return the outcome that a user's value stands for, of a solution that was asked at `began`.

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
        judged = judge(problem, given.values, asks=f"{caller} wants", is_partial=is_partial)
        if judged.status == "failed":
            raise SettingError(str(judged.error))
        status = given.status if judged.ok else judged.status
        given = replace(
            given,
            status=status,
            values=judged.values,
            error=judged.error,
            info={**given.info, **judged.info},
        )
    return replace(
        given,
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
