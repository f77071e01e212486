"""What runs in a Dask worker: it hands calls to the worker's agent."""

from __future__ import annotations

import asyncio
import contextlib
import os
import weakref

import dask
import distributed

from hpopt.executors.cluster import agent
from hpopt.executors.cluster.agent import Answer, Call, Payload, WorkerAgent
from hpopt.executors.devices import available_cores


def perform_in_dask(call: Call, payloads: list[Payload], client: str) -> Answer:
    """Have a call evaluated by the agent of this Dask worker."""
    worker = distributed.get_worker()
    key = worker.get_current_task()
    _drivers[call.token] = client

    def make() -> WorkerAgent:
        return WorkerAgent(
            call.settings,
            _n_slots(worker),
            _n_neighbours(worker),
            _environment(),
            lambda: _is_driver_gone(worker, call.token),
        )

    def begins() -> None:
        with contextlib.suppress(Exception):  # the worker may be closing
            worker.log_event(f"hpopt-{call.token}", {"key": key, "worker": worker.address})

    def cancelled() -> bool:
        task = worker.state.tasks.get(key)
        closing = worker.status.name not in ("running", "paused", "init", "closing_gracefully")
        return closing or task is None or task.state in ("cancelled", "resumed", "released")

    return agent.perform(call, tuple(payloads), make, cancelled=cancelled, begins=begins)


async def close_in_dask(token: str, kill: bool) -> None:
    """Close an executor's agent in this Dask worker."""
    # Not in the event loop itself, by which the worker says that it lives.
    await asyncio.to_thread(agent.close, token, kill=kill)


def _n_slots(worker: distributed.Worker) -> int:
    return int(worker.state.nthreads)


def _n_neighbours(worker: distributed.Worker) -> int:
    """Return how many calls run at once in all Dask workers that share this one's cores."""
    own = _n_slots(worker)
    if worker in own_workers or available_cores() < (os.cpu_count() or 1):
        return own
    host = worker.address.rpartition(":")[0]
    with contextlib.suppress(Exception):
        threads = distributed.utils.sync(worker.loop, worker.scheduler.ncores)
        return sum(n for address, n in threads.items() if address.rpartition(":")[0] == host)
    return own


def _environment() -> dict[str, str]:
    """Return this process's environment without the thread counts that Dask's nanny has set.

    They are meant for tasks that share a process. A agent's children get their share.
    """
    own = dask.config.get("distributed.nanny.pre-spawn-environ", {})
    return {name: value for name, value in os.environ.items() if str(own.get(name)) != value}


def _is_driver_gone(worker: distributed.Worker, token: str) -> bool:
    client = _drivers[token]
    # The scheduler logs under the client's name when it comes and goes.
    events = distributed.utils.sync(worker.loop, worker.scheduler.events, topic=client)
    actions = [event[1].get("action") for event in events if isinstance(event[1], dict)]
    seen = [action for action in actions if action in ("add-client", "remove-client")]
    return bool(seen) and seen[-1] == "remove-client"


own_workers: weakref.WeakSet[distributed.Worker] = weakref.WeakSet()
"""The Dask workers of the local clusters of this process."""

_drivers: dict[str, str] = {}
"""The client of each executor that has sent calls, by the executor's token."""
