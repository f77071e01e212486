"""What a user may ask of an executor, checked and resolved."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hpopt.checks import integer
from hpopt.errors import SettingError
from hpopt.executors.devices import available_cores, resolve_gpus
from hpopt.executors.limits import Limits

Recycling = int | Literal["auto"] | None


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked of an executor that is to be made, as it was asked.

    Which GPUs and how many cores there are is looked up where the calls will run, so a request
    for another machine is only checked here.

    Attributes
    ----------
    workers : int, "auto" or None
    limits : Limits or None
    gpus : "auto", sequence of int or str, or None
    trials_per_gpu : int
    trials_per_child : int, "auto" or None
    address : str or object, optional
        Where the calls are to run, for an executor that asks for it: what follows the colon
        in ``executor="dask:tcp://…"``, or the object itself that was given.
    """

    workers: int | str | None = None
    limits: Limits | None = None
    gpus: str | Sequence[int | str] | None = None
    trials_per_gpu: int = 1
    trials_per_child: Recycling = "auto"
    address: Any = None

    def resolved(self, default_workers: int) -> Settings:
        """Give the settings on this machine; see `resolve`."""
        return resolve(
            self.workers,
            self.limits,
            self.gpus,
            self.trials_per_gpu,
            self.trials_per_child,
            default_workers=default_workers,
        )

    def check(self) -> None:
        """Raise SettingError for what is out of its range on any machine."""
        check_limits(self.limits)
        at_least_one("trials_per_gpu", self.trials_per_gpu)
        if self.trials_per_child not in (None, "auto"):
            at_least_one("trials_per_child", self.trials_per_child)
        if self.workers is not None and self.workers != "auto":
            at_least_one("workers", self.workers)
        if self.gpus != "auto":
            resolve_gpus(self.gpus, {})

    def check_plain(self, name: str) -> None:
        """Raise SettingError for what only worker processes can do."""
        if self.limits or self.gpus is not None:
            raise SettingError(
                f"executor={name!r} must have no limits and no gpus, but got "
                f"limits={self.limits}, gpus={self.gpus}: use executor='processes'"
            )


@dataclass(frozen=True, slots=True)
class Settings:
    """What was asked of an executor, with numbers and names for what was left open.

    Attributes
    ----------
    workers : int
        How many calls run at the same time, at least 1.
    limits : Limits or None
    gpus : list of str, or None
        The GPUs by name; [] hides them all, None says nothing about them.
    trials_per_gpu : int
    trials_per_child : int, "auto" or None
    """

    workers: int
    limits: Limits | None = None
    gpus: list[str] | None = None
    trials_per_gpu: int = 1
    trials_per_child: Recycling = "auto"

    @property
    def need_processes(self) -> bool:
        """Whether only worker processes can do what was asked."""
        return self.workers > 1 or bool(self.limits) or self.gpus is not None


def resolve(
    workers: int | str | None,
    limits: Limits | None,
    gpus: str | Sequence[int | str] | None,
    trials_per_gpu: int,
    trials_per_child: Recycling,
    *,
    default_workers: int,
) -> Settings:
    """Check what was asked for, and put numbers and names for what was left open.

    Without `workers` there are as many as slots on the GPUs, or, where there are no GPUs,
    `default_workers`; for ``"auto"`` as many as these slots or as cores.

    Raises
    ------
    SettingError
    """
    check_limits(limits)
    names = resolve_gpus(gpus, os.environ)
    n_slots = len(names or ()) * at_least_one("trials_per_gpu", trials_per_gpu)
    if trials_per_child not in (None, "auto"):
        at_least_one("trials_per_child", trials_per_child)
    if workers is None:
        n_workers = n_slots or default_workers
    elif workers == "auto":
        n_workers = n_slots or available_cores()
    else:
        n_workers = at_least_one("workers", workers)
    if n_slots and n_workers > n_slots:
        raise SettingError(
            f"workers must not exceed the {n_slots} slots of {len(names or ())} GPUs with "
            f"trials_per_gpu={trials_per_gpu}, but got {n_workers}: "
            "raise trials_per_gpu to share a GPU"
        )
    return Settings(n_workers, limits, names, trials_per_gpu, trials_per_child)


def check_limits(limits: object) -> None:
    """Raise SettingError unless these are limits, or None."""
    if limits is not None and not isinstance(limits, Limits):
        raise SettingError(f"limits must be hpopt.Limits or None, but got {limits!r}")


def at_least_one(name: str, value: object) -> int:
    """Give a setting that counts something as an int.

    Raises
    ------
    SettingError
        When it is no whole number, or below 1.
    """
    number = integer(value)
    if number is None:
        raise SettingError(f"{name} must be a whole number, at least 1, but got {value!r}")
    if number < 1:
        raise SettingError(f"{name} must be at least 1, but got {number}")
    return number
