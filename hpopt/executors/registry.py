"""Choose an executor by its name, and the number of calls to keep running in it."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any, cast

from hpopt.checks import whole
from hpopt.errors import SettingError, UnknownNameError
from hpopt.executors.devices import available_cores
from hpopt.executors.limits import Limits
from hpopt.executors.settings import Recycling, Settings
from hpopt.names import known_name

MODULES = {
    "dask": "hpopt.executors.dask",
    "joblib": "hpopt.executors.joblib",
    "mpi": "hpopt.executors.mpi",
    "processes": "hpopt.executors.processes",
    "ray": "hpopt.executors.ray",
    "serial": "hpopt.executors.serial",
    "slurm": "hpopt.executors.slurm",
    "threads": "hpopt.executors.threads",
}
"""The module of each name. It has ``make(settings, address) -> Executor``, whose attribute
`workers` says how many calls to keep running in it; and, for those `WITH_ARGUMENTS`, arguments."""

WITH_ADDRESS = ("dask", "ray")
"""The names that take an address, after a colon."""

WITH_ARGUMENTS = {"ray": "RayExecutor", "slurm": "SlurmExecutor"}
"""The names that take arguments, in a table with ``name``, and the class that has them."""

SPELLINGS = {
    **dict.fromkeys(("mp", "multiprocessing"), "processes"),
    **dict.fromkeys(("threading",), "threads"),
    "mpi4py": "mpi",
    "distributed": "dask",
}
"""Other spellings of an executor's name → the name."""

ADVICE = {
    **dict.fromkeys(("process", "pool", "process_pool", "subprocess", "local"), "processes"),
    **dict.fromkeys(("thread", "thread_pool", "async", "asyncio"), "threads"),
    **dict.fromkeys(("sync", "sequential"), "serial"),
    "loky": "joblib",
    **dict.fromkeys(
        ("pbs", "torque", "sge", "lsf", "cluster", "batch"),
        "the executor is 'slurm', with submit= and cancel= of the batch system, such as "
        "submit='qsub {script}'.",
    ),
    "spark": "hpopt has none for Spark: 'dask' and 'ray' run on clusters, or give any "
    "concurrent.futures.Executor.",
}
"""What people look for under a name that is no executor's → the executor, or what to know."""


def make_executor(
    executor: Any = None,
    workers: int | str | None = None,
    *,
    limits: Limits | None = None,
    gpus: str | Sequence[int | str] | None = None,
    trials_per_gpu: int = 1,
    trials_per_child: Recycling = "auto",
) -> tuple[Executor, int | Callable[[], int]]:
    """Return an executor and the number of calls to keep running in it.

    Parameters
    ----------
    executor : str, mapping, concurrent.futures.Executor, or of Dask's, optional
        ``"serial"``, ``"processes"``, ``"threads"``, ``"joblib"``, ``"dask"``,
        ``"dask:tcp://scheduler:8786"``, ``"mpi"``, ``"slurm"``, ``"ray"``, ``"ray:ADDRESS"``; a
        mapping with ``name`` and the arguments of `SlurmExecutor` or `RayExecutor`; a Dask client
        or cluster; or any executor, which is taken as it is. None is serial for one worker without
        limits and GPUs, else worker processes.
    workers : int, "auto" or None
        How many calls run at the same time, at least 1. None is what a cluster has (the ranks of
        MPI, the threads of a Dask cluster, the jobs of joblib's configuration); elsewhere 1, or
        the number of slots on the GPUs where there are any. ``"auto"`` is what a cluster has,
        these slots, or the number of cores that this process may use. For an executor of your
        own, both are its attribute `workers` where it has one (hpopt's do; the standard
        library's keep their size to themselves), else 1 and the number of cores.
    limits, gpus, trials_per_gpu, trials_per_child
        See `ProcessExecutor`. On a cluster they hold on each of its machines.

    Returns
    -------
    executor : concurrent.futures.Executor
        The caller shuts it down, unless it was given.
    n_slots : int, or callable without arguments
        A callable where the number changes while the executor works: to be called each time.

    Raises
    ------
    UnknownNameError
        For a name that there isn't.
    SettingError
        For settings out of their range, or that the executor can't keep.
    MissingExtraError
        For an executor whose library is not installed.
    """
    if isinstance(executor, Executor):
        if limits or gpus is not None:
            raise SettingError(
                f"limits and gpus must be given to executor='processes', but got a "
                f"{type(executor).__name__}: set them where you make it, or leave it out"
            )
        return executor, _size(executor, workers)
    settings = Settings(workers, limits, gpus, trials_per_gpu, trials_per_child).check()
    if executor is None:
        needed = settings.resolved(default_workers=1).need_processes
        executor = "processes" if needed else "serial"
    made = _make(executor, settings)
    return made, _size(made, None)


def _make(executor: object, settings: Settings) -> Executor:
    name: Any = executor
    address: Any = None
    arguments: dict[str, Any] = {}
    if isinstance(executor, Mapping):
        name, arguments = _named(executor)
    elif _is_of_dask(executor):
        name, address = "dask", executor
    elif isinstance(executor, str) and ":" in executor:
        name, _, address = executor.partition(":")
        name = _known_executor(name)
        if name not in WITH_ADDRESS or not address:
            raise SettingError(
                f"an address must follow one of {', '.join(WITH_ADDRESS)}, as in "
                f"'dask:tcp://scheduler:8786', but got {executor!r}"
            )
    if not isinstance(name, str):
        raise SettingError(
            "executor must be a name or a concurrent.futures.Executor (an instance), but got "
            f"{name!r}: known names are {', '.join(map(repr, sorted(MODULES)))}"
        )
    name = _known_executor(name)
    module = importlib.import_module(MODULES[name])
    if arguments:
        _check_arguments(name, getattr(module, WITH_ARGUMENTS[name]), arguments)
    return cast(Executor, module.make(settings, address, **arguments))


def _named(executor: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the name and the arguments in a table."""
    arguments = dict(executor)
    name = arguments.pop("name", None)
    if not isinstance(name, str):
        raise SettingError(
            f'an executor\'s table must have a name, such as name = "slurm", but got {executor!r}'
        )
    name = _known_executor(name)
    if arguments and name not in WITH_ARGUMENTS:
        raise SettingError(
            f"executor {name!r} must have no arguments of its own, but got {', '.join(arguments)}: "
            "workers, limits, gpus and trials_per_gpu stand beside it"
        )
    return name, arguments


def _check_arguments(name: str, kind: type, arguments: Mapping[str, Any]) -> None:
    parameters = inspect.signature(kind).parameters.values()
    known = [each.name for each in parameters if each.kind is inspect.Parameter.KEYWORD_ONLY]
    for argument in arguments:
        if argument not in known:
            raise UnknownNameError(f"argument of executor {name!r}", argument, known)


def _known_executor(name: str) -> str:
    return known_name("executor", name, MODULES, aliases=SPELLINGS, advice=ADVICE)


def _is_of_dask(executor: object) -> bool:
    """Return whether this is a client or a cluster of Dask's, without importing Dask."""
    if "distributed" not in sys.modules or isinstance(executor, str | type | None):
        return False
    from hpopt.executors.cluster.dask_connection import is_of_dask

    return is_of_dask(executor)


def _size(executor: Executor, workers: int | str | None) -> int | Callable[[], int]:
    if workers not in (None, "auto"):
        return whole("workers", workers, 1)
    if getattr(executor, "elastic", False):
        return lambda: cast(int, executor.workers)  # type: ignore[attr-defined]
    own = getattr(executor, "workers", None)
    known = own if isinstance(own, int) and own >= 1 else None
    return known or (1 if workers is None else available_cores())
