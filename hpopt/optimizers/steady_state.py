"""Genetic algorithms without generations: no worker waits for another one's evaluation.

Whitley 1989, "The GENITOR algorithm and selection pressure". Young et al. 2015 (MENNDL) report that
nodes idle at the end of each generation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from hpopt.checks import positive, share, whole
from hpopt.optimizers.genetic.asynchronous import Asynchronous
from hpopt.optimizers.genetic.crossover import CROSSOVERS, NoCrossover
from hpopt.optimizers.genetic.generational import Parts
from hpopt.optimizers.genetic.initialisation import INITIALISATIONS, RandomDraws
from hpopt.optimizers.genetic.mutation import MUTATIONS, Length, OneGene
from hpopt.optimizers.genetic.overrides import with_probability, with_rates
from hpopt.optimizers.genetic.parts import (
    Crossover,
    Initialisation,
    Mutation,
    Replacement,
    Selection,
)
from hpopt.optimizers.genetic.replacement import REPLACEMENTS, Ageing
from hpopt.optimizers.genetic.selection import SELECTIONS, Tournament

Settings = Mapping[str, Any]


class SteadyState(Asynchronous):
    """Breed each config from the best that is known when a worker becomes free.

    Use it in place of `GeneticAlgorithm` where many workers run evaluations of very different
    lengths, or where results come one by one. It learns from each result at once; in return the
    search depends on timing, unless the study has a `window`.

    For each solution, and for each result::

        child      = mutation(crossover(selection(population)))
        population = the best of the population and the result; of equal ones the youngest

    Parameters
    ----------
    population : int, >= 2
        The size of the population, and the number of solutions that are drawn first.
    initialisation : {"quasi_random", "latin_hypercube", "random"} or part
    selection : {"tournament", "truncation", "in_turn"} or part
    crossover : {"uniform", "one_point", "two_point", "none"} or part
    mutation : {"mixed", "gaussian", "step", "reset", "one_gene", "length"} or part, or several
        Several are applied one after the other.
    replacement : {"elitist", "plus", "ageing"} or part
        Which individuals a result leaves: the best that differ, the best, or the youngest.
    crossover_probability, mutation_probability, length_probability : float, in [0, 1], optional
        Override those of the parts.
    """

    name: ClassVar[str] = "steady_state"
    plain: ClassVar[str] = "breeding configs from the best so far"

    def __init__(
        self,
        *,
        population: int = 12,
        initialisation: str | Settings | Initialisation = "quasi_random",
        selection: str | Settings | Selection = "tournament",
        crossover: str | Settings | Crossover = "uniform",
        mutation: str | Settings | Mutation | Sequence[str | Settings | Mutation] = (
            "length",
            "mixed",
        ),
        replacement: str | Settings | Replacement = "elitist",
        crossover_probability: float | None = None,
        mutation_probability: float | None = None,
        length_probability: float | None = None,
    ) -> None:
        self.population = whole("population", population, 2)
        self.initialisation = INITIALISATIONS.part(initialisation)
        self.selection = SELECTIONS.part(selection)
        self.crossover = CROSSOVERS.part(crossover)
        self.mutation = MUTATIONS.several(mutation)
        self.replacement = REPLACEMENTS.part(replacement)
        self.crossover_probability = crossover_probability
        self.mutation_probability = mutation_probability
        self.length_probability = length_probability
        self._parts()

    def _parts(self) -> Parts:
        return Parts(
            initialisation=self.initialisation,
            selection=self.selection,
            crossover=with_probability(self.crossover, "crossover", self.crossover_probability),
            mutation=with_rates(
                self.mutation, genes=self.mutation_probability, lengths=self.length_probability
            ),
            replacement=self.replacement,
        )


class RegularizedEvolution(Asynchronous):
    """Change one thing of the best of a sample; let the oldest of the population die.

    Regularized (ageing) evolution: Real et al. 2019, "Regularized evolution for image classifier
    architecture search", Algorithm 1, https://doi.org/10.1609/aaai.v33i01.33014780.

    Use it for architectures of categorical choices, for noisy evaluations (a lucky individual is
    not kept for ever), and for many workers: it never waits. With fewer than a hundred
    evaluations, or one good region to be refined, `SteadyState` is better.

    For each solution, and for each result::

        sample     = `sample` individuals, uniform, with replacement
        child      = the best of the sample, with one gene changed
        population = the last `population` results

    The first `population` solutions are random.

    Parameters
    ----------
    population : int, >= 2
        P; 100 in the paper.
    sample : int, >= 1
        S; 25 in the paper.
    step_probability : float, in [0, 1]
        The share of an ordered gene's changes that are steps; the others, and all of categorical
        genes, are new draws among the other values.
    mutation_scale : float, > 0
        Standard deviation of a step, as a share of the gene's range.
    length_probability : float, in [0, 1]
        Of each list of layers to change by one layer, beside the gene.
    """

    name: ClassVar[str] = "regularized"
    plain: ClassVar[str] = "breeding configs from the best so far"

    def __init__(
        self,
        *,
        population: int = 30,
        sample: int = 10,
        step_probability: float = 0.5,
        mutation_scale: float = 0.1,
        length_probability: float = 0.1,
    ) -> None:
        self.population = whole("population", population, 2)
        self.sample = whole("sample", sample, 1)
        self.step_probability = share("step_probability", step_probability)
        self.mutation_scale = positive("mutation_scale", mutation_scale)
        self.length_probability = share("length_probability", length_probability)

    def _parts(self) -> Parts:
        return Parts(
            initialisation=RandomDraws(),
            selection=Tournament(self.sample),
            crossover=NoCrossover(),
            mutation=(
                Length(self.length_probability),
                OneGene(1.0, self.step_probability, self.mutation_scale),
            ),
            replacement=Ageing(),
        )
