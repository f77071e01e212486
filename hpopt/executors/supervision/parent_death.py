"""End a worker process when its driver has ended, however that happened.

It is done twice. By the kernel, on Linux: the worker holds one end of a pipe (the parent-death
pipe) whose other end only the driver has, and its whole process group gets SIGKILL when that end
closes. The driver asks for it as soon as there is a process. It needs no cooperation, so it also
ends a worker that is stuck in C code, or was stopped before its first line. By Python, everywhere:
a thread waits for the end of the pipe that brings the calls, looks every two seconds whether the
parent is still the driver (the driver's own forks may keep its pipes open), and kills the process
tree.

PR_SET_PDEATHSIG is only used where the pipe can't be had: it would kill the worker alone, before
anybody could kill what the worker started.
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

from hpopt.process_tree import descendants, kill_each, kill_process_tree, kill_when_closed

PARENT_CHECK_SECONDS = 2.0  # the slower way only: one system call each time
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # of <linux/prctl.h>
EASIER_TO_KILL = 300  # of 1000: as if it took 30 % of the machine's memory more


def die_with_driver(driver: int, parent_pipe: int) -> None:
    """Have the kernel kill this process and its group when the driver ends.

    `parent_pipe` is the read end of the parent-death pipe, or -1.
    """
    if not sys.platform.startswith("linux"):
        return
    if not kill_when_closed(parent_pipe, -os.getpgrp()):
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    elif _poll_of_end(parent_pipe).poll(0):  # it closed before the kernel was asked
        die()
    if os.getppid() != driver:
        os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of descendants that lose theirs (on Linux), so they can be found."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def be_killed_first() -> None:
    """Tell Linux to kill this process rather than the driver when memory runs out."""
    with contextlib.suppress(OSError, ValueError):
        score = Path("/proc/self/oom_score_adj")
        score.write_text(str(min(int(score.read_text()) + EASIER_TO_KILL, 1000)))


def watch_driver(inbox: int, driver: int) -> None:
    """Start a thread that ends this process with all that it started when the driver has gone.

    It waits for the end of `inbox`, the pipe from the driver, and reads nothing.
    """

    def watch() -> None:
        while not _has_closed(inbox) and _is_parent(driver):
            pass
        die()

    threading.Thread(target=watch, name="hpopt-parent-death", daemon=True).start()


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


def _is_parent(driver: int) -> bool:
    if os.name == "posix":
        return os.getppid() == driver
    return bool(psutil.pid_exists(driver))


def _has_closed(pipe: int) -> bool:
    """Wait for the end of a pipe, at most two seconds; return whether it came."""
    if sys.platform == "win32":
        time.sleep(PARENT_CHECK_SECONDS)
        return False
    return bool(_poll_of_end(pipe).poll(PARENT_CHECK_SECONDS * 1000))


def _poll_of_end(pipe: int) -> select.poll:
    poll = select.poll()
    poll.register(pipe, 0)  # no event but the end, which is always reported
    return poll


def _prctl(option: int, value: int) -> None:
    if sys.platform.startswith("linux"):
        import ctypes

        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
