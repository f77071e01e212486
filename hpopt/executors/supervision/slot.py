"""A thread that supervises one worker process after the other."""

from __future__ import annotations

import contextlib
import functools
import queue
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import InvalidStateError
from dataclasses import dataclass
from typing import Any, Protocol

from hpopt.errors import EvaluationLost, WorkerLost
from hpopt.executors import devices
from hpopt.executors.futures import TaskFuture
from hpopt.executors.limits import Limits
from hpopt.executors.settings import Recycling
from hpopt.executors.supervision.frames import Kind
from hpopt.executors.supervision.transfer import load_exception, load_result
from hpopt.executors.supervision.watchdog import Watchdog
from hpopt.executors.supervision.worker import NeverBegan, Reply, Worker

AUTO_CALLS, AUTO_SECONDS = 100, 60.0


@dataclass(slots=True, eq=False)
class Task:
    """A call that waits for a worker, or (without a call) the wish to have the worker ready."""

    future: TaskFuture[Any]
    call: bytes | None = None
    environment: bytes = b""
    decode: Callable[[Reply], Any] | None = None


class Queue(Protocol):
    """What a slot needs of the pool that feeds it."""

    limits: Limits
    recycling: Recycling
    watchdog: Watchdog
    killed: bool

    def next_for(self, slot: Slot) -> Task | None:
        """Return the next waiting task; or note that the slot is idle, and return None."""

    def left(self, slot: Slot) -> None:
        """Note that a slot has ended."""


class Slot:
    """A thread that supervises one worker process after the other, one call at a time.

    The thread begins with the first task and starts a process when it needs one.
    """

    def __init__(self, number: int, environment: Mapping[str, str], pool: Queue) -> None:
        self._name = f"hpopt-slot-{number}"
        self._environment, self._pool = environment, pool
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._worker: Worker | None = None
        self._former: int | None = None
        self._future: TaskFuture[Any] | None = None
        self._lock = threading.RLock()  # Ctrl-C may cancel a call while one is cancelled

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
        """Kill its process if it runs this future's call, or when it does."""
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
            tell = self._perform(task)
            task = None
            tell()
            del tell  # a result must not live on because this thread is idle
            self._retire_worn_out()
            task = self._pool.next_for(self) or self._tasks.get()
        self._retire()
        self._pool.left(self)

    def _perform(self, task: Task) -> Callable[[], None]:
        """Do what a task asks for, and return what tells its future."""
        future = task.future
        if not future.set_running_or_notify_cancel():
            return _tell_nobody
        reply: Reply | None = None
        try:
            with self._lock:
                self._future = future
            if task.call is None:
                self._ready_worker().wait_until_ready()
            else:
                reply = self._reply(task.call, task.environment)
                future.memory, future.output = reply.memory, reply.output
        except BaseException as error:
            if isinstance(error, EvaluationLost):
                future.memory, future.output = error.memory, error.output
            return functools.partial(_tell_failure, future, error)
        finally:
            with self._lock:
                self._future = None
        return functools.partial(_tell_result, future, reply, task.decode)

    def _reply(self, call: bytes, environment: bytes) -> Reply:
        try:
            return self._ready_worker().perform(call, environment)
        except NeverBegan:  # killed while it was idle: that is no fault of the call's
            return self._ready_worker().perform(call, environment)

    def _ready_worker(self) -> Worker:
        if self._worker is not None and not self._worker.alive:
            self._retire()
        if self._worker is None and self._former is not None:
            devices.wait_until_freed(self._former, self._environment)
            self._former = None
        with self._lock:
            if self._pool.killed or (self._future is not None and self._future.unwanted):
                raise WorkerLost("the worker process was killed by the driver")
            if self._worker is None:
                pool = self._pool
                self._worker = Worker(self._environment, pool.limits, pool.watchdog)
            return self._worker

    def _retire_worn_out(self) -> None:
        worker, most = self._worker, self._pool.recycling
        if worker is None or most is None:
            return
        if most == "auto":
            is_worn_out = worker.n_calls >= AUTO_CALLS and worker.age >= AUTO_SECONDS
        else:
            is_worn_out = worker.n_calls >= most
        if is_worn_out:
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


def _tell_nobody() -> None:
    """Do nothing: the future was cancelled."""


def _tell_failure(future: TaskFuture[Any], error: BaseException) -> None:
    with contextlib.suppress(InvalidStateError):  # somebody else has set the future
        # Where in this thread it was found out would tell the user nothing.
        future.set_exception(error.with_traceback(None))


def _tell_result(
    future: TaskFuture[Any], reply: Reply | None, decode: Callable[[Reply], Any] | None
) -> None:
    try:
        result = None if reply is None or decode is None else decode(reply)
    except BaseException as error:
        _tell_failure(future, error)
    else:
        with contextlib.suppress(InvalidStateError):
            future.set_result(result)
