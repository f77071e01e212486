"""Run calls in joblib's own pool, as ``joblib.parallel_config`` says."""

from __future__ import annotations

import contextlib
import copy
import functools
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hpopt.checks import whole
from hpopt.errors import SettingError, WorkerLost, WorkerNotStarted
from hpopt.executors.cluster import agent
from hpopt.executors.cluster.agent import Answer, Call, Payload, WorkerAgent
from hpopt.executors.cluster.executor import ClusterExecutor, Job
from hpopt.executors.devices import available_cores
from hpopt.executors.settings import Settings
from hpopt.executors.supervision.scratch import machine_id

PARENT_CHECK_SECONDS = 0.5  # one system call a look: as often as an agent asks for cancellations
MEET_SECONDS = 5.0  # a worker may be busy with other work of joblib's; then we go on without it
MEET_PAUSE_SECONDS = 0.02  # a fiftieth of the second that a worker takes to start

KILLED = "killed"
"""The file in the driver's folder that says: kill what runs, nobody waits for answers."""


@dataclass(frozen=True, slots=True)
class Driver:
    """The driver as a worker of joblib's sees it.

    Its temporary folder goes when the executor is shut down, or the process ends.
    """

    machine: str
    pid: int
    folder: str

    def is_gone(self) -> bool:
        """Return whether nobody waits for answers any more; False where that cannot be seen."""
        if self.machine != machine_id():
            return False
        return not Path(self.folder).exists() or Path(self.folder, KILLED).exists()


class JoblibExecutor(ClusterExecutor):
    """Run each call in a supervised child process of one of the workers of joblib's pool.

    When to use it: in a program that configures its parallelism by ``joblib.parallel_config``
    already. When not: else; `ProcessExecutor` does the same with fewer processes. The pool is
    joblib's: with loky it is the one that ``joblib.Parallel`` uses in this program, and it stays
    there, idle, after a search.

    Parameters
    ----------
    workers : int, optional
        How many calls to keep running; by default the number of jobs that joblib is configured for.
    settings : Settings, optional
        Limits, GPUs and the like; see `ProcessExecutor`.

    Raises
    ------
    SettingError
        joblib's backend has no pool (one job needs none), or cannot say what became of a call; or
        there are more workers than slots on this machine's GPUs.
    """

    def __init__(
        self,
        workers: int | None = None,
        settings: Settings = Settings(),  # noqa: B008  (it is frozen)
    ) -> None:
        from joblib import Parallel
        from joblib.parallel import get_active_backend

        super().__init__(settings)
        backend, n_jobs = get_active_backend()
        wanted = n_jobs if workers is None else whole("workers", workers, 1)
        self.workers = _n_workers(backend, wanted)
        self._uses_threads = bool(getattr(backend, "uses_threads", False))
        if self._uses_threads or type(backend).__name__ == "LokyBackend":  # all on this machine
            replace(settings, workers=self.workers).resolved(self.workers)
        # A copy: joblib.Parallel shares the configured backend, and lets go of its pool when done.
        self._backend = copy.copy(backend)
        self._backend.nesting_level = 0  # else loky refuses a pool to any but the main thread
        self._parallel = Parallel(n_jobs=self.workers, backend=self._backend)
        self._driver = Driver(machine_id(), os.getpid(), str(self._scratch.folder()))
        self._waiting: deque[tuple[Job, tuple[str, ...]]] = deque()
        self._n_sent = self._n_pools = 0
        self._is_open = False
        # All that the pool is asked for is asked by one thread of ours. Not by the caller's, where
        # Ctrl-C could leave the pool's state inconsistent; not by the pool's own, which would wait
        # for itself when a broken pool is replaced or joblib.Parallel resizes a busy one.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="hpopt-joblib")
        self._thread.submit(self._open_pool).result()

    def send(self, job: Job, missing: tuple[str, ...] = ()) -> None:
        """Submit a call to joblib's pool, no more at a time than there are workers."""
        try:
            self._thread.submit(self._enqueue, job, missing)
        except RuntimeError as ended:  # the interpreter ends
            self.lose(job, WorkerLost(f"the call could not be sent: {ended}"))

    def end(self, *, kill: bool) -> None:
        """Close the agents of all workers; the pool stays joblib's."""
        if kill:
            Path(self._driver.folder, KILLED).touch()
        with contextlib.suppress(RuntimeError):  # the interpreter ends
            self._thread.submit(self._close_agents, kill).result()
        self._thread.shutdown(wait=False)

    # -- everything below runs in one thread, but for `_receive` -----------------------------------

    def _enqueue(self, job: Job, missing: tuple[str, ...]) -> None:
        # What waits here can be cancelled; the pool's own queue gives nothing back.
        self._waiting.append((job, missing))
        self._fill_pool()

    def _fill_pool(self) -> None:
        while self._waiting and self._n_sent < self.workers:
            job, missing = self._waiting.popleft()
            if self.mark_running(job):
                self._submit(job, missing)

    def _submit(self, job: Job, missing: tuple[str, ...]) -> None:
        self._n_sent += 1
        try:
            call = functools.partial(
                perform_in_joblib,
                self._driver,
                job.call,
                self.payloads(missing),
                n_slots=self.workers if self._uses_threads else 1,
                n_neighbours=self.workers,
            )
            self._submit_to_pool(call, functools.partial(self._receive, job))
        except Exception as error:
            self._n_sent -= 1
            self.lose(job, WorkerNotStarted(f"joblib's pool must take the call, but {error}"))

    def _submit_to_pool(self, call: Callable[[], Any], receive: Callable[[Any], None]) -> None:
        if self._is_open:
            try:
                self._backend.submit(call, receive)
                return
            except RuntimeError:  # it broke by a worker's death, or joblib.Parallel has ended it
                self._close_pool()
        self._open_pool()
        self._backend.submit(call, receive)

    def _receive(self, job: Job, ended: Any) -> None:
        # In a thread of the pool's, which must never wait for ours.
        with contextlib.suppress(RuntimeError):  # the executor was killed, or the interpreter ends
            self._thread.submit(self._note_end_of_call)
        try:
            answer: Answer = self._backend.retrieve_result_callback(ended)
        except BaseException as error:
            why = " ".join(str(error).split())
            self.lose(job, WorkerLost(f"a worker of joblib's pool vanished: {why:.200}"))
        else:
            self.finish(job, answer)

    def _note_end_of_call(self) -> None:
        self._n_sent -= 1
        self._fill_pool()

    def _open_pool(self) -> None:
        self._parallel.__enter__()  # starts a pool, or takes what an earlier use of joblib left
        self._is_open = True
        self._n_pools += 1
        protect = functools.partial(_leave_ctrl_c_to, self._driver.pid)
        self._on_each_worker(f"open-{self._n_pools}", protect, lambda _: None)

    def _close_pool(self) -> None:
        self._is_open = False
        self._parallel.__exit__(None, None, None)  # the workers stay joblib's

    def _close_agents(self, kill: bool) -> None:
        if not self._is_open:
            return
        close = functools.partial(agent.close, self.token, kill=kill)
        closed = threading.Semaphore(0)
        n_asked = self._on_each_worker("close", close, lambda _: closed.release())
        end = time.monotonic() + 2 * MEET_SECONDS  # to become free, then to meet
        for _ in range(n_asked):
            # An agent that is not reached here closes itself when it sees that the folder has gone.
            closed.acquire(timeout=max(0.0, end - time.monotonic()))
        self._close_pool()

    def _on_each_worker(
        self, name: str, work: Callable[[], None], done: Callable[[Any], None]
    ) -> int:
        """Have every worker do something once; return how many were asked to."""
        call = functools.partial(meet, self._driver.folder, name, self.workers, work)
        for n_sent in range(self.workers):
            try:
                self._backend.submit(call, done)
            except Exception:  # the pool broke, and with it went what was in it
                return n_sent
        return self.workers


def perform_in_joblib(
    driver: Driver, call: Call, payloads: tuple[Payload, ...], *, n_slots: int, n_neighbours: int
) -> Answer:
    """Have a call evaluated by the agent of this worker of joblib's."""
    _leave_ctrl_c_to(driver.pid)  # a worker that has replaced an idle one was not there to meet

    def make() -> WorkerAgent:
        return WorkerAgent(call.settings, n_slots, n_neighbours, os.environ, driver.is_gone)

    return agent.perform(call, payloads, make, cancelled=driver.is_gone)


def meet(folder: str, name: str, n_workers: int, work: Callable[[], None]) -> None:
    """Do some work, and wait until all workers have met for it, so that each does it once."""
    work()
    end = time.monotonic() + MEET_SECONDS
    with contextlib.suppress(OSError):
        (Path(folder) / f"{name}-{os.getpid()}-{threading.get_ident()}").touch()
        while len(list(Path(folder).glob(f"{name}-*"))) < n_workers and time.monotonic() < end:
            time.sleep(MEET_PAUSE_SECONDS)


@functools.cache
def _leave_ctrl_c_to(driver: int) -> None:
    """Have this worker process outlive Ctrl-C, which its driver heeds, but not its driver.

    joblib's own workers do neither: they end by the first, and may outlast a driver that is killed.
    """
    if os.getppid() != driver:  # a thread of the driver's, or a worker elsewhere
        return
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, lambda *_: None)  # SIG_IGN would go on to children

    def watch() -> None:
        while os.getppid() == driver:
            time.sleep(PARENT_CHECK_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="hpopt-driver", daemon=True).start()


def make(settings: Settings, address: object = None) -> Executor:
    """Make the executor that ``executor="joblib"`` names.

    Backend and number of jobs are those of ``joblib.parallel_config``. Threads are plain threads,
    Dask is Dask. One job, for which joblib has no pool, and the multiprocessing backend, whose
    pool never says that a worker has died, run in worker processes of the driver's.

    Raises
    ------
    SettingError
        The backend cannot take calls one by one.
    """
    from joblib import effective_n_jobs
    from joblib.parallel import get_active_backend

    backend, n_jobs = get_active_backend()
    kind = type(backend).__name__
    if kind == "DaskDistributedBackend":
        return _on_dask(settings, backend)
    if settings.workers is None:
        workers = 1 if n_jobs in (None, 1) else effective_n_jobs(n_jobs)
    elif settings.workers == "auto":
        workers = available_cores()
    else:
        workers = whole("workers", settings.workers, 1)
    if kind == "ThreadingBackend":
        from hpopt.executors.threads import ThreadExecutor

        settings.check_plain("joblib")
        return ThreadExecutor(workers)
    n_jobs = backend.effective_n_jobs(workers)
    if n_jobs == 1 or kind == "MultiprocessingBackend":
        from hpopt.executors.processes import make as make_processes

        return make_processes(replace(settings, workers=n_jobs))
    return JoblibExecutor(workers, settings)


def _n_workers(backend: Any, wanted: int | None) -> int:
    name = type(backend).__name__
    says_all = getattr(backend, "supports_retrieve_callback", False)
    if not says_all or name == "MultiprocessingBackend":
        raise SettingError(
            "joblib's backend must take calls one by one (supports_retrieve_callback) and say what "
            f"became of each, but {name} does not: choose another by joblib.parallel_config, or "
            "give a concurrent.futures.Executor of that library"
        )
    n_workers = int(backend.effective_n_jobs(wanted))
    if n_workers == 1:
        raise SettingError(
            "executor='joblib' must have 2 workers or more, as joblib has no pool for one, but "
            f"got n_jobs={wanted}: use executor='processes'"
        )
    return n_workers


def _on_dask(settings: Settings, backend: Any) -> Executor:
    from hpopt.executors.dask import make as make_dask

    executor: Executor = make_dask(settings, backend.client)
    return executor
