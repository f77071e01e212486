"""One thread that watches all running calls of a driver: their time, memory and output."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import Protocol

from hpopt.executors.supervision.process_memory import TreeMemory

PERIOD_SECONDS = 0.1  # a look at a worker takes some 50 µs
TREE_EVERY = 5  # rounds: reading the parents of all processes takes 30 µs for each of the machine
STOPPED_EVERY = 50  # rounds: nobody stops a process for long by mistake
IDLE_ROUNDS = 20  # then it sleeps: the pause between two searches, not that between two calls


class Watched(Protocol):
    """A worker process with a running call; see `Worker`."""

    pid: int

    @property
    def memory_limit(self) -> int | None: ...  # noqa: D102  (Worker says what these do)

    def check_time(self, now: float) -> None: ...  # noqa: D102

    def check_stopped(self) -> None: ...  # noqa: D102

    def check_memory(self, n_bytes: int) -> None: ...  # noqa: D102

    def check_output(self) -> None: ...  # noqa: D102

    def check_death(self) -> None: ...  # noqa: D102


class Watchdog:
    """Look at every running call each 0.1 seconds.

    A limit is noticed within 0.1 seconds, new descendants of a process (whose memory counts
    towards its limit) within 0.5, that somebody has stopped it within 5. The thread begins with
    the first call; with nothing to watch for two seconds it sleeps until there is something again.
    """

    def __init__(self) -> None:
        self._watched: set[Watched] = set()
        self._lock = threading.Lock()
        self._awake = threading.Event()
        self._thread: threading.Thread | None = None
        self._memory = TreeMemory()
        self._stopped = False

    def watch(self, worker: Watched) -> None:
        """Begin to watch a worker's call."""
        with self._lock:
            self._watched.add(worker)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="hpopt-watchdog", daemon=True
                )
                self._thread.start()
        if not self._awake.is_set():  # to ask takes a tenth of what setting it does
            self._awake.set()

    def unwatch(self, worker: Watched) -> None:
        """End to watch a worker, which may have been ended before."""
        with self._lock:
            self._watched.discard(worker)

    def stop(self) -> None:
        """End the thread."""
        self._stopped = True
        self._awake.set()

    def _run(self) -> None:
        n_idle = n_rounds = 0
        while not self._stopped:
            with self._lock:
                watched = tuple(self._watched)
                n_idle = 0 if watched else n_idle + 1
                if n_idle > IDLE_ROUNDS:
                    self._awake.clear()  # under the lock: who comes now sets it after this
            if not watched and n_idle > IDLE_ROUNDS:
                self._awake.wait()
                n_idle = 0
                continue
            n_rounds += 1
            self._look(watched, n_rounds)
            time.sleep(PERIOD_SECONDS)

    def _look(self, watched: tuple[Watched, ...], n_rounds: int) -> None:
        limited = [worker for worker in watched if worker.memory_limit is not None]
        # Processes end while they are looked at. Whatever comes of that, limits must be kept on.
        if n_rounds % TREE_EVERY == 0 and limited:
            with contextlib.suppress(Exception):
                self._memory.find_trees([worker.pid for worker in limited])
        for worker in watched:
            with contextlib.suppress(Exception):
                self._look_at(worker, n_rounds)

    def _look_at(self, worker: Watched, n_rounds: int) -> None:
        worker.check_death()
        worker.check_time(time.monotonic())
        if n_rounds % STOPPED_EVERY == 0:
            worker.check_stopped()
        if worker.memory_limit is not None:
            worker.check_memory(self._memory.measure(worker.pid, worker.memory_limit))
        worker.check_output()
