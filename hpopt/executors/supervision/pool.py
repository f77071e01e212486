"""The queue of an executor's calls, and the threads that supervise its worker processes."""

from __future__ import annotations

import atexit
import contextlib
import functools
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
from hpopt.executors.futures import TaskFuture
from hpopt.executors.limits import Limits
from hpopt.executors.settings import Settings
from hpopt.executors.supervision.transfer import Kind, load_exception, load_result
from hpopt.executors.supervision.watchdog import Watchdog
from hpopt.executors.supervision.worker import NeverBegan, Reply, Worker

JOIN_SECONDS = 10.0  # twice what a process may take to end in good order

# Once a minute, the second that a process takes to start is no noticeable share of the time. After
# 100 calls, a leak of 10 MB in each has come to 1 GB.
AUTO_CALLS, AUTO_SECONDS = 100, 60.0


@dataclass(slots=True, eq=False)
class Task:
    """A call that waits for a worker, or (without a call) the wish to have the worker ready."""

    future: TaskFuture[Any]
    call: bytes | None = None
    call_environment: bytes = b""
    decode: Callable[[Reply], Any] | None = None


class Pool:
    """One first-in-first-out queue of tasks and the supervisors that work on it.

    An idle supervisor gets a task handed over, the last one to become idle first, so that a warm
    process is used before another is started. Where none is idle the task waits; a supervisor that
    becomes idle gets the one that has waited longest.

    Parameters
    ----------
    environments : sequence of mapping
        The environment variables of each supervisor's processes.
    settings : Settings
    at_end : callable
        Called when the last supervisor has ended.
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
        self._supervisors = [
            Supervisor(i, environment, self) for i, environment in enumerate(environments)
        ]
        self._idle = self._supervisors[::-1]  # a stack: the first one is used first
        self._ended: list[Supervisor] = []
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
        call_environment: bytes,
        decode: Callable[[Reply], Any] | None = None,
    ) -> None:
        """Hand a call to an idle supervisor, or queue it; see `Worker.perform`.

        `decode` makes the future's result of the reply; by default what the call returned.
        """
        with self._lock:
            self.check_open()
            task = Task(future, call, call_environment, decode or _decode)
            if self._idle:
                self._idle.pop().hand_over(task)
            else:
                self._waiting.append(task)

    def next_task(self, supervisor: Supervisor) -> Task | None:
        """Return the next waiting task; or note that the supervisor is idle, and return None."""
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._idle.append(supervisor)
            if self._closed:
                self._end_idle()
            return None

    def kill_call(self, future: TaskFuture[Any]) -> None:
        """Kill the worker process that runs this future's call, or drop the call from the queue."""
        if not future.cancel():
            future.unwanted = True  # for a supervisor that has it, and no process for it yet
            for supervisor in self._supervisors:
                supervisor.kill_call(future)

    def warm_up(self) -> list[TaskFuture[None]]:
        """Have every idle supervisor start its process, and return the futures of that."""
        with self._lock:
            tasks = [Task(TaskFuture()) for _ in self._idle] if not self._closed else []
            for task in tasks:
                self._idle.pop().hand_over(task)
        return [task.future for task in tasks]

    def close(self, *, cancel: bool = False) -> None:
        """Take no more tasks; end the supervisors when what was taken is done."""
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
        """Kill all worker processes now, cancel what waits, and wait for the supervisors."""
        if self._owner != os.getpid():
            return
        self.killed = True  # first: a supervisor that is about to start a process looks at this
        self.close(cancel=True)
        for supervisor in self._supervisors:
            supervisor.kill()
        self.join(JOIN_SECONDS)

    def join(self, seconds: float | None = None) -> None:
        """Wait until all supervisors have ended, or the time is over."""
        end = None if seconds is None else time.monotonic() + seconds
        for supervisor in self._supervisors:
            supervisor.join(None if end is None else max(0.0, end - time.monotonic()))

    def note_end(self, supervisor: Supervisor) -> None:
        """Note that a supervisor has ended."""
        self._ended.append(supervisor)
        if len(self._ended) == len(self._supervisors):
            self.watchdog.stop()
            self._at_end()

    def _end_idle(self) -> None:
        while self._idle:
            self._idle.pop().end()


class Supervisor:
    """A thread that has calls evaluated in one worker process after the other, one at a time.

    The thread begins with the first task and starts a process when it needs one.
    """

    def __init__(self, number: int, environment: Mapping[str, str], pool: Pool) -> None:
        self._name = f"hpopt-supervisor-{number}"
        self._environment, self._pool = environment, pool
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._worker: Worker | None = None
        self._former_pid: int | None = None
        self._future: TaskFuture[Any] | None = None
        self._lock = threading.RLock()  # Ctrl-C may cancel a call while one is cancelled

    def hand_over(self, task: Task) -> None:
        """Have a task done next. Only an idle supervisor takes one."""
        self._tasks.put(task)
        if self._thread is None:
            # A daemon: the interpreter's end must not wait for a call that hangs.
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()

    def end(self) -> None:
        """Have the thread end when it has done what was handed over."""
        if self._thread is None:
            self._pool.note_end(self)
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

    def _run(self) -> None:
        task = self._tasks.get()
        while task is not None:
            set_future = self._perform(task)
            task = None
            set_future()
            del set_future  # a result must not live on because this thread is idle
            self._retire_worn_out()
            task = self._pool.next_task(self) or self._tasks.get()
        self._retire()
        self._pool.note_end(self)

    def _perform(self, task: Task) -> Callable[[], None]:
        """Perform a task, and return what sets its future."""
        future = task.future
        if not future.set_running_or_notify_cancel():
            return lambda: None
        reply: Reply | None = None
        try:
            with self._lock:
                self._future = future
            if task.call is None:
                self._ready_worker().wait_until_ready()
            else:
                reply = self._reply(task.call, task.call_environment)
                future.memory, future.output = reply.memory, reply.output
        except BaseException as error:
            if isinstance(error, EvaluationLost):
                future.memory, future.output = error.memory, error.output
            return functools.partial(_set_error, future, error)
        finally:
            with self._lock:
                self._future = None
        return functools.partial(_set_result, future, reply, task.decode)

    def _reply(self, call: bytes, call_environment: bytes) -> Reply:
        try:
            return self._ready_worker().perform(call, call_environment)
        except NeverBegan:  # killed while it was idle: that is no fault of the call's
            return self._ready_worker().perform(call, call_environment)

    def _ready_worker(self) -> Worker:
        if self._worker is not None and not self._worker.alive:
            self._retire()
        if self._worker is None and self._former_pid is not None:
            devices.wait_until_freed(self._former_pid, self._environment)
            self._former_pid = None
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
            self._former_pid = worker.pid
        with self._lock:
            self._worker = None


def _decode(reply: Reply) -> Any:
    if reply.kind is Kind.RAISED:
        raise load_exception(reply.body)
    return load_result(reply.body)


def _set_error(future: TaskFuture[Any], error: BaseException) -> None:
    with contextlib.suppress(InvalidStateError):  # somebody else has set the future
        # Where in this thread it was found out would tell the user nothing.
        future.set_exception(error.with_traceback(None))


def _set_result(
    future: TaskFuture[Any], reply: Reply | None, decode: Callable[[Reply], Any] | None
) -> None:
    try:
        result = None if reply is None or decode is None else decode(reply)
    except BaseException as error:
        _set_error(future, error)
    else:
        with contextlib.suppress(InvalidStateError):
            future.set_result(result)


def _kill_all() -> None:
    for pool in list(_pools):
        pool.kill()


_pools: weakref.WeakSet[Pool] = weakref.WeakSet()
atexit.register(_kill_all)  # a driver that forgets its executor ends at once
