"""The loop: ask, journal, submit; collect, journal, tell."""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Executor, Future
from dataclasses import replace
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Any, ParamSpec, TypeVar

from hpopt.core import Outcome, Solution, Trial, evaluate, failed, outcome_of_loss
from hpopt.errors import ProblemError, StudyError, TransferError, WorkerNotStarted
from hpopt.progress import ProgressDisplay, Silent, Snapshot
from hpopt.stopping import StoppingRule
from hpopt.study.books import Books

P = ParamSpec("P")
T = TypeVar("T")

POLL_SECONDS = 0.2
INTERRUPTED = "Ctrl-C was pressed"

logger = logging.getLogger("hpopt")


class Loop:
    """Run trials until a rule says so, nothing is left, or a person interrupts.

    For one worker and n trials it does what these five lines do::

        while optimizer.n_asked < n and (solutions := optimizer.ask(1)):
            storage.started(solutions, len(optimizer.history))
            trial = Trial(solutions[0], evaluate(problem, solutions[0]))
            storage.append([trial])
            optimizer.tell(trial)

    Parameters
    ----------
    books : Books
        The study's optimizer, storage and counts; prepared for this window.
    executor : concurrent.futures.Executor
    n_slots : int
        How many evaluations to keep running.
    rule : StoppingRule
    window : int or None
        Ask solution k knowing 0 … k - window; None asks with all that is known.
    display : ProgressDisplay
    callbacks : sequence of callables
        Each gets the trial after it was journaled.
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
        self._stop: str | None = None
        self._stop_now = self._is_writing = self._has_begun = False
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
        self._show(self._display.begin)
        self._show_state()
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
            self._show(self._display.end, self._snapshot(), reason)

    def _fill(self) -> str:
        """Start as many evaluations as there are free slots; say why, where there are fewer."""
        while len(self._running) < self._n_slots:
            if self._stop:
                return self._stop
            progress = self._books.progress(self.seconds, n_again=len(self._again))
            reason, room = self._rule.reason(progress), self._rule.room(progress)
            if reason or room < 1:
                return reason or "all trials are done"
            if self._again:
                self._submit(self._again.popleft())
                continue
            n = int(min(room, self._n_slots - len(self._running)))
            solutions = self._uninterrupted(self._books.ask, n, self._window)
            for solution in solutions:
                self._submit(solution)
            if not solutions:
                return self._books.why_nothing_left()
        return ""

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
            self._show_state()
            return
        while not self._done.empty():
            ended.append(self._done.get())
        self._check_begun(ended)
        trials, outputs = [], {}
        for future in ended:
            solution = self._running.pop(future)
            try:
                trials.append(Trial(solution, outcome_of(future)))
            except KeyboardInterrupt:  # of a worker that Ctrl-C reached too: it stays pending
                self._stop = INTERRUPTED
            if output := getattr(future, "output", ""):
                outputs[solution.number] = output
        self._uninterrupted(self._books.finish, trials, outputs, hold=self._window is not None)
        for trial in trials:
            self._call_back(trial)
        self._show_state()

    def _check_begun(self, ended: Sequence[Future[Outcome]]) -> None:
        """Raise where no evaluation could begin: it could not be sent, or no worker starts."""
        if self._has_begun:
            return
        lost = [None if future.cancelled() else future.exception() for future in ended]
        unsent = [error for error in lost if isinstance(error, TransferError)]
        if len(unsent) == len(lost) and all(error.what == "call" for error in unsent):
            raise ProblemError(f"{unsent[0]} (no trial has run)") from unsent[0]
        if lost and all(isinstance(error, WorkerNotStarted) for error in lost):
            raise StudyError(f"{lost[0]} (no trial has run)") from lost[0]
        self._has_begun = True

    def _call_back(self, trial: Trial) -> None:
        for callback in self._callbacks:
            try:
                callback(trial)
            except Exception:
                logger.exception("the callback %r raised on trial %d", callback, trial.number)

    def _show_state(self) -> None:
        if type(self._display) is not Silent:
            self._show(self._display.show, self._snapshot())

    def _show(self, show: Callable[..., None], *arguments: Any) -> None:
        """Show something; a display that fails must not end what it shows."""
        try:
            show(*arguments)
        except Exception:
            logger.exception("the progress display failed: nothing more is shown")
            self._display = Silent()

    def _snapshot(self) -> Snapshot:
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
                if not self._is_writing or self._stop_now:
                    raise KeyboardInterrupt
                self._stop_now = True
                return
            self._stop = INTERRUPTED
            with contextlib.suppress(Exception):  # it may be in the middle of showing something
                self._display.say(
                    "Ctrl-C: finishing the trials that run; once more to stop now (nothing is lost "
                    "either way)"
                )

        signal.signal(signal.SIGINT, interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _uninterrupted(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Work with the second Ctrl-C put off, so that optimizer and journal stay in step."""
        self._is_writing = True
        try:
            done = work(*args, **kwargs)
        finally:
            self._is_writing = False
        if self._stop_now:
            raise KeyboardInterrupt
        return done


def outcome_of(future: Future[Outcome]) -> Outcome:
    """Give what an evaluation gave, whatever became of it.

    Raises
    ------
    KeyboardInterrupt
        Its worker got one.
    """
    try:
        outcome: Any = future.result()
    except CancelledError:
        return failed("the evaluation was cancelled in its executor", status="lost")
    except KeyboardInterrupt:
        raise
    except BaseException as lost:
        return outcome_of_loss(lost)
    if not isinstance(outcome, Outcome):
        why = f"the executor must give what the evaluation returned, but gave {outcome!r:.80}"
        return failed(why, status="lost")
    memory = getattr(future, "memory", None)
    return outcome if memory is None else replace(outcome, memory=memory)
