"""The machinery of genetic algorithms without generations: each result counts at once."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from hpopt.core import Optimizer, Trial
from hpopt.core.proposals import Floats
from hpopt.optimizers.genetic.generational import Parts
from hpopt.optimizers.genetic.parts import described
from hpopt.optimizers.genetic.population import Population


class Asynchronous(Optimizer):
    """Breed each solution from the population as it is when it is asked for.

    Subclass it and write `_parts`; the subclass has a `population`. No result is waited for::

        first `population` solutions: drawn
        solution k = mutate(cross(select(population)))     drawn with generator(k)
        each result: population = replace(population, it)   in the order of their telling

    Which results are told when solution k is asked depends on timing. A study records it, so
    that going on is exact; and with ``window=w`` it is the same at up to w workers.

    Attributes
    ----------
    population : int
    """

    population: int

    @abstractmethod
    def _parts(self) -> Parts:
        """Give what it is assembled from; adaptation and restart are not looked at."""

    def settings(self) -> dict[str, Any]:
        """Give its arguments as JSON data, parts too."""
        parts = {name: described(getattr(self, name)) for name in self.argument_names()}
        return super().settings() | parts

    def _setup(self) -> None:
        self._made_of = self._parts()
        self._learned()

    def _learned(self) -> None:
        known = Population.known(self.knowledge, self.population)
        self._living = known.take(np.arange(len(known))[::-1])  # the best age last
        self._n_drawn = max(len(self.start), self.population - len(known))

    def _ask(self, number: int, n: int) -> Floats:
        if number < self._n_drawn:
            return self._first(number)
        rng = self.generator(number)
        if len(self._living):
            points = self._made_of.bred(self._living, 1, self.space, rng)
        else:
            points = self._made_of.initialisation.draw(1, self.space, rng)
        return self.novel(points, rng, before=number, vary=self._made_of.vary(self.space))

    def _first(self, number: int) -> Floats:
        """Give those of the first population from a number on."""
        first, rng = len(self.start), self.generator(0)
        points = self._made_of.initialisation.draw(self._n_drawn - first, self.space, rng)
        return self.novel(points, rng, before=first)[number - first :]

    def _tell(self, trials: Sequence[Trial]) -> None:
        told = len(self.history) - len(trials)
        for row in range(told, len(self.history)):
            rows = np.array([row])
            one = Population(
                self.history.numbers[rows], self.history.points[rows], self.history.losses[rows]
            )
            self._living = self._made_of.replacement.replace(self._living, one, self.population)
