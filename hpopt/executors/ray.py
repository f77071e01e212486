"""Run calls in actors of a Ray cluster: one that exists, or a local one for the run."""

from __future__ import annotations

import functools
import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hpopt.checks import number, whole
from hpopt.errors import MissingExtraError, SettingError, WorkerLost
from hpopt.executors.cluster.events import Events
from hpopt.executors.cluster.executor import ClusterExecutor, Job
from hpopt.executors.cluster.ray_worker import RayWorker
from hpopt.executors.settings import Settings

CLOSE_SECONDS = 15.0  # a little more than an agent takes to close at most
LOOK_SECONDS = 1.0  # how often it is looked whether there is a worker

logger = logging.getLogger("hpopt")


@dataclass(slots=True, eq=False)
class Slot:
    """An actor, and the job that it runs."""

    actor: Any
    host: str = ""
    job: Job | None = None


class RayExecutor(ClusterExecutor):
    """Run each call in a child process of an actor of a Ray cluster.

    When to use it: a Ray cluster that exists. When not: else; `ProcessExecutor` costs less on one
    machine, and Dask's or Slurm's executors need less to be installed.

    Each actor is a slot. Those for which Ray has no room wait for it, and Ray may start machines.
    When an actor or its machine goes away, its call gets WorkerLost, and another actor is started.

    Parameters
    ----------
    workers : int, optional
        How many calls run at the same time, at most. By default as many as the cluster has room for
        now.
    settings : Settings, optional
        Limits, GPUs and the like; see `ProcessExecutor`. An actor sees the GPUs that `num_gpus`
        gives it.
    address : str, optional
        Of the cluster, as `ray.init` takes it. By default the one that this program is connected
        to, or that ``RAY_ADDRESS`` names, or a local one for as long as the executor is open.
    num_cpus, num_gpus : float
        What Ray sets aside for each call.
    resources : mapping, optional
        Custom resources of Ray's that each call needs.

    Raises
    ------
    MissingExtraError
        Without Ray.
    SettingError
        There is no cluster at the address, or an argument is out of its range.

    Attributes
    ----------
    workers : int
        How many calls to keep running now.
    elastic : bool
        True: `workers` follows the actors that have started.
    """

    elastic = True
    no_worker_advice = (
        "see by 'ray status' whether the cluster has room for an actor with these num_cpus, "
        "num_gpus and resources"
    )

    def __init__(
        self,
        workers: int | None = None,
        settings: Settings = Settings(),  # noqa: B008  (it is frozen)
        *,
        address: str | None = None,
        num_cpus: float = 1,
        num_gpus: float = 0,
        resources: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(settings)
        self._needed = {
            "CPU": number("num_cpus", num_cpus, 0.0),
            "GPU": number("num_gpus", num_gpus, 0.0),
            **{name: number(name, amount, 0.0) for name, amount in (resources or {}).items()},
        }
        self._options = {
            "num_cpus": num_cpus,
            "num_gpus": num_gpus,
            "resources": dict(resources or {}),
            "max_restarts": 0,  # Ray would run a call again, unasked and uncounted
            "max_task_retries": 0,
        }
        wanted = None if workers is None else whole("workers", workers, 1)
        self._ray, self._is_own = _connected(address)
        self._most = wanted or self._room()
        self._waiting: deque[tuple[Job, tuple[str, ...]]] = deque()
        self._slots: list[Slot] = []
        self._payloads: dict[str, Any] = {}
        self._events = Events("Ray", self._look, LOOK_SECONDS)

    @property
    def workers(self) -> int:  # type: ignore[override]
        """How many calls to keep running now; at least 1, which waits for an actor to start."""
        return min(self._most, max(1, self._n_started))

    def send(self, job: Job, missing: tuple[str, ...] = ()) -> None:
        """Queue a call for the next idle actor."""
        self._events.post(lambda: self._enqueue(job, missing))

    def end(self, *, kill: bool) -> None:
        """Close the agents, and end the actors."""
        self._events.end()
        slots = [] if kill else [slot for slot in self._slots if slot.host]
        closed = [slot.actor.close.remote(self.token) for slot in slots]
        if closed:
            self._ray.wait(closed, num_returns=len(closed), timeout=CLOSE_SECONDS)
        for slot in self._slots:
            self._ray.kill(slot.actor)  # its child processes die with it
        self._payloads.clear()
        if self._is_own:
            self._ray.shutdown()

    # -- everything below runs in one thread -----------------------------------------------------

    def _look(self) -> None:
        self.note_workers(self._n_started)

    @property
    def _n_started(self) -> int:
        return sum(slot.host != "" for slot in list(self._slots))

    def _room(self) -> int:
        """Return how many actors the cluster has room for."""
        there = self._ray.cluster_resources()
        rooms = [there.get(name, 0.0) / each for name, each in self._needed.items() if each > 0]
        return max(1, int(min(rooms, default=1.0)))

    def _enqueue(self, job: Job, missing: tuple[str, ...]) -> None:
        self._waiting.append((job, missing))
        while len(self._slots) < self._most:
            self._start()
        self._fill()

    def _start(self) -> None:
        actor = self._ray.remote(RayWorker).options(**self._options).remote()
        slot = Slot(actor)
        self._slots.append(slot)
        self._when_done(actor.host.remote(), functools.partial(self._begin, slot))

    def _begin(self, slot: Slot, future: Any) -> None:
        try:
            slot.host = future.result()
        except Exception as error:
            self._replace(slot, error)
            return
        self._fill()

    def _fill(self) -> None:
        for slot in self._slots:
            while self._waiting and slot.host and slot.job is None:
                job, missing = self._waiting.popleft()
                if self.mark_running(job, slot.host):
                    self._submit(slot, job, missing)

    def _submit(self, slot: Slot, job: Job, missing: tuple[str, ...]) -> None:
        slot.job = job
        try:
            payloads = [self._payload(token) for token in missing]
            answer = slot.actor.perform.remote(job.call, *payloads)
        except Exception as error:
            self._replace(slot, error)
            return
        self._when_done(answer, functools.partial(self._receive, slot))

    def _payload(self, token: str) -> Any:
        if token not in self._payloads:
            (payload,) = self.payloads((token,))
            self._payloads[token] = self._ray.put(
                payload
            )  # once; it spreads among machines by itself
        return self._payloads[token]

    def _receive(self, slot: Slot, future: Any) -> None:
        job = slot.job
        try:
            answer = future.result()
        except Exception as error:
            self._replace(slot, error)
            return
        slot.job = None
        if job is not None:
            self.finish(job, answer)
        self._fill()

    def _replace(self, slot: Slot, error: BaseException) -> None:
        """Start another actor in the place of one that has gone."""
        self._slots.remove(slot)
        if slot.job is not None:
            self.lose(slot.job, WorkerLost(f"an actor of Ray's went away: {_first_line(error)}"))
        if not self._closed or self._jobs:
            self._start()

    def _when_done(self, reference: Any, act: Callable[[Any], None]) -> None:
        reference.future().add_done_callback(
            lambda future: self._events.post(functools.partial(act, future))
        )


def make(settings: Settings, address: object = None, **arguments: Any) -> RayExecutor:
    """Make the executor that ``executor="ray"`` names, at an address if one is given."""
    workers = None if settings.workers == "auto" else settings.workers
    n_workers = None if workers is None else whole("workers", workers, 1)
    if address is not None:
        arguments["address"] = address
    return RayExecutor(n_workers, settings, **arguments)


def _connected(address: str | None) -> tuple[Any, bool]:
    """Return Ray, connected to a cluster, and whether that must be left at the end."""
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError("ray", "ray", "executor='ray'") from error
    if ray.is_initialized():
        return ray, False
    options: dict[str, Any] = {"log_to_driver": False, "include_dashboard": False}
    try:
        ray.init(address=address, ignore_reinit_error=True, **options)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise SettingError(
            f"executor='ray' must find a cluster at its address, but got {address!r}: "
            f"{_first_line(error)}"
        ) from error
    return ray, True


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
