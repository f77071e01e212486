"""The loop: ask, journal, submit; collect, journal, tell."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

from hpopt.core import Trial
from hpopt.errors import DiskFullError
from hpopt.progress import ProgressDisplay, Silent, Snapshot
from hpopt.stopping import StoppingRule
from hpopt.study.books import Books
from hpopt.study.dispatch import Dispatch
from hpopt.study.failures import Failures
from hpopt.study.interrupts import INTERRUPTED, Interrupts

P = ParamSpec("P")
T = TypeVar("T")

POLL_SECONDS = 0.2
ROOM_SECONDS = 1.0
"""How often a full disk is tried again."""

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
    dispatch : Dispatch
        What runs evaluations.
    rule : StoppingRule
    window : int or None
        Ask solution k knowing 0 … k - window; None asks with all that is known.
    display : ProgressDisplay
    failures : Failures
        What shows failures, and says when to end a run that cannot succeed.
    callbacks : sequence of callables
        Each gets the trial after it was journaled.
    """

    def __init__(
        self,
        books: Books,
        dispatch: Dispatch,
        *,
        rule: StoppingRule,
        window: int | None,
        display: ProgressDisplay,
        failures: Failures,
        callbacks: Sequence[Callable[[Trial], Any]],
    ) -> None:
        self._books, self._dispatch = books, dispatch
        self._rule, self._window = rule, window
        self._display, self._failures, self._callbacks = display, failures, callbacks
        self._interrupts = Interrupts(self._display.say)
        self._started = time.monotonic()
        self._explained: set[str] = set()
        self._is_idle_said = False

    @property
    def seconds(self) -> float:
        """How long the loop has run."""
        return time.monotonic() - self._started

    def stop(self, reason: str) -> None:
        """Start nothing new; what runs is finished."""
        self._interrupts.stop(reason)

    def run(self) -> str:
        """Run; return the reason why it ended, in words.

        Raises
        ------
        AllTrialsFailedError
            The first trials of the run all failed alike.
        """
        self._show(self._display.begin)
        self._show_state()
        reason = "an error was raised"
        try:
            with self._interrupts.heeded():
                while True:
                    reason = self._fill()
                    if reason and not self._dispatch.n_running:
                        return reason
                    self._collect()
                    if self._cannot_succeed():
                        reason = f"{len(self._failures.alike)} trials failed alike"
                        raise self._failures.error()
        except KeyboardInterrupt:
            reason = f"{INTERRUPTED} twice"
            raise
        finally:
            self._dispatch.cancel()
            self._look_after_file(ended=True)
            self._show(self._display.end, self._snapshot(), reason)

    def _fill(self) -> str:
        """Start as many evaluations as there are free slots; say why, where there are fewer."""
        dispatch = self._dispatch
        while not self._interrupts.reason and dispatch.n_free > 0:
            progress = self._books.progress(self.seconds, n_again=len(dispatch.ready))
            reason, room = self._rule.reason(progress), self._rule.room(progress)
            if reason or room < 1:
                return reason or "all trials are done"
            room = int(min(room, dispatch.n_takes))
            if room > len(dispatch.ready):
                n_new = room - len(dispatch.ready)
                dispatch.ready += self._written(self._books.ask, n_new, self._window)
                self._explain()
                self._say_idle()
            if not dispatch.ready:
                return self._books.why_nothing_left()
            dispatch.send(room)
        return self._interrupts.reason or ""

    def _collect(self) -> None:
        """Wait for evaluations to end, journal them, then learn from them."""
        ended = self._dispatch.wait(POLL_SECONDS)
        if ended.interrupted:
            self._interrupts.reason = INTERRUPTED
        hold = self._window is not None
        self._written(self._books.finish, ended.trials, ended.outputs, hold=hold)
        for trial in ended.trials:
            if sentence := self._failures.note(trial):
                self._say(sentence)
            self._call_back(trial)
        self._look_after_file()
        self._show_state()

    def _look_after_file(self, *, ended: bool = False) -> None:
        for sentence in self._books.watch(ended=ended):
            self._say(sentence)

    def _cannot_succeed(self) -> bool:
        """Return whether the trials so far show that the run is in vain."""
        failures = self._failures
        if self._interrupts.reason or not failures.are_all(self._dispatch.n_calls):
            return False
        if self._books.has_lived_with(failures.alike):
            failures.be_over()
            return False
        return True

    def _written(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do what writes the journal; on a full disk wait for room, and do it again.

        Raises
        ------
        DiskFullError
            The run was to be stopped while it waited.
        """
        waited = False
        while True:
            try:
                done = self._interrupts.put_off(work, *args, **kwargs)
            except DiskFullError as error:
                if not waited:
                    self._say(f"{error}. The run waits for room, and goes on then; Ctrl-C ends it")
                waited = True
                self._wait_for_room(error)
            else:
                if waited:
                    self._say("there is room on the disk again: the run goes on")
                return done

    def _wait_for_room(self, error: DiskFullError) -> None:
        end = time.monotonic() + ROOM_SECONDS
        while time.monotonic() < end:
            if self._interrupts.reason:
                raise error
            time.sleep(POLL_SECONDS)

    def _explain(self) -> None:
        """Say what the strategy does and why, once for each of its ways."""
        with self._books.lock:
            sentence = self._books.optimizer.explanation
        way = sentence.partition(":")[0]
        if sentence and way not in self._explained:
            self._explained.add(way)
            logger.info("%s", sentence)
            if type(self._display) is not Silent:
                self._show(self._display.say, sentence)

    def _say_idle(self) -> None:
        """Say once that the strategy leaves workers idle, as it waits for results."""
        optimizer, n_workers = self._books.optimizer, self._dispatch.n_calls
        if self._is_idle_said or n_workers == 1:
            return
        n = min(optimizer.batch_size, self._window or math.inf)
        if n >= min(n_workers, self._rule.total(), optimizer.n_possible):
            return
        self._is_idle_said = True
        if self._window == n:
            why, then = f"window={n} has no more than {n} trials run", f"a window of {n_workers}"
        else:
            why = f"{optimizer.name or type(optimizer).__name__} waits for each {n} trials"
            then = "a strategy that does not wait, such as 'steady_state' or 'tpe'"
            if "population" in optimizer.argument_names():
                then = f"population={n_workers}, or {then}"
        self._say(f"{n_workers} workers, but {why}: {n_workers - n} of them are idle. Use {then}")

    def _say(self, sentence: str) -> None:
        """Tell a person, or where none is looking on, the log."""
        if type(self._display) is Silent:
            logger.warning("%s", sentence)
        else:
            self._show(self._display.say, sentence)

    def _call_back(self, trial: Trial) -> None:
        for callback in self._callbacks:
            try:
                callback(trial)
            except Exception:
                called = getattr(callback, "func", callback)  # the study is bound to it
                name = getattr(called, "__qualname__", repr(called))
                logger.exception("the callback %s raised on trial %d", name, trial.number)

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
            n_running=self._dispatch.n_running,
            total=self._rule.total(),
            limit=self._rule.seconds(),
        )
