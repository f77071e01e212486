"""The queue that feeds the slots of an executor."""

from __future__ import annotations

import atexit
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hpopt.executors.futures import TaskFuture
from hpopt.executors.limits import Limits
from hpopt.executors.settings import Settings
from hpopt.executors.supervision.slot import Slot, Task, outcome
from hpopt.executors.supervision.watchdog import Watchdog
from hpopt.executors.supervision.worker import Reply

JOIN_SECONDS = 10.0


class Pool:
    """One first-in-first-out queue of tasks and the slots that work on it.

    An idle slot gets a task handed over, the last one to become idle first, so that a warm
    process is used before another is started. Where none is idle the task waits; a slot that
    becomes idle gets the one that has waited longest.

    Parameters
    ----------
    environments : sequence of mapping
        The environment variables of each slot's processes.
    settings : Settings
        Limits of each call, and after how many calls a process is replaced.
    at_end : callable
        Called when the last slot has ended.
    """

    def __init__(
        self,
        environments: Sequence[Mapping[str, str]],
        settings: Settings,
        at_end: Callable[[], None],
    ) -> None:
        self.limits, self.recycling = settings.limits or Limits(), settings.trials_per_child
        self.watchdog = Watchdog()
        self._at_end = at_end
        self.killed = False
        self._closed = False
        self._owner = os.getpid()
        # A collected executor closes its pool in whichever thread the collector runs, also one
        # that holds this lock.
        self._lock = threading.RLock()
        self._waiting: deque[Task] = deque()
        self._slots = [Slot(i, environment, self) for i, environment in enumerate(environments)]
        self._idle = self._slots[::-1]
        self._ended: list[Slot] = []
        _pools.add(self)

    def check_open(self) -> None:
        """Raise RuntimeError when no more tasks are taken."""
        if self._owner != os.getpid():
            raise RuntimeError(
                "an executor must be used by the process that made it, but this is a fork of it: "
                "make one here"
            )
        if self._closed:
            raise RuntimeError(
                "an executor must not be shut down to take a call, but this one is: make another"
            )

    def submit(
        self,
        future: TaskFuture[Any],
        call: bytes,
        environment: bytes,
        decode: Callable[[Reply], Any] | None = None,
    ) -> None:
        """Give a call to an idle slot, or put it in line.

        Parameters
        ----------
        future : TaskFuture
        call, place : bytes
            See `Worker.perform`.
        decode : callable, optional
            Makes the future's result of what the worker answered. By default what the call
            returned, or raised.

        Raises
        ------
        RuntimeError
            When no more tasks are taken.
        """
        with self._lock:
            self.check_open()
            task = Task(future, call, environment, decode or outcome)
            if self._idle:
                self._idle.pop().give(task)
            else:
                self._waiting.append(task)

    def next_for(self, slot: Slot) -> Task | None:
        """Return the next waiting task; or note that the slot is idle, and return None."""
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._idle.append(slot)
            if self._closed:
                self._end_idle()
            return None

    def kill_call(self, future: TaskFuture[Any]) -> None:
        """Kill the worker process that runs this future's call, or drop the call from the line."""
        if not future.cancel():
            future.unwanted = True  # for who has it on its way
            for slot in self._slots:
                slot.kill_call(future)

    def warm_up(self) -> list[TaskFuture[None]]:
        """Have every idle slot start its process, and give the futures of that."""
        with self._lock:
            tasks = [Task(TaskFuture()) for _ in self._idle] if not self._closed else []
            for task in tasks:
                self._idle.pop().give(task)
        return [task.future for task in tasks]

    def close(self, *, cancel: bool = False) -> None:
        """Take no more tasks; end the slots when what was taken is done."""
        if self._owner != os.getpid():
            return
        with self._lock:
            self._closed = True
            dropped: list[Task] = []
            if cancel:
                dropped += self._waiting
                self._waiting.clear()
            self._end_idle()
        for task in dropped:
            task.future.cancel()
            task.future.set_running_or_notify_cancel()  # else who waits for it waits for ever

    def kill(self) -> None:
        """Kill all worker processes now, cancel what waits, and wait for the end of the slots."""
        if self._owner != os.getpid():
            return
        self.killed = True
        self.close(cancel=True)
        for slot in self._slots:
            slot.kill()
        self.join(JOIN_SECONDS)

    def join(self, seconds: float | None = None) -> None:
        """Wait until all slots have ended, at most so many seconds."""
        end = None if seconds is None else time.monotonic() + seconds
        for slot in self._slots:
            slot.join(None if end is None else max(0.0, end - time.monotonic()))

    def left(self, slot: Slot) -> None:
        """Note that a slot has ended."""
        self._ended.append(slot)
        if len(self._ended) == len(self._slots):
            self.watchdog.stop()
            self._at_end()

    def _end_idle(self) -> None:
        while self._idle:
            self._idle.pop().end()


def _kill_all() -> None:
    for pool in list(_pools):
        pool.kill()


_pools: weakref.WeakSet[Pool] = weakref.WeakSet()
atexit.register(_kill_all)
