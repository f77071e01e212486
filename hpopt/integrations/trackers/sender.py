"""A thread that tells a backend, so that a search never waits for a tracker."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

from hpopt.integrations.trackers.backend import Backend
from hpopt.integrations.trackers.tracked import TrackedStudy, TrackedTrial

RETRY_SECONDS = 60.0
"""After a failure, the time until the next try: a server that is restarted is back by then."""


class Sender:
    """Tell a backend trials in the order in which they come.

    What it could not be told is told later: as soon as a minute has passed since it failed, or at
    the end of the run, or when the study goes on, as `past` gives all that there is.

    Parameters
    ----------
    backend : Backend
    study : TrackedStudy
    past : callable
        Returns the trials that have finished so far; those that the backend has are left out. It
        is called from the thread.

    Attributes
    ----------
    is_over : bool
        Whether the end was told, or tried to be, and no trial has come since.
    """

    def __init__(
        self, backend: Backend, study: TrackedStudy, past: Callable[[], Iterable[TrackedTrial]]
    ) -> None:
        self.study = study
        self._backend, self._past = backend, past
        self._changed = threading.Condition()
        self._waiting: deque[TrackedTrial] = deque()
        self._end: str | None = None
        self.is_over = False
        self._known: dict[int, str] | None = None
        self._next_try, self._is_busy, self._is_closed = 0.0, True, False
        self._failures: list[str] = []
        self._has_failed = False
        self._thread = threading.Thread(target=self._work, name="hpopt-tracker", daemon=True)
        self._thread.start()

    def send(self, trial: TrackedTrial) -> None:
        """Have a trial told."""
        with self._changed:
            self._waiting.append(trial)
            self._is_busy, self.is_over = True, False
            self._changed.notify_all()

    def failures(self) -> list[str]:
        """Return why the backend could not be told, the first time that it could not."""
        with self._changed:
            found, self._failures = self._failures, []
        return found

    def end(self, reason: str, seconds: float) -> bool:
        """Have the end of a run told; return whether all was told within so many seconds."""
        with self._changed:
            self._end, self._is_busy, self._next_try, self.is_over = reason, True, 0.0, True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._is_busy, seconds)
            return not self._is_busy and self._known is not None

    def close(self) -> None:
        """End the thread, when it has told what it is telling."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._has_work)
                if self._is_closed:
                    return
                waiting, end = list(self._waiting), self._end
            try:
                self._tell(waiting)
                if end is not None:
                    self._backend.end(end)
            except Exception as error:
                self._failed(error)
            else:
                with self._changed:
                    for _ in waiting:
                        self._waiting.popleft()
                    self._end = None if self._end == end else self._end
                    self._rest()

    def _has_work(self) -> bool:
        return self._is_closed or (self._is_busy and time.monotonic() >= self._next_try)

    def _tell(self, waiting: list[TrackedTrial]) -> None:
        if self._known is None:
            known = dict(self._backend.open(self.study))
            for trial in self._past():
                self._log(trial, known)
            self._known = known
        for trial in waiting:
            self._log(trial, self._known)

    def _log(self, trial: TrackedTrial, known: dict[int, str]) -> None:
        if known.get(trial.number) != trial.mark:
            self._backend.log(trial)
            known[trial.number] = trial.mark

    def _failed(self, error: Exception) -> None:
        with self._changed:
            self._known, self._next_try = None, time.monotonic() + RETRY_SECONDS
            self._waiting.clear()  # `past` has them
            self._end = None
            if not self._has_failed:
                self._failures.append(f"{type(error).__name__}: {error}")
                self._has_failed = True
            self._rest()

    def _rest(self) -> None:
        self._is_busy = bool(self._waiting) or self._end is not None
        self._changed.notify_all()
