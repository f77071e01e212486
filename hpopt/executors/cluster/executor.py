"""The driver's end of an executor whose calls run in the agents of a cluster."""

from __future__ import annotations

import logging
import os
import threading
import time
from abc import abstractmethod
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from hpopt.core.amounts import counted
from hpopt.errors import TransferError, WorkerLost
from hpopt.executors.cluster.agent import Answer, Call, Payload
from hpopt.executors.futures import TaskFuture
from hpopt.executors.settings import Settings
from hpopt.executors.supervision.scratch import Scratch, machine_id, remove_dead_scratch
from hpopt.executors.supervision.sharing import Shared, recording_used
from hpopt.executors.supervision.transfer import (
    Kind,
    dump_call,
    dump_call_environment,
    load_exception,
    load_result,
)

P = ParamSpec("P")
T = TypeVar("T")

NO_WORKER_SECONDS = 60.0
"""After which a driver that waits for a worker says so; then after twice as long each time, as a
job may wait for a day in the queue of a batch system."""

logger = logging.getLogger("hpopt")


@dataclass(slots=True, eq=False)
class Job:
    """A call on its way through a cluster, and the future that waits for it."""

    future: TaskFuture[Any]
    call: Call
    is_running: bool = False
    is_answered: bool = False


class ClusterExecutor(Executor):
    """Run each call in a supervised child process of one of a cluster's workers.

    What all clusters have in common: calls are pickled here, results unpickled here, and an
    object that is shared travels to a worker once. A subclass brings calls to workers and
    answers back: it has `send`, and `end` for when all is over, and calls `mark_running`, `finish`
    and `lose`, from any thread.

    Attributes
    ----------
    workers : int
        How many calls to keep running.
    token : str
        The name of this executor, by which its agents know it.
    no_worker_advice : str
        What a user may do when there is no worker.

    Parameters
    ----------
    settings : Settings
        They are resolved on each machine of the cluster.
    """

    workers: int
    no_worker_advice = "start one"

    def __init__(self, settings: Settings) -> None:
        self.token, self.settings = os.urandom(8).hex(), settings.check()
        remove_dead_scratch()  # of drivers that were killed with the shell that cleans up
        self._scratch = Scratch()
        self._shared: dict[str, Shared[Any]] = {}
        self._jobs: set[Job] = set()
        self._changed = threading.Condition()
        self._closed = self._killed = False
        self._closing: threading.Thread | None = None
        self._no_worker_since: float | None = None
        self._no_worker_seconds = NO_WORKER_SECONDS

    # -- what a subclass does --------------------------------------------------------------------

    @abstractmethod
    def send(self, job: Job, missing: tuple[str, ...] = ()) -> None:
        """Bring a job's call to a worker, with the payloads that were missing there.

        When that fails it calls `lose`, and raises nothing.
        """

    @abstractmethod
    def end(self, *, kill: bool) -> None:
        """Close the agents, and let go of the cluster. No job is left, but for killed ones."""

    def forget(self, job: Job) -> None:
        """Note that nobody waits for a job any more: it was cancelled before it ran."""

    # -- what a subclass calls -------------------------------------------------------------------

    def mark_running(self, job: Job, where: str = "") -> bool:
        """Note that a job runs, and on which machine; return False where nobody waits for it."""
        with self._changed:  # the same future must not be notified by `_note_end` meanwhile
            if job not in self._jobs:
                return False
            if not job.is_running:
                job.future.where = where
                job.is_running = job.future.set_running_or_notify_cancel()
                if not job.is_running:
                    self._jobs.discard(job)
            return job.is_running

    def finish(self, job: Job, answer: Answer) -> None:
        """Set a job's future to what an agent answered; or send what the agent missed."""
        if answer.missing:
            self.send(job, answer.missing)
            return
        future = job.future
        future.memory, future.output = answer.memory, answer.output
        future.where = answer.where or future.where
        error: BaseException | None = answer.lost
        result = None
        try:
            if answer.kind is Kind.VALUE:
                result = load_result(answer.body)
            elif answer.kind is Kind.RAISED:
                error = load_exception(answer.body)
        except Exception as unloadable:
            error = unloadable.with_traceback(None)
        self._set_future(job, error, result)

    def lose(self, job: Job, error: BaseException) -> None:
        """Set a job's future to an error: its worker vanished, say."""
        self._set_future(job, error, None)

    def note_workers(self, n_workers: int) -> None:
        """Note how many workers there are now; say it when calls wait and there is none for long.

        A subclass whose workers come and go calls it every second or so.
        """
        n_calls, now = len(self._jobs), time.monotonic()
        if n_workers or not n_calls:
            self._no_worker_since, self._no_worker_seconds = None, NO_WORKER_SECONDS
            return
        if self._no_worker_since is None:
            self._no_worker_since = now
        if now - self._no_worker_since < self._no_worker_seconds:
            return
        logger.warning(
            "no worker has been there for %.0f s, with %s waiting: %s",
            self._no_worker_seconds,
            counted(n_calls, "evaluations"),
            self.no_worker_advice,
        )
        self._no_worker_seconds *= 2

    def payloads(self, tokens: tuple[str, ...]) -> tuple[Payload, ...]:
        """Return the files of shared objects, to be sent."""
        return tuple(
            Payload(token, tuple((f.name, f.read_bytes()) for f in self._shared[token].files()))
            for token in tokens
        )

    # -- what a user calls -----------------------------------------------------------------------

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> TaskFuture[T]:
        """As `ProcessExecutor.submit`; a call whose cluster worker vanishes gets WorkerLost too."""
        self._check_open()
        future: TaskFuture[T] = TaskFuture()
        try:
            with recording_used() as used:
                body = dump_call(fn, args, kwargs)
        except TransferError as error:
            future.set_running_or_notify_cancel()
            future.set_exception(error)
            return future
        needs = tuple((shared.token, str(shared.path)) for shared in used)
        call = Call(self.token, self.settings, body, dump_call_environment(), machine_id(), needs)
        job = Job(future, call)
        with self._changed:
            self._check_open()  # again: pickling takes a while
            self._jobs.add(job)
        future.add_done_callback(lambda _: self._note_end(job))
        self.send(job)
        return future

    def share(self, obj: T) -> Shared[T]:
        """As `ProcessExecutor.share`; it travels once to each other machine that needs it."""
        self._check_open()
        shared = Shared(obj, self._scratch.folder())
        self._shared[shared.token] = shared
        return shared

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """As `ProcessExecutor.shutdown`; when all calls are done, the cluster is let go."""
        with self._changed:
            self._closed = True
            waiting = list(self._jobs) if cancel_futures else []
            if self._closing is None:
                self._closing = threading.Thread(
                    target=self._close, name="hpopt-closing", daemon=not wait
                )
                self._closing.start()
        for job in waiting:
            job.future.cancel()
        if wait:
            self._closing.join()

    def kill_workers(self) -> None:
        """As `ProcessExecutor.kill_workers`."""
        with self._changed:
            self._killed = self._closed = True
            jobs = list(self._jobs)
        for job in jobs:
            if not job.future.cancel():
                self.lose(job, WorkerLost("the worker process was killed by the driver"))
        self.shutdown()

    def _close(self) -> None:
        with self._changed:
            while self._jobs:
                self._changed.wait()
        try:
            self.end(kill=self._killed)
        finally:
            self._scratch.remove()

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError(
                "an executor must not be shut down to take a call, but this one is: make another"
            )

    def _set_future(self, job: Job, error: BaseException | None, result: Any) -> None:
        with self._changed:
            if job.is_answered or not self.mark_running(job, job.future.where):
                return
            job.is_answered = True  # nobody else sets its future now
        if error is not None:
            job.future.set_exception(error)
        else:
            job.future.set_result(result)

    def _note_end(self, job: Job) -> None:
        # A done-callback of the job's future, in whichever thread has set or cancelled that.
        cancelled = job.future.cancelled()
        with self._changed:
            if cancelled and job in self._jobs:
                job.future.set_running_or_notify_cancel()  # else who waits for it waits for ever
            self._jobs.discard(job)
            self._changed.notify_all()
        if cancelled:
            self.forget(job)
