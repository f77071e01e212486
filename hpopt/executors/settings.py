"""What a user may ask of an executor, checked and resolved."""

from __future__ import annotations

import operator
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from hpopt.errors import SettingError
from hpopt.executors.devices import available_cores, resolve_gpus
from hpopt.executors.limits import Limits

Recycling = int | Literal["auto"] | None


@dataclass(frozen=True, slots=True)
class Settings:
    """What was asked of an executor that is to be made.

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
    if limits is not None and not isinstance(limits, Limits):
        raise SettingError(f"limits must be hpopt.Limits or None, but got {limits!r}")
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


def at_least_one(name: str, value: object) -> int:
    """Give a setting that counts something as an int.

    Raises
    ------
    SettingError
        When it is no whole number, or below 1.
    """
    try:
        number = None if isinstance(value, bool) else operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = None
    if number is None:
        raise SettingError(f"{name} must be a whole number, at least 1, but got {value!r}")
    if number < 1:
        raise SettingError(f"{name} must be at least 1, but got {number}")
    return number
