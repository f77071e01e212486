"""Start worker processes in loky's pool: each is the child of one of its workers.

loky's worker starts it and says how it ended, and it dies with loky's worker. All else goes past
loky: the ends of its pipes travel through a socket, so that the driver calls it as it calls a
child of its own.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from io import FileIO
from pathlib import Path
from typing import Any

import psutil

from hpopt.errors import WorkerNotStarted
from hpopt.executors import family, lifeline
from hpopt.executors.launch import Launcher, Process, close_descriptor, owned, start_process
from hpopt.executors.worker import STOPPED_LOOKS

ATTEMPTS = 3
"""So often a process is started, where the pool breaks meanwhile."""
LOOK_SECONDS, ACCEPT_SECONDS = 5.0, 0.2
STATUS = struct.Struct("<i")
LETTER = b"."
N_DESCRIPTORS = 4


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
        """Say whether descriptors can be handed to other processes here."""
        return os.name == "posix" and hasattr(socket, "send_fds")

    def start(self, environment: Mapping[str, str], output: int, rights: int) -> Process:
        """Start one; see `Launcher.start`."""
        their_inbox, inbox = os.pipe()
        outbox, their_outbox = os.pipe()
        descriptors = [their_inbox, their_outbox, output, rights]
        try:
            for attempt in range(ATTEMPTS):
                try:
                    return _Hosted(*self._started(owned(environment), descriptors), inbox, outbox)
                except WorkerNotStarted:
                    raise
                except Exception as error:  # most likely the pool broke
                    if attempt == ATTEMPTS - 1:
                        raise WorkerNotStarted(
                            f"a worker process must be started in joblib's pool, but {error}"
                        ) from error
            raise AssertionError("unreachable")
        except BaseException:
            os.close(inbox)
            os.close(outbox)
            raise
        finally:
            os.close(their_inbox)
            os.close(their_outbox)

    def close(self) -> None:
        """End the pool."""
        self.kill_stopped()  # a pool that ends forgets its workers before it waits for them
        self._pool.shutdown(wait=True)
        self._over.set()
        self._rope.close()

    def kill_stopped(self) -> None:
        """Look for workers that somebody has stopped (SIGSTOP), and kill those found so before.

        They may hold up the whole pool, and its end.
        """
        for pid in list(getattr(self._pool, "_processes", None) or ()):
            with contextlib.suppress(psutil.Error):
                self._looks.setdefault(psutil.Process(pid), 0)
        self._looks = {
            process: n_looks + 1 if family.is_stopped(process.pid) else 0
            for process, n_looks in list(self._looks.items())
            if process.is_running()
        }
        family.kill_each(each for each, n in self._looks.items() if n >= STOPPED_LOOKS)

    def _started(
        self, environment: Mapping[str, str], descriptors: Sequence[int]
    ) -> tuple[int, socket.socket]:
        """Have a worker of the pool start a process; give its number, and the line to its host."""
        with _listener(self._folder) as listener:
            future = self._submit(host, listener.getsockname(), environment)
            line = _accepted(listener, future)
        try:
            socket.send_fds(line, [LETTER], list(descriptors))
            return future.result(), line
        except BaseException:
            line.close()
            raise

    def _submit(self, *call: Any) -> Future[int]:
        with self._lock:
            try:
                future: Future[int] = self._pool.submit(*call)
            except RuntimeError:
                self._pool = self._make_pool()
                future = self._pool.submit(*call)
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
        with contextlib.suppress(psutil.Error):
            self._process = psutil.Process(pid)

    def has_ended(self) -> bool:
        try:
            return self._process is None or self._process.status() == psutil.STATUS_ZOMBIE
        except psutil.Error:
            return True

    def wait(self) -> int:
        """Let its host wait for it; where that has gone, it has been killed."""
        status = b""
        with self._line, contextlib.suppress(OSError):
            self._line.sendall(LETTER)
            status = self._line.recv(STATUS.size)
        return int(STATUS.unpack(status)[0]) if len(status) == STATUS.size else -signal.SIGKILL


def host(address: str | bytes, environment: Mapping[str, str]) -> int:
    """Start a worker process in this worker of loky's, and give its number.

    It is waited for when the driver says so, or lets go of the socket at this address.
    """
    line = socket.socket(socket.AF_UNIX)
    try:
        line.connect(address)
        _, descriptors, *_ = socket.recv_fds(line, 1, N_DESCRIPTORS)
        try:
            stdin, stdout, output, rights = descriptors
            process, lifeline_end = start_process(
                environment, output, rights, stdin=stdin, stdout=stdout
            )
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
    except BaseException:
        line.close()
        raise
    threading.Thread(
        target=_bury, args=(process, lifeline_end, line), name="hpopt-host", daemon=True
    ).start()
    return process.pid


def _bury(process: subprocess.Popen[bytes], lifeline_end: int, line: socket.socket) -> None:
    with line, contextlib.suppress(OSError):
        line.recv(1)
        family.kill_family(process.pid)
        status = process.wait()
        close_descriptor(lifeline_end)
        line.sendall(STATUS.pack(status))


def end_with_driver(driver: int, rope: str) -> None:
    """Have this worker of loky's end when its driver has gone, which loky does not care for."""
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
