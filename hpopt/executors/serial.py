"""Run every call as it is submitted, in the caller's own thread."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace
from typing import ParamSpec, TypeVar

from hpopt.errors import SettingError
from hpopt.executors.futures import TaskFuture
from hpopt.executors.settings import Settings
from hpopt.executors.supervision.output import Captured

P = ParamSpec("P")
T = TypeVar("T")


class SerialExecutor(Executor):
    """Run each call inside ``submit``, which returns a finished future.

    When to use it: one evaluation at a time, for debugging (breakpoints, plain tracebacks) and
    for evaluations that take microseconds. When not: a call that hangs, crashes or eats the
    memory takes the driver with it; `ProcessExecutor` with one worker protects from that.

    What a call prints goes where the driver prints, so its future's `output` stays empty, and
    `memory` stays None, for the process is not the call's own.

    Parameters
    ----------
    keep_output : bool
        Whether to keep what a call prints in its future's `output`, as worker processes do, in
        place of printing it: all that the process writes to stdout and stderr meanwhile.
    """

    workers = 1

    def __init__(self, *, keep_output: bool = False) -> None:
        self._keep_output, self._closed = keep_output, False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> TaskFuture[T]:
        """Run the call and return its finished future.

        Raises
        ------
        KeyboardInterrupt
            The only exception that is raised here: Ctrl-C is for the driver.
        RuntimeError
            After ``shutdown``.
        """
        if self._closed:
            raise RuntimeError("an executor must not be shut down to take a call, but this one is")
        future: TaskFuture[T] = TaskFuture()
        future.set_running_or_notify_cancel()  # who looks at it meanwhile sees that it runs
        captured = Captured()
        try:
            with captured if self._keep_output else contextlib.nullcontext():
                result = fn(*args, **kwargs)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            future.output = captured.text
            future.set_exception(error)
        else:
            future.output = captured.text
            future.set_result(result)
        return future

    def share(self, obj: T) -> T:
        """Return the object itself."""
        return obj

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls."""
        self._closed = True


def make(settings: Settings, address: object = None) -> SerialExecutor:
    """Make the executor that ``executor="serial"`` names.

    Raises
    ------
    SettingError
        For what only worker processes can do.
    """
    one = replace(settings, workers=1) if settings.workers == "auto" else settings
    found = one.resolved(default_workers=1)
    if found.need_processes:
        raise SettingError(
            "executor='serial' must have one worker, no limits and no gpus, but got "
            f"workers={found.workers}, limits={settings.limits}, gpus={found.gpus}: "
            "use executor='processes'"
        )
    return SerialExecutor()
