"""A loop of the user's own: hand out solutions one by one, and take what they gave."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, SupportsFloat

from hpopt.checks import integer
from hpopt.core import Outcome, Solution, Trial, copy_data
from hpopt.errors import ExhaustedError, SettingError, StudyError, WaitingError
from hpopt.study.books import Books
from hpopt.study.told import is_same, told_outcome

Told = SupportsFloat | Mapping[str, Any] | Outcome


class ByHand:
    """Ask and tell for somebody who evaluates solutions elsewhere, from any thread.

    A run that is going on evaluates what was asked and never told, so none of that may be asked
    or told by hand meanwhile; what is newly asked by hand is told by hand.
    """

    def __init__(self) -> None:
        self._again: deque[Solution] | None = None
        self._asked_at: dict[int, float] = {}
        self._is_run = self._is_closed = False

    def close(self, books: Books) -> None:
        """Wake the threads that wait for a solution: none will come."""
        with books.lock:
            self._is_closed = True
            books.changed.notify_all()

    def begin_run(self, books: Books) -> None:
        """Leave to a run what was asked and never told."""
        with books.lock:
            self._is_run, self._again = True, deque()
            self._asked_at.clear()

    def end_run(self) -> None:
        """Look for what was cut off, the next time."""
        self._is_run, self._again = False, None

    def ask(self, books: Books, seconds: float = 0.0) -> Solution:
        """Return what was asked before and never told, then what the optimizer proposes.

        Raises
        ------
        WaitingError, ExhaustedError
            See `Study.ask`.
        """
        deadline = time.monotonic() + seconds
        with books.lock:
            while True:
                solution = self._cut_off(books) or next(iter(books.ask(1)), None)
                if solution is not None:
                    self._asked_at[solution.number] = time.time()
                    return replace(solution, config=copy_data(solution.config))
                pending = sorted(books.optimizer.pending)
                if not pending:
                    raise ExhaustedError(f"nothing is left to ask: {books.why_nothing_left()}")
                left = deadline - time.monotonic()
                if left <= 0:
                    raise WaitingError(
                        "the optimizer needs the results of running solutions before the next "
                        "one (ask(timeout=...) waits for other threads to tell them): "
                        f"tell {', '.join(map(str, pending[:10]))}"
                        f"{' …' if len(pending) > 10 else ''}"
                    )
                books.changed.wait(min(left, threading.TIMEOUT_MAX))
                if self._is_closed:
                    raise StudyError("the study was closed while a thread waited for a solution")

    def tell(self, books: Books, solution: Solution | int, value: Told) -> Trial:
        """Record what a solution gave.

        Raises
        ------
        SettingError
            See `Study.tell`.
        """
        number = _number_of(solution)
        with books.lock:
            pending = books.optimizer.pending.get(number)
            if pending is not None and isinstance(solution, Solution):
                pending = pending if is_same(pending, solution) else None
            if pending is None:
                known = number in books.optimizer.history
                what = "has been told already" if known else "was never asked of this study"
                raise SettingError(f"each solution is told once, but number {number} {what}")
            if self._is_run and number not in self._asked_at:
                raise SettingError(
                    f"a solution that a run evaluates is told by it, and number {number} is one: "
                    "tell what ask gave"
                )
            began = self._asked_at.get(number, time.time())
            trial = Trial(pending, told_outcome(books.problem, value, began))
            books.finish([trial])
            self._asked_at.pop(number, None)
        return trial

    def add(self, books: Books, config: Mapping[str, Any], value: Told) -> Trial:
        """Record a result that is known, and was never asked for.

        Raises
        ------
        StudyError, SettingError, ConfigError
            See `Study.add_trial`.
        """
        outcome = told_outcome(books.problem, value, time.time(), caller="add_trial")
        seconds = value.seconds if isinstance(value, Outcome) else 0.0  # of no cost that is known
        outcome = replace(outcome, seconds=seconds)
        with books.lock:
            if self._is_run:
                raise StudyError(
                    "results are added to a study before or after a run, but it is running: wait "
                    "for its end"
                )
            return books.add(config, outcome)

    def _cut_off(self, books: Books) -> Solution | None:
        """Give the next solution that was asked by somebody before and never told."""
        if self._again is None:
            theirs = self._asked_at  # asked since the study was opened: somebody works on it
            self._again = deque(s for s in books.unfinished() if s.number not in theirs)
        while self._again:
            solution = self._again.popleft()
            if solution.number in books.optimizer.pending:
                return solution
        return None


def _number_of(solution: Any) -> int:
    if isinstance(solution, Solution):
        return solution.number
    number = integer(solution)
    if number is None:
        raise SettingError(
            f"tell wants the solution that ask gave, or its number, but got {solution!r}"
        )
    return number
