"""A future that also knows what its call cost and what it printed."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import Protocol, TypeVar

T = TypeVar("T")


class Cancellable(Protocol):
    """A call as somebody else has it."""

    def cancel(self) -> bool:
        """Cancel it there, unless it has begun."""


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
    inner : Cancellable or None
        The call as a worker process has it that it was sent to ahead: cancelled as long as that
        one can cancel it.
    unwanted : bool
        Whether nobody waits for it any more: a worker process that has it is killed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.memory: int | None = None
        self.output = ""
        self.where = ""
        self.inner: Cancellable | None = None
        self.unwanted = self._is_cancelled = False
        self._gate = threading.RLock()

    def cancel(self) -> bool:
        """Cancel the call, unless it has begun."""
        while True:
            inner = self.inner
            is_there = inner is not None and not inner.cancel()
            # Never held while code of others runs: a callback may wait, a signal may come.
            with self._gate:
                if self.inner is not None and self.inner is not inner:
                    continue  # it has been handed over meanwhile
                if is_there and self.inner is inner:
                    return False
                self._is_cancelled = True
            return super().cancel()

    def set_running_or_notify_cancel(self) -> bool:
        """Note that it begins, unless it was cancelled, or is about to be."""
        if self._is_cancelled:
            super().cancel()
        return super().set_running_or_notify_cancel()

    def hand_over(self, inner: Cancellable) -> bool:
        """Have somebody else cancel the call from now on; False where it is cancelled already."""
        with self._gate:
            if self._is_cancelled or self.cancelled():
                return False
            self.inner = inner
            return True
