"""Differential evolution for mixed spaces.

Storn & Price 1997, https://doi.org/10.1023/A:1008202821328; adaptation as in Zhang & Sanderson
2009 (JADE), https://doi.org/10.1109/TEVC.2009.2014613.
"""

from __future__ import annotations

from itertools import count
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hpopt.checks import flag, number, one_of, share, whole
from hpopt.core.objective import one_objective
from hpopt.core.proposals import Floats
from hpopt.numerics import differential, variation
from hpopt.numerics.sampling import latin_hypercube
from hpopt.optimizers.batches import Batches, BatchGenerator
from hpopt.optimizers.genetic.generational import individuals
from hpopt.optimizers.genetic.population import Population

Ints = NDArray[np.int64]

STRATEGIES = ("rand/1", "best/1", "current-to-best/1")
LEARNING_RATE = 0.1  # JADE's c, of the means of F and CR
VARIED = 0.1  # scale of the mutation of known configs, as in the genetic algorithm


class DifferentialEvolution(Batches):
    """Move each member of a population by the differences between others; keep what is no worse.

    Use it for a dozen or more parameters, mostly numbers, with some hundreds of evaluations: the
    differences adapt to the scale and the direction of the landscape. With mostly categorical
    parameters a genetic algorithm is better. It waits at the end of each generation.

    For each member x_i of the population, with different members r1, r2, r3 drawn for it::

        v = x_r1   + F (x_r2 - x_r3)                               rand/1
            x_best + F (x_r1 - x_r2)                               best/1
            x_i    + F (x_best - x_i) + F (x_r1 - x_r2)            current-to-best/1
        u = v, for each gene with probability CR and for one at least, else x_i
        x_i = u where f(u) <= f(x_i)

    The difference of two choices means nothing: the gene of a categorical parameter comes from
    one of the members above, with equal probability. A gene beyond its range is reflected. The
    length of a list is an ordered gene; inactive layers beyond it are kept and take part in the
    differences. A trial vector that has been proposed before is mutated until it is new.

    Parameters
    ----------
    population : int, >= 4
    strategy : {"current-to-best/1", "rand/1", "best/1"}
    best_share : float, in [0, 1]
        The share of the population that x_best is drawn from, for each member; 0 is the best.
    weight : float, in (0, 2]
        F; with `adaptive` its first mean.
    crossover_rate : float, in [0, 1]
        CR; with `adaptive` its first mean.
    adaptive : bool
        Whether F and CR are sampled for each member around means that move towards those that led
        to better members (JADE).
    """

    name: ClassVar[str] = "differential_evolution"
    plain: ClassVar[str] = "moving configs along the differences between others"
    _start_generation = 0

    def __init__(
        self,
        *,
        population: int = 10,
        strategy: str = "current-to-best/1",
        best_share: float = 0.2,
        weight: float = 0.5,
        crossover_rate: float = 0.5,
        adaptive: bool = False,
    ) -> None:
        self.population = whole("population", population, 4)
        self.strategy = one_of("strategy", strategy, STRATEGIES)
        self.best_share = share("best_share", best_share)
        self.weight = number("weight", weight, 1e-3, 2.0)
        self.crossover_rate = share("crossover_rate", crossover_rate)
        self.adaptive = flag("adaptive", adaptive)

    def _setup(self) -> None:
        one_objective(self.name, self.objectives)
        super()._setup()

    def _batches(self) -> BatchGenerator:
        members = Population.known(self.knowledge, self.population)
        missing = max(0, self.population - len(members) - len(self.start))
        weight, rate = self.weight, self.crossover_rate
        if missing or self.start:
            rng = self.generator(0)
            points = self.space.half_drawn(latin_hypercube(missing, self.space.d, rng))
            results = yield self.novel(points, rng, before=self.next_number, generation=0)
            members = members.followed_by(individuals(results)).best(self.population)
        for generation in count(1):
            rng, n = self.generator(generation), len(members)
            weights, rates = self._sample_rates(weight, rate, n, rng)
            trials, parents = self._trial_vectors(members, weights, rates, rng)
            results = yield self.novel(
                trials,
                rng,
                before=self.next_number,
                vary=self._mutate,
                generation=generation,
                parents=members.numbers[parents].tolist(),
            )
            # At the end of a finite space fewer come back than there are members.
            rows = np.arange(len(results.numbers))
            old, new = members.losses[rows, 0], results.losses[:, 0]
            better = new < old  # JADE learns from strict successes; equal losses replace as well
            if self.adaptive and better.any():
                mean_weight = differential.lehmer_mean(weights[rows][better])
                weight += LEARNING_RATE * (mean_weight - weight)
                rate += LEARNING_RATE * (float(rates[rows][better].mean()) - rate)
            places = np.arange(n)
            places[rows[new <= old]] = n + rows[new <= old]
            members = members.followed_by(individuals(results)).take(places)

    def _sample_rates(
        self, weight: float, rate: float, n: int, rng: np.random.Generator
    ) -> tuple[Floats, Floats]:
        """Return F and CR of each member, shape (n, 1)."""
        if not self.adaptive:
            return np.full((n, 1), weight), np.full((n, 1), rate)
        return (
            differential.sample_weights(weight, n, rng),
            differential.sample_rates(rate, n, rng),
        )

    def _trial_vectors(
        self, members: Population, weights: Floats, rates: Floats, rng: np.random.Generator
    ) -> tuple[Floats, Ints]:
        """Return the trial vector of each member, (n, d), and the places of its parents, (n, k)."""
        points, (n, d) = members.points, members.points.shape
        if n < 4:  # a space of so few configs has no three others to take differences of
            return rng.random((n, d)), np.empty((n, 0), dtype=np.int64)
        partners = differential.distinct_partners(n, 3, rng)
        first, second, third = points[partners].transpose(1, 0, 2)
        places = self._best(members, rng)
        best = points[places]
        if self.strategy != "rand/1":  # best in the place of the third
            partners = np.column_stack([places, partners[:, :2]])
        if self.strategy == "rand/1":
            sources = first, second, third
            mutants = differential.mutants(first, second, third, weights=weights)
        elif self.strategy == "best/1":
            sources = best, first, second
            mutants = differential.mutants(best, first, second, weights=weights)
        else:
            sources = best, first, second
            mutants = differential.mutants(points, best, points, first, second, weights=weights)
        drawn = rng.integers(3, size=(n, d))
        chosen = np.choose(drawn, sources)
        mutants = np.where(self.space.ordered, mutants, chosen)
        crossed = np.where(differential.binomial_mask(n, d, rates, rng), mutants, points)
        return crossed, np.column_stack([np.arange(n), partners])

    def _best(self, members: Population, rng: np.random.Generator) -> Ints:
        """Return the place of x_best for each member, shape (n,)."""
        order = np.argsort(members.losses[:, 0], kind="stable")
        n_best = max(1, round(self.best_share * len(order)))
        return order[rng.integers(n_best, size=len(order))]

    def _mutate(self, points: Floats, rng: np.random.Generator) -> Floats:
        return variation.mutate(
            points,
            self.space.levels,
            self.space.ordered,
            rng,
            probability=1.0 / np.maximum(1, self.space.active(points).sum(axis=1))[:, None],
            step=0.5,
            scale=VARIED,
        )
