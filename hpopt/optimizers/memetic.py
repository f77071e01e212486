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
from hpopt.core.origin import Origin
from hpopt.core.proposals import Floats
from hpopt.errors import SettingError
from hpopt.names import known_name
from hpopt.optimizers.batches import Batches, BatchGenerator, Ints, Results
from hpopt.optimizers.genetic.generational import Generational, individuals
from hpopt.optimizers.genetic.population import Population
from hpopt.optimizers.registry import ADVICE, BY_NAME, SPELLINGS, make_optimizer

OWN = "algorithm of your own"


@dataclass(slots=True)
class LocalSearch:
    """The state of local search between generations.

    Attributes
    ----------
    best : Population
        The best individuals so far.
    n_all, n_local : int
        The number of results, and of those from local search.
    """

    best: Population
    n_all: int = 0
    n_local: int = 0


class Memetic(Batches):
    """Evolve a population, and after each generation look around its best individuals.

    Use it where neighbours of a good config are likely to be good, and where evaluations are few:
    local search refines the results of the genetic algorithm sooner than mutation does. On rugged
    landscapes lower `local_share`, or use the genetic algorithm alone.

    After each generation, while fewer than `local_share` of all evaluations are local::

        poll        = new neighbours on the grid of the `individuals` best so far: those of the
                      best one first, in random order, as many as the share allows
        improvement = the best neighbour, if it is better than the individual that it came from
        the improvement replaces that individual in the population

    Improvements are polled next, so that local search climbs while it succeeds. All neighbours of a
    poll may be evaluated at the same time.

    Parameters
    ----------
    algorithm : str, mapping or Generational
        The genetic algorithm: a name (`"genetic"`, `"menndl"`, …), a mapping with name and
        arguments (``{"name": "genetic", "population": 50}``), or an instance that is not bound.
    local_share : float, in [0, 1)
        The largest share of local search in all evaluations, after any batch.
    individuals : int, >= 1
        How many of the best have their neighbours polled.
    resolution : int, >= 2
        The number of grid points of a continuous parameter.
    """

    name: ClassVar[str] = "memetic"
    plain: ClassVar[str] = "breeding configs from the best so far, and improving those"
    _start_generation = 0

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
        """Return the arguments as JSON data, the algorithm's too."""
        algorithm: dict[str, Any] = {OWN: repr(self.algorithm)}
        if BY_NAME.get(self.algorithm.name) is type(self.algorithm):
            algorithm = {"name": self.algorithm.name, **self.algorithm.settings()}
        return super().settings() | {"algorithm": algorithm}

    def _setup(self) -> None:
        super()._setup()
        self._evolution = self.host(self.algorithm)

    def _batches(self) -> BatchGenerator:
        local = LocalSearch(Population.known(self.knowledge, self.individuals))
        evolution = self._evolution.evolution()
        points = next(evolution)
        for generation in count():
            results = yield points
            self._update(results, local)
            improved = yield from self._climb(individuals(results), generation, local)
            try:
                points = evolution.send(Results(improved.numbers, improved.points, improved.losses))
            except StopIteration:
                return

    def _update(self, results: Results, local: LocalSearch) -> None:
        local.best = local.best.followed_by(individuals(results)).best(self.individuals)
        local.n_all += len(results.numbers)

    def _climb(
        self, generation: Population, number: int, local: LocalSearch
    ) -> Generator[Floats, Results, Population]:
        """Poll around the best; return the generation with improvements in place of them."""
        turn = 0
        while True:
            # Keyed by generation and turn: how long one climb lasts does not change the next.
            points, origins = self._poll(self.generator(number, turn), local)
            if not len(points):
                return generation
            polled = local.best
            parents = polled.numbers[origins].tolist()
            self.note_origins(points, [Origin(number, (parent,)) for parent in parents])
            turn += 1
            results = yield points
            self._update(results, local)
            local.n_local += len(points)
            for origin in np.unique(origins).tolist():
                found = individuals(results).take(np.flatnonzero(origins == origin))
                better = _better(found, polled.losses[origin])
                if len(better):
                    others = np.flatnonzero(generation.numbers != polled.numbers[origin])
                    generation = generation.take(others).followed_by(better)

    def _poll(self, rng: np.random.Generator, local: LocalSearch) -> tuple[Floats, Ints]:
        """Return new neighbours of the best, and the place of the one each comes from."""
        room = self._room(local)
        if room < 1:
            return np.empty((0, self.space.d)), np.empty(0, dtype=np.int64)
        polls = [
            rng.permutation(self.space.snap(self.space.neighbour_points(point, self.resolution)))
            for point in local.best.points
        ]
        points = np.concatenate([np.empty((0, self.space.d)), *polls])
        origins = np.repeat(np.arange(len(polls)), [len(poll) for poll in polls])
        fresh = np.flatnonzero(self.unknown(points, before=self.next_number))[:room]
        return points[fresh], origins[fresh]

    def _room(self, local: LocalSearch) -> int:
        """Return the largest b with n_local + b <= local_share · (n_all + b)."""
        left = self.local_share * local.n_all - local.n_local
        return math.floor(left / (1.0 - self.local_share) + 1e-9)  # 1e-9: 3 may be 2.9999999999


def _better(found: Population, losses: Floats) -> Population:
    """Return the best individual that dominates losses (m,); empty without one."""
    dominates = (found.losses <= losses).all(axis=1) & (found.losses < losses).any(axis=1)
    return found.take(np.flatnonzero(dominates)).best(1)


def _algorithm_of(value: Any) -> Generational:
    """Return the genetic algorithm of an argument."""
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
