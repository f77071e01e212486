"""Run calls in joblib's pool of worker processes, as joblib has been configured."""

from __future__ import annotations

import contextlib
import functools
import os
import threading
import time
import weakref
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from typing import Any

import psutil

from hpopt.errors import SettingError, WorkerLost
from hpopt.executors import family, lifeline, station
from hpopt.executors.cluster import ClusterExecutor, Job
from hpopt.executors.devices import THREADS, available_cores
from hpopt.executors.limits import Limits
from hpopt.executors.settings import Recycling, Request, at_least_one
from hpopt.executors.station import Answer, Call, Plan, Station
from hpopt.executors.worker import STOPPED_LOOKS

LOOK_SECONDS = 5.0
LOKY = ("LokyBackend", "MultiprocessingBackend", "SequentialBackend")


class JoblibExecutor(ClusterExecutor):
    """Run each call in a child process of one of loky's workers, joblib's own pool.

    When to use it: in a program that configures its parallelism by ``joblib.parallel_config``
    already. When not: else; `ProcessExecutor` does the same with fewer processes. The pool is
    this executor's own: joblib's other uses in this program neither wait for it nor resize it.

    Parameters
    ----------
    workers : int, optional
        By default one for each core.
    limits, gpus, trials_per_gpu, trials_per_child
        See `ProcessExecutor`.
    threads : int, optional
        How many threads each call may use; by default its share of the cores.
    """

    line_a_slot = 1.0

    def __init__(
        self,
        workers: int | None = None,
        *,
        limits: Limits | None = None,
        gpus: str | Sequence[int | str] | None = None,
        trials_per_gpu: int = 1,
        trials_per_child: Recycling = "auto",
        threads: int | None = None,
    ) -> None:
        super().__init__(limits, gpus, trials_per_gpu, trials_per_child)
        self.workers = available_cores() if workers is None else at_least_one("workers", workers)
        self._threads = threads
        self._rope = lifeline.Rope(self._scratch.folder() / "driver")
        self._pool = self._make_pool()
        self._looks: dict[psutil.Process, int] = {}
        self._over = threading.Event()
        threading.Thread(
            target=_look_after, args=(weakref.ref(self), self._over), name="hpopt-loky", daemon=True
        ).start()

    def send(self, job: Job, missing: tuple[str, ...] = ()) -> None:
        """Put a call in the pool's line; a pool that broke is replaced."""
        arguments = (self.plan, job.call, self.workers, self._threads)
        try:
            inner = self._pool.submit(perform_in_loky, *arguments)
        except RuntimeError:
            self._pool = self._make_pool()
            inner = self._pool.submit(perform_in_loky, *arguments)
        job.future.inner = inner
        inner.add_done_callback(functools.partial(self._received, job))

    def end(self, *, kill: bool) -> None:
        """End the pool; its workers close their stations as they end."""
        self.kill_stopped()  # a pool that ends forgets its workers before it waits for them
        self._pool.shutdown(wait=not kill, kill_workers=kill)
        self._over.set()
        self._rope.close()

    def kill_stopped(self) -> None:
        """Look for workers that somebody has stopped (SIGSTOP), and kill those found so before.

        They may hold up the whole pool, and its end.
        """
        for pid in list(getattr(self._pool, "_processes", None) or ()):
            with contextlib.suppress(psutil.Error):
                self._looks.setdefault(psutil.Process(pid), 0)
        self._looks = {
            process: n_looks + 1 if family.is_stopped(process.pid) else 0
            for process, n_looks in list(self._looks.items())
            if process.is_running()
        }
        family.kill_each(each for each, n in self._looks.items() if n >= STOPPED_LOOKS)

    def _received(self, job: Job, inner: Future[Answer]) -> None:
        if inner.cancelled():
            return
        error = inner.exception()
        if error is None:
            self.answered(job, inner.result())
        else:
            lost = WorkerLost(f"a worker of joblib's pool vanished, and the pool broke: {error}")
            self.lost(job, lost)

    def _make_pool(self) -> Any:
        from joblib.externals.loky import ProcessPoolExecutor

        return ProcessPoolExecutor(
            max_workers=self.workers,
            initializer=end_with_driver,
            initargs=(os.getpid(), self._rope.path),
        )


def _look_after(executor: weakref.ref[JoblibExecutor], over: threading.Event) -> None:
    while not over.wait(LOOK_SECONDS) and (living := executor()) is not None:
        living.kill_stopped()
        del living


def end_with_driver(driver: int, rope: str) -> None:
    """Have this worker of loky's end when its driver has gone, which loky does not care for."""
    lifeline.tie(rope)

    def watch() -> None:
        while os.getppid() == driver:
            time.sleep(1.0)
        station.kill_all()
        os._exit(1)

    threading.Thread(target=watch, name="hpopt-driver", daemon=True).start()


def perform_in_loky(plan: Plan, call: Call, n_workers: int, threads: int | None) -> Answer:
    """Have a call evaluated by the station of this worker of loky's."""

    def make() -> Station:
        environment = dict(os.environ)
        if threads is not None:
            environment |= dict.fromkeys(THREADS, str(threads))
        return Station(plan, 1, n_workers, environment, lambda: False)

    return station.perform(plan, call, (), make)


def make(request: Request) -> Executor:
    """Make the executor that ``executor="joblib"`` names.

    The backend and the number of jobs are those of ``joblib.parallel_config``: loky, threads,
    or Dask. Without one it is loky, with one job.

    Raises
    ------
    SettingError
        For another backend.
    """
    from joblib import effective_n_jobs
    from joblib.parallel import get_active_backend

    backend, n_jobs = get_active_backend()
    kind = type(backend).__name__
    if kind == "DaskDistributedBackend":
        return _on_dask(request, backend)
    if request.workers is None:
        workers = 1 if n_jobs in (None, 1) else effective_n_jobs(n_jobs)
    elif request.workers == "auto":
        workers = available_cores()
    else:
        workers = at_least_one("workers", request.workers)
    if kind == "ThreadingBackend":
        from hpopt.executors.threads import ThreadExecutor

        request.check_plain("joblib")
        return ThreadExecutor(workers)
    if kind not in LOKY:
        raise SettingError(
            "executor='joblib' must find joblib's backend to be 'loky', 'threading' or 'dask', "
            f"but got {kind}: give a concurrent.futures.Executor of that library"
        )
    return JoblibExecutor(
        workers,
        limits=request.limits,
        gpus=request.gpus,
        trials_per_gpu=request.trials_per_gpu,
        trials_per_child=request.trials_per_child,
        threads=getattr(backend, "inner_max_num_threads", None),
    )


def _on_dask(request: Request, backend: Any) -> Executor:
    from dataclasses import replace

    from hpopt.executors.dask import make as make_dask

    executor: Executor = make_dask(replace(request, address=backend.client))
    return executor
