"""Initialisations: how a first generation is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hpopt.optimizers.genetic.parts import Initialisation, Kind
from hpopt.optimizers.genetic.population import Floats
from hpopt.space import Space


@dataclass(frozen=True, slots=True)
class RandomDraws(Initialisation):
    """Draw each gene from a uniform distribution."""

    name: ClassVar[str] = "random"

    def draw(self, n: int, space: Space, rng: np.random.Generator) -> Floats:
        """Return n points, shape (n, d)."""
        return space.half_drawn(rng.random((n, space.d)))


@dataclass(frozen=True, slots=True)
class QuasiRandomDraws(Initialisation):
    """Spread points evenly: the first of a scrambled Sobol sequence (Owen 1998)."""

    name: ClassVar[str] = "quasi_random"

    def draw(self, n: int, space: Space, rng: np.random.Generator) -> Floats:
        """Return n points, shape (n, d)."""
        from scipy.stats import qmc

        rounded = 1 << max(n - 1, 0).bit_length()  # scipy warns where it is no power of two
        return space.half_drawn(qmc.Sobol(space.d, rng=rng).random(rounded)[:n])


@dataclass(frozen=True, slots=True)
class LatinHypercubeDraws(Initialisation):
    """Draw one point in each of n equal layers of each gene (McKay et al. 1979)."""

    name: ClassVar[str] = "latin_hypercube"

    def draw(self, n: int, space: Space, rng: np.random.Generator) -> Floats:
        """Return n points, shape (n, d)."""
        layers = np.argsort(rng.random((n, space.d)), axis=0)
        return space.half_drawn((layers + rng.random((n, space.d))) / max(n, 1))


INITIALISATIONS = Kind(
    "initialisation",
    Initialisation,  # type: ignore[type-abstract]
    LatinHypercubeDraws,
    QuasiRandomDraws,
    RandomDraws,
)
