"""Start worker processes in loky's pool: each is the child of one of its workers.

loky's worker starts it and says how it ended, and it dies with loky's worker. All else goes past
loky: the ends of its pipes travel through a socket, so that the driver calls it as it calls a
child of its own.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import socket
import struct
import sys
import threading
import time
import weakref
from collections.abc import Mapping
from concurrent.futures import BrokenExecutor, Future
from io import FileIO
from pathlib import Path
from typing import Any

import psutil

from hpopt.errors import WorkerNotStarted
from hpopt.executors import family, lifeline
from hpopt.executors.launch import Child, Launcher, Process, not_started, start_process
from hpopt.executors.worker import STOPPED_LOOKS

ATTEMPTS = 3
"""So often a process is started, where the pool breaks meanwhile."""
LOOK_SECONDS, ACCEPT_SECONDS, WAIT_SECONDS = 5.0, 0.2, 2.0
STATUS = struct.Struct("<i")
LETTER = b"."
N_DESCRIPTORS = 4
ZOMBIE = psutil.STATUS_ZOMBIE


class LokyLauncher(Launcher):
    """Starts worker processes in a pool of loky's that is its own; one that broke is replaced.

    Parameters
    ----------
    n_workers : int
        How many workers the pool has.
    folder : Path
        A temporary folder of the driver's.
    """

    def __init__(self, n_workers: int, folder: Path) -> None:
        self._n_workers, self._folder = n_workers, folder
        self._rope = lifeline.Rope(folder / "driver")
        self._lock = threading.Lock()
        self._pool = self._make_pool()
        self._looks: dict[psutil.Process, int] = {}
        self._over = threading.Event()
        threading.Thread(
            target=_look_after, args=(weakref.ref(self), self._over), name="hpopt-loky", daemon=True
        ).start()

    @staticmethod
    def is_possible() -> bool:
        """Say whether there can be a pool here, and descriptors be handed to its workers."""
        has_sockets = os.name == "posix" and hasattr(socket, "send_fds")
        return has_sockets and not multiprocessing.current_process().daemon

    def start(self, environment: Mapping[str, str], output: int, rights: int) -> Process:
        """Start one; see `Launcher.start`."""
        failed: WorkerNotStarted
        for _ in range(ATTEMPTS):
            try:
                return self._started(environment, output, rights)
            except WorkerNotStarted:
                raise
            except (OSError, RuntimeError, ValueError) as error:
                failed = not_started(error, " in joblib's pool")
                if not isinstance(error, BrokenExecutor | ConnectionError):
                    break
        # Out here, as an error that is kept would keep the pool's files through what it came from.
        raise failed

    def close(self) -> None:
        """End the pool. Its workers are killed: a stopped one would hold up the others' end."""
        self._pool.shutdown(wait=True, kill_workers=True)
        self._over.set()
        self._rope.close()

    def kill_stopped(self) -> None:
        """Look for workers that somebody has stopped (SIGSTOP); where one was before, kill all.

        A stopped one may have the lock on the line to all of them, also when it is killed.
        """
        self._note_workers()
        self._looks = {
            process: n_looks + 1 if family.is_stopped(process.pid) else 0
            for process, n_looks in list(self._looks.items())
            if process.is_running()
        }
        if any(n >= STOPPED_LOOKS for n in self._looks.values()):
            family.kill_each(self._looks)

    def _note_workers(self) -> None:
        """Note the pool's workers: one that ends, with the interpreter too, forgets them first."""
        for pid in list(getattr(self._pool, "_processes", None) or ()):
            with contextlib.suppress(psutil.Error):
                self._looks.setdefault(psutil.Process(pid), 0)

    def _started(self, environment: Mapping[str, str], output: int, rights: int) -> Process:
        """Have a worker of the pool start a process."""
        with contextlib.ExitStack() as theirs, contextlib.ExitStack() as ours:
            their_inbox, inbox = os.pipe()
            theirs.callback(os.close, their_inbox)
            ours.callback(os.close, inbox)
            outbox, their_outbox = os.pipe()
            theirs.callback(os.close, their_outbox)
            ours.callback(os.close, outbox)
            with _listener(self._folder) as listener:
                future = self._submit(host, listener.getsockname(), environment)
                line = ours.enter_context(_accepted(listener, future))
            socket.send_fds(line, [LETTER], [their_inbox, their_outbox, output, rights])
            hosted = _Hosted(future.result(), line, inbox, outbox)
            ours.pop_all()
            return hosted

    def _submit(self, *call: Any) -> Future[int]:
        with self._lock:
            try:
                future: Future[int] = self._pool.submit(*call)
            except RuntimeError:
                self._pool.shutdown(wait=False)
                self._pool = self._make_pool()
                future = self._pool.submit(*call)
            self._note_workers()
            return future

    def _make_pool(self) -> Any:
        from joblib.externals.loky import ProcessPoolExecutor

        return ProcessPoolExecutor(
            max_workers=self._n_workers,
            initializer=end_with_driver,
            initargs=(os.getpid(), self._rope.path),
        )


class _Hosted:
    """A worker process that is a child of one of loky's workers, its host."""

    def __init__(self, pid: int, line: socket.socket, inbox: int, outbox: int) -> None:
        self.pid, self._line = pid, line
        self.inbox, self.outbox = FileIO(inbox, "wb"), FileIO(outbox, "rb")
        self._process: psutil.Process | None = None
        with contextlib.suppress(psutil.Error):  # else its host has gone already
            self._process = psutil.Process(pid)

    def has_ended(self) -> bool:
        process = self._process
        try:
            return process is None or not process.is_running() or process.status() == ZOMBIE
        except psutil.Error:
            return True

    def kill(self) -> None:
        # Where its host has gone it is dead, and its number may be a stranger's.
        if self._process is not None and self._process.is_running():
            family.kill_family(self.pid)

    def wait(self) -> int | None:
        """Let its host wait for it; where that has gone, it has been killed."""
        status = b""
        with self._line, contextlib.suppress(OSError):
            self._line.settimeout(WAIT_SECONDS)
            self._line.sendall(LETTER)
            status = self._line.recv(STATUS.size)
        if len(status) == STATUS.size:
            return int(STATUS.unpack(status)[0])
        family.reap(self.pid, time.monotonic() + WAIT_SECONDS)  # if it is this process's by now
        return None


def host(address: str | bytes, environment: Mapping[str, str]) -> int:
    """Start a worker process in this worker of loky's, and give its number.

    It is waited for when the driver says so, or lets go of the socket at this address.
    """
    with contextlib.ExitStack() as undo:
        line = undo.enter_context(socket.socket(socket.AF_UNIX))
        line.connect(address)
        _, descriptors, *_ = socket.recv_fds(line, 1, N_DESCRIPTORS)
        try:
            stdin, stdout, output, rights = descriptors
            child = start_process(environment, output, rights, stdin=stdin, stdout=stdout)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        undo.callback(child.wait)
        undo.callback(child.kill)
        threading.Thread(target=_bury, args=(child, line), name="hpopt-host", daemon=True).start()
        undo.pop_all()
    return child.pid


def _bury(child: Child, line: socket.socket) -> None:
    with line, contextlib.suppress(OSError):
        with contextlib.suppress(OSError):
            line.recv(1)
        child.kill()
        line.sendall(STATUS.pack(child.wait()))


def end_with_driver(driver: int, rope: str) -> None:
    """Have this worker of loky's end when its driver has gone, which loky does not care for."""
    with contextlib.suppress(OSError):
        os.setsid()  # Ctrl-C reaches the driver only
    lifeline.tie(rope)

    def watch() -> None:
        while os.getppid() == driver:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, name="hpopt-driver", daemon=True).start()


def _look_after(launcher: weakref.ref[LokyLauncher], over: threading.Event) -> None:
    while not over.wait(LOOK_SECONDS) and (living := launcher()) is not None:
        living.kill_stopped()
        del living


def _listener(folder: Path) -> socket.socket:
    """Give a socket on which one process is waited for; on Linux it has no file."""
    listener = socket.socket(socket.AF_UNIX)
    name = f"hpopt-{os.urandom(8).hex()}"
    listener.bind(f"\0{name}" if sys.platform.startswith("linux") else str(folder / name))
    listener.listen(1)
    listener.settimeout(ACCEPT_SECONDS)
    return listener


def _accepted(listener: socket.socket, future: Future[int]) -> socket.socket:
    """Wait for the process that a call starts; what failed there is raised here."""
    while True:
        with contextlib.suppress(TimeoutError):
            line, _ = listener.accept()
            line.settimeout(None)
            if _is_mine(line):
                return line
            line.close()
        if future.done():
            future.result()


def _is_mine(line: socket.socket) -> bool:
    """Say whether a process of this user is at the other end: the address has no permissions."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    whose = struct.Struct("3i")
    found = line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, whose.size)
    return bool(whose.unpack(found)[1] == os.geteuid())
