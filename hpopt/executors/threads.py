"""Run calls in threads of this process."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from hpopt.checks import whole
from hpopt.executors.devices import available_cores
from hpopt.executors.settings import Settings
from hpopt.process_tree import kill_started_by

T = TypeVar("T")


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
        self._idents: set[int] = set()
        idents = self._idents  # not the executor, which its threads would hold
        super().__init__(
            self.workers,
            thread_name_prefix="hpopt-thread",
            initializer=lambda: idents.add(threading.get_ident()),
        )

    def kill_workers(self) -> None:
        """Take no more calls, and kill the commands that calls wait for: the calls end soon.

        Other calls go on to their end, as a thread can't be killed.
        """
        self.shutdown(wait=False, cancel_futures=True)
        kill_started_by(self._idents)

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
