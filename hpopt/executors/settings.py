"""What a user may ask of an executor, checked and resolved."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from hpopt.checks import whole
from hpopt.errors import SettingError
from hpopt.executors.devices import available_cores, resolve_gpus
from hpopt.executors.limits import Limits

Recycling = int | Literal["auto"] | None


@dataclass(frozen=True, slots=True)
class Settings:
    """How calls are to run, as the user asked.

    Which GPUs and how many cores there are is found out where the calls will run, so settings for
    another machine are only checked here; a local executor, or the worker agent on a machine of a
    cluster, resolves them once.

    Attributes
    ----------
    workers : int, "auto" or None
        How many calls run at the same time.
    limits : Limits or None
        What each call may spend.
    gpus : "auto", sequence of int or str, or None
        Which GPUs to use; [] hides them all, None leaves their variables as they are.
    trials_per_gpu : int
        How many calls share one GPU.
    trials_per_child : int, "auto" or None
        After how many calls a worker process is replaced; None for never.
    """

    workers: int | str | None = None
    limits: Limits | None = None
    gpus: str | Sequence[int | str] | None = None
    trials_per_gpu: int = 1
    trials_per_child: Recycling = "auto"

    def check(self) -> Settings:
        """Return these settings; raise SettingError for what is out of its range anywhere."""
        if self.limits is not None and not isinstance(self.limits, Limits):
            raise SettingError(f"limits must be hpopt.Limits or None, but got {self.limits!r}")
        whole("trials_per_gpu", self.trials_per_gpu, 1)
        if self.trials_per_child not in (None, "auto"):
            whole("trials_per_child", self.trials_per_child, 1)
        if self.workers not in (None, "auto"):
            whole("workers", self.workers, 1)
        if self.gpus != "auto":
            resolve_gpus(self.gpus, {})
        return self

    def check_plain(self, name: str) -> None:
        """Raise SettingError for what only worker processes can do."""
        if self.limits or self.gpus is not None:
            raise SettingError(
                f"executor={name!r} must have no limits and no gpus, but got "
                f"limits={self.limits}, gpus={self.gpus}: use executor='processes'"
            )

    def resolved(self, default_workers: int) -> Resolved:
        """Return what was asked with numbers and names for what was left open, on this machine.

        Without `workers` there are as many as slots on the GPUs, or, where there are no GPUs,
        `default_workers`; for ``"auto"`` as many as these slots or as cores.

        Raises
        ------
        SettingError
            Something is out of its range, or there are more workers than slots on the GPUs.
        """
        self.check()
        names = resolve_gpus(self.gpus, os.environ)
        n_slots = len(names or ()) * self.trials_per_gpu
        if self.workers is None:
            n_workers = n_slots or default_workers
        elif self.workers == "auto":
            n_workers = n_slots or available_cores()
        else:
            n_workers = whole("workers", self.workers, 1)
        if n_slots and n_workers > n_slots:
            raise SettingError(
                f"workers must not exceed the {n_slots} slots of {len(names or ())} GPUs with "
                f"trials_per_gpu={self.trials_per_gpu}, but got {n_workers}: "
                "raise trials_per_gpu to share a GPU"
            )
        return Resolved(replace(self, workers=n_workers), n_workers, names)


@dataclass(frozen=True, slots=True)
class Resolved:
    """What settings mean on one machine.

    Attributes
    ----------
    settings : Settings
    workers : int
        How many calls run at the same time, at least 1.
    gpus : list of str, or None
        The GPUs by name; [] hides them all, None leaves their variables as they are.
    """

    settings: Settings
    workers: int
    gpus: list[str] | None

    @property
    def need_processes(self) -> bool:
        """Whether only worker processes can do what was asked."""
        return self.workers > 1 or bool(self.settings.limits) or self.gpus is not None
