"""A future that also knows what its call cost and what it printed."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any, TypeVar

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
    inner : Future or None
        The call as another library's pool has it: cancelled as long as that one can cancel it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.memory: int | None = None
        self.output = ""
        self.where = ""
        self.inner: Future[Any] | None = None

    def cancel(self) -> bool:
        """Cancel the call, unless it has begun."""
        if self.inner is not None and not self.inner.cancel():
            return False
        return super().cancel()
