"""A generational genetic algorithm for mixed, conditional and variable-length spaces.

Holland 1975; operators as in Eiben & Smith 2015, "Introduction to Evolutionary Computing"; as
used for networks by Young et al. 2015 (MENNDL), https://doi.org/10.1145/2834892.2834896.
"""

from __future__ import annotations

from itertools import count
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hpopt.core.proposals import Floats
from hpopt.errors import SettingError, UnknownNameError
from hpopt.numerics import pareto, variation
from hpopt.optimizers.batches import Batches, Plan
from hpopt.space import SequenceLayout

Ints = NDArray[np.int64]

SELECTIONS = ("tournament", "truncation")
CROSSOVERS = ("one_point", "two_point", "uniform")
INITIALISATIONS = ("quasi_random", "random")
TRUNCATED = 0.5


class GeneticAlgorithm(Batches):
    """Breed each generation of configs from the better ones of the last.

    Use it for large mixed spaces with conditions and lists of layers, where hundreds of
    evaluations run in parallel; below about fifty evaluations a model-based strategy or
    quasi-random search is better. It waits at the end of each generation, so that the search is
    the same at any number of workers.

    Each generation g::

        parents   = the `population` best of the last survivors and offspring:
                    the `elites` best of all, then the best offspring
        offspring = crossover of two selected parents with `crossover_probability`,
                    else a copy of one
        offspring = with `length_probability` a list's layer is inserted, deleted or doubled
        offspring = each gene mutates with `mutation_probability`

    A child that has been proposed before is mutated again until it is new.

    Parameters
    ----------
    population : int, >= 2
        Individuals evaluated in each generation, and the number of parents.
    initialisation : {"quasi_random", "random"}
        How the first generation is drawn.
    selection : {"tournament", "truncation"}
        Of parents: the best of `tournament_size` drawn ones, or uniformly from the better half.
    tournament_size : int, >= 1
    crossover : {"uniform", "one_point", "two_point"}
    crossover_probability : float, in [0, 1]
    mutation_probability : float, in [0, 1], optional
        Of each gene. By default one over the number of active genes.
    step_probability : float, in [0, 1]
        The share of an ordered gene's mutations that step; the others are drawn anew.
    mutation_scale : float, > 0
        Standard deviation of a step, as a share of the gene's range.
    length_probability : float, in [0, 1]
        For each list of layers of an offspring.
    elites : int, in [0, population], optional
        How many of the best so far stay parents whatever their age. They are not evaluated
        again. By default half of the population.
    """

    name: ClassVar[str] = "genetic"

    def __init__(
        self,
        *,
        population: int = 20,
        initialisation: str = "quasi_random",
        selection: str = "tournament",
        tournament_size: int = 2,
        crossover: str = "uniform",
        crossover_probability: float = 0.9,
        mutation_probability: float | None = None,
        step_probability: float = 0.7,
        mutation_scale: float = 0.1,
        length_probability: float = 0.2,
        elites: int | None = None,
    ) -> None:
        self.population = _whole("population", population, 2)
        self.tournament_size = _whole("tournament_size", tournament_size, 1)
        self.elites = None if elites is None else _whole("elites", elites, 0)
        if elites is not None and elites > population:
            raise SettingError(
                f"elites <= population must hold, but got elites={elites}, population={population}"
            )
        self.initialisation = _one_of("initialisation", initialisation, INITIALISATIONS)
        self.selection = _one_of("selection", selection, SELECTIONS)
        self.crossover = _one_of("crossover", crossover, CROSSOVERS)
        self.crossover_probability = _share("crossover_probability", crossover_probability)
        self.mutation_probability = (
            None
            if mutation_probability is None
            else _share("mutation_probability", mutation_probability)
        )
        self.step_probability = _share("step_probability", step_probability)
        self.length_probability = _share("length_probability", length_probability)
        self.mutation_scale = mutation_scale
        if not isinstance(mutation_scale, int | float) or not 0 < mutation_scale < np.inf:
            raise SettingError(
                f"mutation_scale must be a positive number, but got {mutation_scale!r}"
            )

    def _batches(self) -> Plan:
        told = yield self._initial()
        survivors = self._ordered(told.numbers)[: self.population]
        for generation in count(1):
            told = yield self._bred(survivors, self.generator(generation))
            survivors = self._replaced(survivors, told.numbers)

    def _initial(self) -> Floats:
        """Give the first generation, less the configs that the user gave."""
        n, rng = max(0, self.population - len(self.start)), self.generator(0)
        if self.initialisation == "quasi_random":
            from scipy.stats import qmc

            rounded = 1 << max(n - 1, 0).bit_length()
            points = qmc.Sobol(self.space.d, rng=rng).random(rounded)[:n]
        else:
            points = rng.random((n, self.space.d))
        return self.novel(points, rng, before=self.next_number)

    def _bred(self, parents: Ints, rng: np.random.Generator) -> Floats:
        """Give a generation's offspring."""
        genes = self.history.points[self.history.rows(parents)]
        mother, father = (genes[self._selected(len(genes), rng)] for _ in range(2))
        children = self._mutated(self._crossed(mother, father, rng), rng)
        return self.novel(children, rng, before=self.next_number, vary=self._mutated)

    def _replaced(self, survivors: Ints, offspring: Ints) -> Ints:
        """Give the numbers of the next parents, best first."""
        everyone = self._ordered(np.concatenate([survivors, offspring]))
        n_elites = self.population // 2 if self.elites is None else self.elites
        elites = everyone[:n_elites]
        youth = everyone[~np.isin(everyone, elites) & np.isin(everyone, offspring)]
        return self._ordered(np.concatenate([elites, youth])[: self.population])

    def _ordered(self, numbers: Ints) -> Ints:
        """Give numbers from best to worst."""
        return numbers[pareto.order(self.history.losses[self.history.rows(numbers)])]

    def _selected(self, n_parents: int, rng: np.random.Generator) -> Ints:
        """Give the places of parents (sorted from best to worst), one for each child."""
        if self.selection == "truncation":
            better = max(1, round(TRUNCATED * n_parents))
            return rng.integers(better, size=self.population)
        drawn = rng.integers(n_parents, size=(self.population, self.tournament_size))
        return np.asarray(drawn.min(axis=1))

    def _crossed(self, mother: Floats, father: Floats, rng: np.random.Generator) -> Floats:
        n, d = mother.shape
        if self.crossover == "uniform":
            mask = variation.uniform_mask(n, d, rng)
        else:
            mask = variation.point_mask(n, d, 1 if self.crossover == "one_point" else 2, rng)
        mask &= rng.random((n, 1)) < self.crossover_probability
        return np.where(mask, father, mother)

    def _mutated(self, children: Floats, rng: np.random.Generator) -> Floats:
        for layout in self.space.sequences:
            children = self._changed_length(children, layout, rng)
        probability: Any = self.mutation_probability
        if probability is None:
            probability = 1.0 / np.maximum(1, self.space.active(children).sum(axis=1))[:, None]
        return variation.mutated(
            children,
            self.space.levels,
            self.space.ordered,
            rng,
            probability=probability,
            step=self.step_probability,
            scale=self.mutation_scale,
        )

    def _changed_length(
        self, children: Floats, layout: SequenceLayout, rng: np.random.Generator
    ) -> Floats:
        """Insert a random layer, double one, or delete one, within the bounds of the length."""
        n = len(children)
        lengths = layout.lengths(children)
        longer = rng.random(n) < 2 / 3
        doubled = rng.random(n) < 0.5
        places = np.floor(rng.random(n) * np.maximum(lengths + longer, 1)).astype(np.int64)
        fresh = rng.random((n, layout.slot))
        chosen = rng.random(n) < self.length_probability

        slots = layout.slots(children)
        source = np.minimum(places, np.maximum(lengths - 1, 0))
        copies = slots[np.arange(n), source]
        layers = np.where((doubled & (lengths > 0))[:, None], copies, fresh)
        grown = variation.lengthened(slots, np.minimum(places, layout.max_length - 1), layers)
        shrunk = variation.shortened(slots, np.minimum(places, layout.max_length - 1))

        grows = chosen & longer & (lengths < layout.max_length)
        shrinks = chosen & ~longer & (lengths > layout.min_length)
        slots = np.where(grows[:, None, None], grown, slots)
        slots = np.where(shrinks[:, None, None], shrunk, slots)
        return layout.replaced(children, lengths + grows - shrinks.astype(np.int64), slots)


def _whole(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise SettingError(f"{name} must be an int of at least {least}, but got {value!r}")
    return value


def _share(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise SettingError(f"{name} must be a number in [0, 1], but got {value!r}")
    return float(value)


def _one_of(name: str, value: Any, known: tuple[str, ...]) -> str:
    if value not in known:
        raise UnknownNameError(name, str(value), known)
    return str(value)
