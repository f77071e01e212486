"""The loop: ask, journal, submit; collect, journal, tell."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

from hpopt.core import Trial
from hpopt.errors import AllTrialsFailedError, DiskFullError
from hpopt.progress import ProgressDisplay, Silent, Snapshot
from hpopt.sheets import Sheet
from hpopt.stopping import Progress, StoppingRule
from hpopt.study.dispatch import Dispatch
from hpopt.study.failures import Failures
from hpopt.study.interrupts import INTERRUPTED, Interrupts
from hpopt.study.state import StudyState

P = ParamSpec("P")
T = TypeVar("T")

# How long the loop sleeps while no evaluation ends. A rule on time, the check of the study's file
# and the display's clock may be late by this much. Waking so often costs nothing measurable.
POLL_SECONDS = 0.2
# Seconds until a full disk is tried again: at once for a person, seldom for a disk.
ROOM_SECONDS = 1.0
DOING_SECONDS = 0.1  # between two times that words are found for what is done: some 0.5 ms
# A space of more configs has no end that anybody will see, so none is shown.
COUNTABLE = 10**9

logger = logging.getLogger("hpopt")


class Loop:
    """Run trials until a rule says so, nothing is left, or a person interrupts.

    For one worker and n trials it does what these five lines do::

        while optimizer.n_asked < n and (solutions := optimizer.ask(1)):
            storage.started(solutions, len(optimizer.history))
            trial = Trial(solutions[0], evaluate(problem, solutions[0]))
            storage.append([trial])
            optimizer.tell(trial)

    With a window solution k is asked knowing 0 … k - window, else with all that is known; `state`
    is prepared for it. Each callback gets each trial after it was journaled and learned.
    """

    def __init__(
        self,
        state: StudyState,
        dispatch: Dispatch,
        *,
        rule: StoppingRule,
        window: int | None,
        display: ProgressDisplay,
        failures: Failures,
        callbacks: Sequence[Callable[[Trial], Any]],
    ) -> None:
        self._state, self._dispatch = state, dispatch
        self._rule, self._window = rule, window
        self._display, self._failures, self._callbacks = display, failures, callbacks
        self._interrupts = Interrupts(self._display.say)
        self._started = time.monotonic()
        self._phases, self._n_at_phase, self._phase = set[str](), 0, ""
        self._doing, self._doing_of, self._doing_since = "", (-1, -1), -math.inf
        self._is_idle_said = self._is_exhausted = False

    @property
    def seconds(self) -> float:
        """How long the loop has run."""
        return time.monotonic() - self._started

    def stop(self, reason: str) -> None:
        """Start nothing new; what runs is finished."""
        self._interrupts.reason = self._interrupts.reason or reason

    def run(self) -> str:
        """Run; return the reason why it ended, in words.

        Raises
        ------
        AllTrialsFailedError
            The first trials of the run all failed alike.
        """
        self._show(self._display.begin)
        self._show_state()
        reason = ""
        try:
            with self._interrupts.handling_sigint():
                while True:
                    reason = self._fill()
                    if reason:
                        self._show_state()
                    if reason and not self._dispatch.n_running:
                        if self._is_exhausted:
                            self._state.end_search()
                        return reason
                    self._collect()
        except KeyboardInterrupt:
            reason = f"{INTERRUPTED} twice"
            raise
        except AllTrialsFailedError:
            reason = f"{len(self._failures.alike)} trials failed alike"
            raise
        finally:  # also after an error: what waits in an executor of the user's must not run on
            self._dispatch.cancel()
            self._look_after_file(ended=True)
            self._show(self._display.end, self._snapshot(), reason or "an error was raised")

    # -- the steps of a trial --------------------------------------------------------------------

    def _fill(self) -> str:
        """Start as many evaluations as there are free slots; return why, where there are fewer."""
        dispatch, state = self._dispatch, self._state
        while not self._interrupts.reason and (n_wanted := dispatch.n_wanted) > 0:
            progress = self._progress()
            reason, room = self._rule.reason(progress), self._rule.room(progress)
            if reason or room < 1:
                return reason or "all trials are done"
            room = int(min(room, n_wanted))
            if room > len(dispatch.ready):
                n_new = room - len(dispatch.ready)
                dispatch.ready += self._write(state.ask, n_new, self._window)
                self._explain()
                self._say_idle()
            self._is_exhausted = not dispatch.ready
            if self._is_exhausted:
                return state.why_nothing_left()
            self._show_state(
                sending=min(room, dispatch.n_taken)
            )  # before: it may be evaluated here, and take long
            dispatch.send(room)
        return self._interrupts.reason or ""

    def _collect(self) -> None:
        """Wait for evaluations to end, journal them, then learn from them."""
        ended = self._dispatch.wait(POLL_SECONDS)
        if ended.interrupted:
            self._interrupts.reason = INTERRUPTED
        hold = self._window is not None
        self._write(self._state.finish, ended.trials, ended.outputs, hold=hold)
        for trial in ended.trials:
            # Asked here and not there, as it is called for each trial and nearly all are fine.
            matters = not trial.ok or self._failures.may_end
            if matters and (sentence := self._failures.note(trial)):
                self._say(sentence)
            self._call_back(trial)
        self._look_after_file()
        if not ended.trials:  # else what is sent next is shown with what has ended
            self._show_state()
        if self._failures.alike:
            self._check_can_succeed()

    def _call_back(self, trial: Trial) -> None:
        for callback in self._callbacks:
            try:
                callback(trial)
            except Exception:
                called = getattr(callback, "func", callback)  # the study is bound to it
                name = getattr(called, "__qualname__", repr(called))
                logger.exception("the callback %s raised on trial %d", name, trial.number)

    def _look_after_file(self, *, ended: bool = False) -> None:
        for sentence in self._state.storage.watch(ended=ended):
            self._say(sentence)

    def _check_can_succeed(self) -> None:
        """Raise AllTrialsFailedError where the trials so far show that the run is in vain."""
        failures = self._failures
        if self._interrupts.reason or not failures.are_enough(self._dispatch.n_calls):
            return
        if self._state.has_failed_like(failures.alike):
            failures.let_run_go_on()
        else:
            raise failures.error()

    def _write(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do what writes the journal; on a full disk wait for room, and do it again.

        Raises
        ------
        DiskFullError
            The run was to be stopped while it waited.
        """
        waited = False
        while True:
            try:
                done = self._interrupts.uninterrupted(work, *args, **kwargs)
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

    # -- what people and rules look at -----------------------------------------------------------

    def _progress(self) -> Progress:
        return self._state.progress(self.seconds, n_ready=len(self._dispatch.ready))

    def _snapshot(self, sending: int = 0) -> Snapshot:
        """Return what there is to show, as if so many were sent already of what is ready."""
        state, tally, dispatch = self._state, self._state.tally, self._dispatch
        n_sent = min(sending, len(dispatch.ready))
        trying = dispatch.ready[n_sent - 1] if n_sent else dispatch.newest
        known = state.optimizer.n_asked, tally.n_told
        if known != self._doing_of and self.seconds - self._doing_since >= DOING_SECONDS:
            self._doing, self._doing_since = state.doing(), self.seconds
            self._doing_of = known
        n_possible = state.n_possible if state.n_possible < COUNTABLE else math.inf
        return Snapshot(
            n_done=tally.n_told,
            n_bad=tally.n_bad,
            n_new=tally.n_new,
            n_running=dispatch.n_running + n_sent,
            total=min(self._rule.total(), n_possible),
            seconds=self.seconds,
            limit=self._rule.seconds(),
            best=tally.best,
            nearest=tally.nearest_in_words,
            objective=state.optimizer.objectives[0],
            doing=self._doing,
            spent=str(tally.spent),
            trying=trying,
            report=None if n_sent else dispatch.newest_report,
        )

    def _explain(self) -> None:
        """Show what the strategy does and why, when its phase has changed.

        A phase that was shown before is shown again when the study has twice as many trials: near
        a border phases may change with every trial.
        """
        phase, n = self._state.phase(), self._state.tally.n_told
        if phase in (self._phase, "") or (phase in self._phases and n < 2 * self._n_at_phase):
            return
        sentence = f"{'now ' if self._phases else ''}{self._state.explanation()}"
        self._phases.add(phase)
        self._phase, self._n_at_phase = phase, n
        if type(self._display) is Silent:  # else it would be said twice
            logger.info("%s", sentence)
        else:
            self._show(self._display.say, sentence)

    def _say_idle(self) -> None:
        """Show once that the strategy leaves workers idle, as it waits for results."""
        n_workers = self._dispatch.n_calls
        if self._is_idle_said or n_workers == 1:
            return
        optimizer = self._state.optimizer
        n = min(optimizer.batch_size, self._window or math.inf)
        if n >= min(n_workers, self._rule.total(), self._state.n_possible):
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

    def _show_state(self, *, sending: int = 0) -> None:
        if type(self._display) is not Silent:
            self._show(self._display.show, self._snapshot(sending))

    def show_result(self, make: Callable[[], Sheet]) -> None:
        """Show the table of the best trials, where the display does."""
        if self._display.shows_result:
            self._show(lambda: self._display.show_result(make()))

    def _show(self, show: Callable[..., None], *arguments: Any) -> None:
        """Show something; a display that fails must not end what it shows."""
        try:
            show(*arguments)
        except Exception:
            logger.exception("the progress display failed: nothing more is shown")
            self._display = Silent()
