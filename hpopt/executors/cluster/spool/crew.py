"""The jobs that a driver has submitted, and the workers that it sees of them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from hpopt.executors.cluster.spool.batch import Batch, BatchError
from hpopt.executors.cluster.spool.disk import SpoolFolder
from hpopt.executors.cluster.spool.pace import Pace

MOST_FRUITLESS = 3
"""Jobs in a row that end before any of their calls has: then the next ones would not do better."""

RESUBMIT_SECONDS, MOST_RESUBMIT_SECONDS = 5.0, 300.0
"""Before jobs are submitted again after a failure: doubled each time, as a batch system that is
down or full stays so for minutes."""

QUEUE_SECONDS = 60.0
"""Between looks at the batch system's queue, which every user's programs ask: only while a job has
no worker that lives."""

LOG_LINES = 12  # of a job that failed: its error is among the last
CLOSE_SECONDS = 20.0  # a little more than a worker takes to end

logger = logging.getLogger("hpopt")


@dataclass(slots=True)
class BatchJob:
    """A job: its number among the driver's, and its id in the batch system."""

    number: int
    id: str
    is_fruitful: bool = False
    is_over: bool = False
    n_missing: int = 0


@dataclass(slots=True)
class SeenWorker:
    """A worker as its heartbeats show it."""

    job: int
    attempt: int
    changed: float
    host: str = ""
    n_slots: int = 0
    beat: object = None
    why_gone: str = ""


class Crew:
    """Keep a number of jobs submitted, and know which of their workers live.

    Parameters
    ----------
    folder : SpoolFolder
    batch : Batch
    n_jobs : int
    patience : float
        A worker is gone when its heartbeat has not changed for so many seconds.
    post : callable
        Takes a function, and has the driver's thread call it.

    Attributes
    ----------
    given_up : str
        Why no job is submitted any more, and none is left; else empty.
    """

    def __init__(
        self,
        folder: SpoolFolder,
        batch: Batch,
        n_jobs: int,
        patience: float,
        post: Callable[[Callable[[], None]], None],
    ) -> None:
        self._folder, self._batch, self._n_jobs = folder, batch, n_jobs
        self._patience, self._post = patience, post
        self._jobs: dict[int, BatchJob] = {}
        self._workers: dict[str, SeenWorker] = {}
        self._submitting: threading.Thread | None = None
        self._last_queue = time.monotonic()
        self._is_closed = False
        self._n_fruitless = self._n_numbered = self._n_failures = 0
        self._next_submission = 0.0
        self._last_problem = self.given_up = ""

    @property
    def n_slots(self) -> int:
        """How many calls the workers that live run at once."""
        return sum(each.n_slots for each in self._workers.values() if not each.why_gone)

    def host(self, worker: str) -> str:
        """Return the machine of a worker; empty where it is not known yet."""
        seen = self._workers.get(worker)
        return seen.host if seen is not None else ""

    def why_gone(self, worker: str) -> str:
        """Return why a worker is no more; empty for one that lives."""
        return self._met(worker).why_gone

    def note_answer(self, worker: str) -> None:
        """Note that a worker has answered a call: jobs like its own are of use."""
        self._n_fruitless = self._n_failures = 0
        job = self._jobs.get(self._met(worker).job)
        if job is not None:
            job.is_fruitful = True

    # -- what is seen ----------------------------------------------------------------------------

    def look(self) -> None:
        """Read the heartbeats of workers, and which jobs have ended."""
        self._folder.look_again("workers")
        for name in self._folder.names("workers"):
            self._look_at(name)
        for name in self._folder.names("jobs"):
            number, _, kind = name.partition(".")
            if kind == "end" and number.isdecimal():
                self._note_end(int(number))
        for name, seen in self._workers.items():
            silent = time.monotonic() - seen.changed
            if not seen.why_gone and silent > self._patience:
                self._lose(seen, f"it has given no heartbeat for {silent:.0f} s")
                logger.warning("worker %s on %s is gone: %s", name, seen.host, seen.why_gone)

        if time.monotonic() - self._last_queue > QUEUE_SECONDS and self._without_worker():
            self._last_queue = time.monotonic()
            jobs = self._without_worker()
            # A thread, as a busy batch system takes seconds.
            threading.Thread(target=self._ask_queue, args=(jobs,), daemon=True).start()

    def _without_worker(self) -> list[BatchJob]:
        lives = {seen.job for seen in self._workers.values() if not seen.why_gone}
        return [job for job in self._pending() if job.number not in lives]

    def _pending(self) -> list[BatchJob]:
        """Return the jobs that are not known to have ended."""
        # A copy: another thread submits some.
        return [job for job in list(self._jobs.values()) if not job.is_over]

    def _ask_queue(self, jobs: list[BatchJob]) -> None:
        queued = self._batch.queued_jobs()
        if queued is not None:
            self._post(lambda: self._note_queue(jobs, queued))

    def _note_queue(self, jobs: list[BatchJob], queued: set[str]) -> None:
        for job in jobs:
            job.n_missing = 0 if job.id in queued else job.n_missing + 1
            # Twice: the worker of one that has just ended may be about to be seen.
            if job.n_missing > 1 and job in self._without_worker():
                self._end(job)

    def _look_at(self, name: str) -> None:
        about = self._folder.read_json(f"workers/{name}")
        seen = self._met(name)
        if about is None or about.get("beat") == seen.beat:
            return
        seen.beat, seen.changed = about.get("beat"), time.monotonic()
        seen.host = str(about.get("host", ""))
        slots = about.get("slots")
        seen.n_slots = slots if isinstance(slots, int) else 0
        seen.why_gone = ""  # who was silent may be back
        if ended := str(about.get("ended", "")):
            self._lose(seen, ended)
            return
        for other in self._workers.values():
            if other.job == seen.job and other.attempt < seen.attempt and not other.why_gone:
                other.why_gone = "its process ended, and its job has started another"

    def _met(self, name: str) -> SeenWorker:
        if name not in self._workers:
            numbers = [int(part) for part in name.split("-")[:2] if part.isdecimal()]
            job, attempt = numbers if len(numbers) == 2 else (-1, 0)
            self._workers[name] = SeenWorker(job, attempt, time.monotonic())
        return self._workers[name]

    def _lose(self, seen: SeenWorker, why: str) -> None:
        seen.why_gone = why
        lives = any(w.job == seen.job and not w.why_gone for w in self._workers.values())
        if not lives:
            self._end(self._jobs.get(seen.job))

    def _note_end(self, number: int) -> None:
        job = self._jobs.get(number)
        if job is None or job.is_over:
            return
        status = self._folder.read_text(f"jobs/{number}.end")
        for seen in self._workers.values():
            if seen.job == number and not seen.why_gone:
                seen.why_gone = f"its job {job.id} ended with status {status}"
        self._end(job)

    def _end(self, job: BatchJob | None) -> None:
        if job is None or job.is_over:
            return
        job.is_over = True
        if self._is_closed:
            return
        if job.is_fruitful:
            logger.info("job %s has ended, and another one is submitted", job.id)
            return
        self._n_fruitless += 1
        self._delay()
        printed = self._folder.read_text(f"jobs/{job.number}.log")
        printed = "\n".join(printed.splitlines()[-LOG_LINES:])
        self._last_problem = f"job {job.id} ended before any of its calls did" + (
            f"; the last lines that it printed are:\n{printed}" if printed else ""
        )
        logger.warning(self._last_problem)

    def _delay(self) -> None:
        self._n_failures += 1
        delay = min(RESUBMIT_SECONDS * 2 ** (self._n_failures - 1), MOST_RESUBMIT_SECONDS)
        self._next_submission = time.monotonic() + delay

    # -- submitting ------------------------------------------------------------------------------

    def renew(self) -> None:
        """Submit jobs in the place of those that have ended, unless the last ones did no good."""
        n_here = len(self._pending())
        if self._n_fruitless >= MOST_FRUITLESS:
            if not n_here:
                self.given_up = f"jobs must run calls, but {self._last_problem}"
            return
        if (
            n_here >= self._n_jobs
            or self._submitting is not None
            or time.monotonic() < self._next_submission
        ):
            return
        numbers = range(self._n_numbered, self._n_numbered + self._n_jobs - n_here)
        self._n_numbered = numbers.stop
        # A thread, as a busy batch system takes seconds for each.
        self._submitting = threading.Thread(
            target=self._submit, args=(numbers,), name="hpopt-submit", daemon=True
        )
        self._submitting.start()

    def _submit(self, numbers: range) -> None:
        for number in numbers:
            if self._is_closed:
                break
            try:
                name = f"jobs/{number}.sh"
                script = self._batch.script(self._folder.path, number)
                self._folder.write(name, script.encode())
                path = self._folder.path / name
                path.chmod(0o700)
                job = BatchJob(number, self._batch.submit_job(path))
                self._jobs[number] = job
            except (BatchError, OSError) as error:
                problem = str(error)
                self._post(lambda: self._note_refusal(problem))  # noqa: B023  (the loop ends here)
                break
        self._post(self._note_submitted)

    def _note_submitted(self) -> None:
        self._submitting = None

    def _note_refusal(self, problem: str) -> None:
        self._delay()
        if not self._jobs:
            self.given_up = f"a job must be submitted, but {problem}"
            return
        if problem != self._last_problem:
            self._last_problem = problem
            logger.warning("a job could not be submitted, which is tried again: %s", problem)

    # -- the end ---------------------------------------------------------------------------------

    def close(self, *, kill: bool) -> None:
        """Have all workers end, cancel the jobs of those that do not, and remove the folder."""
        self.stop(kill=kill)
        if self._submitting is not None:
            self._submitting.join()
        started = {each.job for each in self._workers.values() if not each.why_gone}
        for job in self._pending():
            if job.number not in started:
                self._cancel(job)
        pace, end = Pace(), time.monotonic() + CLOSE_SECONDS
        while self.n_slots and time.monotonic() < end:
            time.sleep(pace.pause())
            self.look()
        self.cancel_all()

    def stop(self, *, kill: bool) -> None:
        """Tell workers to end; with `kill`, also what they run."""
        self._is_closed = True
        try:
            self._folder.write_json("stop", {"kill": kill})
        except OSError as error:
            logger.warning("the workers could not be told to end, and are cancelled: %s", error)

    def cancel_all(self) -> None:
        """Cancel the jobs that are not known to have ended."""
        for job in self._pending():
            self._cancel(job)

    def _cancel(self, job: BatchJob) -> None:
        job.is_over = True
        self._batch.cancel_job(job.id)
