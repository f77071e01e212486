"""A worker process as its driver sees it: started, called, killed, waited for."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import FileIO
from typing import cast

from hpopt import process_tree
from hpopt.errors import EvaluationLost, WorkerLost
from hpopt.executors.limits import Limits
from hpopt.executors.supervision import exits
from hpopt.executors.supervision.exits import Run, Verdict
from hpopt.executors.supervision.launch import close_descriptor, start_error, start_process
from hpopt.executors.supervision.output import OutputFile, as_text
from hpopt.executors.supervision.transfer import COST, Kind, read_frame, write_frame
from hpopt.executors.supervision.watchdog import Watchdog

STOP_SECONDS = 5.0  # for exit handlers, until a process that was asked to end is killed
TRACKERS_SECONDS = 0.5  # for resource trackers to remove what a library has left in /dev/shm
DEATH_SECONDS = 1.0  # a process that has closed its pipe is dying, or lives on without one

STOPPED_LOOKS, STOPPED_LOOKS_LATE = 2, 120
"""A stopped process is killed after this many looks, one in 5 seconds: soon where its call has not
begun, as nothing is lost; late where it works, as a person may have stopped it for a while."""


@dataclass(slots=True)
class Reply:
    """What a worker answered to a call: the pickled value or exception, and what it cost."""

    kind: Kind
    body: memoryview
    memory: int | None
    output: str


class NeverBegan(WorkerLost):
    """A process, warm from earlier calls, was gone or stopped before this one began."""


class Worker:
    """A child process that evaluates calls one after the other.

    One thread calls it; any thread may kill it.

    Parameters
    ----------
    environment : mapping of str to str
        All of its environment variables.
    limits : Limits
        Of each call; the watchdog enforces them.

    Raises
    ------
    WorkerNotStarted
        When the system starts no process.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        limits: Limits,
        watchdog: Watchdog,
    ) -> None:
        self._limits, self._watchdog = limits, watchdog
        self.n_calls = 0
        self._started = time.monotonic()
        self._ready = self._killed = self._reaped = False
        self._call_environment: bytes | None = None
        self._run: Run | None = None
        # Whoever kills the process, from any thread, must know that it has not been waited for:
        # afterwards its number may be a stranger's.
        self._lock = threading.Lock()
        try:
            self._output = OutputFile()
        except OSError as error:
            raise start_error(error) from error
        try:
            started = start_process(environment, self._output.fileno())
        except BaseException:
            self._output.close()
            raise
        self._process, self._parent_pipe = started
        self.pid = self._process.pid
        self._inbox = cast(FileIO, self._process.stdin)
        self._outbox = cast(FileIO, self._process.stdout)

    @property
    def age(self) -> float:
        """How long ago it was started, in seconds."""
        return time.monotonic() - self._started

    @property
    def alive(self) -> bool:
        """Whether it may take a call."""
        return not (self._killed or self._reaped or process_tree.has_ended(self.pid))

    def wait_until_ready(self) -> None:
        """Wait until the process is up; raise WorkerNotStarted when it ends before it is."""
        try:
            self._read_ready()
        except (_GoneError, OSError) as gone:
            raise self._reap(Run(Limits()), gone) from None

    def perform(self, call: bytes, call_environment: bytes) -> Reply:
        """Send a pickled call (see `dump_call`), and wait for what comes of it.

        Raises
        ------
        TimeLimitExceeded, MemoryLimitExceeded, WorkerLost
            When the process ended, or was ended, before there was an answer.
        """
        run, was_ready = Run(self._limits), self._ready
        with self._lock:
            self._run = run
        self._watchdog.watch(self)  # before the call is sent: the process may be stopped already
        try:
            kind, body = self._answer(run, call, call_environment)
            if run.verdict is not None:
                raise _GoneError  # what it had started was killed first, and it says only that
        except (_GoneError, OSError) as gone:
            lost = self._reap(run, gone)
            if was_ready and run.began is None and run.verdict in (None, "stopped"):
                raise NeverBegan(str(lost), output=lost.output) from None
            raise lost from None  # how the pipe ended says nothing to the user
        finally:
            self._watchdog.unwatch(self)
            with self._lock:
                self._run = None
        self.n_calls += 1
        peak, n_printed = COST.unpack_from(body)
        result = memoryview(body)[COST.size :]
        output = as_text(bytes(result[:n_printed])) if n_printed else ""
        # Its own peak leaves out the processes that the call has started; ours sees them, now and
        # then, where there is a limit.
        return Reply(kind, result[n_printed:], max(peak, run.memory) or None, output)

    def kill(self) -> None:
        """Kill the process with all that it started: the driver wants it so."""
        with self._lock:
            self._kill("driver")

    def stop(self) -> None:
        """Let the process end in good order, for at most 5 seconds; then reap it."""
        if self.alive:
            with contextlib.suppress(OSError):  # it may have just died
                write_frame(self._inbox, Kind.STOP)
            _wait_for(lambda: process_tree.has_ended(self.pid), STOP_SECONDS)
            # Python's and joblib's resource trackers end by themselves, but clean up first.
            _wait_for(lambda: not process_tree.group_members(self.pid), TRACKERS_SECONDS)
        self._reap(Run(Limits()), _GoneError())

    @property
    def memory_limit(self) -> int | None:
        """The limit on the memory of the running call, in bytes."""
        run = self._run
        return None if run is None else run.limits.bytes

    def check_time(self, now: float) -> None:
        """Kill it if its call has run too long at the monotonic time `now`."""
        with self._lock:
            run = self._run
            if run is None or run.began is None or run.limits.time is None:
                return
            if now - run.began > run.limits.time:
                self._kill("time")

    def check_stopped(self) -> None:
        """Kill it if somebody has stopped it (SIGSTOP): soon before its call begins, late in it.

        Looks in a row are counted, not seconds: the driver may have been stopped itself.
        """
        with self._lock:
            run = self._run
            if run is None:
                return
            run.n_stopped = run.n_stopped + 1 if process_tree.is_stopped(self.pid) else 0
            if run.n_stopped >= (STOPPED_LOOKS if run.began is None else STOPPED_LOOKS_LATE):
                self._kill("stopped")

    def check_memory(self, n_bytes: int) -> None:
        """Kill it if its process tree takes too much."""
        with self._lock:
            run = self._run
            if run is None or run.limits.bytes is None:
                return
            run.memory = max(run.memory, n_bytes)
            if n_bytes > run.limits.bytes:
                self._kill("memory")

    def check_output(self) -> None:
        """Keep what it prints from filling the disk."""
        with self._lock:
            if self._run is not None and not self._reaped:
                self._output.trim()

    def check_death(self) -> None:
        """Kill what is left of its group if it has died by itself.

        A fork of it could hold its pipe open, and the driver would wait for ever.
        """
        with self._lock:
            if not self._killed and not self._reaped and process_tree.has_ended(self.pid):
                process_tree.kill_process_tree(self.pid)

    def _answer(self, run: Run, call: bytes, call_environment: bytes) -> tuple[Kind, bytearray]:
        if call_environment != self._call_environment:  # it has hardly ever changed since
            write_frame(self._inbox, Kind.CALL_ENVIRONMENT, call_environment)
            self._call_environment = call_environment
        write_frame(self._inbox, Kind.TASK, call)
        self._read_ready()
        kind, body = self._read()
        if kind is Kind.BEGAN:
            run.began = time.monotonic()
            kind, body = self._read()
        if kind not in (Kind.VALUE, Kind.RAISED):
            raise _GoneError("sent what is no answer")
        return kind, body

    def _read(self) -> tuple[Kind, bytearray]:
        try:
            frame = read_frame(self._outbox)
        except (ValueError, MemoryError, OverflowError) as error:
            raise _GoneError("wrote something of its own into the pipe to the driver") from error
        if frame is None:
            raise _GoneError
        return frame

    def _read_ready(self) -> None:
        if not self._ready and self._read()[0] is not Kind.READY:
            raise _GoneError("sent an answer before it was ready")
        self._ready = True

    def _kill(self, verdict: Verdict) -> None:
        # The lock is held, so that the process has not been waited for, and has its number still.
        if self._killed or self._reaped:
            return
        if self._run is not None:
            self._run.verdict = verdict
        self._killed = True
        process_tree.kill_process_tree(self.pid)

    def _reap(self, run: Run, gone: Exception) -> EvaluationLost:
        seconds = run.seconds
        died = self._reaped or _wait_for(lambda: process_tree.has_ended(self.pid), DEATH_SECONDS)
        if not self._reaped:
            self._end()
        how = exits.exit_in_words(self._process.returncode)
        if not died:
            why = str(gone) if isinstance(gone, _GoneError) else ""
            how = f"{why or 'closed its pipe to the driver'} and was killed"
        if not self._ready:
            how = f"could not start: it {how}{exits.last_line(self._printed)}"
        lost = exits.lost_call_error(run, seconds, how, self._printed, started=self._ready)
        lost.worker = f"{socket.gethostname()}:{self.pid}" if self._ready else None
        return lost

    def _end(self) -> None:
        with self._lock:
            self._killed = True  # nobody kills it from now on: its number is anybody's soon
            process_tree.kill_process_tree(self.pid)
        self._process.wait()
        with self._lock:
            close_descriptor(self._parent_pipe)
            self._printed = self._output.take()
            self._output.close()
            self._inbox.close()
            self._outbox.close()
            self._reaped = True


class _GoneError(Exception):
    """No answer will come (for use within this module)."""


def _wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    end, pause = time.monotonic() + seconds, 0.0005  # most are true within a millisecond or two
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
        pause = min(2 * pause, 0.02)
    return True
