"""A genetic algorithm with local search from its best individuals.

Moscato 1989, "On evolution, search, optimization, genetic algorithms and martial arts: towards
memetic algorithms"; for networks proposed by Aszemi & Dominic 2019, §V,
https://doi.org/10.14569/IJACSA.2019.0100638
"""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, ClassVar

import numpy as np

from hpopt.checks import number, whole
from hpopt.core.proposals import Floats
from hpopt.errors import SettingError
from hpopt.names import known_name
from hpopt.optimizers.batches import Batches, Ints, Plan, Told
from hpopt.optimizers.genetic.generational import Generational, individuals
from hpopt.optimizers.genetic.population import Population
from hpopt.optimizers.registry import ADVICE, BY_NAME, SPELLINGS, make_optimizer

OWN = "algorithm of your own"


@dataclass(slots=True)
class Books:
    """What local search knows between generations.

    Attributes
    ----------
    best : Population
        The best individuals so far.
    n_all, n_local : int
        Evaluations told, and how many of them were local.
    """

    best: Population
    n_all: int = 0
    n_local: int = 0


class Memetic(Batches):
    """Evolve a population, and after each generation look around its best individuals.

    Use it where the landscape is smooth enough that a neighbour of a good config is likely to be
    good, and where evaluations are few: local search refines what the genetic algorithm finds,
    sooner than mutation does. On rugged landscapes lower `local_share`, or leave it out.

    After each generation, while fewer than `local_share` of all evaluations are local::

        poll        = unknown neighbours on the grid of the `individuals` best so far: those of
                      the best one first, in random order, as many as the share allows
        improvement = the best neighbour that is better than the individual that it came from
        the improvement takes that individual's place in the population

    Improvements are polled in turn, so a search that goes on finding better ones climbs. All
    neighbours of a poll may be evaluated at the same time.

    Parameters
    ----------
    algorithm : str, mapping or Generational
        The genetic algorithm: a name (`"genetic"`, `"menndl"`, …), its name and arguments
        (``{"name": "genetic", "population": 50}``), or one that is not bound.
    local_share : float, in [0, 1)
        How much of all evaluations local search may have; never more, after any batch.
    individuals : int, >= 1
        How many of the best are searched from.
    resolution : int, >= 2
        Into how many points the range of a continuous parameter is divided.
    """

    name: ClassVar[str] = "memetic"

    def __init__(
        self,
        *,
        algorithm: str | Mapping[str, Any] | Generational = "genetic",
        local_share: float = 0.3,
        individuals: int = 3,
        resolution: int = 21,
    ) -> None:
        self.algorithm = _algorithm_of(algorithm)
        self.local_share = number("local_share", local_share, 0.0, 1.0)
        if self.local_share == 1.0:
            raise SettingError(f"local_share must be less than 1, but got {local_share!r}")
        self.individuals = whole("individuals", individuals, 1)
        self.resolution = whole("resolution", resolution, 2)

    def settings(self) -> dict[str, Any]:
        """Give its arguments as JSON data, the algorithm's too."""
        algorithm: dict[str, Any] = {OWN: repr(self.algorithm)}
        if BY_NAME.get(self.algorithm.name) is type(self.algorithm):
            algorithm = {"name": self.algorithm.name, **self.algorithm.settings()}
        return super().settings() | {"algorithm": algorithm}

    def _setup(self) -> None:
        super()._setup()
        self._evolution = self.host(self.algorithm)

    def _batches(self) -> Plan:
        books = Books(Population.known(self.knowledge, self.individuals))
        evolution = self._evolution.evolution()
        points = next(evolution)
        for generation in count():
            told = yield points
            self._noted(told, books)
            improved = yield from self._climb(individuals(told), generation, books)
            try:
                points = evolution.send(Told(improved.numbers, improved.points, improved.losses))
            except StopIteration:
                return

    def _noted(self, told: Told, books: Books) -> None:
        books.best = books.best.joined(individuals(told)).best(self.individuals)
        books.n_all += len(told.numbers)

    def _climb(
        self, generation: Population, number: int, books: Books
    ) -> Generator[Floats, Told, Population]:
        """Look around the best; give the generation with what was found in place of them."""
        turn = 0
        while True:
            points, origins = self._poll(self.generator(number, turn), books)
            if not len(points):
                return generation
            polled = books.best
            turn += 1
            told = yield points
            self._noted(told, books)
            books.n_local += len(points)
            for origin in np.unique(origins).tolist():
                found = individuals(told).take(np.flatnonzero(origins == origin))
                better = _better(found, polled.losses[origin])
                if len(better):
                    others = np.flatnonzero(generation.numbers != polled.numbers[origin])
                    generation = generation.take(others).joined(better)

    def _poll(self, rng: np.random.Generator, books: Books) -> tuple[Floats, Ints]:
        """Give unknown neighbours of the best, and which of the best each belongs to."""
        room = self._room(books)
        if room < 1:
            return np.empty((0, self.space.d)), np.empty(0, dtype=np.int64)
        polls = [
            rng.permutation(self.space.snap(self.space.neighbour_points(point, self.resolution)))
            for point in books.best.points
        ]
        points = np.concatenate([np.empty((0, self.space.d)), *polls])
        origins = np.repeat(np.arange(len(polls)), [len(poll) for poll in polls])
        fresh = np.flatnonzero(self.unknown(points, before=self.next_number))[:room]
        return points[fresh], origins[fresh]

    def _room(self, books: Books) -> int:
        """Say how many local evaluations b keep n_local + b <= local_share · (n_all + b)."""
        left = self.local_share * books.n_all - books.n_local
        return math.floor(left / (1.0 - self.local_share) + 1e-9)


def _better(found: Population, losses: Floats) -> Population:
    """Give the best individual that is better than losses (m,) in all respects; or nobody."""
    dominates = (found.losses <= losses).all(axis=1) & (found.losses < losses).any(axis=1)
    return found.take(np.flatnonzero(dominates)).best(1)


def _algorithm_of(value: Any) -> Generational:
    """Give the genetic algorithm that a user means."""
    if isinstance(value, Mapping) and OWN in value:
        raise SettingError(
            f"algorithm was an {OWN}, {value[OWN]}, which cannot be made of data: give the "
            "optimizer with that algorithm again"
        )
    names = [name for name, made in BY_NAME.items() if issubclass(made, Generational)]
    arguments: dict[str, Any] = {}
    if isinstance(value, Mapping):
        arguments = {str(key): each for key, each in value.items() if key != "name"}
        value = value.get("name")
    if isinstance(value, str):
        kind = "algorithm (a generational one)"
        value = known_name(kind, value, names, aliases=SPELLINGS, advice=ADVICE)
        value = make_optimizer(value, arguments)
    if not isinstance(value, Generational):
        raise SettingError(
            f"algorithm must be one of {', '.join(map(repr, sorted(names)))}, a mapping such as "
            f'{{"name": "genetic", "population": 50}}, or a GeneticAlgorithm, but got {value!r}'
        )
    return value
