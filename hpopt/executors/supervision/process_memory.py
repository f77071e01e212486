"""Measure the resident memory of worker processes, from inside and from outside."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable

import psutil

from hpopt.process_tree import parents


class PeakMemory:
    """The peak resident memory of this process since the last reset.

    Linux keeps a high-water mark that a process may reset. Elsewhere the peak is the one
    since the process began, so that a small task after a big one shows the big one's.
    """

    def __init__(self) -> None:
        self._mark = self._status = -1
        if sys.platform.startswith("linux"):
            with contextlib.suppress(OSError):
                self._status = os.open("/proc/self/status", os.O_RDONLY | os.O_CLOEXEC)
                self._mark = os.open("/proc/self/clear_refs", os.O_WRONLY | os.O_CLOEXEC)

    def reset(self) -> None:
        """Forget the peak so far, where the system can."""
        if self._mark >= 0:
            with contextlib.suppress(OSError):
                os.pwrite(self._mark, b"5", 0)  # proc(5): reset the peak resident set size

    def read(self) -> int:
        """Return the peak, in bytes, or 0 where it is not known."""
        if self._status >= 0:
            with contextlib.suppress(OSError, IndexError, ValueError):
                status = os.pread(self._status, 4096, 0)
                return int(status.split(b"VmHWM:")[1].split(maxsplit=1)[0]) * 1024
        return _lifetime_peak()


class TreeMemory:
    """The resident memory of worker processes, each with all its descendants.

    One look at all processes of the machine finds the process trees of all workers.
    """

    def __init__(self) -> None:
        self._trees: dict[int, list[psutil.Process]] = {}

    def find_trees(self, pids: Iterable[int]) -> None:
        """Look for the descendants of these processes."""
        children: dict[int, list[int]] = {}
        for pid, parent in parents().items():
            children.setdefault(parent, []).append(pid)
        self._trees = {pid: _processes(_tree(pid, children)) for pid in pids}

    def measure(self, pid: int, limit: int) -> int:
        """Return the memory of one process tree, in bytes.

        The sum of the resident memories counts pages that processes share (after a fork) more
        than once. So where it is above `limit`, descendants count with what is theirs alone.
        """
        tree = self._trees.get(pid) or _processes([pid])
        total = sum(map(_resident, tree))
        if total > limit and len(tree) > 1:
            # Only here: for this figure the kernel walks all pages.
            total = _resident(tree[0]) + sum(map(_unshared, tree[1:]))
        return total


def _tree(root: int, children: dict[int, list[int]]) -> list[int]:
    found = [root]
    for pid in found:
        found.extend(children.get(pid, ()))
    return found


def _processes(pids: Iterable[int]) -> list[psutil.Process]:
    processes = []
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            processes.append(psutil.Process(pid))
    return processes


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _unshared(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().uss)
    except (psutil.Error, AttributeError):
        return _resident(process)


def _lifetime_peak() -> int:
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
