"""Run calls on a Dask cluster: one that exists, or a local one for the run."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from hpopt.errors import MissingExtraError, SettingError, WorkerLost
from hpopt.executors import station
from hpopt.executors.cluster import ClusterExecutor, Job
from hpopt.executors.devices import available_cores
from hpopt.executors.limits import Limits
from hpopt.executors.scratch import Scratch
from hpopt.executors.settings import Recycling, Request, at_least_one
from hpopt.executors.station import Answer, Call, Parcel, Plan, Station

try:
    import dask
    import distributed
    from distributed.comm import CommClosedError
except ImportError as error:
    raise MissingExtraError("distributed", "dask", "executor='dask'") from error

LOOK_SECONDS = 0.5
RECONNECT_SECONDS = 2.0
PATIENCE_SECONDS = 600.0
CLOSE_SECONDS = 15.0

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
        number of threads of the cluster; a local one has as many threads.
    limits, gpus, trials_per_gpu, trials_per_child
        See `ProcessExecutor`. GPUs are those of each worker's machine.
    patience : float
        For how many seconds the scheduler may be away.

    Attributes
    ----------
    workers : int
        How many calls to keep running now.
    elastic : bool
        Whether `workers` changes with the cluster.
    """

    lines_up = True

    def __init__(
        self,
        cluster: Any = None,
        workers: int | None = None,
        *,
        limits: Limits | None = None,
        gpus: str | Sequence[int | str] | None = None,
        trials_per_gpu: int = 1,
        trials_per_child: Recycling = "auto",
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        super().__init__(limits, gpus, trials_per_gpu, trials_per_child)
        self._wanted = None if workers is None else at_least_one("workers", workers)
        self._patience = patience
        self._cluster = _Cluster(cluster, self._wanted, self._scratch)
        self.elastic = self._wanted is None
        self._n_threads, self._counted = self._cluster.n_threads(), time.monotonic()
        self._keys = itertools.count()
        self._sent: dict[str, tuple[Job, distributed.Future]] = {}
        self._begun: dict[str, str] = {}
        self._parcels: dict[str, distributed.Future] = {}
        self._waiting: list[tuple[Job, tuple[str, ...]]] = []
        self._away_since: float | None = None
        self._events: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._ended_at_last = threading.Event()
        self._cluster.subscribe(self._topic, self._heard)
        threading.Thread(target=self._work, name="hpopt-dask", daemon=True).start()

    @property
    def workers(self) -> int:  # type: ignore[override]
        """How many calls to keep running now; at least 1, which waits where there is no worker."""
        return self._wanted or max(1, self._n_threads)

    def send(self, job: Job, missing: tuple[str, ...] = ()) -> None:
        """Put a call in the scheduler's line, or in one of our own while there is no scheduler."""
        if self._away_since is None and not missing and self._cluster.is_up:
            self._submit(job, ())
        else:
            self._events.put(lambda: self._send(job, missing))

    def forget(self, job: Job) -> None:
        """Cancel a job on the cluster."""
        self._events.put(lambda: self._cancel(job))

    def end(self, *, kill: bool) -> None:
        """Close the stations of all workers, and what was opened here."""
        self._events.put(None)
        self._ended_at_last.wait(CLOSE_SECONDS)
        with contextlib.suppress(Exception):
            self._cluster.close_stations(self.plan.token, kill)
        self._parcels.clear()
        self._cluster.close()

    # -- everything below runs in one thread -----------------------------------------------------

    def _work(self) -> None:
        """Do what is to be done, one after the other, and look around twice a second."""
        looked = time.monotonic()
        while True:
            try:
                event: Callable[[], None] | None = self._events.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                event = self._look
            if event is None:
                break
            try:
                event()
                if time.monotonic() - looked > LOOK_SECONDS:
                    looked = time.monotonic()
                    self._look()
            except Exception:
                logger.exception("the Dask executor met an error, and goes on")
        self._ended_at_last.set()

    def _send(self, job: Job, missing: tuple[str, ...]) -> None:
        if job.future.cancelled():
            return
        if self._away_since is None and self._cluster.is_up:
            self._submit(job, missing)
        elif self._is_given_up():
            self.lost(job, WorkerLost(self._given_up()))
        else:
            self._waiting.append((job, missing))

    def _submit(self, job: Job, missing: tuple[str, ...]) -> None:
        key = f"hpopt-{self.plan.token}-{next(self._keys)}"
        try:
            parcels = [self._parcel(token) for token in missing]
            future = self._cluster.client.submit(
                perform_in_dask,
                self.plan,
                job.call,
                parcels,
                self._cluster.client.id,
                key=key,
                pure=False,
            )
        except Exception as error:
            self.lost(job, WorkerLost(f"the Dask scheduler must take the call, but {error}"))
            return
        self._sent[key] = job, future
        future.add_done_callback(lambda done: self._events.put(lambda: self._done(done.key)))

    def _parcel(self, token: str) -> distributed.Future:
        """Give the files of a shared object as data of the cluster's, which it spreads itself."""
        known = self._parcels.get(token)
        if known is None or known.status in ("lost", "cancelled", "error"):
            (parcel,) = self.parcels((token,))
            known = self._parcels[token] = self._cluster.client.scatter(parcel, hash=False)
        return known

    def _done(self, key: str) -> None:
        found = self._sent.pop(key, None)
        self._begun.pop(key, None)
        if found is None:
            return
        job, future = found
        try:
            if future.status == "finished":
                answer: Answer = future.result()
                self.answered(job, answer)
                return
            why = str(future.exception()) if future.status == "error" else "it was cancelled"
        except Exception as error:
            why = str(error)
        self.lost(job, WorkerLost(f"a Dask worker, or the scheduler, vanished: {why}"))

    def _heard(self, event: tuple[float, Any]) -> None:
        """Take the note of a worker that a call begins there (in Dask's own thread)."""
        message = event[1]
        self._events.put(lambda: self._begins(message["key"], message["worker"]))

    def _begins(self, key: str, worker: str) -> None:
        if key not in self._sent:
            return
        job, future = self._sent[key]
        if self._begun.setdefault(key, worker) == worker:
            self.began(job, worker)
            return
        del self._sent[key], self._begun[key]
        future.cancel()
        self.lost(job, WorkerLost("the Dask worker of the call vanished"))

    def _cancel(self, job: Job) -> None:
        for key, (sent, future) in list(self._sent.items()):
            if sent is job:
                del self._sent[key]
                self._begun.pop(key, None)
                future.cancel()

    def _look(self) -> None:
        """See whether the scheduler is there, and how many threads the cluster has."""
        if not self._cluster.is_up:
            self._away_since = self._away_since or time.monotonic()
            if not self._is_given_up():
                self._cluster.try_again()
        if self._cluster.is_up:
            if self._away_since is not None:
                logger.warning("the Dask scheduler is there again")
                self._away_since = None
                self._parcels.clear()
                self._cluster.subscribe(self._topic, self._heard)
            self._n_threads = self._cluster.n_threads()
        waiting, self._waiting = self._waiting, []
        for job, missing in waiting:
            self._send(job, missing)

    def _is_given_up(self) -> bool:
        away = self._away_since
        return away is not None and time.monotonic() - away > self._patience

    def _given_up(self) -> str:
        return (
            f"the Dask scheduler at {self._cluster.address} has been away for {self._patience:g} s"
        )

    def _check_open(self) -> None:
        super()._check_open()
        if self._is_given_up():
            raise WorkerLost(f"{self._given_up()}: start it again, then resume the study")

    @property
    def _topic(self) -> str:
        return f"hpopt-{self.plan.token}"


class _Cluster:
    """A connection to a Dask cluster, and what of it was opened here."""

    def __init__(self, given: Any, n_threads: int | None, scratch: Scratch) -> None:
        self._local: distributed.LocalCluster | None = None
        self._own = not isinstance(given, distributed.Client)
        if given is None:
            with contextlib.suppress(ValueError):
                given, self._own = distributed.default_client(), False
        if given is None and dask.config.get("scheduler-address", None) is None:
            given = self._local = _local_cluster(n_threads, scratch)
        self.client = given if isinstance(given, distributed.Client) else _client(given)
        self.address = self.client.scheduler.address

    @property
    def is_up(self) -> bool:
        """Whether the scheduler is there."""
        return bool(self.client.status == "running")

    def n_threads(self) -> int:
        """Count the threads of all workers; 0 where the scheduler does not answer."""
        try:
            return sum(self.client.ncores().values())
        except (OSError, CommClosedError, asyncio.TimeoutError, RuntimeError):
            return 0

    def subscribe(self, topic: str, handler: Callable[[tuple[float, Any]], None]) -> None:
        """Have what workers say under a topic brought here."""
        self.client.subscribe_topic(topic, handler)

    def try_again(self) -> None:
        """Connect again where the client has given up; while it tries itself, let it."""
        if self.client.status != "closed":
            return
        with contextlib.suppress(OSError, asyncio.TimeoutError):
            self.client = distributed.Client(
                self.address,
                timeout=RECONNECT_SECONDS,
                security=self.client.security,
                set_as_default=False,
            )
            self._own = True

    def close_stations(self, token: str, kill: bool) -> None:
        """Have all workers close an executor's stations, and wait for it."""
        if self.is_up:
            self.client.run(close_in_dask, token, kill, on_error="ignore")

    def close(self) -> None:
        """Close what was opened here."""
        if self._own:
            self.client.close(timeout=CLOSE_SECONDS)
        if self._local is not None:
            self._local.close(timeout=CLOSE_SECONDS)


def perform_in_dask(plan: Plan, call: Call, parcels: list[Parcel], client: str) -> Answer:
    """Have a call evaluated by the station of this Dask worker."""
    worker = distributed.get_worker()
    key = worker.get_current_task()
    worker.log_event(f"hpopt-{plan.token}", {"key": key, "worker": worker.address})
    _drivers[plan.token] = client

    def make() -> Station:
        n_slots = worker.state.nthreads
        return Station(
            plan, n_slots, _neighbours(worker), _environment(), lambda: _is_gone(worker, plan)
        )

    def cancelled() -> bool:
        task = worker.state.tasks.get(key)
        closing = worker.status.name not in ("running", "paused", "init", "closing_gracefully")
        return closing or task is None or task.state in ("cancelled", "resumed", "released")

    return station.perform(plan, call, tuple(parcels), make, cancelled)


async def close_in_dask(token: str, kill: bool) -> None:
    """Close an executor's station in this Dask worker, beside its event loop."""
    await asyncio.to_thread(station.close, token, kill=kill)


def is_of_dask(given: object) -> bool:
    """Say whether this is a client or a cluster of Dask's."""
    return isinstance(given, distributed.Client | distributed.deploy.Cluster)


def make(request: Request) -> DaskExecutor:
    """Make the executor that ``executor="dask"`` names, at the request's address if it has one."""
    workers = None if request.workers in (None, "auto") else request.workers
    return DaskExecutor(
        request.address,
        None if workers is None else at_least_one("workers", workers),
        limits=request.limits,
        gpus=request.gpus,
        trials_per_gpu=request.trials_per_gpu,
        trials_per_child=request.trials_per_child,
    )


def _client(given: Any) -> distributed.Client:
    options: dict[str, Any] = {"set_as_default": False}
    if isinstance(given, str) and given.endswith(".json"):
        options["scheduler_file"] = given
    elif given is not None:
        options["address"] = given
    try:
        return distributed.Client(**options)
    except (OSError, ValueError, TypeError, asyncio.TimeoutError) as error:
        raise SettingError(
            "executor='dask' must find a scheduler at its address, as in "
            f"'dask:tcp://scheduler:8786', but got {given!r}: {error}"
        ) from error


def _local_cluster(n_threads: int | None, scratch: Scratch) -> distributed.LocalCluster:
    """Start a cluster within this process: its calls run in child processes all the same."""
    return distributed.LocalCluster(
        n_workers=1,
        threads_per_worker=n_threads or available_cores(),
        processes=False,
        memory_limit=0,
        dashboard_address="127.0.0.1:0",
        local_directory=str(scratch.folder()),
        silence_logs=logging.CRITICAL,
    )


def _neighbours(worker: distributed.Worker) -> int:
    """Count the threads of all Dask workers that share this one's cores."""
    own = int(worker.state.nthreads)
    if available_cores() < (os.cpu_count() or 1):
        return own
    host = worker.address.rpartition(":")[0]
    with contextlib.suppress(Exception):
        threads = distributed.utils.sync(worker.loop, worker.scheduler.ncores)
        return sum(n for address, n in threads.items() if address.rpartition(":")[0] == host)
    return own


def _environment() -> dict[str, str]:
    """Give this process's environment without the thread counts that Dask's nanny has set.

    They are meant for tasks that share a process. A station's children get their share.
    """
    own = dask.config.get("distributed.nanny.pre-spawn-environ", {})
    return {name: value for name, value in os.environ.items() if str(own.get(name)) != value}


def _is_gone(worker: distributed.Worker, plan: Plan) -> bool:
    """Say whether the driver's client has left the scheduler."""
    client = _drivers[plan.token]
    events = distributed.utils.sync(worker.loop, worker.scheduler.events, topic=client)
    actions = [event[1].get("action") for event in events if isinstance(event[1], dict)]
    seen = [action for action in actions if action in ("add-client", "remove-client")]
    return bool(seen) and seen[-1] == "remove-client"


_drivers: dict[str, str] = {}
