"""A genetic algorithm without generations: no worker waits for another one's evaluation.

Whitley 1989, "The GENITOR algorithm and selection pressure". Young et al. 2015 (MENNDL) report that
nodes idle at the end of each generation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from hpopt.checks import whole
from hpopt.optimizers.genetic.assembly import (
    crossover_of,
    initialisation_of,
    mutations_of,
    replacement_of,
    selection_of,
    with_probability,
    with_rates,
)
from hpopt.optimizers.genetic.asynchronous import Asynchronous
from hpopt.optimizers.genetic.generational import Parts
from hpopt.optimizers.genetic.parts import (
    Crossover,
    Initialisation,
    Mutation,
    Replacement,
    Selection,
)

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
        self.initialisation = initialisation_of(initialisation)
        self.selection = selection_of(selection)
        self.crossover = crossover_of(crossover)
        self.mutation = mutations_of(mutation)
        self.replacement = replacement_of(replacement)
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
