"""Run calls in threads of this process."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from hpopt.checks import whole
from hpopt.executors.devices import available_cores
from hpopt.executors.settings import Settings
from hpopt.process_tree import kill_started_by

T = TypeVar("T")

KILL_SECONDS, LOOK_SECONDS = 1.0, 0.02  # a command that was just being started is killed too


class ThreadExecutor(ThreadPoolExecutor):
    """Run each call in one of a fixed number of threads: the standard library's pool.

    When to use it: evaluations that wait (for a service, a subprocess, a queue of jobs) or spend
    their time in code that frees the GIL, and that must see the objects of this process. When
    not: everything else. A thread can't be killed, so there are no limits, and a call that hangs
    keeps its thread; all calls get the same problem object, at the same time.

    Parameters
    ----------
    workers : int, optional
        How many threads, at least 1. By default one for each core.

    Attributes
    ----------
    workers : int
    """

    def __init__(self, workers: int | None = None) -> None:
        self.workers = available_cores() if workers is None else whole("workers", workers, 1)
        self._begun: set[threading.Thread] = set()
        begun = self._begun  # not the executor, which its threads would hold
        super().__init__(
            self.workers,
            thread_name_prefix="hpopt-thread",
            initializer=lambda: begun.add(threading.current_thread()),
        )

    def kill_workers(self) -> None:
        """Take no more calls, and kill the commands that calls wait for: the calls end soon.

        Other calls go on to their end, as a thread can't be killed.
        """
        self.shutdown(wait=False, cancel_futures=True)
        end = time.monotonic() + KILL_SECONDS
        while any(each.is_alive() for each in self._begun) and time.monotonic() < end:
            kill_started_by({each.ident or 0 for each in self._begun})
            time.sleep(LOOK_SECONDS)

    def share(self, obj: T) -> T:
        """Return the object itself: threads share it as it is."""
        return obj


def make(settings: Settings, address: object = None) -> ThreadExecutor:
    """Make the executor that ``executor="threads"`` names; it has one thread by default.

    Raises
    ------
    SettingError
        For what only worker processes can do.
    """
    settings.check_plain("threads")
    return ThreadExecutor(settings.resolved(default_workers=1).workers)
