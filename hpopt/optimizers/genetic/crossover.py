"""How the genes of two parents are mixed.

Eiben & Smith 2015, "Introduction to Evolutionary Computing", §4.2.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hpopt.checks import flag, share
from hpopt.numerics import variation
from hpopt.optimizers.genetic.parts import Crossover
from hpopt.optimizers.genetic.population import Floats
from hpopt.space import Space


@dataclass(frozen=True, slots=True)
class Uniform(Crossover):
    """Take each gene from the father with probability 1/2.

    Parameters
    ----------
    probability : float, in [0, 1]
        Of a pair to be crossed; else the child is a copy of its mother.
    """

    name: ClassVar[str] = "uniform"
    probability: float = 0.9

    def __post_init__(self) -> None:
        share("crossover probability", self.probability)

    def cross(
        self, mothers: Floats, fathers: Floats, space: Space, rng: np.random.Generator
    ) -> Floats:
        """Return one child of each pair, shape (n, d)."""
        mask = variation.uniform_mask(len(mothers), space.d, rng)
        return _mixed(mothers, fathers, mask, self.probability, rng)


@dataclass(frozen=True, slots=True)
class OnePoint(Crossover):
    """Take the genes behind a place that is drawn uniformly from the father.

    Parameters
    ----------
    probability : float, in [0, 1]
    ends : bool
        Whether the place may also be before the first gene, so that all come from the father,
        or behind the last, so that none does.
    """

    name: ClassVar[str] = "one_point"
    probability: float = 0.9
    ends: bool = False

    def __post_init__(self) -> None:
        share("crossover probability", self.probability)
        flag("ends of a crossover", self.ends)

    def cross(
        self, mothers: Floats, fathers: Floats, space: Space, rng: np.random.Generator
    ) -> Floats:
        """Return one child of each pair, shape (n, d)."""
        mask = one_point_mask(len(mothers), space.d, self.ends, rng)
        return _mixed(mothers, fathers, mask, self.probability, rng)


@dataclass(frozen=True, slots=True)
class TwoPoint(Crossover):
    """Take the genes between two places that are drawn uniformly from the father.

    Parameters
    ----------
    probability : float, in [0, 1]
    """

    name: ClassVar[str] = "two_point"
    probability: float = 0.9

    def __post_init__(self) -> None:
        share("crossover probability", self.probability)

    def cross(
        self, mothers: Floats, fathers: Floats, space: Space, rng: np.random.Generator
    ) -> Floats:
        """Return one child of each pair, shape (n, d)."""
        mask = variation.point_mask(len(mothers), space.d, 2, rng)
        return _mixed(mothers, fathers, mask, self.probability, rng)


@dataclass(frozen=True, slots=True)
class NoCrossover(Crossover):
    """Let each child be a copy of its mother."""

    name: ClassVar[str] = "none"

    def cross(
        self, mothers: Floats, fathers: Floats, space: Space, rng: np.random.Generator
    ) -> Floats:
        """Return the mothers."""
        return mothers


def one_point_mask(n: int, d: int, ends: bool, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return which genes come from the second parent, shape (n, d)."""
    return variation.tail_mask(n, d, rng) if ends else variation.point_mask(n, d, 1, rng)


def _mixed(
    mothers: Floats,
    fathers: Floats,
    mask: NDArray[np.bool_],
    probability: float,
    rng: np.random.Generator,
) -> Floats:
    crossed = rng.random((len(mothers), 1)) < probability
    return np.where(mask & crossed, fathers, mothers)


CROSSOVERS: Mapping[str, type[Crossover]] = MappingProxyType(
    {part.name: part for part in (NoCrossover, OnePoint, TwoPoint, Uniform)}
)
