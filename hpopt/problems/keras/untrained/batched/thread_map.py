"""Map a function over arguments in threads: numpy releases the GIL while it computes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Argument = TypeVar("Argument")
Result = TypeVar("Result")


def available_threads() -> int:
    """Return how many threads this process may use: OMP_NUM_THREADS, else its cores."""
    # Worker processes get their share of the cores in this variable.
    share = os.environ.get("OMP_NUM_THREADS", "")
    if share.isdigit() and int(share) > 0:
        return int(share)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_in_threads(
    function: Callable[[Argument], Result], arguments: Iterable[Argument], n_threads: int
) -> Iterator[Result]:
    """Call a function in threads, and yield the results in the order of the arguments."""
    with ThreadPoolExecutor(n_threads) as pool:
        yield from pool.map(function, arguments)
