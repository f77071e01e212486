"""A generational genetic algorithm for mixed, conditional and variable-length spaces.

Holland 1975; operators as in Eiben & Smith 2015, "Introduction to Evolutionary Computing"; as
used for networks by Young et al. 2015 (MENNDL), https://doi.org/10.1145/2834892.2834896.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from hpopt.checks import whole
from hpopt.errors import SettingError
from hpopt.optimizers.genetic.adaptation import ADAPTATIONS, RESTARTS
from hpopt.optimizers.genetic.crossover import CROSSOVERS
from hpopt.optimizers.genetic.generational import Generational, Parts
from hpopt.optimizers.genetic.initialisation import INITIALISATIONS
from hpopt.optimizers.genetic.mutation import MUTATIONS
from hpopt.optimizers.genetic.overrides import with_probability, with_rates, with_setting
from hpopt.optimizers.genetic.parts import (
    Adaptation,
    Crossover,
    Initialisation,
    Mutation,
    Replacement,
    Restart,
    Selection,
)
from hpopt.optimizers.genetic.replacement import REPLACEMENTS
from hpopt.optimizers.genetic.screening import SCREENINGS, Screening
from hpopt.optimizers.genetic.selection import SELECTIONS

Settings = Mapping[str, Any]


class GeneticAlgorithm(Generational):
    """Breed each generation of configs from the better ones of the last.

    Use it for large mixed spaces with conditions and lists of layers, where hundreds of evaluations
    run in parallel; below about fifty evaluations a model-based strategy or quasi-random search is
    better. It waits at the end of each generation, so that the search is the same at any number of
    workers; `SteadyState` does not wait.

    It is assembled from parts, each given as a name, as a mapping such as ``{"part": "tournament",
    "size": 3}``, or as an object of `hpopt.optimizers.genetic` or your own. Each generation::

        parents   = replacement(parents, offspring)
        offspring = mutation(crossover(selection(parents)))

    A child that has been proposed before is mutated again until it is new.

    Parameters
    ----------
    population : int, >= 2
        Individuals in the first generation, and the number of parents.
    offspring : int, >= 1, optional
        Individuals evaluated in each later generation. By default as many as the population has.
    generations : int, >= 1, optional
        After how many the search ends. By default never.
    initialisation : {"quasi_random", "latin_hypercube", "random"} or part
        How the first generation is drawn.
    selection : {"tournament", "truncation", "in_turn"} or part
        Which individuals become parents.
    crossover : {"uniform", "one_point", "two_point", "none"} or part
        How their genes are mixed.
    mutation : {"mixed", "gaussian", "step", "reset", "one_gene", "length"} or part, or several
        How genes change; several are applied one after the other.
    replacement : {"elitist", "plus", "comma", "above_mean", "ageing"} or part
        Which individuals become the next parents. They are not evaluated again.
    adaptation : {"success"} or part, optional
        How the rates of mutations change from generation to generation. By default not.
    restart : {"stagnation", "periodic"} or part, optional
        When to begin again. By default never.
    screening : {"surrogate"} or part, optional
        Which of several children is evaluated: with ``"surrogate"`` the most promising one by a
        model of all results. By default every child is evaluated.
    crossover_probability : float, in [0, 1], optional
        Of a pair to be crossed; overrides the crossover's.
    mutation_probability : float, in [0, 1], optional
        Of each gene; overrides the mutations', which by default is mostly one over the number of
        active genes.
    length_probability : float, in [0, 1], optional
        Of each list of layers; overrides that of the mutation of lengths.
    elites : int, in [0, population], optional
        How many of the best so far stay parents whatever their age; overrides the elitist
        replacement's, which by default is all of the population.
    """

    name: ClassVar[str] = "genetic"
    plain: ClassVar[str] = "breeding configs from the best so far"

    def __init__(
        self,
        *,
        population: int = 10,
        offspring: int | None = None,
        generations: int | None = None,
        initialisation: str | Settings | Initialisation = "quasi_random",
        selection: str | Settings | Selection = "tournament",
        crossover: str | Settings | Crossover = "uniform",
        mutation: str | Settings | Mutation | Sequence[str | Settings | Mutation] = (
            "length",
            "mixed",
        ),
        replacement: str | Settings | Replacement = "elitist",
        adaptation: str | Settings | Adaptation | None = None,
        restart: str | Settings | Restart | None = None,
        screening: str | Settings | Screening | None = None,
        crossover_probability: float | None = None,
        mutation_probability: float | None = None,
        length_probability: float | None = None,
        elites: int | None = None,
    ) -> None:
        self.population = whole("population", population, 2)
        self.offspring = None if offspring is None else whole("offspring", offspring, 1)
        self.generations = None if generations is None else whole("generations", generations, 1)
        self.initialisation = INITIALISATIONS.part(initialisation)
        self.selection = SELECTIONS.part(selection)
        self.crossover = CROSSOVERS.part(crossover)
        self.mutation = MUTATIONS.several(mutation)
        self.replacement = REPLACEMENTS.part(replacement)
        self.adaptation = ADAPTATIONS.optional(adaptation)
        self.restart = RESTARTS.optional(restart)
        self.screening = SCREENINGS.optional(screening)
        self.crossover_probability = crossover_probability
        self.mutation_probability = mutation_probability
        self.length_probability = length_probability
        self.elites = None if elites is None else whole("elites", elites, 0)
        if elites is not None and elites > population:
            raise SettingError(
                f"elites <= population must hold, but got elites={elites}, population={population}"
            )
        self._parts()

    def _parts(self) -> Parts:
        elites = {} if self.elites is None else {"elites": self.elites}
        return Parts(
            initialisation=self.initialisation,
            selection=self.selection,
            crossover=with_probability(self.crossover, "crossover", self.crossover_probability),
            mutation=with_rates(
                self.mutation, genes=self.mutation_probability, lengths=self.length_probability
            ),
            replacement=with_setting(self.replacement, "elites", elites),
            adaptation=self.adaptation,
            restart=self.restart,
            screening=self.screening,
        )
