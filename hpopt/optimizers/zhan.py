"""The genetic algorithm that builds networks layer by layer.

Zhan 2022, "Hyper-parameter tuning in deep neural network learning", Algorithms A and B.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from hpopt.checks import share, whole
from hpopt.errors import SettingError
from hpopt.numerics import variation
from hpopt.optimizers.genetic.crossover import NoCrossover
from hpopt.optimizers.genetic.generational import Generational, Parts
from hpopt.optimizers.genetic.initialisation import RandomDraws
from hpopt.optimizers.genetic.length import Length
from hpopt.optimizers.genetic.mutation import OneGene
from hpopt.optimizers.genetic.population import Floats, Population
from hpopt.optimizers.genetic.replacement import Plus
from hpopt.optimizers.genetic.selection import InTurn
from hpopt.space import Space


class Zhan(Generational):
    """Keep the N best of each generation, mutate each, then cross them in pairs.

    Use it where a small population of networks grows by whole layers, or to repeat the paper
    (``generations=25``). It selects strongly, so it is quick where there is one good region, and
    is caught by the first one where there are several.

    Each generation::

        best      = the N best of the last best and their offspring
        copy i    = best i (in turn, again from the first), until the population is full
        copy i    : with layer_probability a random layer enters each list of layers
        copy i    : with mutation_probability one gene is drawn anew
        pair i    : with crossover_probability copies 2i and 2i + 1 exchange the genes behind a
                    place that is drawn uniformly

    The paper lets an individual that is neither mutated nor crossed live on; here it is not
    evaluated again: the best stay among those who are compared, and a copy that has been proposed
    before is mutated again until it is new.

    Parameters
    ----------
    population : int, >= 2
        Individuals in each generation.
    generations : int, >= 1, optional
        After how many the search ends; 25 in the paper. By default never.
    survivors : int, in [1, population], optional
        The N best. By default half of the population.
    mutation_probability : float, in [0, 1]
        Of each individual.
    crossover_probability : float, in [0, 1]
        Of each pair.
    layer_probability : float, in [0, 1]
        Of each list of layers of each individual.
    """

    name: ClassVar[str] = "zhan"

    def __init__(
        self,
        *,
        population: int = 25,
        generations: int | None = None,
        survivors: int | None = None,
        mutation_probability: float = 0.5,
        crossover_probability: float = 0.5,
        layer_probability: float = 0.2,
    ) -> None:
        self.population = whole("population", population, 2)
        self.generations = None if generations is None else whole("generations", generations, 1)
        self.survivors = None if survivors is None else whole("survivors", survivors, 1)
        if survivors is not None and survivors > population:
            raise SettingError(
                f"survivors <= population must hold, but got survivors={survivors}, "
                f"population={population}"
            )
        self.mutation_probability = share("mutation_probability", mutation_probability)
        self.crossover_probability = share("crossover_probability", crossover_probability)
        self.layer_probability = share("layer_probability", layer_probability)

    def _parts(self) -> Parts:
        return Parts(
            initialisation=RandomDraws(),
            selection=InTurn(),
            crossover=NoCrossover(),
            mutation=(
                Length(self.layer_probability, ("insert",)),
                OneGene(self.mutation_probability),
            ),
            replacement=Plus(self.survivors or self.population // 2),
        )

    def _bred(
        self, parts: Parts, parents: Population, n: int, space: Space, rng: np.random.Generator
    ) -> Floats:
        """Mutate copies of the best, then cross them in pairs."""
        return self._exchanged(parts.bred(parents, n, space, rng), rng)

    def _exchanged(self, copies: Floats, rng: np.random.Generator) -> Floats:
        """Let neighbours 2i and 2i + 1 exchange their tails; a last one without a mate stays."""
        n_pairs, d = len(copies) // 2, copies.shape[1]
        tails = variation.point_mask(n_pairs, d, 1, rng)
        tails &= rng.random((n_pairs, 1)) < self.crossover_probability
        one, other = copies[0 : 2 * n_pairs : 2], copies[1 : 2 * n_pairs : 2]
        children: Floats = copies.copy()
        children[0 : 2 * n_pairs : 2] = np.where(tails, other, one)
        children[1 : 2 * n_pairs : 2] = np.where(tails, one, other)
        return children
