"""The base class of genetic algorithms that work in generations, assembled from parts."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from hpopt.core.proposals import Vary
from hpopt.optimizers.batches import Batches, BatchGenerator, LazyBatch, Results
from hpopt.optimizers.genetic.parts import (
    Adaptation,
    Crossover,
    Initialisation,
    Mutation,
    Replacement,
    Restart,
    Selection,
    as_data,
)
from hpopt.optimizers.genetic.population import Floats, Ints, Population
from hpopt.optimizers.genetic.screening import Screening
from hpopt.space import Space


class Bred(NamedTuple):
    """Children.

    Attributes
    ----------
    points : ndarray (n, d), in [0, 1]
    parents : ndarray (n, 2) of int
        The numbers of the two that each has genes of, twice the same where it is only one.
    """

    points: Floats
    parents: Ints


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a genetic algorithm.

    Attributes
    ----------
    initialisation : Initialisation
    selection : Selection
    crossover : Crossover
    mutation : tuple of Mutation
        Applied one after the other.
    replacement : Replacement
    adaptation : Adaptation, optional
    restart : Restart, optional
    screening : Screening, optional
    """

    initialisation: Initialisation
    selection: Selection
    crossover: Crossover
    mutation: tuple[Mutation, ...]
    replacement: Replacement
    adaptation: Adaptation | None = None
    restart: Restart | None = None
    screening: Screening | None = None

    def mutate(self, points: Floats, space: Space, rng: np.random.Generator) -> Floats:
        """Return points after all mutations."""
        for mutation in self.mutation:
            points = mutation.mutate(points, space, rng)
        return points

    def vary(self, space: Space) -> Vary:
        """Return the function that mutates children that were proposed before."""
        insistent = replace(self, mutation=tuple(m.insistent(space) for m in self.mutation))

        def mutate_again(points: Floats, rng: np.random.Generator) -> Floats:
            return insistent.mutate(points, space, rng)

        return mutate_again

    def breed(self, parents: Population, n: int, space: Space, rng: np.random.Generator) -> Bred:
        """Return n children of selected parents, crossed and mutated."""
        pairs = self.selection.select(parents.losses, n, rng)
        mothers, fathers = parents.points[pairs[:, 0]], parents.points[pairs[:, 1]]
        children = self.crossover.cross(mothers, fathers, space, rng)
        numbers = parents.numbers[pairs]
        # A child that is one of the two again, before mutation, has nothing of the other.
        is_mother, is_father = (children == mothers).all(axis=1), (children == fathers).all(axis=1)
        numbers[is_mother, 1] = numbers[is_mother, 0]
        numbers[is_father & ~is_mother, 0] = numbers[is_father & ~is_mother, 1]
        return Bred(self.mutate(children, space, rng), numbers)


class Generational(Batches):
    """Evolve a population generation by generation.

    Subclass it and write `_parts`; the subclass has the attributes below. Generation g is drawn
    with ``generator(g)`` and follows from the results of those before, so the search is the same
    at any number of workers::

        parents = replace(nobody, best known ones + as many drawn ones as are missing)
        for each generation:
            if restart: parents = replace(nobody, carried best + drawn ones)
            otherwise:  offspring = mutate(cross(select(parents)))
                        parents = replace(parents, offspring)
                        mutations = adapt(mutations, parents before, parents after)

    A child that was proposed before is mutated again, each time with at least one expected change,
    until it is new.

    Attributes
    ----------
    population : int
        Individuals in the first generation, and parents that a replacement keeps.
    offspring : int, optional
        Children in each later generation; None for as many as the population has.
    generations : int, optional
        After how many the search ends; None for never.
    """

    population: int
    offspring: int | None = None
    generations: int | None = None
    _start_generation = 0

    @abstractmethod
    def _parts(self) -> Parts:
        """Return the parts, made of the arguments."""

    def _breed(
        self, parts: Parts, parents: Population, n: int, space: Space, rng: np.random.Generator
    ) -> Bred:
        """Return n children of parents; see `Parts.breed`."""
        return parts.breed(parents, n, space, rng)

    def settings(self) -> dict[str, Any]:
        """Return the arguments, parts too, as JSON data."""
        parts = {name: as_data(getattr(self, name)) for name in self.argument_names()}
        return super().settings() | parts

    @property
    def n_possible(self) -> float:
        """The largest number of solutions that it can ask for: an int, or inf."""
        if self.generations is None:
            return self.space.size
        first = max(self.population, len(self.start))
        later = (self.generations - 1) * (self.offspring or self.population)
        return min(self.space.size, first + later)

    def _batches(self) -> BatchGenerator:
        return self.evolution()

    def evolution(self) -> BatchGenerator:
        """Yield generations, and receive their results.

        A host that drives it may send other individuals than those that were yielded.
        """
        nobody = Population.known(self.knowledge, 0)
        parents = Population.known(self.knowledge, self.population)
        missing = max(0, self.population - len(parents) - len(self.start))
        parts = start = self._parts()
        # Generators are keyed by generation, so that a draw does not depend on those before it.
        turns: Iterator[int] = iter(range(self.generations) if self.generations else count())
        if missing or not len(parents):
            first = yield self._initial(missing, next(turns))
            parents = parents.followed_by(individuals(first))
        parents = parts.replacement.replace(nobody, parents, self.population)
        ideals = _ideals(parents)
        for generation in turns:
            carried = None if parts.restart is None else parts.restart.carried(np.array(ideals))
            if not len(parents):
                carried = 0  # the replacement has left nobody to breed from
            if carried is None:
                offspring = yield self._offspring(parts, parents, generation)
                before = parents
                parents = parts.replacement.replace(before, individuals(offspring), self.population)
                if parts.adaptation is not None:
                    adapted = parts.adaptation.adapt(parts.mutation, before, parents)
                    parts = replace(parts, mutation=adapted)
            else:
                # At least one individual is drawn: with none a generation would be empty.
                kept = parents.best(min(carried, self.population - 1))
                drawn = yield self._initial(self.population - len(kept), generation)
                everyone = kept.followed_by(individuals(drawn))
                parents = parts.replacement.replace(nobody, everyone, self.population)
                parts, ideals = start, []
            ideals += _ideals(parents)

    def _initial(self, n: int, generation: int) -> LazyBatch:
        def draw(first: int) -> Floats:
            rng = self.generator(generation)
            points = self._parts().initialisation.draw(n, self.space, rng)
            return self.novel(points, rng, before=first, generation=generation)

        return LazyBatch(n, draw)

    def _offspring(self, parts: Parts, parents: Population, generation: int) -> LazyBatch:
        n = self.offspring or self.population

        def draw(first: int) -> Floats:
            rng = self.generator(generation)
            screening = parts.screening
            n_bred = n if screening is None else n * screening.candidates
            children, made_from = self._breed(parts, parents, n_bred, self.space, rng)
            if screening is not None:
                # Repaired first: the model must judge what would be evaluated.
                children = self.space.repaired(children, rng)
                groups = children.reshape(n, screening.candidates, self.space.d)
                children = screening.chosen(groups, self._observations(first), self.space)
                places = (groups == children[:, None]).all(axis=2).argmax(axis=1)
                made_from = made_from.reshape(n, screening.candidates, 2)[np.arange(n), places]
            return self.novel(
                children,
                rng,
                before=first,
                vary=parts.vary(self.space),
                generation=generation,
                parents=made_from.tolist(),
            )

        return LazyBatch(n, draw)

    def _observations(self, first: int) -> Population:
        """Return the observations before this number, in the order of numbers."""
        numbers = np.arange(first)
        rows = self.history.rows(numbers)
        told = Population(numbers, self.history.points[rows], self.history.losses[rows])
        return Population.known(self.knowledge, len(self.knowledge)).followed_by(told)


def individuals(results: Results) -> Population:
    """Return the results of a batch as individuals."""
    return Population(results.numbers, results.points, results.losses)


def _ideals(parents: Population) -> list[Floats]:
    return [parents.ideal()] if len(parents) else []
