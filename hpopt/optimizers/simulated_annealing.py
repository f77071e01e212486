"""Simulated annealing of several chains at once, for mixed spaces.

Kirkpatrick, Gelatt & Vecchi 1983, "Optimization by simulated annealing",
https://doi.org/10.1126/science.220.4598.671
"""

from __future__ import annotations

from itertools import count
from typing import ClassVar

import numpy as np

from hpopt.checks import number, positive, share, whole
from hpopt.core.objective import one_objective
from hpopt.core.proposals import Floats
from hpopt.errors import SettingError
from hpopt.numerics import annealing, variation
from hpopt.numerics.sampling import latin_hypercube
from hpopt.optimizers.batches import Batches, BatchGenerator
from hpopt.optimizers.genetic.generational import individuals
from hpopt.optimizers.genetic.mutation import Length
from hpopt.optimizers.genetic.population import Population

LENGTHS = Length(probability=0.2)


class SimulatedAnnealing(Batches):
    """Let chains of configs wander, at first also uphill, ever less as they cool.

    Use it on mixed spaces with many local optima where single changes make sense: lists of
    layers, choices, conditions. It needs few settings and hardly any time between evaluations. For
    mostly ordered parameters a neighbourhood search is quicker, for hundreds of workers a genetic
    algorithm is better. A batch has one proposal of each chain.

    ::

        each chain begins at a point of a Latin hypercube; t = `temperature`
        repeat:
            proposal = a chain's point with one gene changed, and each other with 1 / n_genes
                (an ordered gene steps by N(0, scale * sqrt(t / temperature)) or is drawn anew);
                with probability 0.2 a list gains or loses a layer
            T = t * (median - minimum of all finite losses so far)
            the chain moves there with probability min(1, exp(-(new - old) / T))
            t = cooling * t
            below `coldest`: t = `temperature` * reheat, and the worse half of the chains begin
                again at the best config so far

    The schedule does not depend on the number of trials: it cools in rounds, and the worse half of
    the chains begins each at the best config so far.

    Parameters
    ----------
    chains : int, >= 1
        The number of chains, and so of evaluations that run at the same time.
    temperature : float, > 0
        The first one, in units of the spread of the losses so far.
    cooling : float, in (0, 1)
        The factor from batch to batch.
    coldest : float, > 0, below temperature * reheat
        Where a round ends.
    reheat : float, in (0, 1]
        The share of `temperature` that later rounds begin at.
    scale : float, > 0
        Standard deviation of an ordered gene's step at the first temperature, as a share of its
        range. A discrete one moves by one level at least.
    step_probability : float, in [0, 1]
        The share of an ordered gene's changes that step; the others are drawn anew.
    """

    name: ClassVar[str] = "annealing"
    plain: ClassVar[str] = "walking from config to neighbours, ever more rarely to worse ones"

    def __init__(
        self,
        *,
        chains: int = 4,
        temperature: float = 0.05,
        cooling: float = 0.9,
        coldest: float = 0.002,
        reheat: float = 0.5,
        scale: float = 0.2,
        step_probability: float = 0.8,
    ) -> None:
        self.chains = whole("chains", chains, 1)
        self.temperature = positive("temperature", temperature)
        self.cooling = number("cooling", cooling, 0.01, 0.9999)
        self.coldest = positive("coldest", coldest)
        self.reheat = number("reheat", reheat, 0.01, 1.0)
        self.scale = positive("scale", scale)
        self.step_probability = share("step_probability", step_probability)
        if not coldest < temperature * reheat:
            raise SettingError(
                f"coldest < temperature * reheat must hold, but got coldest={coldest}, "
                f"temperature={temperature}, reheat={reheat}"
            )

    def _setup(self) -> None:
        one_objective(self.name, self.objectives)
        super()._setup()

    def _batches(self) -> BatchGenerator:
        states = Population.known(self.knowledge, self.chains)
        losses = [self.knowledge.losses[:, 0]]
        missing = max(0, self.chains - len(states) - len(self.start))
        if missing or self.start:
            rng = self.generator(0)
            points = self.space.half_drawn(latin_hypercube(missing, self.space.d, rng))
            results = yield self.novel(points, rng, before=self.next_number)
            losses.append(results.losses[:, 0])
            states = states.followed_by(individuals(results)).best(self.chains)
        best, heat = states.best(1), self.temperature
        for batch in count(1):
            results = yield self._proposals(states, heat, self.generator(batch))
            losses.append(results.losses[:, 0])
            # In units of the losses' spread, so that their scale does not matter.
            temperature = heat * annealing.loss_spread(np.concatenate(losses))
            proposals = individuals(results)
            states = self._accept(states, proposals, temperature, self.generator(batch, 1))
            best = best.followed_by(proposals).best(1)
            heat *= self.cooling
            if heat < self.coldest:
                heat = self.temperature * self.reheat
                states = self._restart_worse_half(states, best)

    def _proposals(self, states: Population, heat: float, rng: np.random.Generator) -> Floats:
        scale = self.scale * np.sqrt(min(1.0, heat / self.temperature))

        def change_genes(points: Floats, rng: np.random.Generator) -> Floats:
            n, d = points.shape
            points = LENGTHS.mutate(points, self.space, rng)
            active = self.space.active(points)
            first = np.argmax(np.where(active, rng.random((n, d)), -1.0), axis=1)
            genes = rng.random((n, d)) < 1.0 / np.maximum(1, active.sum(axis=1))[:, None]
            genes[np.arange(n), first] = True  # one change at least
            steps = self.space.ordered & (rng.random((n, d)) < self.step_probability)
            moves, fresh = scale * rng.standard_normal((n, d)), rng.random((n, d))
            moved = variation.move_genes(points, self.space.levels, steps, moves, fresh)
            return np.where(genes, moved, points)

        return self.novel(
            change_genes(states.points, rng),
            rng,
            before=self.next_number,
            vary=change_genes,
            parents=states.numbers[:, None].tolist(),
        )

    def _accept(
        self,
        states: Population,
        proposals: Population,
        temperature: float,
        rng: np.random.Generator,
    ) -> Population:
        """Return the states after the acceptance rule."""
        rows = np.arange(len(proposals))  # fewer than chains at the end of a finite space
        old, new = states.losses[rows, 0], proposals.losses[:, 0]
        accepted = annealing.accept_moves(old, new, temperature, rng.random(len(rows)))
        places = np.arange(len(states))
        places[rows[accepted]] = len(states) + rows[accepted]
        return states.followed_by(proposals).take(places)

    def _restart_worse_half(self, states: Population, best: Population) -> Population:
        """Return the states with the worse half of the chains at the best config."""
        order = np.argsort(states.losses[:, 0], kind="stable")
        places = np.arange(len(states))
        places[order[len(states) // 2 :]] = len(states)
        return states.followed_by(best).take(places)
