"""A loop of the user's own: hand out solutions one by one, and take what they gave."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace

from hpopt.core import Outcome, Solution, Trial
from hpopt.errors import ExhaustedError, SettingError, WaitingError
from hpopt.study.books import Books
from hpopt.study.told import is_same, told_outcome


class ByHand:
    """Ask and tell for somebody who evaluates solutions elsewhere."""

    def __init__(self) -> None:
        self._again: deque[Solution] | None = None
        self._asked_at: dict[int, float] = {}

    def forget(self) -> None:
        """Look again for what was cut off, the next time: others have worked on the study."""
        self._again = None

    def ask(self, books: Books) -> Solution:
        """Give what was asked before and never told, then what the optimizer gives.

        Raises
        ------
        WaitingError, ExhaustedError
            See `Study.ask`.
        """
        solution = self._cut_off(books) or next(iter(books.ask(1)), None)
        if solution is None:
            pending = sorted(books.optimizer.pending)
            if pending:
                raise WaitingError(
                    "the optimizer needs the results of running solutions before the next one: "
                    f"tell {', '.join(map(str, pending[:10]))}{' …' if len(pending) > 10 else ''}"
                )
            raise ExhaustedError(f"nothing is left to ask: {books.why_nothing_left()}")
        self._asked_at[solution.number] = time.time()
        return replace(solution, config=deepcopy(solution.config))

    def tell(
        self, books: Books, solution: Solution, value: float | Mapping[str, float] | Outcome
    ) -> Trial:
        """Record what a solution gave.

        Raises
        ------
        SettingError
            See `Study.tell`.
        """
        if not isinstance(solution, Solution):
            raise SettingError(f"tell wants the solution that ask gave, but got {solution!r}")
        pending = books.optimizer.pending.get(solution.number)
        if pending is None or not is_same(pending, solution):
            known = solution.number in books.optimizer.history
            what = "has been told already" if known else "was never asked of this study"
            raise SettingError(f"each solution is told once, but number {solution.number} {what}")
        began = self._asked_at.get(solution.number, time.time())
        trial = Trial(pending, told_outcome(books.problem, value, began))
        books.finish([trial])
        self._asked_at.pop(solution.number, None)
        return trial

    def _cut_off(self, books: Books) -> Solution | None:
        """Give the next solution that was asked by somebody before and never told."""
        if self._again is None:
            self._again = deque(books.unfinished())
        while self._again:
            solution = self._again.popleft()
            if solution.number in books.optimizer.pending:
                return solution
        return None
