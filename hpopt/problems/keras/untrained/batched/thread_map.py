"""Blocks of draws side by side in threads: numpy lets go of the interpreter while it computes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")


def available_threads() -> int:
    """Say how many threads this process may use: its share where it has one, else its cores.

    Worker processes are given their share as the variable OMP_NUM_THREADS.
    """
    share = os.environ.get("OMP_NUM_THREADS", "")
    if share.isdigit() and int(share) > 0:
        return int(share)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_in_threads(
    function: Callable[[Given], Made], arguments: Iterable[Given], n_threads: int
) -> Iterator[Made]:
    """Call a function in threads, and give the results in the order of the arguments."""
    with ThreadPoolExecutor(n_threads) as pool:
        yield from pool.map(function, arguments)
