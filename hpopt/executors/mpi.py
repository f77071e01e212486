"""Run calls on the ranks of an MPI job, by ``mpi4py.futures``."""

from __future__ import annotations

import functools
import importlib.util
import os
import sys
import time
from concurrent.futures import Future

from hpopt.checks import whole
from hpopt.errors import MissingExtraError, SettingError, WorkerLost
from hpopt.executors.cluster import agent
from hpopt.executors.cluster.agent import Answer, Call, Payload, WorkerAgent
from hpopt.executors.cluster.executor import ClusterExecutor, Job
from hpopt.executors.devices import available_cores
from hpopt.executors.settings import Settings

KILL_TAG = 4711  # any number will do that the program's own messages to rank 0 do not bear
PAUSE_SECONDS = 0.002  # a tenth of a per cent of a core while the slowest rank is waited for

RANKS_HERE = (
    "OMPI_COMM_WORLD_LOCAL_SIZE",
    "MPI_LOCALNRANKS",
    "PMI_LOCAL_SIZE",
    "MV2_COMM_WORLD_LOCAL_SIZE",
)
"""The variables in which Open MPI, MPICH, Hydra and MVAPICH tell how many ranks run here."""


class MpiExecutor(ClusterExecutor):
    """Run each call in a child process of one of the ranks of an MPI job.

    Start the program by ``mpiexec -n 9 python -m mpi4py.futures search.py``: rank 0 runs it and
    drives, the other 8 evaluate, one call at a time each.

    When to use it: on a supercomputer whose batch system gives MPI jobs. When not: where ranks
    come and go. MPI's standard answer to a rank that dies is to end the whole job; a trial that
    crashes is no such case, for it runs in a child process of its rank.

    Parameters
    ----------
    workers : int, optional
        How many calls to keep running; by default as many as there are ranks beside this one.
    settings : Settings, optional
        Limits, GPUs and the like; see `ProcessExecutor`. The ranks of a machine share out its GPUs.

    Raises
    ------
    MissingExtraError
        Without mpi4py.
    SettingError
        When the program was started in another way.
    """

    def __init__(
        self,
        workers: int | None = None,
        settings: Settings = Settings(),  # noqa: B008  (it is frozen)
    ) -> None:
        super().__init__(settings)
        wanted = None if workers is None else whole("workers", workers, 1)
        _check_ranks()
        from mpi4py.futures import MPIPoolExecutor

        self._pool = MPIPoolExecutor(main=False)
        self._n_ranks = self._pool.num_workers
        self.workers = wanted or self._n_ranks

    def send(self, job: Job, missing: tuple[str, ...] = ()) -> None:
        """Queue a call for the next idle rank."""
        try:
            inner = self._pool.submit(perform_on_rank, job.call, self.payloads(missing))
        except RuntimeError as broken:
            self.lose(job, WorkerLost(f"the ranks of the MPI job take no calls: {broken}"))
            return
        inner.add_done_callback(functools.partial(self._receive, job))

    def end(self, *, kill: bool) -> None:
        """Close the agents of all ranks."""
        if kill:
            self._tell_ranks_to_kill()
        for future in [self._pool.submit(close_on_rank, self.token) for _ in range(self._n_ranks)]:
            future.exception()
        self._pool.shutdown(wait=True)

    def _receive(self, job: Job, inner: Future[Answer]) -> None:
        if inner.cancelled():
            return
        error = inner.exception()
        if error is None:
            self.finish(job, inner.result())
        else:
            self.lose(job, WorkerLost(f"a rank of the MPI job failed: {error}"))

    def _tell_ranks_to_kill(self) -> None:
        from mpi4py import MPI

        # Busy ranks look for this message twice a second. Without threads in MPI, calls that run
        # are waited for.
        if MPI.Query_thread() == MPI.THREAD_MULTIPLE:
            world = MPI.COMM_WORLD
            sends = [
                world.isend(self.token, dest=rank, tag=KILL_TAG)
                for rank in range(1, world.Get_size())
            ]
            MPI.Request.waitall(sends)


def perform_on_rank(call: Call, payloads: tuple[Payload, ...]) -> Answer:
    """Have a call evaluated by the agent of this rank."""

    def make() -> WorkerAgent:
        return WorkerAgent(call.settings, 1, _n_ranks_here(), os.environ, lambda: False)

    def cancelled() -> bool:
        return call.token in _killed_tokens()

    return agent.perform(call, payloads, make, cancelled=cancelled)


def close_on_rank(token: str) -> None:
    """Close this rank's agent; wait for the others, so that each rank does it once."""
    from mpi4py.futures import get_comm_workers

    agent.close(token)
    all_here = get_comm_workers().Ibarrier()
    while not all_here.Test():
        time.sleep(PAUSE_SECONDS)  # MPI's own waiting would keep a core busy
    _killed_tokens()


def make(settings: Settings, address: object = None) -> MpiExecutor:
    """Make the executor that ``executor="mpi"`` names."""
    workers = None if settings.workers == "auto" else settings.workers
    return MpiExecutor(None if workers is None else whole("workers", workers, 1), settings)


def _check_ranks() -> None:
    core = sys.modules.get("mpi4py.futures._core")
    if getattr(core, "SharedPool", None) is not None:
        return
    if importlib.util.find_spec("mpi4py") is None:
        raise MissingExtraError("mpi4py", "mpi", "executor='mpi'")
    raise SettingError(
        "executor='mpi' must have ranks that wait for calls, but this program was not started "
        "with them: start it by 'mpiexec -n 9 python -m mpi4py.futures PROGRAM' (one rank "
        "drives, 8 evaluate)"
    )


def _n_ranks_here() -> int:
    if available_cores() < (os.cpu_count() or 1):
        return 1  # it is bound to cores of its own
    return max(
        [1, *(int(os.environ[name]) for name in RANKS_HERE if os.environ.get(name, "").isdigit())]
    )


def _killed_tokens() -> set[str]:
    from mpi4py import MPI

    world = MPI.COMM_WORLD
    if world.Get_size() > 1 and world.Get_rank() != 0:
        while world.iprobe(source=0, tag=KILL_TAG):
            _killed.add(world.recv(source=0, tag=KILL_TAG))
    return _killed


_killed: set[str] = set()
