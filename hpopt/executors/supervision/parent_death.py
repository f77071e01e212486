"""Tie a worker process to its driver: it must not outlive it, whatever happens to either.

Two ropes hold. The kernel's: on Linux the worker holds one end of a pipe whose other end only
the driver has, and its whole process group gets SIGKILL when that end closes. The driver ties it
as soon as there is a process, and it needs no cooperation, so it also ends a worker that is stuck
in C code, or was stopped before its first line. Python's, everywhere: a thread waits for the end
of the pipe that brings the calls, looks every two seconds whether the parent is still the driver
(the driver's own forks may keep its pipes open), and kills the family.

PR_SET_PDEATHSIG is only used where the first rope can't be had: it would kill the worker
alone, before anybody could kill what the worker started.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

import psutil

from hpopt.executors.supervision.process_tree import descendants, kill_each, kill_process_tree

PARENT_CHECK_SECONDS = 2.0
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
EASIER_TO_KILL = 300


def tie_to_driver(driver: int, lifeline: int) -> None:
    """Arrange that this process and its group die with the driver.

    Parameters
    ----------
    driver : int
        The driver's process id.
    lifeline : int
        The read end of a pipe on which the driver writes nothing, or -1.
    """
    if not sys.platform.startswith("linux"):
        return
    if not kill_at_end_of(lifeline, -os.getpgrp()):
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    elif _hang_ups(lifeline).poll(0):
        die()
    if os.getppid() != driver:
        os._exit(1)


def kill_at_end_of(lifeline: int, owner: int) -> bool:
    """Have the kernel kill a process, or a group, when the other end of a pipe closes.

    The wish stays with the pipe, whichever process that shares it made it: the driver does, as
    nobody knows when a new process comes to that, and the worker, as the driver may be gone by
    then.

    Parameters
    ----------
    lifeline : int
        The read end of the pipe, or -1.
    owner : int
        The process, or the negative number of the process group, which must exist.

    Returns
    -------
    bool
        Whether it will.
    """
    if lifeline < 0 or not sys.platform.startswith("linux"):
        return False
    try:
        import fcntl

        fcntl.fcntl(lifeline, fcntl.F_SETOWN, owner)
        fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
        flags = fcntl.fcntl(lifeline, fcntl.F_GETFL)
        fcntl.fcntl(lifeline, fcntl.F_SETFL, flags | os.O_ASYNC)
    except (OSError, AttributeError, ImportError):
        return False
    return True


def look_after_orphans() -> None:
    """Become the parent of descendants that lose theirs (on Linux), so they can be found."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def offer_to_be_killed_first() -> None:
    """Tell Linux to kill this process rather than the driver when memory runs out."""
    with contextlib.suppress(OSError, ValueError):
        score = Path("/proc/self/oom_score_adj")
        score.write_text(str(min(int(score.read_text()) + EASIER_TO_KILL, 1000)))


def watch_driver(inbox: int, driver: int) -> None:
    """Die with the family when the driver has gone: a thread looks out for it.

    Parameters
    ----------
    inbox : int
        The pipe from the driver. The thread waits for its end only, not for what it brings.
    driver : int
        The driver's process id.
    """

    def watch() -> None:
        while not _ends(inbox) and _lives(driver):
            pass
        die()

    threading.Thread(target=watch, name="hpopt-lifeline", daemon=True).start()


def keep_from_children(pipes: Iterable[int]) -> None:
    """Keep this process's pipes (-1 where there is none) from what it starts, and from its forks.

    Else a child of it would keep the driver waiting when the worker has died.
    """
    open_pipes = [pipe for pipe in pipes if pipe >= 0]
    for pipe in open_pipes:
        os.set_inheritable(pipe, False)

    def close() -> None:
        while open_pipes:  # once: in a fork of a fork these numbers may be other files
            with contextlib.suppress(OSError):
                os.close(open_pipes.pop())

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=close)


def die() -> NoReturn:
    """End this process and all that it started."""
    try:
        if hasattr(os, "getpgrp") and os.getpgrp() == os.getpid():
            kill_process_tree(os.getpid())
        else:
            kill_each(descendants(os.getpid()))
    finally:
        os._exit(1)


def _lives(driver: int) -> bool:
    if os.name == "posix":
        return os.getppid() == driver
    return bool(psutil.pid_exists(driver))


def _ends(pipe: int) -> bool:
    """Wait for the end of a pipe, but at most two seconds; say whether it came."""
    if sys.platform == "win32":
        time.sleep(PARENT_CHECK_SECONDS)
        return False
    return bool(_hang_ups(pipe).poll(PARENT_CHECK_SECONDS * 1000))


def _hang_ups(pipe: int) -> select.poll:
    poll = select.poll()
    poll.register(pipe, 0)  # no event but the end, which is always told
    return poll


def _prctl(option: int, value: int) -> None:
    if sys.platform.startswith("linux"):
        import ctypes

        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
