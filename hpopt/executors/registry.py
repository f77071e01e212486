"""Choose an executor by its name, and say how many calls to keep running in it."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import cast

from hpopt.errors import SettingError, UnknownNameError
from hpopt.executors.devices import available_cores
from hpopt.executors.limits import Limits
from hpopt.executors.settings import Recycling, Settings, at_least_one, resolve

MODULES = {
    "processes": "hpopt.executors.processes",
    "serial": "hpopt.executors.serial",
}
"""The module of each name. It has ``make(settings: Settings) -> Executor``."""


def make_executor(
    executor: str | Executor | None = None,
    workers: int | str | None = None,
    *,
    limits: Limits | None = None,
    gpus: str | Sequence[int | str] | None = None,
    trials_per_gpu: int = 1,
    trials_per_child: Recycling = "auto",
) -> tuple[Executor, int]:
    """Give an executor and the number of calls to keep running in it.

    Parameters
    ----------
    executor : str, concurrent.futures.Executor or None
        ``"serial"``, ``"processes"``, or any executor, which is taken as it is. None is serial
        for one worker without limits and GPUs, else worker processes.
    workers : int, "auto" or None
        How many calls run at the same time, at least 1. None is 1, or the number of slots on
        the GPUs where there are any; ``"auto"`` is these slots, else the number of cores that
        this process may use. For an executor of your own, both are its attribute `workers`
        where it has one (hpopt's do; the standard library's keep their size to themselves),
        else 1 and the number of cores.
    limits, gpus, trials_per_gpu, trials_per_child
        See `ProcessExecutor`.

    Returns
    -------
    executor : concurrent.futures.Executor
        The caller shuts it down, unless it was given.
    n_slots : int

    Raises
    ------
    UnknownNameError
        For a name that there isn't.
    SettingError
        For settings out of their range, or that the executor can't keep.
    """
    if isinstance(executor, Executor):
        if limits or gpus is not None:
            raise SettingError(
                f"limits and gpus must be given to executor='processes', but got a "
                f"{type(executor).__name__}: set them where you make it, or leave it out"
            )
        return executor, _size(executor, workers)
    if executor == "serial" and workers == "auto":
        workers = None
    settings = resolve(workers, limits, gpus, trials_per_gpu, trials_per_child, default_workers=1)
    if executor is None:
        executor = "processes" if settings.need_processes else "serial"
    return _make(executor, settings), settings.workers


def _make(name: object, settings: Settings) -> Executor:
    if not isinstance(name, str):
        raise SettingError(
            "executor must be a name or a concurrent.futures.Executor (an instance), but got "
            f"{name!r}: known names are {', '.join(map(repr, sorted(MODULES)))}"
        )
    if name not in MODULES:
        raise UnknownNameError("executor", name, MODULES)
    return cast(Executor, importlib.import_module(MODULES[name]).make(settings))


def _size(executor: Executor, workers: int | str | None) -> int:
    own = getattr(executor, "workers", None)
    known = own if isinstance(own, int) and own >= 1 else None
    if workers is None:
        return known or 1
    if workers == "auto":
        return known or available_cores()
    return at_least_one("workers", workers)
