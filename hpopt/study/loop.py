"""The loop: ask, journal, submit; collect, journal, tell."""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import replace
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Any

from hpopt.core import Outcome, Solution, Trial, evaluate, outcome_of_loss
from hpopt.progress import ProgressDisplay
from hpopt.stopping import StoppingRule
from hpopt.study.books import Books

POLL_SECONDS = 0.2
INTERRUPTED = "Ctrl-C was pressed"

logger = logging.getLogger("hpopt")


class Loop:
    """Run trials until a rule says so, nothing is left, or a person interrupts.

    A twenty-line reference of what it does, for one worker::

        while rule.room(progress) and (solutions := optimizer.ask(1)):
            storage.started(solutions)
            outcome = evaluate(problem, solutions[0])
            storage.append([Trial(solutions[0], outcome)])
            optimizer.tell(Trial(solutions[0], outcome))

    Parameters
    ----------
    books : Books
        The study's optimizer, storage and counts.
    executor : concurrent.futures.Executor
    n_slots : int
        How many evaluations to keep running.
    rule : StoppingRule
    window : int or None
        Ask solution k only when 0 … k - window are told, and tell in the order of numbers.
    display : ProgressDisplay
    callbacks : sequence of callables
        Each gets the trial after it was told.
    """

    def __init__(
        self,
        books: Books,
        executor: Executor,
        n_slots: int,
        *,
        rule: StoppingRule,
        window: int | None,
        display: ProgressDisplay,
        callbacks: Sequence[Callable[[Trial], Any]],
    ) -> None:
        self._books, self._executor, self._n_slots = books, executor, n_slots
        self._rule, self._window = rule, window
        self._display, self._callbacks = display, callbacks
        share = getattr(executor, "share", None)
        self._problem = share(books.problem) if share is not None else books.problem
        self._running: dict[Future[Outcome], Solution] = {}
        self._done: SimpleQueue[Future[Outcome]] = SimpleQueue()
        self._again: deque[Solution] = deque(books.unfinished())
        self._held: dict[int, Trial] = books.held
        self._stop: str | None = None
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long the loop has run."""
        return time.monotonic() - self._started

    def stop(self, reason: str) -> None:
        """Start nothing new; what runs is finished."""
        self._stop = self._stop or reason

    def run(self) -> str:
        """Run; give the reason why it ended, in words."""
        self._display.begin()
        reason = "an error was raised"
        try:
            with self._interruptible():
                while True:
                    reason = self._fill()
                    if not self._running:
                        return reason
                    self._collect()
        except KeyboardInterrupt:
            reason = f"{INTERRUPTED} twice"
            raise
        finally:
            for future in list(self._running):
                future.cancel()
            self._display.end(self._snapshot(), reason)

    def _fill(self) -> str:
        """Start as many evaluations as there are free slots; say why, where there are fewer."""
        while len(self._running) < self._n_slots:
            if self._stop:
                return self._stop
            if self._again:
                self._submit(self._again.popleft())
                continue
            progress = self._books.progress(self.seconds)
            room = min(self._rule.room(progress), self._room_in_window())
            reason = self._rule.reason(progress)
            if reason or room < 1:
                return reason or "all trials are done"
            n = int(min(room, self._n_slots - len(self._running)))
            solutions = self._books.ask(n)
            for solution in solutions:
                self._submit(solution)
            if not solutions:
                return self._books.why_nothing_left()
        return ""

    def _room_in_window(self) -> float:
        if self._window is None:
            return float("inf")
        return self._window - (self._books.optimizer.n_asked - self._books.n_in_order)

    def _submit(self, solution: Solution) -> None:
        future: Future[Outcome] = self._executor.submit(
            evaluate, self._problem, solution, directory=self._books.directory(solution)
        )
        self._running[future] = solution
        future.add_done_callback(self._done.put)

    def _collect(self) -> None:
        """Wait for evaluations to end, journal them, then learn from them."""
        try:
            ended = [self._done.get(timeout=POLL_SECONDS)]
        except Empty:
            self._display.show(self._snapshot())
            return
        while True:
            try:
                ended.append(self._done.get_nowait())
            except Empty:
                break
        trials, outputs = [], {}
        for future in ended:
            solution = self._running.pop(future)
            trials.append(Trial(solution, outcome_of(future)))
            if output := getattr(future, "output", ""):
                outputs[solution.number] = output
        self._books.journal(trials, outputs)
        for trial in self._in_order(trials):
            self._books.tell(trial)
            self._call_back(trial)
        self._display.show(self._snapshot())

    def _in_order(self, trials: Sequence[Trial]) -> Iterator[Trial]:
        """Give what may be told: everything, or with a window what follows the last number."""
        if self._window is None:
            yield from trials
            return
        self._held |= {trial.number: trial for trial in trials}
        while self._books.n_in_order in self._held:
            yield self._held.pop(self._books.n_in_order)

    def _call_back(self, trial: Trial) -> None:
        for callback in self._callbacks:
            try:
                callback(trial)
            except Exception:
                logger.exception("the callback %r raised on trial %d", callback, trial.number)

    def _snapshot(self) -> Any:
        return self._books.snapshot(
            seconds=self.seconds,
            n_running=len(self._running),
            total=self._rule.total(),
            limit=self._rule.seconds(),
        )

    @contextlib.contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Let the first Ctrl-C finish what runs, and the second raise KeyboardInterrupt."""
        in_main = threading.current_thread() is threading.main_thread()
        if not in_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            yield
            return

        def interrupt(number: int, frame: FrameType | None) -> None:
            if self._stop == INTERRUPTED:
                raise KeyboardInterrupt
            self._stop = INTERRUPTED
            self._display.say(
                f"Ctrl-C: finishing the {len(self._running)} running trials; once more to stop "
                "now (nothing is lost either way)"
            )

        signal.signal(signal.SIGINT, interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def outcome_of(future: Future[Outcome]) -> Outcome:
    """Give what an evaluation gave, whatever became of it."""
    try:
        outcome = future.result()
    except Exception as lost:
        return outcome_of_loss(lost)
    except BaseException as cancelled:
        if isinstance(cancelled, KeyboardInterrupt):
            raise
        return outcome_of_loss(cancelled)
    memory = getattr(future, "memory", None)
    return outcome if memory is None else replace(outcome, memory=memory)
