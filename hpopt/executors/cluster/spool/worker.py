"""A worker: the program of a job, which claims calls in the driver's folder and answers them."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import signal
import socket
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from hpopt.errors import HpoptError, WorkerLost
from hpopt.executors.cluster import agent
from hpopt.executors.cluster.agent import Answer, Call, Payload, WorkerAgent
from hpopt.executors.cluster.spool.disk import ForgedError, SpoolFolder
from hpopt.executors.cluster.spool.pace import MOST_SECONDS, Pace
from hpopt.executors.devices import available_cores

VISIBLE_SECONDS = 120.0  # for a file to be seen here: twice what a client of NFS keeps a listing
FORGED_SECONDS = 5.0  # in which a file that was read in part would be there whole
RETRY_SECONDS = 1.0  # between attempts to read or write what a disk refuses
CLAIM_CHECK_SECONDS = 5.0  # a request to the disk's server for each running call
MOST_MISSING = 3  # times that the folder is not to be seen, until it is taken to be removed
END_SECONDS = 15.0  # for running calls to be killed: half of what Slurm gives after SIGTERM

logger = logging.getLogger("hpopt")


class SpoolWorker:
    """Claim calls, have the agent evaluate them in child processes, and write the answers.

    It ends when the driver says so (a file ``stop``), when the driver's heartbeat has not changed
    for a while, and when the batch system ends its job: then running calls are killed, and
    answered as lost.

    Parameters
    ----------
    path : path
        The driver's folder.
    job : int
        The number that the driver has given to the job.
    attempt : int
        How many workers the job has started, this one included.
    """

    def __init__(self, path: Path, job: int, attempt: int) -> None:
        self._folder = _open_folder(path)
        settings = _read_settings(self._folder)
        self._n_slots: int = settings["slots"]
        self._beat_seconds: float = settings["beat"]
        self._patience: float = settings["driver_patience"]
        self.name = f"{job}-{attempt}-{secrets.token_hex(4)}"
        self._host = socket.gethostname()
        self._about = {"job": job, "host": self._host, "pid": os.getpid(), "slots": self._n_slots}
        self._token = ""
        self._running: set[str] = set()
        self._why_killed = ""
        self._ends = self._is_driver_gone = False
        self._wake = threading.Event()
        self._is_over = threading.Event()
        self._lock = threading.Lock()
        self._beats = 0

    def run(self) -> None:
        """Work until somebody says that it is enough."""
        signal.signal(signal.SIGTERM, lambda *_: self._end_by("the batch system ended its job"))
        self._beat()
        threading.Thread(target=self._keep_beating, name="hpopt-heartbeat", daemon=True).start()
        pace = Pace()
        try:
            while not self._ends:
                is_busy = len(self._running) == self._n_slots
                with contextlib.suppress(OSError):  # the disk's server is away: it may come back
                    if not is_busy and self._claim():
                        pace.reset()
                        continue
                if self._wake.wait(MOST_SECONDS if is_busy else pace.pause()):
                    self._wake.clear()
                    pace.reset()
                self._look_for_end()
        finally:
            self._close()

    def _end_by(self, why: str) -> None:
        self._why_killed, self._ends = why, True
        self._wake.set()

    def _look_for_end(self) -> None:
        if self._is_driver_gone:
            self._end_by("its driver has gone")
        stop = self._folder.read_json("stop")
        if stop is not None:
            self._ends = True
            if stop.get("kill"):
                self._why_killed = "the driver killed it"

    def _close(self) -> None:
        end = time.monotonic() + END_SECONDS
        while self._running and time.monotonic() < end:
            self._wake.wait(0.1)
            self._wake.clear()
        self._is_over.set()
        if self._token:
            agent.close(self._token, kill=bool(self._why_killed))
        with contextlib.suppress(OSError):
            self._beat(self._why_killed or "the driver ended it")

    # -- heartbeats ------------------------------------------------------------------------------

    def _beat(self, ended: str = "") -> None:
        self._beats += 1
        about = {**self._about, "beat": self._beats, "ended": ended}
        self._folder.write_json(f"workers/{self.name}", about)

    def _keep_beating(self) -> None:
        """Write this worker's heartbeat and read the driver's, until it is over."""
        driver: dict[str, Any] | None = None
        changed, n_missing = time.monotonic(), 0
        while not self._is_over.wait(self._beat_seconds):
            with contextlib.suppress(OSError):  # a full disk, say: the next one may succeed
                self._beat()
            seen = self._folder.read_json("driver.json")
            if seen is not None and seen != driver:
                driver, changed = seen, time.monotonic()
            n_missing = 0 if self._folder.has("key") else n_missing + 1
            is_silent = time.monotonic() - changed > self._patience
            if (is_silent or n_missing >= MOST_MISSING) and not self._is_driver_gone:
                self._is_driver_gone = True
                self._wake.set()

    # -- calls -----------------------------------------------------------------------------------

    def _claim(self) -> bool:
        """Claim the first call that nobody else claims, and begin with it."""
        for number in self._folder.names("calls"):
            if self._folder.move(f"calls/{number}", f"claimed/{number}.{self.name}"):
                with self._lock:
                    self._running.add(number)
                name = f"hpopt-call-{number}"
                threading.Thread(target=self._work, args=(number,), name=name, daemon=True).start()
                return True
        self._folder.look_again("calls")
        return False

    def _work(self, number: str) -> None:
        try:
            self._deliver(number, self._answer(number))
        except Exception as error:
            logger.exception("a worker must be able to read calls and write answers, but")
            self._end_by(f"it failed: {type(error).__name__}: {error}")
        finally:
            with self._lock:
                self._running.discard(number)
            self._wake.set()

    def _answer(self, number: str) -> Answer:
        claim = f"claimed/{number}.{self.name}"
        try:
            call, missing = self._read(claim, f"calls/{number}")
            names = [f"payloads/{token}" for token in missing]
            payloads: tuple[Payload, ...] = tuple(self._read(name, name) for name in names)
        except ForgedError as forged:
            return Answer(lost=WorkerLost(str(forged)), where=self._host)
        self._token = call.token
        looked = time.monotonic()

        def is_unwanted() -> bool:
            nonlocal looked
            if self._why_killed:
                return True
            if time.monotonic() - looked < CLAIM_CHECK_SECONDS:
                return False
            looked = time.monotonic()
            return not self._folder.has(claim) and self._folder.has(f"lost/{number}.{self.name}")

        answer = agent.perform(call, payloads, lambda: self._agent(call), cancelled=is_unwanted)
        if self._why_killed and type(answer.lost) is WorkerLost:
            answer = replace(answer, lost=WorkerLost(f"{self._why_killed} (on {self._host})"))
        return answer

    def _agent(self, call: Call) -> WorkerAgent:
        neighbours = max(self._n_slots, _n_neighbours())
        return WorkerAgent(
            call.settings, self._n_slots, neighbours, os.environ, lambda: self._is_driver_gone
        )

    def _read(self, name: str, written_as: str) -> Any:
        """Read a file that must be there, as soon as it is seen here."""
        began, pace = time.monotonic(), Pace()
        while True:
            try:
                return self._folder.read_signed(name, written_as)
            except (OSError, ForgedError) as error:
                most = FORGED_SECONDS if isinstance(error, ForgedError) else VISIBLE_SECONDS
                if time.monotonic() - began > most or self._ends:
                    raise
                self._folder.look_again(name.partition("/")[0])
                time.sleep(pace.pause())

    def _deliver(self, number: str, answer: Answer) -> None:
        claim, name = f"{number}.{self.name}", f"answers/{number}.{self.name}"
        end = time.monotonic() + VISIBLE_SECONDS
        while True:
            try:
                self._folder.write_signed(name, answer)
                if not self._folder.move(f"claimed/{claim}", f"done/{claim}"):
                    self._folder.remove(name)  # the driver has given this worker up
                return
            except OSError:  # the disk is full, or its server away
                if time.monotonic() > end or self._why_killed:
                    raise
                time.sleep(RETRY_SECONDS)


def _open_folder(path: Path) -> SpoolFolder:
    end = time.monotonic() + VISIBLE_SECONDS
    while True:
        try:
            return SpoolFolder(path)
        except OSError:
            if time.monotonic() > end or not path.parent.exists():
                raise
            time.sleep(RETRY_SECONDS)


def _read_settings(folder: SpoolFolder) -> dict[str, Any]:
    end = time.monotonic() + VISIBLE_SECONDS
    while (found := folder.read_json("settings.json")) is None:
        if time.monotonic() > end:
            raise FileNotFoundError(f"{folder.path} has no settings.json")
        time.sleep(RETRY_SECONDS)
    return found


def _n_neighbours() -> int:
    """Return how many jobs like this one may share the machine's cores."""
    own = os.environ.get("SLURM_CPUS_PER_TASK", "")
    if available_cores() < (os.cpu_count() or 1) or not own.isdigit():
        return 1  # it is bound to cores of its own, or has the machine
    return max(1, available_cores() // max(1, int(own)))


def main(folder: str, job: str, attempt: str) -> None:
    """Run the worker of a job; the job's script calls it, and again where it fails."""
    try:
        SpoolWorker(Path(folder), int(job), int(attempt)).run()
    except FileNotFoundError as gone:
        print(f"hpopt: the driver's folder is not there: {gone}", file=sys.stderr)  # noqa: T201
    except (HpoptError, OSError) as error:
        raise SystemExit(f"hpopt: {error}") from error
