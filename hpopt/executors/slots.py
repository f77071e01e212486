"""Threads that each supervise one worker process, and the queue that feeds them."""

from __future__ import annotations

import atexit
import contextlib
import os
import queue
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import InvalidStateError
from dataclasses import dataclass
from typing import Any

from hpopt.errors import EvaluationLost, WorkerLost
from hpopt.executors import devices
from hpopt.executors.frames import Kind
from hpopt.executors.futures import TaskFuture
from hpopt.executors.limits import Limits
from hpopt.executors.settings import Recycling
from hpopt.executors.transfer import load_exception, load_result
from hpopt.executors.watchdog import Watchdog
from hpopt.executors.worker import NeverBegan, Reply, Worker

JOIN_SECONDS = 10.0
AUTO_CALLS, AUTO_SECONDS = 100, 60.0


@dataclass(slots=True, eq=False)
class Task:
    """A call that waits for a worker, or (without a call) the wish to have the worker ready."""

    future: TaskFuture[Any]
    call: bytes | None = None
    place: bytes = b""
    decode: Callable[[Reply], Any] | None = None


class Pool:
    """One first-in-first-out queue of tasks and the slots that work on it.

    An idle slot gets a task handed over, the last one to become idle first, so that a warm
    process is used before another is started. Only where none is idle the task waits in line.

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
    """

    def __init__(
        self,
        environments: Sequence[Mapping[str, str]],
        limits: Limits,
        recycling: Recycling,
        at_end: Callable[[], None],
    ) -> None:
        self.limits, self.recycling = limits, recycling
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
        place: bytes,
        decode: Callable[[Reply], Any] | None = None,
    ) -> None:
        """Give a call to an idle slot, or put it in line.

        Parameters
        ----------
        future : TaskFuture
        call, place : bytes
            See `Worker.call`.
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
            task = Task(future, call, place, decode or outcome)
            if self._idle:
                self._idle.pop().give(task)
            else:
                self._waiting.append(task)

    def next_for(self, slot: Slot) -> Task | None:
        """Give the next task in line; or note that the slot is idle, and give None."""
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
            dropped = list(self._waiting) if cancel else []
            if cancel:
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


class Slot:
    """A thread that supervises one worker process after the other.

    The thread begins with the first task and starts a process when it needs one.
    """

    def __init__(self, number: int, environment: Mapping[str, str], pool: Pool) -> None:
        self._name = f"hpopt-slot-{number}"
        self._environment, self._pool = environment, pool
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._worker: Worker | None = None
        self._former: int | None = None
        self._future: TaskFuture[Any] | None = None
        self._lock = threading.Lock()

    def give(self, task: Task) -> None:
        """Hand over a task."""
        self._tasks.put(task)
        if self._thread is None:
            self._thread = threading.Thread(target=self._supervise, name=self._name, daemon=True)
            self._thread.start()

    def end(self) -> None:
        """Have the thread end when it has done what was handed over."""
        if self._thread is None:
            self._pool.left(self)
        else:
            self._tasks.put(None)

    def kill(self) -> None:
        """Kill its process, if there is one."""
        with self._lock:
            if self._worker is not None:
                self._worker.kill()

    def kill_call(self, future: TaskFuture[Any]) -> None:
        """Kill its process if it runs this future's call."""
        with self._lock:
            if self._worker is not None and self._future is future:
                self._worker.kill()

    def join(self, seconds: float | None) -> None:
        """Wait for the end of its thread, unless this is it."""
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(seconds)

    def _supervise(self) -> None:
        task = self._tasks.get()
        while task is not None:
            with contextlib.suppress(InvalidStateError):  # somebody else has set the future
                self._perform(task)
            task = None  # a result must not live on because this thread is idle
            self._retire_worn_out()
            task = self._pool.next_for(self) or self._tasks.get()
        self._retire()
        self._pool.left(self)

    def _perform(self, task: Task) -> None:
        """Do what a task asks for, and tell its future."""
        future = task.future
        if not future.set_running_or_notify_cancel():
            return
        try:
            if task.call is None or task.decode is None:
                self._ready_worker().wait_until_ready()
                result = None
            else:
                self._set_current(future)
                result = task.decode(self._answer(future, task.call, task.place))
        except BaseException as error:
            # Where in this thread it was found out would tell the user nothing.
            self._set_current(None)
            future.set_exception(error.with_traceback(None))
        else:
            self._set_current(None)
            future.set_result(result)

    def _set_current(self, future: TaskFuture[Any] | None) -> None:
        with self._lock:
            self._future = future

    def _answer(self, future: TaskFuture[Any], call: bytes, place: bytes) -> Reply:
        try:
            reply = self._reply(call, place)
        except EvaluationLost as lost:
            future.memory, future.output = lost.memory, lost.output
            raise
        future.memory, future.output = reply.memory, reply.output
        return reply

    def _reply(self, call: bytes, place: bytes) -> Reply:
        limits, watchdog = self._pool.limits, self._pool.watchdog
        try:
            return self._ready_worker().call(call, place, limits, watchdog)
        except NeverBegan:  # killed while it was idle: that is no fault of the call's
            return self._ready_worker().call(call, place, limits, watchdog)

    def _ready_worker(self) -> Worker:
        if self._worker is not None and not self._worker.alive:
            self._retire()
        if self._worker is None and self._former is not None:
            devices.wait_until_freed(self._former, self._environment)
            self._former = None
        with self._lock:
            if self._pool.killed:
                raise WorkerLost("the worker process was killed by the driver")
            if self._worker is None:
                self._worker = Worker(self._environment)
            return self._worker

    def _retire_worn_out(self) -> None:
        worker, most = self._worker, self._pool.recycling
        if worker is None or most is None:
            return
        if most == "auto":
            worn_out = worker.n_calls >= AUTO_CALLS and worker.age >= AUTO_SECONDS
        else:
            worn_out = worker.n_calls >= most
        if worn_out:
            self._retire()

    def _retire(self) -> None:
        worker = self._worker
        if worker is not None:
            worker.stop()
            self._former = worker.pid
        with self._lock:
            self._worker = None


def outcome(reply: Reply) -> Any:
    """Give what a call returned, or raise what it raised."""
    if reply.kind is Kind.RAISED:
        raise load_exception(reply.body)
    return load_result(reply.body)


def _kill_all() -> None:
    for pool in list(_pools):
        pool.kill()


_pools: weakref.WeakSet[Pool] = weakref.WeakSet()
atexit.register(_kill_all)
