"""Evolutionary algorithms as their papers print them, each assembled from parts."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from hpopt.checks import number, positive, share, whole
from hpopt.errors import SettingError
from hpopt.numerics import variation
from hpopt.optimizers.genetic.adaptation import Stagnation, Success
from hpopt.optimizers.genetic.crossover import NoCrossover, OnePoint
from hpopt.optimizers.genetic.generational import Bred, Generational, Parts
from hpopt.optimizers.genetic.initialisation import RandomDraws
from hpopt.optimizers.genetic.mutation import Gaussian, Length, OneGene, Reset, Step
from hpopt.optimizers.genetic.population import Floats, Population
from hpopt.optimizers.genetic.replacement import AboveMean, Plus
from hpopt.optimizers.genetic.selection import InTurn, Tournament
from hpopt.space import Space


class MENNDL(Generational):
    """Remove those below the mean of their generation; breed the next from the others in turn.

    The algorithm that tuned convolutional networks on 18,000 nodes of Titan: Young et al. 2015,
    "Optimizing deep learning hyper-parameters through an evolutionary algorithm", §3.1 and
    Table 1, https://doi.org/10.1145/2834892.2834896.

    Use it for generations of hundreds that are evaluated at the same time, or to repeat the paper
    (``population=500, generations=35``). With fewer evaluations the default `GeneticAlgorithm`,
    which keeps its best, is better. It waits at the end of each generation; `SteadyState` does not.

    Each generation::

        first     : each gene of each individual is uniform over its range
        survivors = those whose fitness is not below the mean of their generation
        child i   = survivor i, with crossover_probability its genes behind a place that is
                    uniform over 0 … n_genes from survivor i + 1 (in turn, again from the first)
        child i   : each gene with mutation_probability a new uniform draw

    Failed individuals are removed and do not count in the mean; where all failed, a generation is
    drawn like the first one. A child that has been proposed before is mutated again until it is
    new.

    Parameters
    ----------
    population : int, >= 2
        Individuals in each generation; 500 in the paper.
    generations : int, >= 1, optional
        After how many the search ends; 35 in the paper. By default never.
    crossover_probability : float, in [0, 1]
    mutation_probability : float, in [0, 1]
        Of each gene.
    """

    name: ClassVar[str] = "menndl"
    plain: ClassVar[str] = "breeding configs from the best so far"

    def __init__(
        self,
        *,
        population: int = 20,
        generations: int | None = None,
        crossover_probability: float = 0.6,
        mutation_probability: float = 0.05,
    ) -> None:
        self.population = whole("population", population, 2)
        self.generations = None if generations is None else whole("generations", generations, 1)
        self.crossover_probability = share("crossover_probability", crossover_probability)
        self.mutation_probability = share("mutation_probability", mutation_probability)

    def _parts(self) -> Parts:
        return Parts(
            initialisation=RandomDraws(),
            selection=InTurn(),
            crossover=OnePoint(self.crossover_probability, ends=True),
            mutation=(Reset(self.mutation_probability),),
            replacement=AboveMean(),
        )


class MuPlusLambda(Generational):
    """Mutate the winners of binary tournaments, keep the μ best of all, begin again when stuck.

    The evolution of network architectures of DLOPT: Camero et al. 2018,
    https://arxiv.org/abs/1807.03523 and https://arxiv.org/abs/1805.07159.

    Use it for lists of layers and ordered parameters with tens to a few hundred evaluations: its
    small population converges soon, and restarts search elsewhere. Without crossover, parameters
    that must fit one another stay together. For categorical choices the default `GeneticAlgorithm`
    is better.

    Each generation::

        parent    = the better of two random ones (λ times)
        child     : each gene with p_i gets a normal step: x + scale · N(0, 1)
        child     : each list of layers with p_e is changed: one layer copied or deleted
        parents   = the μ best of parents and children
        if no parent got better for `patience` generations:
            parents = the `carried` best, and μ - carried drawn ones

    Parameters
    ----------
    population : int, >= 2
        μ, the number of parents.
    offspring : int, >= 1
        λ, the individuals that are evaluated in each generation.
    mutation_probability : float, in [0, 1]
        p_i, of each gene.
    scale : float, > 0
        Standard deviation of a step, as a share of the gene's range. Discrete genes move by one
        level at least; a categorical one takes another of its choices.
    length_probability : float, in [0, 1]
        p_e, of each list of layers.
    patience : int, >= 1, optional
        The number of generations without a better parent before a restart; None for never.
    carried : int, in [0, population)
        How many of the best a restart keeps.
    """

    name: ClassVar[str] = "mu_plus_lambda"
    plain: ClassVar[str] = "breeding configs from the best so far"

    def __init__(
        self,
        *,
        population: int = 5,
        offspring: int = 10,
        mutation_probability: float = 0.1,
        scale: float = 0.3,
        length_probability: float = 0.1,
        patience: int | None = 10,
        carried: int = 2,
    ) -> None:
        self.population = whole("population", population, 2)
        self.offspring = whole("offspring", offspring, 1)
        self.mutation_probability = share("mutation_probability", mutation_probability)
        self.scale = positive("scale", scale)
        self.length_probability = share("length_probability", length_probability)
        self.patience = None if patience is None else whole("patience", patience, 1)
        self.carried = whole("carried", carried, 0)
        if carried >= population:
            raise SettingError(
                f"carried < population must hold, but got carried={carried}, "
                f"population={population}"
            )

    def _parts(self) -> Parts:
        return Parts(
            initialisation=RandomDraws(),
            selection=Tournament(2),
            crossover=NoCrossover(),
            mutation=(
                Gaussian(self.mutation_probability, self.scale),
                Length(self.length_probability, ("copy", "delete")),
            ),
            replacement=Plus(),
            restart=None if self.patience is None else Stagnation(self.patience, self.carried),
        )


class SelfAdaptive(Generational):
    """Mutate boldly while the population gets better, and carefully while it does not.

    The (μ + λ) evolution of recurrent networks of Camero et al. 2019, "A specialized evolutionary
    strategy using mean absolute error random sampling to design recurrent neural networks",
    https://arxiv.org/abs/1909.02425, with the rule of success of Doerr & Doerr 2015, "Optimal
    parameter choices through self-adjustment".

    Use it on lists of layers and ordered parameters where the right step length is unknown. It does
    not cross. In small populations the mean improves nearly always at first, so steps grow; at the
    end they shrink to the least one, which refines the best.

    Each generation::

        parent    = the better of two random ones (λ times)
        child     : each gene with p_i gets a step, uniform in ± max_step
        child     : each list of layers with p_e is changed: one layer copied or deleted
        parents   = the μ best of parents and children
        p_i, p_e, max_step  × up    if the mean loss of the parents fell
                            ÷ down  otherwise; within [least, most]

    Parameters
    ----------
    population : int, >= 2
        μ, the number of parents.
    offspring : int, >= 1
        λ, the individuals that are evaluated in each generation.
    mutation_probability : float, in [0, 1]
        p_i at the beginning, of each gene.
    max_step : float, in (0, 1]
        At the beginning, as a share of the gene's range. Discrete genes move by one level at
        least; a categorical one takes another of its choices.
    length_probability : float, in [0, 1]
        p_e at the beginning, of each list of layers.
    up, down : float, >= 1
    least, most : float, in (0, 1]
        The bounds of all three.
    """

    name: ClassVar[str] = "self_adaptive"
    plain: ClassVar[str] = "breeding configs from the best so far"

    def __init__(
        self,
        *,
        population: int = 5,
        offspring: int = 10,
        mutation_probability: float = 0.2,
        max_step: float = 0.3,
        length_probability: float = 0.2,
        up: float = 1.5,
        down: float = 4.0,
        least: float = 0.02,
        most: float = 0.5,
    ) -> None:
        self.population = whole("population", population, 2)
        self.offspring = whole("offspring", offspring, 1)
        self.mutation_probability = share("mutation_probability", mutation_probability)
        self.max_step = share("max_step", max_step)
        self.length_probability = share("length_probability", length_probability)
        self.up, self.down = number("up", up, 1.0), number("down", down, 1.0)
        self.least, self.most = share("least", least), share("most", most)
        for name, value in (("max_step", max_step), ("least", least)):
            if not value:
                raise SettingError(f"{name} must be a positive number, but got {value!r}")
        self._parts()  # raises here, not in a search, where they are invalid

    def _parts(self) -> Parts:
        return Parts(
            initialisation=RandomDraws(),
            selection=Tournament(2),
            crossover=NoCrossover(),
            mutation=(
                Step(self.mutation_probability, self.max_step),
                Length(self.length_probability, ("copy", "delete")),
            ),
            replacement=Plus(),
            adaptation=Success(self.up, self.down, self.least, self.most),
        )


class Zhan(Generational):
    """Keep the N best of each generation, mutate each, then cross them in pairs.

    Zhan 2022, "Hyper-parameter tuning in deep neural network learning", Algorithms A and B.

    Use it where a small population of networks grows by whole layers, or to repeat the paper
    (``generations=25``). It selects strongly: it is quick where there is one good region, and stays
    in the first one where there are several.

    Each generation::

        best      = the N best of the last best and their offspring
        copy i    = best i (in turn, again from the first), until the population is full
        copy i    : with layer_probability a random layer enters each list of layers
        copy i    : with mutation_probability one gene is drawn anew
        pair i    : with crossover_probability copies 2i and 2i + 1 exchange the genes behind a
                    place that is drawn uniformly

    In the paper an individual that is neither mutated nor crossed lives on. Here it is not
    evaluated again: the best stay in the comparison, and a copy that has been proposed before is
    mutated again until it is new.

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
    plain: ClassVar[str] = "breeding configs from the best so far"

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

    def _breed(
        self, parts: Parts, parents: Population, n: int, space: Space, rng: np.random.Generator
    ) -> Bred:
        """Return mutated copies of the best, crossed in pairs."""
        copies, made_from = parts.breed(parents, n, space, rng)
        children = self._exchange_tails(copies, rng)
        mates = np.arange(n) ^ 1
        crossed = np.flatnonzero((children != copies).any(axis=1))  # a last one without is not
        made_from[crossed, 1] = made_from[mates[crossed], 0]
        return Bred(children, made_from)

    def _exchange_tails(self, copies: Floats, rng: np.random.Generator) -> Floats:
        """Exchange the tails of neighbours 2i and 2i + 1; a last one without a mate stays."""
        n_pairs, d = len(copies) // 2, copies.shape[1]
        tails = variation.point_mask(n_pairs, d, 1, rng)
        tails &= rng.random((n_pairs, 1)) < self.crossover_probability
        one, other = copies[0 : 2 * n_pairs : 2], copies[1 : 2 * n_pairs : 2]
        children: Floats = copies.copy()
        children[0 : 2 * n_pairs : 2] = np.where(tails, other, one)
        children[1 : 2 * n_pairs : 2] = np.where(tails, one, other)
        return children
