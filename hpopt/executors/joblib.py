"""Run calls in joblib's pool of worker processes, as joblib has been configured."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any

from hpopt.errors import SettingError
from hpopt.executors.devices import THREADS, available_cores
from hpopt.executors.limits import Limits
from hpopt.executors.processes import ProcessExecutor
from hpopt.executors.settings import Recycling, Request, Settings, at_least_one

LOKY = ("LokyBackend", "MultiprocessingBackend", "SequentialBackend")


class JoblibExecutor(ProcessExecutor):
    """Run each call in a child process of one of loky's workers, joblib's own pool.

    When to use it: in a program that configures its parallelism by ``joblib.parallel_config``
    already. When not: else; `ProcessExecutor`, of which this is one, does the same with fewer
    processes. The pool is this executor's own: joblib's other uses in this program neither wait
    for it nor resize it. Where there can be none (a daemonic process of multiprocessing may start
    none, and Windows hands no file descriptors on) worker processes are the driver's own children.

    Parameters
    ----------
    workers, limits, gpus, trials_per_gpu, trials_per_child
        See `ProcessExecutor`.
    threads : int, optional
        How many threads each call may use; by default its share of the cores.
    """

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
        self._threads = threads
        super().__init__(
            workers,
            limits=limits,
            gpus=gpus,
            trials_per_gpu=trials_per_gpu,
            trials_per_child=trials_per_child,
        )

    def _environment(self, slot: int, settings: Settings) -> dict[str, str]:
        environment = super()._environment(slot, settings)
        if self._threads is not None:
            environment |= dict.fromkeys(THREADS, str(self._threads))
        return environment

    def _launcher(self) -> Any:
        from hpopt.executors.loky import LokyLauncher

        if not LokyLauncher.is_possible():
            return super()._launcher()
        return LokyLauncher(self.workers, self._scratch.folder())


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
