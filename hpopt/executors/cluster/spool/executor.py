"""The driver's end: calls are written into the folder, and answers are read from it."""

from __future__ import annotations

import atexit
import contextlib
import logging
import queue
import shutil
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path

from hpopt.errors import SettingError, WorkerLost, WorkerNotStarted
from hpopt.executors.cluster.agent import Answer
from hpopt.executors.cluster.executor import ClusterExecutor, Job
from hpopt.executors.cluster.spool.batch import Batch
from hpopt.executors.cluster.spool.crew import Crew
from hpopt.executors.cluster.spool.disk import ForgedError, SpoolFolder
from hpopt.executors.cluster.spool.pace import Pace
from hpopt.executors.settings import Settings
from hpopt.executors.supervision.scratch import folder_prefix, remove_dead_scratch

BEATS = 20  # heartbeats in the time after which their absence tells: every 5 seconds by default
DRIVER_PATIENCE = 3.0  # times as long is waited for the driver, which may be stopped for a while
LOOK_SECONDS = 1.0  # between looks at heartbeats, each of which is a file

logger = logging.getLogger("hpopt")


class SpoolExecutor(ClusterExecutor):
    """Run each call in a child process of a worker that is reached through a folder.

    Parameters
    ----------
    parent : path
        Where the folder is made.
    batch : Batch
        How workers are started.
    workers : int
        How many calls run at the same time, at most.
    per_job : int
        How many of them one worker runs.
    settings : Settings
    patience : float
        After how many seconds without a heartbeat a worker is lost.
    """

    elastic = True

    def __init__(
        self,
        *,
        parent: Path,
        batch: Batch,
        workers: int,
        per_job: int,
        settings: Settings,
        patience: float,
    ) -> None:
        super().__init__(settings)
        self._most, self._patience = workers, patience
        self._parent, self._made_parent = parent, not parent.exists()
        self._folder = self._make_folder(per_job)
        self._events: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        n_jobs = -(-workers // per_job)
        self._crew = Crew(self._folder, batch, n_jobs, patience, self._events.put)
        self._n_sent = 0
        self._out: dict[str, Job] = {}
        self._unsent: list[tuple[Job, tuple[str, ...], float]] = []  # and when that was seen
        self._claims: dict[str, str] = {}
        self._overdue: dict[str, float] = {}
        self._sent_payloads: set[str] = set()
        self._strangers: set[str] = set()
        self._beat, self._last_beat, self._last_look = 0, 0.0, 0.0
        self._has_ended = threading.Event()
        self._said = ""
        threading.Thread(target=self._work, name="hpopt-spool", daemon=True).start()
        _open.add(self)

    @property
    def workers(self) -> int:  # type: ignore[override]
        """How many calls to keep running now; at least 1, which waits where no job has started."""
        return min(self._most, max(1, self._crew.n_slots))

    def send(self, job: Job, missing: tuple[str, ...] = ()) -> None:
        """Write a call into the folder, for the next idle worker."""
        self._events.put(lambda: self._send(job, missing, time.monotonic()))

    def forget(self, job: Job) -> None:
        """Take a job's call out of the folder, or from the worker that has claimed it."""
        self._events.put(lambda: self._take_back(job))

    def end(self, *, kill: bool) -> None:
        """Have the workers end, cancel the jobs that remain, and remove the folder."""
        self._events.put(None)
        self._has_ended.wait()
        self._crew.close(kill=kill)
        self._remove_folder()
        _open.discard(self)

    def abandon(self) -> None:
        """End all at once, when the interpreter ends and nobody has shut this down."""
        self._events.put(None)
        self._has_ended.wait(LOOK_SECONDS)
        self._crew.stop(kill=True)
        self._crew.cancel_all()
        self._remove_folder()

    def _make_folder(self, n_slots: int) -> SpoolFolder:
        seconds = {
            "beat": self._patience / BEATS,
            "driver_patience": DRIVER_PATIENCE * self._patience,
        }
        try:
            remove_dead_scratch(self._parent)
            name = f"{folder_prefix()}-{self.token}"
            return SpoolFolder.create(self._parent, name, {"slots": n_slots, **seconds})
        except OSError as error:
            raise SettingError(
                f"folder must be one that can be written, but {self._parent} cannot ({error}): "
                "choose one on a disk that all machines share"
            ) from error

    def _remove_folder(self) -> None:
        shutil.rmtree(self._folder.path, ignore_errors=True)
        if self._made_parent:
            with contextlib.suppress(OSError):  # another driver uses it now
                self._parent.rmdir()

    # -- everything below runs in one thread -----------------------------------------------------

    def _work(self) -> None:
        pace = Pace()
        while True:
            try:
                event = self._events.get(timeout=pace.pause())
            except queue.Empty:
                event = _nothing
            if event is None:
                break
            try:
                event()
                if self._look() or event is not _nothing:
                    pace.reset()
            except OSError as error:  # the disk is full, or its server away, for a while
                if str(error) != self._said:
                    self._said = str(error)
                    logger.warning("the disk of the jobs is to be used again soon: %s", error)
            except Exception:
                logger.exception("the executor met an error, and goes on")
        self._has_ended.set()

    def _send(self, job: Job, missing: tuple[str, ...], since: float) -> None:
        if job.future.done():
            return
        if self._crew.given_up:
            self.lose(job, WorkerNotStarted(self._crew.given_up))
            return
        number, self._n_sent = f"{self._n_sent:08}", self._n_sent + 1
        try:
            for payload in self.payloads(tuple(set(missing) - self._sent_payloads)):
                self._folder.write_signed(f"payloads/{payload.token}", payload)
                self._sent_payloads.add(payload.token)
            self._folder.write_signed(f"calls/{number}", (job.call, missing))
        except OSError as error:
            if time.monotonic() - since > self._patience:
                self.lose(job, WorkerLost(f"a call must be written to the disk, but {error}"))
                return
            self._unsent.append((job, missing, since))
            raise
        self._out[number] = job

    def _send_again(self) -> None:
        """Send what the disk did not take: else a moment without it would cost many trials."""
        unsent, self._unsent = self._unsent, []
        for job, missing, since in unsent:
            with contextlib.suppress(OSError):  # said, and kept for the next time
                self._send(job, missing, since)

    def _take_back(self, job: Job) -> None:
        for number in [number for number, each in self._out.items() if each is job]:
            del self._out[number]
            self._folder.move(f"calls/{number}", f"lost/{number}")
            # One that a worker has claimed is taken back when its claim is seen.
            if number in self._claims:
                self._revoke(f"{number}.{self._claims.pop(number)}")

    def _look(self) -> bool:
        """Look at the disk; return whether a call has been claimed or answered."""
        now = time.monotonic()
        if now - self._last_beat > self._patience / BEATS:
            self._last_beat, self._beat = now, self._beat + 1
            self._folder.write_json("driver.json", {"beat": self._beat})
        is_time = now - self._last_look > LOOK_SECONDS
        if is_time:
            self._last_look = now
            self._send_again()
            self._folder.look_again("answers")
            self._folder.look_again("claimed")
        is_answered = self._receive()
        is_claimed = self._see_claims()
        if is_time and self._n_sent:
            self._look_at_jobs()
        return is_answered or is_claimed

    def _receive(self) -> bool:
        n_before = len(self._out)
        for name in self._folder.names("answers"):
            number, _, worker = name.partition(".")
            if number in self._out:
                self._read_answer(name, number, worker)
            else:
                self._note_stranger(f"answers/{name}")
                self._folder.remove(f"answers/{name}", f"done/{name}")
        return len(self._out) < n_before

    def _read_answer(self, name: str, number: str, worker: str) -> None:
        try:
            answer: Answer = self._folder.read_signed(f"answers/{name}")
        except OSError:  # not seen here yet
            return
        except ForgedError as forged:
            self._note_stranger(f"answers/{name}", forged=True)
            if self._claims.get(number) == worker and self._is_overdue(number):
                self.lose(self._settle(number), WorkerLost(str(forged)))  # the disk damaged it
            return
        job = self._settle(number)
        self._folder.remove(f"answers/{name}", f"done/{name}")
        if type(answer.lost) is not WorkerNotStarted:
            self._crew.note_answer(worker)
        self.finish(job, answer)

    def _see_claims(self) -> bool:
        is_new = False
        for name in self._folder.names("claimed"):
            number, _, worker = name.partition(".")
            job = self._out.get(number)
            if job is None:
                self._note_stranger(f"claimed/{name}")
                self._revoke(name)
            elif number not in self._claims:
                is_new = True
                self._claims[number] = worker
                if not self.mark_running(job, self._crew.host(worker)):
                    self._take_back(job)
        return is_new

    def _revoke(self, name: str) -> bool:
        return self._folder.move(f"claimed/{name}", f"lost/{name}")

    def _look_at_jobs(self) -> None:
        self._crew.look()
        for number, worker in list(self._claims.items()):
            why = self._crew.why_gone(worker)
            if why:
                self._lose_call(number, worker, why)
        # Of answers that were read in the moment before their claim was renamed.
        self._folder.remove(
            *(
                f"done/{name}"
                for name in self._folder.names("done")
                if name.partition(".")[0] not in self._out
            )
        )
        self._crew.renew()
        if self._crew.given_up:
            why = self._crew.given_up
            for number, job in list(self._out.items()):
                self._settle(number)
                self.lose(job, WorkerNotStarted(why))
        self.note_workers(self._crew.n_slots)

    def _lose_call(self, number: str, worker: str, why: str) -> None:
        # A claim that cannot be taken back was answered, and the answer will be seen. After a
        # while it will not: the disk has lost it.
        if self._revoke(f"{number}.{worker}") or self._is_overdue(number):
            host = self._crew.host(worker) or "a machine"
            error = WorkerLost(f"the worker on {host} is gone: {why}")
            self.lose(self._settle(number), error)

    def _is_overdue(self, number: str) -> bool:
        """Return whether an answer has been asked for in vain for long."""
        now = time.monotonic()
        return now - self._overdue.setdefault(number, now) > self._patience

    def _settle(self, number: str) -> Job:
        """Forget a call, whose job is about to get its result or an error."""
        self._claims.pop(number, None)
        self._overdue.pop(number, None)
        return self._out.pop(number)

    def _note_stranger(self, name: str, *, forged: bool = False) -> None:
        number = name.partition("/")[2].partition(".")[0]
        is_known = number.isdecimal() and int(number) < self._n_sent
        if (is_known and not forged) or name in self._strangers:
            return
        if not self._strangers:
            logger.warning(
                "%s is not from this search's workers, and is ignored (as all such files are): "
                "see who can write there",
                self._folder.path / name,
            )
        self._strangers.add(name)


def _nothing() -> None:
    pass


def _abandon_all() -> None:
    for executor in list(_open):
        executor.abandon()


_open: weakref.WeakSet[SpoolExecutor] = weakref.WeakSet()
atexit.register(_abandon_all)
