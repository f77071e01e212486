"""MENNDL: the genetic algorithm that tuned convolutional networks on 18,000 nodes of Titan.

Young et al. 2015, "Optimizing Deep Learning Hyper-Parameters Through an Evolutionary Algorithm",
§3.1 and Table 1, https://doi.org/10.1145/2834892.2834896
"""

from __future__ import annotations

from typing import ClassVar

from hpopt.checks import share, whole
from hpopt.optimizers.genetic.crossover import OnePoint
from hpopt.optimizers.genetic.generational import Generational, Parts
from hpopt.optimizers.genetic.initialisation import RandomDraws
from hpopt.optimizers.genetic.mutation import Reset
from hpopt.optimizers.genetic.replacement import AboveMean
from hpopt.optimizers.genetic.selection import InTurn


class MENNDL(Generational):
    """Remove those below the mean of their generation; breed the next from the others in turn.

    Use it for what it was made for, generations of hundreds that are evaluated at the same time,
    or to repeat the paper (``population=500, generations=35``). With fewer evaluations the
    default `GeneticAlgorithm` keeps its best and is better. It waits at the end of each
    generation; `SteadyState` does not.

    Each gene has a range and a resolution: those of its parameter. Each generation::

        first     : each gene of each individual from a uniform distribution
        survivors = those whose fitness is not below the mean of their generation
        child i   = survivor i, with crossover_probability its genes behind a place that is
                    uniform over 0 … n_genes from survivor i + 1 (in turn, again from the first)
        child i   : each gene with mutation_probability a new uniform draw

    A failed individual is removed and does not count in the mean; where all failed, a generation
    is drawn as the first one. A child that has been proposed before is mutated again until it is
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
