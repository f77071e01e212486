"""A future that also knows what its call cost and what it printed."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


class TaskFuture(Future[T]):
    """A ``concurrent.futures.Future`` of a call in one of hpopt's executors.

    Attributes
    ----------
    memory : int or None
        Peak resident memory of the process that ran the call while it ran it, in bytes;
        None where it is not known.
    output : str
        The end of what the call printed, at most 20,000 characters. It is there when the
        future is done, also when it failed.
    where : str
        The machine that it runs on, or ran on, where that is known; else empty.
    unwanted : bool
        Whether nobody waits for it any more: a worker process that runs it is killed.
    """

    memory: int | None = None
    output = ""
    where = ""
    unwanted = False
