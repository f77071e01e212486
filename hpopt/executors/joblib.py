"""Run calls in joblib's own pool, as ``joblib.parallel_config`` says."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hpopt.checks import whole
from hpopt.errors import SettingError, WorkerLost
from hpopt.executors.cluster import agent
from hpopt.executors.cluster.agent import AgentSettings, Answer, Call, Payload, WorkerAgent
from hpopt.executors.cluster.executor import ClusterExecutor, Job
from hpopt.executors.devices import available_cores
from hpopt.executors.settings import Settings
from hpopt.executors.supervision.scratch import home

LOOK_SECONDS = 0.5
MEET_SECONDS, PAUSE_SECONDS = 5.0, 0.02
"""How long workers wait for one another: one of them may be busy with other work of joblib's."""


@dataclass(frozen=True, slots=True)
class Driver:
    """The driver as a worker of joblib's sees it.

    Attributes
    ----------
    home : str
        Its machine.
    pid : int
        Its process.
    folder : str
        Its temporary folder, which goes when the executor is shut down or the process ends.
    """

    home: str
    pid: int
    folder: str

    def is_gone(self) -> bool:
        """Return whether nobody waits for answers any more; False where that cannot be seen."""
        return self.home == home() and not Path(self.folder).exists()


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
        joblib's backend has no pool (one job needs none), or cannot say what became of a call.
    """

    def __init__(
        self,
        workers: int | None = None,
        settings: Settings = Settings(),  # noqa: B008  (it is frozen)
    ) -> None:
        from joblib import Parallel
        from joblib.parallel import get_active_backend

        super().__init__(settings)
        self._backend, n_jobs = get_active_backend()
        wanted = n_jobs if workers is None else whole("workers", workers, 1)
        self.workers = _n_workers(self._backend, wanted)
        self._parallel = Parallel(n_jobs=self.workers, backend=self._backend)
        self._driver = Driver(home(), os.getpid(), str(self._scratch.folder()))
        self._n_pools = 0
        self._open_pool()
        self._n_slots = self.workers if getattr(self._backend, "uses_threads", False) else 1
        self._n_sent = 0
        self._waiting: deque[tuple[Job, tuple[str, ...]]] = deque()

    def send(self, job: Job, missing: tuple[str, ...] = ()) -> None:
        """Submit a call to joblib's pool, no more at a time than there are workers.

        What waits can be cancelled here; the pool's own queue gives nothing back.
        """
        with self._changed:
            if not missing and self._n_sent >= self.workers:
                self._waiting.append((job, missing))
                return
            self._n_sent += 1
        self._submit(job, missing)

    def end(self, *, kill: bool) -> None:
        """Close the agents of all workers; the pool stays joblib's."""
        if not kill:  # else they close when they see that the folder has gone
            close = functools.partial(agent.close, self.plan.token)
            closed = threading.Semaphore(0)
            for _ in range(self._on_each_worker("close", close, lambda _: closed.release())):
                closed.acquire(timeout=2 * MEET_SECONDS)
        self._close_pool()

    def _open_pool(self) -> None:
        """Start joblib's pool, or take the one that an earlier use of joblib has left."""
        self._parallel.__enter__()
        self._n_pools += 1
        outlive = functools.partial(_leave_ctrl_c_to, self._driver.pid)
        self._on_each_worker(f"open-{self._n_pools}", outlive, lambda _: None)

    def _close_pool(self) -> None:
        """Let go of the pool; its workers stay joblib's."""
        self._parallel.__exit__(None, None, None)

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

    def _submit(self, job: Job, missing: tuple[str, ...]) -> None:
        call = functools.partial(
            perform_in_joblib,
            self._driver,
            self.plan,
            job.call,
            self.payloads(missing),
            n_slots=self._n_slots,
            n_neighbours=self.workers,
        )
        received = functools.partial(self._received, job)
        self.began(job, "")
        try:
            try:
                self._backend.submit(call, received)
            except RuntimeError:  # a worker died while nothing ran, and joblib's pool with it
                self._close_pool()
                self._open_pool()
                self._backend.submit(call, received)
        except Exception as error:
            self._next()
            self.lost(job, WorkerLost(f"joblib's pool must take the call, but {error}"))

    def _received(self, job: Job, ended: Any) -> None:
        """Take what the pool says of a call (in a thread of the pool's)."""
        self._next()
        try:
            answer: Answer = self._backend.retrieve_result_callback(ended)
        except BaseException as error:
            why = " ".join(str(error).split())
            self.lost(job, WorkerLost(f"a worker of joblib's pool vanished: {why:.200}"))
        else:
            self.answered(job, answer)

    def _next(self) -> None:
        """Submit the next call that waits, in the place of one that has ended."""
        with self._changed:
            self._n_sent -= 1
            while self._waiting and self._waiting[0][0].future.cancelled():
                self._waiting.popleft()
            if not self._waiting:
                return
            job, missing = self._waiting.popleft()
            self._n_sent += 1
        self._submit(job, missing)


def perform_in_joblib(
    driver: Driver,
    plan: AgentSettings,
    call: Call,
    payloads: tuple[Payload, ...],
    *,
    n_slots: int,
    n_neighbours: int,
) -> Answer:
    """Have a call evaluated by the agent of this worker of joblib's."""

    def make() -> WorkerAgent:
        return WorkerAgent(plan, n_slots, n_neighbours, os.environ, driver.is_gone)

    return agent.perform(plan, call, payloads, make, cancelled=driver.is_gone)


def meet(folder: str, name: str, n_workers: int, work: Callable[[], None]) -> None:
    """Do some work, and wait until all workers have met for it, so that each does it once."""
    work()
    end = time.monotonic() + MEET_SECONDS
    with contextlib.suppress(OSError):
        (Path(folder) / f"{name}-{os.getpid()}-{threading.get_ident()}").touch()
        while len(list(Path(folder).glob(f"{name}-*"))) < n_workers and time.monotonic() < end:
            time.sleep(PAUSE_SECONDS)


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
            time.sleep(LOOK_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="hpopt-driver", daemon=True).start()


def make(settings: Settings, address: object = None) -> Executor:
    """Make the executor that ``executor="joblib"`` names.

    Backend and number of jobs are those of ``joblib.parallel_config``. Threads are plain threads,
    Dask is Dask; one job, for which joblib has no pool, runs in a worker process of the driver's.

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
    if workers == 1 or backend.effective_n_jobs(workers) == 1:
        from hpopt.executors.processes import make as make_processes

        return make_processes(replace(settings, workers=1))
    return JoblibExecutor(workers, settings)


def _n_workers(backend: Any, wanted: int | None) -> int:
    """Return how many workers the pool of a backend will have."""
    if not getattr(backend, "supports_retrieve_callback", False):
        raise SettingError(
            "joblib's backend must take calls one by one (supports_retrieve_callback), but "
            f"{type(backend).__name__} does not: choose another by joblib.parallel_config, or give "
            "a concurrent.futures.Executor of that library"
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
