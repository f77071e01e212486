"""In a worker of a cluster: supervised child processes that evaluate what the cluster brings.

The worker's own process (of Dask, of MPI, of joblib) evaluates nothing. It keeps a `WorkerAgent`
for each executor whose calls it gets: one warm child process a slot, so that limits, isolation
and output are those of a local run. Calls, results and errors pass through it as bytes.
"""

from __future__ import annotations

import os
import pickle
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import wait
from dataclasses import dataclass
from pathlib import Path

from hpopt.errors import EvaluationLost, HpoptError, WorkerLost, WorkerNotStarted
from hpopt.executors import devices
from hpopt.executors.cluster import claims
from hpopt.executors.futures import TaskFuture
from hpopt.executors.settings import Settings
from hpopt.executors.supervision import sharing
from hpopt.executors.supervision.pool import Pool
from hpopt.executors.supervision.scratch import Scratch, machine_id, remove_dead_scratch
from hpopt.executors.supervision.transfer import Kind
from hpopt.executors.supervision.worker import Reply

CANCEL_CHECK_SECONDS = 0.5  # as often as clusters notice a cancellation; a call takes longer
DRIVER_CHECK_SECONDS = 1.0  # so that a dead driver's children are gone within some 5 seconds
CLOSE_SECONDS = 10.0  # twice what a process may take to end in good order

ABANDONED_AFTER = 4.0
"""Seconds without a call after which an agent asks whether its driver is still there. (Sooner would
ask a scheduler in every pause between two batches of calls.)"""


@dataclass(frozen=True, slots=True)
class Payload:
    """The files of a shared object, on their way to another machine."""

    token: str
    files: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A pickled call, and all that an agent must know to have it evaluated.

    Attributes
    ----------
    token : str
        The executor's.
    settings : Settings
        The executor's, to be resolved on the agent's machine.
    body, environment : bytes
        See `dump_call` and `dump_call_environment`.
    machine : str
        The driver's; see `machine_id`.
    needs : tuple of (token, path)
        The shared objects in it, and where they lie on the driver's machine.
    """

    token: str
    settings: Settings
    body: bytes
    environment: bytes
    machine: str
    needs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a call: a pickled result or exception, or why there is none.

    Attributes
    ----------
    kind : Kind or None
        VALUE or RAISED, of `body`; None where the call was lost, or has not run.
    missing : tuple of str
        The tokens of shared objects that were not here: nothing has run.
    memory, output, where
        See `TaskFuture`.
    """

    kind: Kind | None = None
    body: bytes = b""
    lost: EvaluationLost | None = None
    missing: tuple[str, ...] = ()
    memory: int | None = None
    output: str = ""
    where: str = ""


class WorkerAgent:
    """The child processes of one executor in one worker of a cluster.

    Parameters
    ----------
    n_slots : int
        How many calls this worker runs at the same time. Where other workers of this machine have
        taken some of the GPUs to use, there are only as many slots as are left.
    n_neighbours : int
        How many calls run on this machine at the same time: they share its cores.
    environment : mapping
        The environment variables that the child processes start from.
    is_driver_gone : callable
        Asked when there is nothing to do. Then the agent closes itself.

    Raises
    ------
    WorkerNotStarted
        When no GPU is left.
    """

    def __init__(
        self,
        settings: Settings,
        n_slots: int,
        n_neighbours: int,
        environment: Mapping[str, str],
        is_driver_gone: Callable[[], bool],
    ) -> None:
        remove_dead_scratch()
        self._scratch, self._is_driver_gone = Scratch(), is_driver_gone
        self._stored: set[str] = set()
        self._n_calls, self._last_call = 0, time.monotonic()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        gpus = devices.resolve_gpus(settings.gpus, environment)
        self._claims = claims.claim(gpus, settings.trials_per_gpu, n_slots) if gpus else []
        if gpus and not self._claims:
            raise WorkerNotStarted(
                f"a worker must find a free GPU slot, but on {socket.gethostname()} other workers "
                f"have taken all {len(gpus) * settings.trials_per_gpu}: start one worker a GPU, or "
                "raise trials_per_gpu"
            )
        bound = [
            devices.bound_environment(
                {**environment, sharing.FOLDER: str(self._scratch.folder())},
                slot,
                max(n_neighbours, n_slots),
                [self._claims[slot].gpu] if self._claims else gpus,
                settings.trials_per_gpu,
            )
            for slot in range(len(self._claims) or n_slots)
        ]
        self._pool = Pool(bound, settings, self._scratch.remove)
        threading.Thread(target=self._watch_driver, name="hpopt-agent", daemon=True).start()

    def perform(
        self,
        call: Call,
        payloads: tuple[Payload, ...],
        cancelled: Callable[[], bool],
        begins: Callable[[], None],
    ) -> Answer:
        """Have a call evaluated in a child process, and wait for what comes of it.

        `cancelled` is asked twice a second whether nobody wants the answer any more; then the
        call is killed. `begins` is called when a slot has become free for it.
        """
        with self._lock:
            self._n_calls += 1
            for payload in payloads:
                self._store(payload)
        try:
            missing = tuple(token for token, path in call.needs if not self._has(token, path, call))
            if missing:
                return Answer(missing=missing, where=socket.gethostname())
            return self._evaluated(call, cancelled, begins)
        finally:
            with self._lock:
                self._n_calls -= 1
                self._last_call = time.monotonic()

    @property
    def closed(self) -> bool:
        """Whether it takes no more calls."""
        return self._closed.is_set()

    def close(self, *, kill: bool = False) -> None:
        """End the child processes, and remove what was stored here."""
        self._closed.set()
        if kill:
            self._pool.kill()
        else:
            self._pool.close()
            self._pool.join(CLOSE_SECONDS)
        # After the children, so that who takes the GPU next finds its memory free.
        for claim in self._claims:
            claim.release()

    def _evaluated(
        self, call: Call, cancelled: Callable[[], bool], begins: Callable[[], None]
    ) -> Answer:
        future = _NotifyingFuture(begins)
        here = socket.gethostname()
        try:
            environment = _local_call_environment(call.environment)
            self._pool.submit(future, call.body, environment, lambda reply: reply)
            reply = self._wait(future, cancelled)
        except EvaluationLost as lost:
            return Answer(lost=lost, memory=lost.memory, output=lost.output, where=here)
        except RuntimeError:
            return Answer(lost=WorkerLost("its agent was closed"), where=here)
        return Answer(reply.kind, bytes(reply.body), None, (), reply.memory, reply.output, here)

    def _wait(self, future: TaskFuture[Reply], cancelled: Callable[[], bool]) -> Reply:
        while not wait([future], CANCEL_CHECK_SECONDS).done:
            if cancelled():
                self._pool.kill_call(future)
                raise WorkerLost("nobody waited for the call any more, and it was killed")
        return future.result()

    def _has(self, token: str, path: str, call: Call) -> bool:
        return token in self._stored or (call.machine == machine_id() and Path(path).exists())

    def _store(self, payload: Payload) -> None:
        if payload.token not in self._stored:
            for name, data in payload.files:
                (self._scratch.folder() / name).write_bytes(data)
            self._stored.add(payload.token)

    def _watch_driver(self) -> None:
        while not self._closed.wait(DRIVER_CHECK_SECONDS):
            with self._lock:
                idle = not self._n_calls and time.monotonic() - self._last_call > ABANDONED_AFTER
            if idle and self._is_abandoned():
                self.close(kill=True)

    def _is_abandoned(self) -> bool:
        try:
            return self._is_driver_gone()
        except Exception:  # the cluster does not answer: that says nothing of the driver
            return False


class _NotifyingFuture(TaskFuture[Reply]):
    """A future that says when its call begins."""

    def __init__(self, begins: Callable[[], None]) -> None:
        super().__init__()
        self._begins = begins

    def set_running_or_notify_cancel(self) -> bool:
        is_running = super().set_running_or_notify_cancel()
        if is_running:
            self._begins()
        return is_running


def perform(
    call: Call,
    payloads: tuple[Payload, ...],
    make: Callable[[], WorkerAgent],
    *,
    cancelled: Callable[[], bool] = lambda: False,
    begins: Callable[[], None] = lambda: None,
) -> Answer:
    """Have a call evaluated by the agent of its executor, which `make` makes for the first call."""
    try:
        with _lock:
            agent = _agents.get(call.token)
            # None stands for an executor that has been shut down; an agent that has closed
            # itself (its driver did not answer for a while) is followed by another.
            if call.token not in _agents or (agent is not None and agent.closed):
                agent = _agents[call.token] = make()
    except HpoptError as error:
        lost = error if isinstance(error, EvaluationLost) else WorkerNotStarted(str(error))
        return Answer(lost=lost, where=socket.gethostname())
    if agent is None:
        return Answer(lost=WorkerLost("its executor has been shut down"))
    return agent.perform(call, payloads, cancelled, begins)


def close(token: str, *, kill: bool = False) -> None:
    """Close the agent of an executor, if there is one in this process; it stays closed."""
    with _lock:
        agent = _agents.get(token)
        _agents[token] = None
    if agent is not None:
        agent.close(kill=kill)


def _local_call_environment(environment: bytes) -> bytes:
    directory, path, script = pickle.loads(environment)
    # This machine's modules come before the driver's: it may have the same ones elsewhere.
    extra = [entry for entry in path if entry not in sys.path and Path(entry or ".").exists()]
    own = [entry for entry in sys.path if isinstance(entry, str)]
    here = directory if Path(directory or "").is_dir() else None
    return pickle.dumps((here, own + extra, script))


_agents: dict[str, WorkerAgent | None] = {}
_lock = threading.Lock()  # calls for the same executor arrive in several threads

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_agents.clear)
