"""Run calls in supervised worker processes that can be limited, bound and killed."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import ParamSpec, TypeVar

from hpopt.errors import TransferError
from hpopt.executors.devices import available_cores, bound_environment
from hpopt.executors.futures import TaskFuture
from hpopt.executors.limits import Limits
from hpopt.executors.settings import Recycling, Settings
from hpopt.executors.supervision.sharing import Shared
from hpopt.executors.supervision.transfer import dump_call, dump_call_environment

P = ParamSpec("P")
T = TypeVar("T")


class ProcessExecutor(Executor):
    """Run each call in a worker process that stays warm between calls.

    When to use it: evaluations that take milliseconds or more, that may crash, hang or eat
    memory, or that hold the GIL. When not: evaluations of microseconds (`SerialExecutor`).

    A worker is a plain interpreter, not a fork: scripts need no ``__main__`` guard, and lambdas,
    closures and what is defined in a notebook work. It has the driver's sys.path, working
    directory and environment, leads a session of its own (Ctrl-C reaches the driver only),
    and dies with the driver however that ends. What a call leaves running is killed after it
    (not joblib's pool and Python's own helpers, which end with the worker). On Linux a worker
    offers itself first when the system runs out of memory.

    A call that outlives its limits is killed with all processes it started, and its future gets
    TimeLimitExceeded or MemoryLimitExceeded; one whose worker ends by itself (a segmentation
    fault, ``os._exit``, a kill from outside) gets WorkerLost, and the next call a new worker.
    Limits are looked at every 0.1 seconds, new processes of a call every 0.5.

    At the interpreter's exit workers are killed, unless ``shutdown`` has waited for them.

    Parameters
    ----------
    workers : int, optional
        How many calls run at the same time, at least 1. By default the number of slots on the
        GPUs, where there are any, else of processor cores that this process may use.
    limits : Limits, optional
        What each call may spend.
    gpus : "auto" or sequence of int or str, optional
        Which GPUs workers are bound to, by CUDA_VISIBLE_DEVICES: all that are found without
        importing a framework, or those listed. [] hides them all. By default, and where
        "auto" finds none, that variable stays as it is.
    trials_per_gpu : int
        How many workers share one GPU, at least 1. Its memory is divided among them: a limit for
        JAX and PyTorch, while TensorFlow takes what it needs as it needs it.
    trials_per_child : int, "auto" or None
        After how many calls a worker is replaced, so that leaks end; None for never. "auto" is
        after 100 calls, but not before it has lived for a minute, so that starting processes
        never takes a noticeable share of the time.

    Raises
    ------
    SettingError
        For arguments out of these ranges, and more workers than slots on the GPUs.

    Examples
    --------
    >>> with ProcessExecutor(2, limits=Limits(seconds=60)) as executor:
    ...     future = executor.submit(lambda x: x**2, 3)
    ...     print(future.result())
    9

    Attributes
    ----------
    workers : int
        How many calls run at the same time.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        limits: Limits | None = None,
        gpus: str | Sequence[int | str] | None = None,
        trials_per_gpu: int = 1,
        trials_per_child: Recycling = "auto",
    ) -> None:
        # Here: it takes 40 ms to import, with psutil, and a serial search has no use for it.
        from hpopt.executors.supervision.pool import Pool
        from hpopt.executors.supervision.scratch import Scratch, remove_dead_scratch

        settings = Settings(workers, limits, gpus, trials_per_gpu, trials_per_child)
        found = settings.resolved(default_workers=available_cores())
        self.workers, self.limits = found.workers, limits or Limits()
        remove_dead_scratch()
        self._scratch = Scratch()
        environments = [
            bound_environment(os.environ, slot, self.workers, found.gpus, trials_per_gpu)
            for slot in range(self.workers)
        ]
        self._pool = Pool(environments, settings, self._scratch.remove)
        weakref.finalize(self, self._pool.close).atexit = False  # at exit the pool is killed

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> TaskFuture[T]:
        """Queue a call for the next idle worker.

        It is pickled here and now: what changes later in its arguments is not seen.

        Returns
        -------
        TaskFuture
            With the peak memory and the output of the call when it is done. It has failed
            already with TransferError if the call can't be pickled.

        Raises
        ------
        RuntimeError
            After ``shutdown``.
        """
        self._pool.check_open()
        future: TaskFuture[T] = TaskFuture()
        try:
            call = dump_call(fn, args, kwargs)
        except TransferError as error:
            future.set_running_or_notify_cancel()
            future.set_exception(error)
            return future
        self._pool.submit(future, call, dump_call_environment())
        return future

    def share(self, obj: T) -> Shared[T]:
        """Store an object that many calls get, once for all workers.

        The handle, given to ``submit`` as an argument, is the object itself for the call. Arrays
        above 1 MB are memory-mapped copy-on-write, so workers share their memory. The files lie
        in a temporary folder (``TMPDIR`` says where) until the executor is shut down.

        Raises
        ------
        TransferError
            When it can't be pickled.
        RuntimeError
            After ``shutdown``.
        """
        self._pool.check_open()
        return Shared(obj, self._scratch.folder())

    def warm_up(self) -> None:
        """Start the worker processes of all idle slots at the same time, and wait for them.

        Raises
        ------
        WorkerNotStarted
            When one can't be started, with the reason.
        """
        for future in self._pool.warm_up():
            future.result()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls, and end the workers when those that were taken are done.

        Parameters
        ----------
        wait : bool
            Whether to wait for that.
        cancel_futures : bool
            Whether to cancel the calls that have not begun.
        """
        self._pool.close(cancel=cancel_futures)
        if wait:
            self._pool.join()

    def kill_workers(self) -> None:
        """Kill all workers with all that they started, and take no more calls.

        Futures of running calls get WorkerLost, those of waiting calls are cancelled.
        """
        self._pool.kill()


def make(settings: Settings, address: object = None) -> ProcessExecutor:
    """Make the executor that ``executor="processes"`` names; it has one worker by default."""
    return ProcessExecutor(
        settings.resolved(default_workers=1).workers,
        limits=settings.limits,
        gpus=settings.gpus,
        trials_per_gpu=settings.trials_per_gpu,
        trials_per_child=settings.trials_per_child,
    )
