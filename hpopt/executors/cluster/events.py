"""One thread in which an executor of a cluster does everything, so that nothing needs a lock."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable

logger = logging.getLogger("hpopt")


class Events:
    """Call functions in one thread, in the order in which they are posted.

    Parameters
    ----------
    name : str
        Of the executor, for its thread and the log.
    look : callable
        What is called every `seconds`, whether anything was posted or not.
    seconds : float
    """

    def __init__(self, name: str, look: Callable[[], None], seconds: float) -> None:
        self._name, self._look, self._seconds = name, look, seconds
        self._posted: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._has_ended = threading.Event()
        threading.Thread(target=self._work, name=f"hpopt-{name.lower()}", daemon=True).start()

    def post(self, event: Callable[[], None]) -> None:
        """Have a function called, from any thread."""
        self._posted.put(event)

    def end(self, seconds: float | None = None) -> None:
        """End after what has been posted; wait for that, at most so long."""
        self._posted.put(None)
        self._has_ended.wait(seconds)

    def _work(self) -> None:
        looked = time.monotonic()
        while True:
            try:
                event = self._posted.get(timeout=self._seconds)
            except queue.Empty:
                event = self._look
            if event is None:
                break
            try:
                event()
                if time.monotonic() - looked > self._seconds:
                    looked = time.monotonic()
                    self._look()
            except Exception:
                logger.exception("the %s executor met an error, and goes on", self._name)
        self._has_ended.set()
