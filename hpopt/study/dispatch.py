"""Send solutions to an executor, alone or in groups, and take back what came of them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue
from typing import Any

from hpopt.core import (
    LiveFolder,
    Outcome,
    Solution,
    Trial,
    evaluate,
    evaluate_together,
)
from hpopt.errors import ProblemError, StudyError, TransferError, WorkerNotStarted
from hpopt.study.answers import outcome_of, outcomes_of
from hpopt.study.books import Books

Group = list[Solution]

PLACES_SECONDS = 1.0

MOST_NOT_STARTED = 2
"""So many workers more than there are slots may die while they start, and before any trial has
begun, until it is clear that none ever will: one may have been killed by somebody."""


@dataclass(slots=True)
class Ended:
    """What has come back: finished trials, what they printed, and whether Ctrl-C was among it."""

    trials: list[Trial] = field(default_factory=list)
    outputs: dict[int, str] = field(default_factory=dict)
    interrupted: bool = False


class Dispatch:
    """Keep an executor's slots filled with what is ready.

    Where the problem takes batches, what is ready and of one key goes together, up to
    `max_batch`; nothing waits for others to become ready, and no slot stays empty so that another
    may get a fuller batch. A batch that fails as a whole comes back, and each of it goes alone. A
    trial whose worker was lost is ready again, so many times, under its own number and seed.

    Parameters
    ----------
    books : Books
    executor : concurrent.futures.Executor
    n_slots : int or callable
        How many calls to keep running, or what says so each time.
    retries : int
        How often a lost trial runs again.
    live : LiveFolder or None
        Where evaluations show that they run.

    Attributes
    ----------
    ready : deque of Solution
        What waits for a slot.
    """

    def __init__(
        self,
        books: Books,
        executor: Executor,
        n_slots: int | Callable[[], int],
        *,
        retries: int,
        live: LiveFolder | None,
    ) -> None:
        self._books, self._executor, self._n_slots = books, executor, n_slots
        self._retries, self._live = retries, live
        share = getattr(executor, "share", None)
        self._problem = share(books.problem) if share is not None else books.problem
        self._max_batch = books.problem.max_batch
        self.ready: deque[Solution] = deque(books.unfinished())
        self._running: dict[Future[Any], Group] = {}
        self._done: SimpleQueue[Future[Any]] = SimpleQueue()
        self._n_lost: dict[int, int] = {}
        self._placed: set[int] = set()
        self._looked = time.monotonic()
        self._alone: set[int] = set()
        self._has_begun, self._n_not_started = False, 0

    @property
    def n_free(self) -> int:
        """How many slots are free."""
        return max(0, self.n_calls - len(self._running))

    @property
    def n_calls(self) -> int:
        """How many calls to keep running."""
        return self._n_slots() if callable(self._n_slots) else self._n_slots

    @property
    def n_takes(self) -> int:
        """How many solutions the free slots can take."""
        return self.n_free * self._max_batch

    @property
    def n_running(self) -> int:
        """How many solutions are being evaluated."""
        return sum(map(len, self._running.values()))

    def send(self, most: int) -> None:
        """Send what is ready into free slots, at most so many solutions."""
        for group in self._groups(most):
            self._submit(group)

    def _groups(self, most: int) -> list[Group]:
        """Take from what is ready, in its order, what goes into the free slots."""
        if self._max_batch == 1:
            return [[self.ready.popleft()] for _ in range(min(most, self.n_free, len(self.ready)))]
        groups: list[Group] = []
        open_groups: dict[Hashable, Group] = {}
        left: list[Solution] = []
        for solution in list(self.ready)[:most]:
            alone = solution.number in self._alone
            key = None if alone else self._key(solution)
            group = None if alone else open_groups.get(key)
            if group is not None and len(group) < self._max_batch:
                group.append(solution)
            elif len(groups) < self.n_free:
                groups.append([solution])
                if not alone:
                    open_groups[key] = groups[-1]
            else:
                left.append(solution)
        self.ready = deque([*left, *list(self.ready)[most:]])
        while len(groups) < self.n_free and len(largest := max(groups, key=len, default=[])) > 1:
            half = len(largest) // 2
            groups.append(largest[half:])
            del largest[half:]
        return groups

    def _key(self, solution: Solution) -> Hashable:
        try:
            key = self._books.problem.batch_key(solution)
            hash(key)
        except Exception as error:
            raise ProblemError(
                f"{type(self._books.problem).__name__}.batch_key must give something hashable for "
                f"every solution, but for {solution.config} it raised {type(error).__name__}: "
                f"{error}"
            ) from error
        return key

    def _submit(self, group: Group) -> None:
        books = self._books
        if len(group) == 1:
            future: Future[Any] = self._executor.submit(
                evaluate,
                self._problem,
                group[0],
                directory=books.directory(group[0]),
                early_stopping=books.rule_for(group[0]),
                live=self._live,
            )
        else:
            future = self._executor.submit(
                evaluate_together,
                self._problem,
                group,
                directories=[books.directory(each) for each in group],
                early_stopping=[books.rule_for(each) for each in group],
                live=self._live,
            )
        self._running[future] = group
        future.add_done_callback(self._done.put)

    def wait(self, seconds: float) -> Ended:
        """Wait for evaluations to end, at most so many seconds; give those that have.

        Raises
        ------
        ProblemError, StudyError
            No evaluation could begin: none could be sent, or no worker starts.
        """
        ended = Ended()
        self._show_places()
        try:
            futures = [self._done.get(timeout=seconds)]
        except Empty:
            return ended
        while not self._done.empty():
            futures.append(self._done.get())
        self._check_begun(futures)
        again: Group = []
        for future in futures:
            again += self._take(future, ended)
        self.ready.extendleft(sorted(again, key=lambda each: each.number, reverse=True))
        return ended

    def _show_places(self) -> None:
        """Show now and then where calls run, as far as the executor knows."""
        now = time.monotonic()
        if self._live is None or now - self._looked < PLACES_SECONDS:
            return
        self._looked = now
        for future, group in self._running.items():
            where = getattr(future, "where", "")
            if where and group[0].number not in self._placed:
                for solution in group:
                    self._placed.add(solution.number)
                    self._live.place(solution.number, where)

    def _take(self, future: Future[Any], ended: Ended) -> Group:
        """Take back what a call gave; give those of it that must run again."""
        group = self._running.pop(future)
        if not self._has_begun:
            return group
        n = len(group)
        try:
            outcomes = [outcome_of(future)] if n == 1 else outcomes_of(future, n)
        except KeyboardInterrupt:  # of a worker that Ctrl-C reached too: they stay pending
            ended.interrupted = True
            return group
        if not outcomes:
            self._alone.update(solution.number for solution in group)
            return group
        output = getattr(future, "output", "")
        return [
            solution
            for solution, outcome in zip(group, outcomes, strict=True)
            if not self._has_ended(solution, outcome, output, ended)
        ]

    def _has_ended(self, solution: Solution, outcome: Outcome, output: str, ended: Ended) -> bool:
        """Note what a solution gave, unless it was lost and runs again; say which."""
        number = solution.number
        if self._live is not None and (not outcome.ok or number in self._placed):
            self._placed.discard(number)
            self._live.forget(number)
        if outcome.status == "lost":
            n_lost = self._n_lost.pop(number, 0) + 1
            if n_lost <= self._retries:
                self._n_lost[number] = n_lost
                return False
            if n_lost > 1:
                outcome = replace(outcome, error=f"{outcome.error} (lost {n_lost} times)")
        self._n_lost.pop(number, None)
        self._alone.discard(number)
        ended.trials.append(Trial(solution, outcome))
        if output:
            ended.outputs[number] = output
        return True

    def _check_begun(self, ended: Sequence[Future[Any]]) -> None:
        """Raise where no evaluation could begin: it could not be sent, or no worker starts."""
        if self._has_begun:
            return
        lost = [None if future.cancelled() else future.exception() for future in ended]
        unsent = [error for error in lost if isinstance(error, TransferError)]
        if len(unsent) == len(lost) and all(error.what == "call" for error in unsent):
            raise ProblemError(f"{unsent[0]} (no trial has run)") from unsent[0]
        if lost and all(isinstance(error, WorkerNotStarted) for error in lost):
            self._n_not_started += len(lost)
            if self._n_not_started > MOST_NOT_STARTED + len(self._running):
                raise StudyError(f"{lost[0]} (no trial has run)") from lost[0]
            return
        self._has_begun = True

    def cancel(self) -> None:
        """Cancel what has not begun."""
        for future in list(self._running):
            future.cancel()
