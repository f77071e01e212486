"""Run calls on a Dask cluster: one that exists, or a local one for the run."""

from __future__ import annotations

import contextlib
import itertools
import logging
import time
from typing import Any

from hpopt.errors import MissingExtraError, WorkerLost

try:
    import distributed
except ImportError as error:
    raise MissingExtraError("distributed", "dask", "executor='dask'") from error

from hpopt.checks import whole
from hpopt.executors.cluster.agent import Answer
from hpopt.executors.cluster.dask_connection import CLOSE_SECONDS, Connection
from hpopt.executors.cluster.dask_worker import perform_in_dask
from hpopt.executors.cluster.events import Events
from hpopt.executors.cluster.executor import ClusterExecutor, Job
from hpopt.executors.settings import Settings

LOOK_SECONDS = 0.5  # workers that join are used, and a lost scheduler noticed, so soon
PATIENCE_SECONDS = 600.0  # time for a batch system to start a scheduler's job again

logger = logging.getLogger("hpopt")


class DaskExecutor(ClusterExecutor):
    """Run each call in a child process of one of a Dask cluster's workers.

    When to use it: several machines, which may come and go: a batch system by dask-jobqueue,
    Kubernetes by dask-kubernetes, a few workstations by ``dask worker``. When not: one machine;
    `ProcessExecutor` costs less there.

    Each thread of a Dask worker is a slot. A worker that joins is used, and the call of one that
    vanishes gets WorkerLost (Dask would run it again, unasked and uncounted). When the scheduler
    goes away, what it ran is lost too, and calls wait for it to come back.

    Parameters
    ----------
    cluster : str, distributed.Client, a Dask cluster object, or None
        An address (``"tcp://scheduler:8786"``), the path of a scheduler file (``….json``), a
        client or a cluster, which stay open. None is the current client where there is one, or
        what Dask's configuration names (``DASK_SCHEDULER_ADDRESS``), or else a local cluster
        within this process, for as long as the executor is open.
    workers : int, optional
        How many calls to keep running. By default, and growing and shrinking with it, the
        number of threads of the cluster; for a local one, of cores.
    settings : Settings, optional
        Limits, GPUs and the like; see `ProcessExecutor`. GPUs are those of each
        worker's machine.
    patience : float
        For how many seconds the scheduler may be away.

    Attributes
    ----------
    workers : int
        How many calls to keep running now.
    elastic : bool
        Whether `workers` changes with the cluster.
    """

    no_worker_advice = (
        "start one ('dask worker ADDRESS'), or see whether the batch system has started its job. "
        "(A cluster of dask-jobqueue that adapts may not replace workers that ended with their "
        "lifetime: call its scale(jobs=...) again. executor='slurm' submits jobs again by itself.)"
    )

    def __init__(
        self,
        cluster: Any = None,
        workers: int | None = None,
        settings: Settings = Settings(),  # noqa: B008  (it is frozen)
        *,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        super().__init__(settings)
        self._wanted = None if workers is None else whole("workers", workers, 1)
        self._patience = patience
        self._cluster = Connection(cluster, self._wanted, self._scratch)
        self.elastic = self._wanted is None
        self._n_slots = self._cluster.n_slots()
        self._keys = itertools.count()
        self._sent: dict[str, tuple[Job, distributed.Future]] = {}
        self._begun: dict[str, str] = {}
        self._payloads: dict[str, distributed.Future] = {}
        self._finished: list[distributed.Future] = []
        self._waiting: list[tuple[Job, tuple[str, ...]]] = []
        self._away_since: float | None = None
        self._events = Events("Dask", self._look_at_cluster, LOOK_SECONDS)
        self._cluster.subscribe(self._topic, self._note_begin)

    @property
    def workers(self) -> int:  # type: ignore[override]
        """How many calls to keep running now; at least 1, which waits where there is no worker."""
        return self._wanted or max(1, self._n_slots)

    def send(self, job: Job, missing: tuple[str, ...] = ()) -> None:
        """Hand a call to the scheduler, or let it wait here while there is no scheduler."""
        if self._away_since is None and not missing and self._cluster.is_up:
            self._submit(job, ())
        else:
            self._events.post(lambda: self._send(job, missing))

    def forget(self, job: Job) -> None:
        """Cancel a job on the cluster, where it may wait or run."""
        self._events.post(lambda: self._cancel(job))

    def end(self, *, kill: bool) -> None:
        """Close the agents of all workers, and what was opened here."""
        self._events.end(CLOSE_SECONDS)  # an event may wait for a scheduler that is away
        with contextlib.suppress(Exception):
            self._cluster.close_agents(self.token, kill)
        self._payloads.clear()
        self._finished.clear()
        self._cluster.close()

    # -- everything below runs in one thread -----------------------------------------------------

    def _send(self, job: Job, missing: tuple[str, ...]) -> None:
        if job.future.cancelled():
            return
        if self._away_since is None and self._cluster.is_up:
            self._submit(job, missing)
        elif self._is_given_up():
            self.lose(job, WorkerLost(self._why_given_up()))
        else:
            self._waiting.append((job, missing))

    def _submit(self, job: Job, missing: tuple[str, ...]) -> None:
        key = f"hpopt-{self.token}-{next(self._keys)}"
        try:
            payloads = [self._payload(token) for token in missing]
            future = self._cluster.client.submit(
                perform_in_dask,
                job.call,
                payloads,
                self._cluster.client.id,
                key=key,
                pure=False,  # else Dask would take the result of an equal call for this one's
            )
        except Exception as error:
            self.lose(job, WorkerLost(f"the Dask scheduler must take the call, but {error}"))
            return
        self._sent[key] = job, future
        # Only now: Dask's client sends at most one message in 10 ms, and its scheduler one in 5 ms
        # to a worker, so that a call that followed the release of another would wait for that.
        self._finished.clear()
        future.add_done_callback(lambda done: self._events.post(lambda: self._receive(done.key)))

    def _payload(self, token: str) -> distributed.Future:
        # Data of the cluster's own: it spreads them among its workers itself.
        known = self._payloads.get(token)
        if known is None or known.status in ("lost", "cancelled", "error"):
            (payload,) = self.payloads((token,))
            known = self._payloads[token] = self._cluster.client.scatter(payload, hash=False)
        return known

    def _receive(self, key: str) -> None:
        found = self._sent.pop(key, None)
        self._begun.pop(key, None)
        if found is None:
            return
        job, future = found
        self._finished.append(future)
        try:
            if future.status == "finished":
                answer: Answer = future.result()
                self.finish(job, answer)
                return
            why = str(future.exception()) if future.status == "error" else "it was cancelled"
        except Exception as error:
            why = str(error)
        self.lose(job, WorkerLost(f"a Dask worker, or the scheduler, vanished: {why}"))

    def _note_begin(self, event: tuple[float, Any]) -> None:
        message = event[1]  # of `perform_in_dask`; this runs in Dask's own thread
        self._events.post(lambda: self._begin(message["key"], message["worker"]))

    def _begin(self, key: str, worker: str) -> None:
        if key not in self._sent:
            return
        job, future = self._sent[key]
        if self._begun.setdefault(key, worker) == worker:
            self.mark_running(job, worker)
            return
        # Dask has begun it a second time, on another worker: it takes calls for repeatable.
        del self._sent[key], self._begun[key]
        future.cancel()
        self.lose(job, WorkerLost("the Dask worker of the call vanished"))

    def _cancel(self, job: Job) -> None:
        for key, (sent, future) in list(self._sent.items()):
            if sent is job:
                del self._sent[key]
                self._begun.pop(key, None)
                future.cancel()

    def _look_at_cluster(self) -> None:
        self._finished.clear()
        if not self._cluster.is_up:
            self._away_since = self._away_since or time.monotonic()
            if not self._is_given_up():
                self._cluster.try_again()
        if self._cluster.is_up:
            if self._away_since is not None:
                logger.warning("the Dask scheduler is there again")
                self._away_since = None
                self._payloads.clear()
                self._cluster.subscribe(self._topic, self._note_begin)
            self._n_slots = self._cluster.n_slots()
            self.note_workers(self._n_slots)
        waiting, self._waiting = self._waiting, []
        for job, missing in waiting:
            self._send(job, missing)

    def _is_given_up(self) -> bool:
        away = self._away_since
        return away is not None and time.monotonic() - away > self._patience

    def _why_given_up(self) -> str:
        return (
            f"the Dask scheduler at {self._cluster.address} has been away for {self._patience:g} s"
        )

    def _check_open(self) -> None:
        super()._check_open()
        if self._is_given_up():
            raise WorkerLost(f"{self._why_given_up()}: start it again, then resume the study")

    @property
    def _topic(self) -> str:
        return f"hpopt-{self.token}"


def make(settings: Settings, address: object = None) -> DaskExecutor:
    """Make the executor that ``executor="dask"`` names, at an address if one is given."""
    workers = None if settings.workers in (None, "auto") else settings.workers
    n_workers = None if workers is None else whole("workers", workers, 1)
    return DaskExecutor(address, n_workers, settings)
