"""A connection to a Dask cluster, which may be one of our own for the run."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

import dask
import distributed
from distributed.batched import BatchedSend
from distributed.comm import CommClosedError

from hpopt.errors import SettingError
from hpopt.executors.cluster.dask_worker import close_in_dask, own_workers
from hpopt.executors.devices import available_cores
from hpopt.executors.supervision.scratch import Scratch

LOOPBACK = "127.0.0.1:0"
RECONNECT_SECONDS = 2.0  # for one attempt: events wait meanwhile, and the next one comes soon
SEND_SECONDS = 0.001
"""Between two messages on connections of our own. Dask's own 2 to 10 ms are for thousands of small
tasks; on one machine, trials of 50 ms on 2 workers are 7 % faster without them."""

CLOSE_SECONDS = 15.0  # a little more than an agent takes to close at most

UNWATCHED = {"distributed.worker.profile.enabled": False, "distributed.admin.tick.interval": "1s"}
"""Dask's settings for a local cluster. A hundred times a second it would note what its threads
do, which is to wait for child processes: a fifth of its work for trials of 50 ms."""


class Connection:
    """A connection to a Dask cluster, and what of it was opened here."""

    def __init__(self, given: Any, n_threads: int | None, scratch: Scratch) -> None:
        self._local: distributed.LocalCluster | None = None
        self._own = not isinstance(given, distributed.Client)
        if given is None:
            with contextlib.suppress(ValueError):
                given, self._own = distributed.default_client(), False
        if given is None and dask.config.get("scheduler-address", None) is None:
            given = self._local = _local_cluster(n_threads or available_cores(), scratch)
        self.client = given if isinstance(given, distributed.Client) else _client(given)
        self.address = self.client.scheduler.address

    @property
    def is_up(self) -> bool:
        """Whether the scheduler is there."""
        return bool(self.client.status == "running")

    def n_slots(self) -> int:
        """Return how many calls the workers run at once; 0 where the scheduler does not answer."""
        try:
            n_threads = int(sum(self.client.ncores().values()))
        except (OSError, CommClosedError, asyncio.TimeoutError, RuntimeError):
            return 0
        return n_threads

    def subscribe(self, topic: str, handler: Callable[[tuple[float, Any]], None]) -> None:
        """Have `handler` called with each event that workers log under a topic."""
        self.client.subscribe_topic(topic, handler)
        self._send_at_once()

    def _send_at_once(self) -> None:
        streams = [self.client.scheduler_comm] if self._own else []
        if self._local is not None:
            scheduler, workers = self._local.scheduler, self._local.workers
            streams += [*scheduler.stream_comms.values(), *scheduler.client_comms.values()]
            streams += [worker.batched_stream for worker in workers.values()]
        for stream in streams:
            if isinstance(stream, BatchedSend):
                stream.interval = SEND_SECONDS

    def try_again(self) -> None:
        """Connect again where the client has given up; a client that still tries is left alone."""
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

    def close_agents(self, token: str, kill: bool) -> None:
        """Have all workers close an executor's agents, and wait for it."""
        if self.is_up:
            self.client.run(close_in_dask, token, kill, on_error="ignore")

    def close(self) -> None:
        """Close what was opened here."""
        if self._own:
            self.client.close(timeout=CLOSE_SECONDS)
        if self._local is not None:
            self._local.close(timeout=CLOSE_SECONDS)


def is_of_dask(given: object) -> bool:
    """Return whether this is a client or a cluster of Dask's."""
    return isinstance(given, distributed.Client | distributed.deploy.Cluster)


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


def _local_cluster(n_slots: int, scratch: Scratch) -> distributed.LocalCluster:
    """Start a cluster within this process: its calls run in child processes all the same.

    Other machines can't connect to it: it listens on the loopback interface only. All that it
    stores goes into our folder, which is removed however this process ends.
    """
    folder = str(scratch.folder())
    with dask.config.set(UNWATCHED):
        cluster = distributed.LocalCluster(
            n_workers=1,
            threads_per_worker=n_slots,
            processes=False,
            memory_limit=0,
            dashboard_address=LOOPBACK,
            worker_dashboard_address=LOOPBACK,
            local_directory=folder,
            scheduler_kwargs={"local_directory": folder},
            silence_logs=logging.CRITICAL,
        )
    own_workers.update(cluster.workers.values())
    return cluster
