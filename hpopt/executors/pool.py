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
from hpopt.executors.launch import Launcher
from hpopt.executors.limits import Limits
from hpopt.executors.settings import Recycling
from hpopt.executors.slot import Slot, Task, outcome
from hpopt.executors.watchdog import Watchdog
from hpopt.executors.worker import Reply

JOIN_SECONDS = 10.0
OVERTAKEN = 2
"""So many tasks for each slot may pass one that was sent ahead, before it is fetched."""


class Pool:
    """One first-in-first-out queue of tasks and the slots that work on it.

    An idle slot gets a task handed over, the last one to become idle first, so that a warm
    process is used before another is started. Only where none is idle the task waits in line. Slots
    take from it what they send ahead to their busy processes. A slot that becomes idle gets the
    oldest task: what was sent ahead to another one first, or the first in line.

    Parameters
    ----------
    environments : sequence of mapping
        The environment variables of each slot's processes.
    limits : Limits
        Of each call.
    recycling : int, "auto" or None
        After how many calls a process is replaced.
    at_end : callable
        Called when the last slot has ended.
    launcher : Launcher, optional
        It starts the processes; by default as children of this one.
    """

    def __init__(
        self,
        environments: Sequence[Mapping[str, str]],
        limits: Limits,
        recycling: Recycling,
        at_end: Callable[[], None],
        launcher: Launcher | None = None,
    ) -> None:
        self.limits, self.recycling = limits, recycling
        self.watchdog, self.launcher = Watchdog(), launcher or Launcher()
        self._at_end = at_end
        self.killed = False
        self._closed = self._drops = False
        self._owner = os.getpid()
        # A collected executor closes its pool in whichever thread the collector runs, also one
        # that holds this lock.
        self._lock = threading.RLock()
        self._waiting: deque[Task] = deque()
        self._sent_ahead: dict[Task, Slot] = {}
        self._n_tasks = 0
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
        place: bytes,
        decode: Callable[[Reply], Any] | None = None,
    ) -> None:
        """Give a call to an idle slot, or put it in line.

        Parameters
        ----------
        future : TaskFuture
        call, place : bytes
            See `Worker.send`.
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
            self._n_tasks += 1
            task = Task(future, call, place, decode or outcome, self._n_tasks)
            if self._idle:
                self._idle.pop().give(task)
            else:
                self._waiting.append(task)

    def next_to_send_ahead(self, n_bytes: int) -> Task | None:
        """Give the next task in line, if its call takes at most so many bytes, or None."""
        with self._lock:
            self._fetch_overtaken(OVERTAKEN * len(self._slots))
            first = self._waiting[0] if self._waiting else None
            if first is None or first.call is None or len(first.call) + len(first.place) > n_bytes:
                return None
            return self._waiting.popleft()

    def was_sent_ahead(self, task: Task, slot: Slot) -> None:
        """Note that a slot's process has a task ahead of its time."""
        with self._lock:
            self._sent_ahead[task] = slot
            if self._idle and self.take_back(task) and self._idle:  # it may have been closed
                self._idle.pop().give(self._waiting.popleft())
        if self._drops:  # closed while the task was on its way
            self.close(cancel=True)

    def keep(self, task: Task) -> bool:
        """Have a task that was sent ahead stay where it is; say whether it still was there."""
        with self._lock:
            return self._sent_ahead.pop(task, None) is not None

    def take_back(self, task: Task) -> bool:
        """Take a task that was sent ahead back into the line, if it has not begun."""
        if self._owner != os.getpid():  # the pipe of the rights is shared with forks
            return False
        with self._lock:
            slot = self._sent_ahead.get(task)
            if slot is None or not slot.take_back(task) or not self.keep(task):
                return False
            task.future.inner = None
            self._waiting.appendleft(task)
            return True

    def next_for(self, slot: Slot) -> Task | None:
        """Give the next task in line; or note that the slot is idle, and give None."""
        with self._lock:
            self._fetch_overtaken(0)
            if not self._waiting:
                any(map(self.take_back, [*self._sent_ahead]))
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
                self._drops = True
                for task in [*self._sent_ahead][::-1]:
                    self.take_back(task)
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
            self.launcher.close()
            self._at_end()

    def _fetch_overtaken(self, most: int) -> None:
        """Put the task that was sent ahead first back into the line, if more overtook it."""
        oldest = [*self._sent_ahead][:1]
        if not oldest or not self._waiting:
            return
        if self._waiting[0].number - oldest[0].number > most:
            self.take_back(oldest[0])

    def _end_idle(self) -> None:
        while self._idle:
            self._idle.pop().end()


def _kill_all() -> None:
    for pool in list(_pools):
        pool.kill()


_pools: weakref.WeakSet[Pool] = weakref.WeakSet()
atexit.register(_kill_all)
