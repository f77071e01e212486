"""Ctrl-C: once to finish what runs, twice to stop now."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

INTERRUPTED = "Ctrl-C was pressed"
EXPLAINED = (
    "Ctrl-C: finishing the trials that run; once more to stop now (nothing is lost either way)"
)


class Interrupts:
    """Turn the first Ctrl-C into a wish to stop, and the second into KeyboardInterrupt.

    Attributes
    ----------
    reason : str or None
        Why nothing new is to be started, in words.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self.reason: str | None = None
        self._now = self._is_writing = False

    @contextlib.contextmanager
    def handling_sigint(self) -> Iterator[None]:
        """Heed Ctrl-C, where this is the main thread and nobody else does."""
        # Python lets the main thread alone set handlers, and another handler has its own plans.
        in_main = threading.current_thread() is threading.main_thread()
        if not in_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            yield
            return
        signal.signal(signal.SIGINT, self._interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def uninterrupted(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Work with the second Ctrl-C put off, so that optimizer and journal stay in step."""
        self._is_writing = True  # what the signal's handler looks at
        try:
            done = work(*args, **kwargs)
        finally:
            self._is_writing = False
        if self._now:
            raise KeyboardInterrupt
        return done

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self.reason == INTERRUPTED:
            if not self._is_writing or self._now:
                raise KeyboardInterrupt
            self._now = True
            return
        self.reason = INTERRUPTED
        with contextlib.suppress(Exception):  # it may be in the middle of showing something
            self._say(EXPLAINED)
