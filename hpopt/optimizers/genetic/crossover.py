"""How the genes of two parents are mixed.

Eiben & Smith 2015, "Introduction to Evolutionary Computing", §4.2.2.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hpopt.checks import flag, share
from hpopt.numerics import variation
from hpopt.optimizers.genetic.parts import Crossover, Kind
from hpopt.optimizers.genetic.population import Floats
from hpopt.space import Space


@dataclass(frozen=True, slots=True)
class Masked(Crossover):
    """A crossover that takes the genes of a random mask from the father.

    Parameters
    ----------
    probability : float, in [0, 1]
        Of a pair to be crossed; else the child is a copy of its mother.
    """

    probability: float = 0.9

    def __post_init__(self) -> None:
        share("crossover probability", self.probability)

    @abstractmethod
    def mask(self, n: int, d: int, rng: np.random.Generator) -> NDArray[np.bool_]:
        """Return which genes of n children come from the father, shape (n, d)."""

    def cross(
        self, mothers: Floats, fathers: Floats, space: Space, rng: np.random.Generator
    ) -> Floats:
        """Return one child of each pair, shape (n, d)."""
        mask = self.mask(len(mothers), space.d, rng)
        crossed = rng.random((len(mothers), 1)) < self.probability
        return np.where(mask & crossed, fathers, mothers)


@dataclass(frozen=True, slots=True)
class Uniform(Masked):
    """Take each gene from the father with probability 1/2; see `Masked`."""

    name: ClassVar[str] = "uniform"

    def mask(self, n: int, d: int, rng: np.random.Generator) -> NDArray[np.bool_]:
        """Return which genes come from the father, shape (n, d)."""
        return variation.uniform_mask(n, d, rng)


@dataclass(frozen=True, slots=True)
class OnePoint(Masked):
    """Take the genes behind a uniformly random place from the father; see `Masked`.

    Parameters
    ----------
    probability : float, in [0, 1]
    ends : bool
        Whether the place may also be before the first gene, so that all come from the father,
        or behind the last, so that none does.
    """

    name: ClassVar[str] = "one_point"
    ends: bool = False

    def __post_init__(self) -> None:
        Masked.__post_init__(self)  # super() does not know the class that slots=True makes
        flag("ends of a crossover", self.ends)

    def mask(self, n: int, d: int, rng: np.random.Generator) -> NDArray[np.bool_]:
        """Return which genes come from the father, shape (n, d)."""
        if self.ends:
            return variation.tail_mask(n, d, rng)
        return variation.point_mask(n, d, 1, rng)


@dataclass(frozen=True, slots=True)
class TwoPoint(Masked):
    """Take the genes between two uniformly random places from the father; see `Masked`."""

    name: ClassVar[str] = "two_point"

    def mask(self, n: int, d: int, rng: np.random.Generator) -> NDArray[np.bool_]:
        """Return which genes come from the father, shape (n, d)."""
        return variation.point_mask(n, d, 2, rng)


@dataclass(frozen=True, slots=True)
class NoCrossover(Crossover):
    """Let each child be a copy of its mother."""

    name: ClassVar[str] = "none"

    def cross(
        self, mothers: Floats, fathers: Floats, space: Space, rng: np.random.Generator
    ) -> Floats:
        """Return the mothers."""
        return mothers


CROSSOVERS = Kind("crossover", Crossover, NoCrossover, OnePoint, TwoPoint, Uniform)  # type: ignore[type-abstract]
