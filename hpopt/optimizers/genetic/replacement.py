"""Replacements: which individuals become the next parents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hpopt.checks import whole
from hpopt.optimizers.genetic.parts import Kind, Replacement
from hpopt.optimizers.genetic.population import Population, fitness


@dataclass(frozen=True, slots=True)
class Elitist(Replacement):
    """Keep the best of all whatever their age, then the best of the offspring; best first.

    Of individuals with equal losses only the youngest is kept while others are left: so the
    population does not fill with copies of its best, and drifts over plateaus.

    Parameters
    ----------
    elites : int, >= 0, optional
        How many of all. By default as many as the population has.
    """

    name: ClassVar[str] = "elitist"
    elites: int | None = None

    def __post_init__(self) -> None:
        if self.elites is not None:
            whole("elites", self.elites, 0)

    def replace(self, parents: Population, offspring: Population, n: int) -> Population:
        """Return the next parents, at most n."""
        everyone = parents.followed_by(offspring).different()
        ranks = np.arange(len(everyone))
        n_elites = n if self.elites is None else self.elites
        # Parents that are no elites live for one generation only.
        young = np.isin(everyone.numbers, offspring.numbers)
        ahead = np.flatnonzero((ranks < n_elites) | young)
        return everyone.take(ahead[:n])


@dataclass(frozen=True, slots=True)
class Plus(Replacement):
    """Keep the best of parents and offspring, (μ + λ); best first.

    Parameters
    ----------
    survivors : int, >= 1, optional
        How many. By default as many as the population has.
    """

    name: ClassVar[str] = "plus"
    survivors: int | None = None

    def __post_init__(self) -> None:
        if self.survivors is not None:
            whole("survivors", self.survivors, 1)

    def replace(self, parents: Population, offspring: Population, n: int) -> Population:
        """Return the next parents."""
        return parents.followed_by(offspring).best(self.survivors or n)


@dataclass(frozen=True, slots=True)
class Comma(Replacement):
    """Keep the best of the offspring only, (μ, λ); best first.

    Parameters
    ----------
    survivors : int, >= 1, optional
        How many. By default as many as the population has.
    """

    name: ClassVar[str] = "comma"
    survivors: int | None = None

    def __post_init__(self) -> None:
        if self.survivors is not None:
            whole("survivors", self.survivors, 1)

    def replace(self, parents: Population, offspring: Population, n: int) -> Population:
        """Return the next parents."""
        return offspring.best(self.survivors or n)


@dataclass(frozen=True, slots=True)
class AboveMean(Replacement):
    """Remove those of a generation whose fitness is below its mean; the others keep their order.

    Failed individuals are removed and do not count in the mean. With several objectives the fitness
    is the rank of the non-dominated front.
    """

    name: ClassVar[str] = "above_mean"

    def replace(self, parents: Population, offspring: Population, n: int) -> Population:
        """Return the offspring at or above the mean; empty where all failed."""
        losses = fitness(offspring.losses)
        fine = np.isfinite(losses)
        if not fine.any():
            return offspring.take(fine)
        worth = Population(offspring.numbers, offspring.points, losses[:, None])
        # The rounded mean of equal losses may be below all of them.
        bound = max(float(worth.mean()[0]), float(losses.min()))
        return offspring.take(losses <= bound)


@dataclass(frozen=True, slots=True)
class Ageing(Replacement):
    """Keep the youngest, whatever their losses; the oldest first."""

    name: ClassVar[str] = "ageing"

    def replace(self, parents: Population, offspring: Population, n: int) -> Population:
        """Return the next parents, at most n."""
        everyone = parents.followed_by(offspring)
        return everyone.take(np.arange(len(everyone))[-n:])


REPLACEMENTS = Kind("replacement", Replacement, AboveMean, Ageing, Comma, Elitist, Plus)  # type: ignore[type-abstract]
