"""How the rates of mutations change from generation to generation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar

import numpy as np

from hpopt.checks import number, share
from hpopt.errors import SettingError
from hpopt.optimizers.genetic.parts import Adaptation, Mutation
from hpopt.optimizers.genetic.population import Population

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
        return tuple(self._scaled(mutation, factor) for mutation in mutations)

    def _scaled(self, mutation: M, factor: float) -> M:
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


ADAPTATIONS: Mapping[str, type[Adaptation]] = MappingProxyType({Success.name: Success})
