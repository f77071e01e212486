"""How many networks train as one computation, and where that pays."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from hpopt.checks import whole
from hpopt.errors import SettingError, StudyWarning
from hpopt.problems.keras.backend import chosen_backend

AUTO = "auto"
# The places of "auto", which were as quick as more for dense networks on two cores.
MOST = 16
# Trials in a group for each place: those that wait take the places of those that have ended.
WAITING = 4


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
    def most(self) -> int:
        """How many networks train side by side at most."""
        return self.given or MOST

    @property
    def max_batch(self) -> int:
        """How many trials a group has at most."""
        return WAITING * self.most

    def k_for(self, layers: list[Any]) -> int | None:
        """Return how many networks of such layers train side by side; None for one alone."""
        if chosen_backend() != "jax":
            return None
        if self.given is not None:
            return self.given
        if import_module("jax").default_backend() == "cpu" and any(map(_is_convolution, layers)):
            return None
        return MOST


def _is_convolution(layer: Any) -> bool:
    return "Conv" in type(layer).__name__


def population_of(given: Any, has_own_evaluation: bool) -> Population | None:
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
    if found is None or why is None:
        return found
    said = f"population={given!r}: networks train one after another, as {why}"
    warnings.warn(said, StudyWarning, stacklevel=3)
    return None
