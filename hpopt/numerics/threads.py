"""One thread for small matrices: with more, BLAS spends its time on handing work over."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any


def one_thread() -> Any:
    """Give a context in which BLAS computes in one thread.

    It is also what makes sums the same on machines with different numbers of cores.
    """
    return _controller().limit(limits=1, user_api="blas")


@cache
def _controller() -> Any:
    """Give the controller of the BLAS libraries that are loaded, found once a process."""
    import_module("scipy.linalg")  # its BLAS must be there to be found
    return import_module("threadpoolctl").ThreadpoolController()
