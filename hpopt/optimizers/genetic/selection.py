"""Selections: which individuals become parents.

Eiben & Smith 2015, "Introduction to Evolutionary Computing", chapter 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hpopt.checks import number, whole
from hpopt.numerics import pareto
from hpopt.optimizers.genetic.parts import Kind, Selection
from hpopt.optimizers.genetic.population import Floats, Ints


@dataclass(frozen=True, slots=True)
class Tournament(Selection):
    """Take the best of some individuals, sampled uniformly with replacement.

    Parameters
    ----------
    size : int, >= 1
        How many are sampled for each parent; 1 selects at random, 2 is a binary tournament.
    """

    name: ClassVar[str] = "tournament"
    size: int = 2

    def __post_init__(self) -> None:
        whole("size of a tournament", self.size, 1)

    def select(self, losses: Floats, n: int, rng: np.random.Generator) -> Ints:
        """Return the places of parents, shape (n, 2)."""
        drawn = rng.integers(len(losses), size=(n, 2, self.size))
        return np.asarray(pareto.order(losses)[drawn.min(axis=2)])


@dataclass(frozen=True, slots=True)
class Truncation(Selection):
    """Sample parents uniformly from the better individuals.

    Parameters
    ----------
    share : float, in [0, 1]
        The share of them, at least one individual.
    """

    name: ClassVar[str] = "truncation"
    share: float = 0.5

    def __post_init__(self) -> None:
        number("share of a truncation", self.share, 0.0, 1.0)

    def select(self, losses: Floats, n: int, rng: np.random.Generator) -> Ints:
        """Return the places of parents, shape (n, 2)."""
        better = max(1, round(self.share * len(losses)))
        return np.asarray(pareto.order(losses)[rng.integers(better, size=(n, 2))])


@dataclass(frozen=True, slots=True)
class InTurn(Selection):
    """Let each individual have a child with the next one, again and again from the first.

    With k parents, child i has the parents i mod k and (i + 1) mod k.
    """

    name: ClassVar[str] = "in_turn"

    def select(self, losses: Floats, n: int, rng: np.random.Generator) -> Ints:
        """Return the places of parents, shape (n, 2)."""
        return (np.arange(n)[:, None] + np.arange(2)) % len(losses)


SELECTIONS = Kind("selection", Selection, InTurn, Tournament, Truncation)  # type: ignore[type-abstract]
