"""How a genetic algorithm changes from generation to generation: mutation rates, restarts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeVar

import numpy as np

from hpopt.checks import number, share, whole
from hpopt.errors import SettingError
from hpopt.optimizers.genetic.parts import Adaptation, Kind, Mutation, Restart
from hpopt.optimizers.genetic.population import Floats, Population


@dataclass(frozen=True, slots=True)
class AfterGenerations(Restart):
    """A restart that is due after some generations.

    Parameters
    ----------
    generations : int, >= 1
        The first one since the last restart counts.
    best : int, >= 0
        How many of the best are kept.
    """

    generations: int = 10
    best: int = 2

    def __post_init__(self) -> None:
        whole("generations of a restart", self.generations, 1)
        whole("best of a restart", self.best, 0)


@dataclass(frozen=True, slots=True)
class Stagnation(AfterGenerations):
    """Begin again after some generations in which no objective's least loss fell."""

    name: ClassVar[str] = "stagnation"

    def carried(self, ideals: Floats) -> int | None:
        """Return how many of the best are kept; None to go on."""
        if len(ideals) <= self.generations:
            return None
        before, since = ideals[: -self.generations], ideals[-self.generations :]
        fell = (since.min(axis=0) < before.min(axis=0)).any()
        return None if fell else self.best


@dataclass(frozen=True, slots=True)
class Periodic(AfterGenerations):
    """Begin again after some generations, whatever their results."""

    name: ClassVar[str] = "periodic"

    def carried(self, ideals: Floats) -> int | None:
        """Return how many of the best are kept; None to go on."""
        return self.best if len(ideals) >= self.generations else None


RESTARTS = Kind("restart", Restart, Periodic, Stagnation)  # type: ignore[type-abstract]


M = TypeVar("M", bound=Mutation)


@dataclass(frozen=True, slots=True)
class Success(Adaptation):
    """Be bolder while the population's mean improves, and more careful while it does not.

    Each rate of each mutation (`Mutation.rates`: probabilities, steps) is multiplied by `up`
    where the mean loss of the parents fell, else divided by `down`, and stays within bounds. With
    several objectives no mean may have risen and one must have fallen. A rate of None stays.

    Parameters
    ----------
    up, down : float, >= 1
    least, most : float, in [0, 1]
        The bounds of each rate.
    """

    name: ClassVar[str] = "success"
    up: float = 1.5
    down: float = 4.0
    least: float = 0.01
    most: float = 1.0

    def __post_init__(self) -> None:
        number("up", self.up, 1.0)
        number("down", self.down, 1.0)
        share("least", self.least)
        share("most", self.most)
        if self.least > self.most:
            raise SettingError(
                f"least <= most must hold, but got least={self.least}, most={self.most}"
            )

    def adapt(
        self, mutations: tuple[Mutation, ...], before: Population, after: Population
    ) -> tuple[Mutation, ...]:
        """Return the mutations of the next generation."""
        was, now = before.mean(), after.mean()
        improved = bool(np.all(now <= was) and np.any(now < was))
        factor = self.up if improved else 1.0 / self.down
        return tuple(self._scale(mutation, factor) for mutation in mutations)

    def _scale(self, mutation: M, factor: float) -> M:
        rates: dict[str, Any] = {rate: getattr(mutation, rate) for rate in mutation.rates}
        return with_other_rates(
            mutation,
            {
                rate: min(max(value * factor, self.least), self.most)
                for rate, value in rates.items()
                if value is not None
            },
        )


def with_other_rates(mutation: M, rates: Mapping[str, float]) -> M:
    """Return a mutation with other rates; it must be a dataclass, as those of hpopt are."""
    changed: M = replace(mutation, **rates) if rates else mutation  # type: ignore[type-var]
    return changed


ADAPTATIONS = Kind("adaptation", Adaptation, Success)  # type: ignore[type-abstract]
