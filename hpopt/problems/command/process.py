"""A command as a process: started in a group of its own, read, told to stop, ended."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Literal

from hpopt import process_tree
from hpopt.process_tree import kill_process_tree, kill_when_closed

Stream = Literal["stdout", "stderr"]
CHUNK = 1 << 16  # bytes: what a pipe of Linux holds
MOST_CHUNKS = 16  # of a process that has ended: a pipe holds 1 MB at most
POLL_SECONDS = 0.02  # where the system cannot say that a process has ended; each look takes 10 µs
MORE_LIKELY_KILLED = b"300"  # as worker processes: as if it took 30 % of the machine's memory more


class Process:
    """A running command; as a context manager it leaves no process behind.

    It leads a session and a process group of its own, so that Ctrl-C of a terminal reaches the
    driver only, and one signal reaches all that it has started. On Linux the kernel kills the
    group when this process ends, however that happens: see `kill_when_closed`.

    Parameters
    ----------
    argv : sequence of str
    environment : mapping of str to str
    folder : path
        Its working directory.

    Attributes
    ----------
    is_stopping : bool
        Whether it was told to stop.
    returncode : int or None
        Its exit code when it has ended, negative for a signal.

    Raises
    ------
    OSError, ValueError
        The system does not start it.
    """

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        self.is_stopping = self.was_killed = False
        self._killed_at: float | None = None
        theirs, self._ours = os.pipe()
        try:
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                cwd=folder,
                env=dict(environment),
                pass_fds=[theirs],
                start_new_session=True,
            )
            process_tree.note_start(self._process.pid)
            kill_when_closed(theirs, -self._process.pid)
        except BaseException:
            os.close(self._ours)
            raise
        finally:
            os.close(theirs)
        self._be_killed_first()

    @property
    def returncode(self) -> int | None:
        """The exit code when it has ended, negative for a signal."""
        return self._process.returncode

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.returncode is None:
            kill_process_tree(self._process.pid)  # its number is its own: it was not waited for
            self._wait()
        os.close(self._ours)
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def output(self) -> Iterator[tuple[Stream, bytes]]:
        """Yield what it prints, as it prints it, until it has ended; then reap it.

        What it has left running in its group is killed, whether that still prints or not. Only a
        command that was told to stop has its grace for that: a shell ends before its script does.
        """
        with selectors.DefaultSelector() as selector, _end_of(self._process.pid) as end:
            names: dict[Stream, IO[bytes] | None]
            names = {"stdout": self._process.stdout, "stderr": self._process.stderr}
            for name, stream in names.items():
                if stream is not None:
                    os.set_blocking(stream.fileno(), False)
                    selector.register(stream, selectors.EVENT_READ, name)
            if end is not None:
                selector.register(end, selectors.EVENT_READ, "end")
            has_ended = False
            while not has_ended or (self._killed_at is not None and selector.get_map()):
                ready = [key for key, _ in selector.select(self._patience(has_ended or end))]
                if not has_ended and (end is None or any(key.data == "end" for key in ready)):
                    has_ended = process_tree.has_ended(self._process.pid)
                    if has_ended and end is not None:
                        selector.unregister(end)
                for key in ready:
                    if key.data != "end":
                        yield from _available(selector, key, 1)
                self._keep_to_time()
            self._kill_group()
            for key in list(selector.get_map().values()):
                yield from _available(selector, key, MOST_CHUNKS)
        self._wait()

    def stop(self, grace: float, file: Path | None = None) -> None:
        """Tell it to stop, by SIGTERM or by a file; it is killed after `grace` seconds."""
        self.is_stopping, self._killed_at = True, time.monotonic() + grace
        if file is not None:
            file.touch()
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGTERM)

    def _patience(self, is_told: Any) -> float | None:
        """Return how long to wait for output, in seconds; None for as long as it takes."""
        waits = [] if is_told else [POLL_SECONDS]
        if self._killed_at is not None:
            waits.append(max(0.0, self._killed_at - time.monotonic()))
        return min(waits, default=None)

    def _keep_to_time(self) -> None:
        if self._killed_at is not None and time.monotonic() >= self._killed_at:
            self._killed_at = None
            self.was_killed = True
            kill_process_tree(self._process.pid)

    def _kill_group(self) -> None:
        # It was not waited for yet, so its number is not a stranger's.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _wait(self) -> None:
        process_tree.note_end(self._process.pid)
        self._process.wait()

    def _be_killed_first(self) -> None:
        # When memory runs out, Linux is to kill it rather than the driver.
        with contextlib.suppress(OSError):
            file = os.open(f"/proc/{self._process.pid}/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.write(file, MORE_LIKELY_KILLED)
            finally:
                os.close(file)


@contextlib.contextmanager
def _end_of(pid: int) -> Iterator[int | None]:
    """Yield a descriptor that becomes ready when a process ends; None where there is none."""
    open_pidfd: Callable[[int], int] | None = getattr(os, "pidfd_open", None)
    try:
        found = None if open_pidfd is None else open_pidfd(pid)
    except OSError:  # an old kernel, or a sandbox
        found = None
    try:
        yield found
    finally:
        if found is not None:
            os.close(found)


def _available(
    selector: selectors.BaseSelector, key: selectors.SelectorKey, most: int
) -> Iterator[tuple[Stream, bytes]]:
    """Yield what a pipe holds, at most so many chunks; one that has ended is left out from now."""
    for _ in range(most):
        try:
            data = os.read(key.fd, CHUNK)
        except BlockingIOError:
            return
        if not data:
            selector.unregister(key.fileobj)
            return
        yield key.data, data
