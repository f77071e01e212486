"""Simulated annealing of several chains at once, for mixed spaces.

Kirkpatrick, Gelatt & Vecchi 1983, "Optimization by simulated annealing",
https://doi.org/10.1126/science.220.4598.671
"""

from __future__ import annotations

from itertools import count
from typing import ClassVar

import numpy as np

from hpopt.checks import number, positive, share, whole
from hpopt.core.problem import one_objective
from hpopt.core.proposals import Floats
from hpopt.errors import SettingError
from hpopt.numerics import annealing, variation
from hpopt.numerics.sampling import latin_hypercube
from hpopt.optimizers.batches import Batches, Plan
from hpopt.optimizers.genetic.generational import individuals
from hpopt.optimizers.genetic.mutation import Length
from hpopt.optimizers.genetic.population import Population

LENGTHS = Length(probability=0.2)


class SimulatedAnnealing(Batches):
    """Let chains of configs wander, at first also uphill, ever less as they cool.

    Use it on mixed spaces with many local optima where single changes make sense: lists of
    layers, choices, conditions. It needs few settings and its work between evaluations is next
    to nothing. For mostly ordered parameters a neighbourhood search is quicker, for hundreds of
    workers a genetic algorithm better. Each batch is one proposal of each chain.

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

    The schedule does not ask for the number of trials: it cools in rounds, each as good as it
    can be, and the next one begins at what was found.

    Parameters
    ----------
    chains : int, >= 1
        Each chain proposes one config a batch: as many evaluations run at the same time.
    temperature : float, > 0
        The first one, in units of the spread of the losses seen so far.
    cooling : float, in (0, 1)
        The factor from batch to batch.
    coldest : float, > 0, below temperature * reheat
        Where a round ends.
    reheat : float, in (0, 1]
        The share of `temperature` that later rounds begin with.
    scale : float, > 0
        Standard deviation of an ordered gene's step at the first temperature, as a share of its
        range. A discrete one moves by one level at least.
    step_probability : float, in [0, 1]
        The share of an ordered gene's changes that step; the others are drawn anew.
    """

    name: ClassVar[str] = "annealing"

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

    def _batches(self) -> Plan:
        states = Population.known(self.knowledge, self.chains)
        losses = [self.knowledge.losses[:, 0]]
        missing = max(0, self.chains - len(states) - len(self.start))
        if missing or self.start:
            rng = self.generator(0)
            points = latin_hypercube(missing, self.space.d, rng)
            told = yield self.novel(points, rng, before=self.next_number)
            losses.append(told.losses[:, 0])
            states = states.joined(individuals(told)).best(self.chains)
        best, heat = states.best(1), self.temperature
        for batch in count(1):
            told = yield self._proposed(states.points, heat, self.generator(batch))
            losses.append(told.losses[:, 0])
            temperature = heat * annealing.loss_spread(np.concatenate(losses))
            proposals = individuals(told)
            states = self._moved(states, proposals, temperature, self.generator(batch, 1))
            best = best.joined(proposals).best(1)
            heat *= self.cooling
            if heat < self.coldest:
                heat = self.temperature * self.reheat
                states = self._begun_again(states, best)

    def _proposed(self, points: Floats, heat: float, rng: np.random.Generator) -> Floats:
        """Give a proposal for each chain."""
        scale = self.scale * np.sqrt(min(1.0, heat / self.temperature))

        def changed(points: Floats, rng: np.random.Generator) -> Floats:
            n, d = points.shape
            points = LENGTHS.mutate(points, self.space, rng)
            active = self.space.active(points)
            first = np.argmax(np.where(active, rng.random((n, d)), -1.0), axis=1)
            genes = rng.random((n, d)) < 1.0 / np.maximum(1, active.sum(axis=1))[:, None]
            genes[np.arange(n), first] = True
            steps = self.space.ordered & (rng.random((n, d)) < self.step_probability)
            moves, fresh = scale * rng.standard_normal((n, d)), rng.random((n, d))
            moved = variation.move_genes(points, self.space.levels, steps, moves, fresh)
            return np.where(genes, moved, points)

        return self.novel(changed(points, rng), rng, before=self.next_number, vary=changed)

    def _moved(
        self,
        states: Population,
        proposals: Population,
        temperature: float,
        rng: np.random.Generator,
    ) -> Population:
        """Give the states after the acceptance rule."""
        rows = np.arange(len(proposals))  # fewer than chains at the end of a finite space
        old, new = states.losses[rows, 0], proposals.losses[:, 0]
        accepted = annealing.accept_moves(old, new, temperature, rng.random(len(rows)))
        places = np.arange(len(states))
        places[rows[accepted]] = len(states) + rows[accepted]
        return states.joined(proposals).take(places)

    def _begun_again(self, states: Population, best: Population) -> Population:
        """Put the worse half of the chains where the best config is."""
        order = np.argsort(states.losses[:, 0], kind="stable")
        places = np.arange(len(states))
        places[order[len(states) // 2 :]] = len(states)
        return states.joined(best).take(places)
