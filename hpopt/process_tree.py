"""A process and everything it started: found, killed, reaped.

A worker process leads a session and a process group of its own, which takes one signal to
kill. What left the group (daemons) is found through its parents, as long as these are alive.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Collection, Iterable

import psutil

PERSISTENT = ("multiprocessing.resource_tracker", "multiprocessing.forkserver", "loky.backend")
"""In the command lines of helpers that Python and joblib keep for the life of a process."""

_started: dict[int, int] = {}  # leaders of groups → the threads that wait for them
REAP_SECONDS = 1.0  # wait for a killed process; one in uninterruptible sleep would block us


def kill_process_tree(pid: int) -> None:
    """Kill a process group's leader, its group, and its descendants elsewhere.

    The leader must not have been waited for yet, else its number may belong to a stranger.
    """
    kill_each(descendants(pid))  # first: afterwards nobody knows whose they were
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(pid, signal.SIGKILL)
        else:
            psutil.Process(pid).kill()


def note_start(leader: int) -> None:
    """Note that this thread waits for a process that leads a group of its own."""
    _started[leader] = threading.get_ident()


def note_end(leader: int) -> None:
    """Note that it has ended; it must not have been waited for yet."""
    _started.pop(leader, None)


def kill_started_by(threads: Collection[int]) -> None:
    """Kill the processes that some threads have noted, by the threads' idents."""
    for leader, thread in list(_started.items()):
        if thread in threads:
            kill_process_tree(leader)


def descendants(pid: int) -> list[psutil.Process]:
    """Return the living descendants of a process, at any depth."""
    try:
        relatives: list[psutil.Process] = psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []
    return relatives


def kill_each(processes: Iterable[psutil.Process]) -> None:
    """Kill processes, of which some may be gone."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()


def has_ended(pid: int) -> bool:
    """Return whether a child process has ended, without taking its exit status away."""
    if not hasattr(os, "waitid"):
        try:
            return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
        except psutil.Error:
            return True
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def has_children() -> bool:
    """Return whether this process has any child, dead ones that nobody waited for included.

    One system call (where there is `waitid`), so it can be asked after every task.
    """
    if not hasattr(os, "waitid"):
        return bool(psutil.Process().children())
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def kill_when_closed(pipe: int, owner: int) -> bool:
    """Have the kernel kill a process when the other end of a pipe closes; return whether it will.

    It stays with the pipe, whichever of the processes that share it has asked. `owner` is a
    process, or the negative number of a process group, which must exist.
    """
    if pipe < 0 or not sys.platform.startswith("linux"):
        return False
    try:
        import fcntl

        fcntl.fcntl(pipe, fcntl.F_SETOWN, owner)
        fcntl.fcntl(pipe, fcntl.F_SETSIG, signal.SIGKILL)
        flags = fcntl.fcntl(pipe, fcntl.F_GETFL)
        fcntl.fcntl(pipe, fcntl.F_SETFL, flags | os.O_ASYNC)
    except (OSError, AttributeError, ImportError):
        return False
    return True


def kill_leftovers() -> None:
    """Kill this process's descendants, but for those that are kept on purpose.

    Kept are the resource trackers, the fork server and joblib's warm pool, with all that
    these started: libraries hold them for the life of the process.
    """
    if not has_children():  # nearly always: psutil would take a millisecond
        return
    children = psutil.Process().children()
    passing = [process for process in children if not _is_persistent(process)]
    # Before their parents: afterwards nobody could find out whose they were.
    kill_each(relative for process in passing for relative in descendants(process.pid))
    kill_each(passing)
    gone_by = time.monotonic() + REAP_SECONDS
    for process in passing:
        _reap(process.pid, gone_by)


def is_stopped(pid: int) -> bool:
    """Return whether somebody has stopped a process (SIGSTOP), so that it does nothing."""
    with contextlib.suppress(psutil.Error):
        return bool(psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    return False


def group_members(leader: int) -> list[int]:
    """Return the process ids of a group, without its leader."""
    members = []
    for pid in psutil.pids():
        with contextlib.suppress(OSError):
            if pid != leader and os.getpgid(pid) == leader:
                members.append(pid)
    return members


def parents() -> dict[int, int]:
    """Return the parent of every process of the machine, by process id."""
    if not sys.platform.startswith("linux"):
        return {process.pid: process.info["ppid"] for process in psutil.process_iter(["ppid"])}
    found = {}
    for pid in psutil.pids():
        with contextlib.suppress(OSError):  # it has just ended
            # The name, in brackets, may contain anything: also brackets and blanks.
            file = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
            stat = os.read(file, 1024)
            os.close(file)
            found[pid] = int(stat[stat.rindex(b")") + 4 :].split(maxsplit=1)[0])
    return found


def _is_persistent(process: psutil.Process) -> bool:
    try:
        command = " ".join(process.cmdline())
    except psutil.Error:
        return False
    return any(name in command for name in PERSISTENT)


def _reap(pid: int, gone_by: float) -> None:
    """Wait for a child that is dying, until a monotonic time; what is no child is left alone."""
    with contextlib.suppress(ChildProcessError):
        while not os.waitpid(pid, os.WNOHANG)[0] and time.monotonic() < gone_by:
            time.sleep(0.001)
