"""Send solutions to an executor, alone or in groups, and take back what came of them."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Executor, Future
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
    failed,
    heartbeat_of,
    outcome_of_loss,
)
from hpopt.errors import ProblemError, StudyError, TransferError, WorkerNotStarted
from hpopt.study.groups import Group, groups_of, in_slots
from hpopt.study.state import StudyState

logger = logging.getLogger("hpopt")

# Seconds between two looks at where calls run. People read it, so more often is of no use.
WHERE_SECONDS = 1.0

# Full batches that are ready, at least, where asking ahead costs nothing: of so many solutions even
# some ten kinds fill a batch.
AHEAD = 4

# Workers that may die while they start, beyond one for each slot and before any trial has begun,
# until it is clear that none ever starts: one or two may have been killed by somebody.
MOST_NOT_STARTED = 2


@dataclass(slots=True)
class Ended:
    """What has come back: finished trials, what they printed, and whether Ctrl-C was among it."""

    trials: list[Trial] = field(default_factory=list)
    outputs: dict[int, str] = field(default_factory=dict)
    interrupted: bool = False


class Dispatch:
    """Keep an executor's slots filled with what is ready.

    Where the problem takes batches, ready solutions of one key go together, up to `max_batch`, and
    the fullest batches first. A strategy that asks no worse without results is asked for more than
    the slots take, so that batches are fuller. None waits for others to become ready, and no slot
    stays empty so that another gets a fuller batch. A batch that fails as a whole comes back, and
    each of its solutions goes alone. A trial whose worker was lost is ready again, `retries` times,
    under its own number and seed.

    Attributes
    ----------
    ready : deque of Solution
        What waits for a slot.
    n_running : int
        How many solutions are being evaluated.
    """

    def __init__(
        self,
        state: StudyState,
        executor: Executor,
        n_slots: int | Callable[[], int],
        *,
        retries: int,
        live: LiveFolder | None,
    ) -> None:
        self._state, self._executor, self._n_slots = state, executor, n_slots
        self._retries, self._live = retries, live
        share = getattr(executor, "share", None)
        self._problem = share(state.problem) if share is not None else state.problem
        self._max_batch = state.problem.max_batch
        self._n_side_by_side = min(self._max_batch, state.problem.n_side_by_side or self._max_batch)
        self.ready: deque[Solution] = deque(state.unfinished())
        self.n_running = 0
        self._running: dict[Future[Any], Group] = {}
        self._done: SimpleQueue[Future[Any]] = SimpleQueue()
        self._n_lost: dict[int, int] = {}
        # Whose heartbeats this driver made, as their workers do not see the study's folder.
        self._shown: set[int] = set()
        self._looked = time.monotonic()
        self._alone: set[int] = set()  # of batches that failed as a whole
        self._is_batch_failure_said = False
        self._has_begun, self._n_not_started = False, 0

    @property
    def n_calls(self) -> int:
        """How many calls to keep running."""
        return self._n_slots() if callable(self._n_slots) else self._n_slots

    @property
    def n_free(self) -> int:
        """How many slots are free."""
        return max(0, self.n_calls - len(self._running))

    @property
    def newest(self) -> Solution | None:
        """What was sent last of what is being evaluated."""
        return next(reversed(self._running.values()))[-1] if self._running else None

    @property
    def newest_report(self) -> tuple[float, float] | None:
        """What the evaluation of `newest` last reported, as (step, value), where that is known."""
        newest = self.newest
        if self._live is None or newest is None:
            return None
        seen = heartbeat_of(self._live.path, newest.number)
        if seen is None or seen.step is None or seen.value is None:
            return None
        return seen.step, seen.value

    @property
    def n_taken(self) -> int:
        """How many solutions the free slots take."""
        return self.n_free * self._max_batch

    @property
    def n_wanted(self) -> int:
        """How many solutions are to be ready, for the free slots; 0 without a free one."""
        n, optimizer = self.n_taken, self._state.optimizer
        if self._max_batch == 1 or not n:
            return n
        if optimizer.order_free:
            # A rule of early stopping knows of a trial what was told when it was asked.
            stops_early = self._state.early_stopping is not None
            return n if stops_early else max(n, AHEAD * self._max_batch)
        # Short trainings end long before others, and what waits takes their places.
        return n if optimizer.chooses_fidelities else self.n_free * self._n_side_by_side

    def send(self, most: int) -> None:
        """Send what is ready into free slots: at most so many solutions."""
        if self._max_batch > 1:
            for group in self._groups(most):
                self._submit(group)
            return
        for _ in range(min(most, len(self.ready))):
            self._submit([self.ready.popleft()])

    def _groups(self, most: int) -> list[Group]:
        """Take groups of what is ready into the free slots, the fullest first."""
        kept = [*self.ready]
        formed = groups_of(kept[:most], self._state.problem, self._max_batch, self._alone)
        groups = in_slots(formed, self.n_free)
        sent = {solution.number for group in groups for solution in group}
        self.ready = deque(each for each in kept if each.number not in sent)
        return groups

    def _submit(self, group: Group) -> None:
        state = self._state
        if len(group) == 1:
            future: Future[Any] = self._executor.submit(
                evaluate,
                self._problem,
                group[0],
                directory=state.directory(group[0]),
                previous=state.previous(group[0]),
                early_stopping=state.stop_test(group[0]),
                live=self._live,
            )
        else:
            future = self._executor.submit(
                evaluate_together,
                self._problem,
                group,
                directories=[state.directory(each) for each in group],
                previous=[state.previous(each) for each in group],
                early_stopping=[state.stop_test(each) for each in group],
                live=self._live,
            )
        self._running[future] = group
        self.n_running += len(group)
        # A queue, as the callback comes in any thread, and wait() need not look at all futures.
        future.add_done_callback(self._done.put)

    def wait(self, seconds: float) -> Ended:
        """Wait for evaluations to end, at most so many seconds; return those that have.

        Raises
        ------
        ProblemError, StudyError
            No evaluation could begin: none could be sent, or no worker starts.
        """
        ended = Ended()
        if self._live is not None:
            self._show_where(self._live)
        try:
            futures = [self._done.get(timeout=seconds)]
        except Empty:
            return ended
        while not self._done.empty():
            futures.append(self._done.get())
        if not self._has_begun:
            self._check_begun(futures)
        again = [solution for future in futures for solution in self._take(future, ended)]
        # Before what is new, and by number: the order is that of a run without losses.
        self.ready.extendleft(sorted(again, key=lambda each: each.number, reverse=True))
        return ended

    def _check_begun(self, ended: Sequence[Future[Any]]) -> None:
        """Raise where no evaluation could begin: it could not be sent, or no worker starts."""
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

    def _show_where(self, live: LiveFolder) -> None:
        """Show now and then where calls run, as far as the executor knows."""
        now = time.monotonic()
        if now - self._looked < WHERE_SECONDS:
            return
        self._looked = now
        for future, group in self._running.items():
            where = getattr(future, "where", "")
            if where and group[0].number not in self._shown:
                for solution in group:
                    self._shown.add(solution.number)
                    live.place(solution.number, where)

    def _take(self, future: Future[Any], ended: Ended) -> Group:
        """Take back what a call gave; return those of it that must run again."""
        group = self._running.pop(future)
        self.n_running -= len(group)
        if not self._has_begun:  # its worker did not start: that is not the trial's fault
            return group
        try:
            outcomes = outcomes_of(future, len(group))
        except KeyboardInterrupt:  # of a worker that Ctrl-C reached too: they stay pending
            ended.interrupted = True
            return group
        if not outcomes:
            self._alone.update(solution.number for solution in group)
            self._say_batch_failure(future)
            return group
        output = getattr(future, "output", "")
        return [
            solution
            for solution, outcome in zip(group, outcomes, strict=True)
            if not self._has_ended(solution, outcome, output, ended)
        ]

    def _say_batch_failure(self, future: Future[Any]) -> None:
        """Log once that batches fail as a whole: one by one the trials are right, but slow."""
        if self._is_batch_failure_said or future.cancelled():
            return
        self._is_batch_failure_said = True
        why = future.exception() or future.result()
        # Cut, as an executor of somebody's may give anything.
        said = "evaluate_batch failed, and its configs are evaluated one by one: %.300s"
        logger.warning(said, why)

    def _has_ended(self, solution: Solution, outcome: Outcome, output: str, ended: Ended) -> bool:
        """Note what a solution gave, unless it was lost and runs again; return whether it ended."""
        number = solution.number
        # What has values has removed its heartbeat itself, unless the driver made it.
        if self._live is not None and (not outcome.ok or number in self._shown):
            self._shown.discard(number)
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

    def cancel(self) -> None:
        """Cancel what has not begun."""
        for future in list(self._running):
            future.cancel()


def outcomes_of(future: Future[Any], n: int) -> list[Outcome]:
    """Return what a call gave for each of its n solutions, whatever became of it.

    A group that failed as a whole gives none, as the guilty one is not known.

    Raises
    ------
    KeyboardInterrupt
        Its worker got one.
    """
    try:
        outcomes: Any = future.result() if n > 1 else [future.result()]
    except KeyboardInterrupt:
        raise
    except BaseException as lost:
        return [] if n > 1 else [_outcome_without(lost)]
    if n == 1 and not isinstance(outcomes[0], Outcome):
        why = f"the executor must give what the evaluation returned, but gave {outcomes[0]!r:.80}"
        return [failed(why, status="lost")]
    if n > 1 and not _are_outcomes(outcomes, n):
        return []
    memory = getattr(future, "memory", None)
    return outcomes if memory is None else [replace(each, memory=memory) for each in outcomes]


def _are_outcomes(found: Any, n: int) -> bool:
    is_list = isinstance(found, list) and len(found) == n
    return is_list and all(isinstance(each, Outcome) for each in found)


def _outcome_without(lost: BaseException) -> Outcome:
    if isinstance(lost, CancelledError):
        return failed("the evaluation was cancelled in its executor", status="lost")
    return outcome_of_loss(lost)
