"""How many networks train as one computation, and where that pays."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from hpopt.checks import whole
from hpopt.errors import SettingError, StudyWarning
from hpopt.problems.keras.backend import chosen_backend
from hpopt.problems.keras.data.sources import ArraySource, Source
from hpopt.problems.keras.memory_estimate import memory_of
from hpopt.problems.keras.sharing.models import LARGEST

AUTO = "auto"
# The places of "auto". On a CPU as many epochs of a dense network on digits took the same time with
# 8, 16, 32 and 64; fewer leave fewer empty. A GPU is filled by small networks in hundreds; this
# many wait for each other.
ON_CPU, ON_GPU = 8, 64
# Trials in a group for each place: those that wait take the places of those that have ended.
WAITING = 4
# Of a GPU's memory: the estimate was made for CPUs.
SHARE_OF_GPU = 0.5


@dataclass(frozen=True, slots=True)
class Population:
    """The size of populations: a number, or None for ``"auto"``."""

    given: int | None

    @classmethod
    def of(cls, given: Any) -> Population | None:
        """Return the size that a user gives; None for no populations.

        Raises
        ------
        SettingError
            It is no such size.
        """
        if given is None:
            return None
        if isinstance(given, str):
            if given != AUTO:
                raise SettingError(
                    f"population must be a number of networks, 'auto' or None, but got {given!r}"
                )
            return cls(None)
        return cls(whole("population", given, 1))

    @property
    def n_side_by_side(self) -> int:
        """How many networks train side by side, as far as is known without the device."""
        return self.given or ON_CPU

    @property
    def max_batch(self) -> int:
        """How many trials a group has at most."""
        return ON_GPU if self.given is None else WAITING * self.given

    def k_for(
        self, model: Any, layers: list[Any], batch_size: int, limit: int | None
    ) -> int | None:
        """Return how many networks like a built model train side by side; None for one alone.

        It follows from the model and the machine, as values do not depend on the grouping but, in
        their last digits, on this.

        Parameters
        ----------
        limit : int, optional
            The most memory in bytes.
        """
        if chosen_backend() != "jax":
            return None
        is_on_cpu = import_module("jax").default_backend() == "cpu"
        if self.given is None and not _pays(model, layers, is_on_cpu):
            return None
        k = self.given or (ON_CPU if is_on_cpu else ON_GPU)
        limits = [] if limit is None else [limit]
        if self.given is None and not is_on_cpu:
            limits += _memory_of_gpu()
        if limits:
            each = memory_of(model, batch_size, copied=True).total
            while k > 1 and k * each > min(limits):
                k //= 2
        return k


def _pays(model: Any, layers: list[Any], is_on_cpu: bool) -> bool:
    """Return whether a network trains faster beside others than one after another."""
    if is_on_cpu and any("Conv" in type(layer).__name__ for layer in layers):
        return False  # XLA has no fast convolution for a CPU in a loop, nor for several kernels
    return int(model.count_params()) * 4 <= LARGEST


def _memory_of_gpu() -> list[int]:
    stats = import_module("jax").devices()[0].memory_stats() or {}
    found = stats.get("bytes_limit")
    return [] if found is None else [int(SHARE_OF_GPU * found)]


def population_of(given: Any, source: Source, *, has_own_evaluation: bool) -> Population | None:
    """Return the size of populations that a problem is given; None, and why, where none can be.

    Raises
    ------
    SettingError
        It is no size.
    """
    found = Population.of(given)
    why = None
    if has_own_evaluation:
        why = "the problem's class has an evaluate of its own"
    elif chosen_backend() != "jax":
        why = f"Keras is set to {chosen_backend()}, and it takes JAX: set KERAS_BACKEND=jax"
    elif not isinstance(source, ArraySource):
        why = "the examples are no arrays that are the same for each config"
    if found is None or why is None:
        return found
    said = f"population={given!r}: networks train one after another, as {why}"
    warnings.warn(said, StudyWarning, stacklevel=3)
    return None
