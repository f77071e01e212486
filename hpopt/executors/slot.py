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
from hpopt.executors.frames import Kind
from hpopt.executors.futures import TaskFuture
from hpopt.executors.launch import Launcher
from hpopt.executors.limits import Limits
from hpopt.executors.settings import Recycling
from hpopt.executors.transfer import load_exception, load_result
from hpopt.executors.watchdog import Watchdog
from hpopt.executors.worker import AHEAD_BYTES, NeverBegan, Reply, Worker

AUTO_CALLS, AUTO_SECONDS = 100, 60.0


@dataclass(slots=True, eq=False)
class Task:
    """A call that waits for a worker, or (without a call) the wish to have the worker ready."""

    future: TaskFuture[Any]
    call: bytes | None = None
    place: bytes = b""
    decode: Callable[[Reply], Any] | None = None
    number: int = 0


class Line(Protocol):
    """What a slot needs of the pool that feeds it."""

    limits: Limits
    recycling: Recycling
    watchdog: Watchdog
    launcher: Launcher
    killed: bool

    def next_to_send_ahead(self, n_bytes: int) -> Task | None:
        """Give the next task in line, if its call takes at most so many bytes, or None."""

    def was_sent_ahead(self, task: Task, slot: Slot) -> None:
        """Note that a slot's process has a task ahead of its time."""

    def keep(self, task: Task) -> bool:
        """Have a task that was sent ahead stay where it is; say whether it still was there."""

    def take_back(self, task: Task) -> bool:
        """Take a task that was sent ahead back into the line, if it has not begun."""

    def next_for(self, slot: Slot) -> Task | None:
        """Give the next task in line; or note that the slot is idle, and give None."""

    def left(self, slot: Slot) -> None:
        """Note that a slot has ended."""


class Slot:
    """A thread that supervises one worker process after the other.

    The thread begins with the first task and starts a process when it needs one. While a process
    runs a call it is sent the next one in line, so that it need not wait until its answer has gone
    to the driver and a call has come back. Until then the pool may take that one back.
    """

    def __init__(self, number: int, environment: Mapping[str, str], pool: Line) -> None:
        self._name = f"hpopt-slot-{number}"
        self._environment, self._pool = environment, pool
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._worker: Worker | None = None
        self._former: int | None = None
        self._future: TaskFuture[Any] | None = None
        self._ahead: Task | None = None
        self._ahead_in: Worker | None = None
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

    def take_back(self, task: Task) -> bool:
        """Give up the call that was sent ahead; say whether its process has not begun it."""
        with self._lock:
            if self._ahead is not task:  # Ctrl-C came between this and what the pool notes
                return True
            if self._ahead_in is not None and not self._ahead_in.take_back():
                return False
            self._ahead = self._ahead_in = None
            return True

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
            task = self._next_of_its_own() or self._pool.next_for(self) or self._tasks.get()
        self._retire()
        self._pool.left(self)

    def _perform(self, task: Task) -> Callable[[], None]:
        """Do what a task asks for, and give what tells its future."""
        future = task.future
        if not future.running() and not future.set_running_or_notify_cancel():
            return _tell_nobody
        reply: Reply | None = None
        try:
            if task.call is None:
                self._ready_worker().wait_until_ready()
            else:
                reply = self._reply(task, task.call)
                future.memory, future.output = reply.memory, reply.output
        except BaseException as error:
            with self._lock:
                self._ahead_in = None  # what it was sent went with it
            if isinstance(error, EvaluationLost):
                future.memory, future.output = error.memory, error.output
            return functools.partial(_tell_failure, future, error)
        finally:
            with self._lock:
                self._future = None
        return functools.partial(_tell_result, future, reply, task.decode)

    def _reply(self, task: Task, call: bytes) -> Reply:
        """Have a process perform a call, which it may have been sent already."""
        with self._lock:
            worker = self._ahead_in if task is self._ahead else None
            self._future, self._ahead, self._ahead_in = task.future, None, None
        if task.future.unwanted:
            if worker is not None:
                worker.kill()
            raise WorkerLost("the worker process was killed by the driver")
        if worker is None:
            worker = self._sent(call, task.place)
        try:
            return worker.finish(self._heard)
        except NeverBegan:  # killed while it was idle: that is no fault of the call's
            return self._sent(call, task.place).finish(self._heard)

    def _sent(self, call: bytes, place: bytes) -> Worker:
        """Send a call to a process that is there for it, started where there is none."""
        worker = self._ready_worker()
        worker.send(call, place)
        return worker

    def _heard(self, kind: Kind) -> None:
        """Send the process the next call in line; when it has run the last one, it may keep it."""
        worker = self._worker
        if (
            worker is not None
            and self._ahead is None
            and (kind is Kind.DONE or worker.gives_back)
            and not self._is_worn_out(worker, worker.n_calls + 1)
        ):
            self._send_ahead(worker)
        if kind is Kind.DONE and self._next_of_its_own() is not None:
            with self._lock:
                self._future = None  # to kill the process now would be to kill the next call

    def _send_ahead(self, worker: Worker) -> None:
        task = self._pool.next_to_send_ahead(AHEAD_BYTES)
        while task is not None and not task.future.hand_over(_Ahead(self._pool, task)):
            task.future.set_running_or_notify_cancel()
            task = self._pool.next_to_send_ahead(AHEAD_BYTES)
        if task is None or task.call is None:
            return
        with self._lock:
            self._ahead, self._ahead_in = task, worker
        worker.send(task.call, task.place)
        self._pool.was_sent_ahead(task, self)

    def _next_of_its_own(self) -> Task | None:
        """Give the task that was sent ahead, which cannot be taken back from now on, or None."""
        task = self._ahead
        if task is not None and self._pool.keep(task):
            task.future.set_running_or_notify_cancel()
            task.future.inner = None  # else it would refer to itself
        return self._ahead

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
                self._worker = Worker(self._environment, pool.limits, pool.watchdog, pool.launcher)
            return self._worker

    def _is_worn_out(self, worker: Worker, n_calls: int) -> bool:
        most = self._pool.recycling
        if most == "auto":
            return n_calls >= AUTO_CALLS and worker.age >= AUTO_SECONDS
        return most is not None and n_calls >= most

    def _retire_worn_out(self) -> None:
        worker = self._worker
        if worker is None or self._ahead is not None:
            return
        if self._is_worn_out(worker, worker.n_calls):
            self._retire()

    def _retire(self) -> None:
        worker = self._worker
        if worker is not None:
            worker.stop()
            self._former = worker.pid
        with self._lock:
            self._worker = None


@dataclass(frozen=True, slots=True)
class _Ahead:
    """A task that was sent ahead, for who cancels it."""

    pool: Line
    task: Task

    def cancel(self) -> bool:
        """Take it back, if it has not begun."""
        return self.pool.take_back(self.task)


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
