"""One thread for small matrices: with more, BLAS spends its time on handing work over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import Any


@contextmanager
def single_blas_thread() -> Iterator[None]:
    """Return a context in which BLAS computes in one thread.

    Sums are then also the same on machines with different numbers of cores.
    """
    found = [(library, library.get_num_threads()) for library in _libraries()]
    changed = [(library, n_threads) for library, n_threads in found if n_threads != 1]
    for library, _ in changed:
        library.set_num_threads(1)
    try:
        yield
    finally:
        for library, n_threads in changed:
            library.set_num_threads(n_threads)


@cache
def _libraries() -> tuple[Any, ...]:
    # Cached, as the search through all loaded libraries takes milliseconds.
    import_module("scipy.linalg")  # its BLAS must be loaded to be found
    controller = import_module("threadpoolctl").ThreadpoolController()
    return tuple(controller.select(user_api="blas").lib_controllers)
