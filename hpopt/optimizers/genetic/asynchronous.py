"""The base class of genetic algorithms without generations, which learn from each result."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from hpopt.core import Optimizer, Trial
from hpopt.core.proposals import Floats
from hpopt.optimizers.genetic.generational import Parts
from hpopt.optimizers.genetic.parts import as_data
from hpopt.optimizers.genetic.population import Population


class Asynchronous(Optimizer):
    """Breed each solution from the population as it is when it is asked for.

    Subclass it and write `_parts`; the subclass has a `population`. No result is waited for::

        first `population` solutions: the initialisation
        solution k = mutate(cross(select(population)))      with generator(k)
        each result: population = replace(population, it)   in the order of telling

    Which results are there when solution k is asked depends on timing. A study records it, so that
    resuming is exact; and with ``window=w`` the search is the same at up to w workers.

    Attributes
    ----------
    population : int
    """

    population: int

    @abstractmethod
    def _parts(self) -> Parts:
        """Return the parts, made of the arguments; adaptation and restart are not used."""

    def settings(self) -> dict[str, Any]:
        """Return the arguments, parts too, as JSON data."""
        parts = {name: as_data(getattr(self, name)) for name in self.argument_names()}
        return super().settings() | parts

    def _setup(self) -> None:
        self._assembled = self._parts()
        self._learned()

    def _learned(self) -> None:
        known = Population.known(self.knowledge, self.population)
        self._living = known.take(np.arange(len(known))[::-1])  # worst first: the best ages last
        self._n_drawn = max(len(self.start), self.population - len(known))

    def _ask(self, number: int, n: int) -> Floats:
        if number < self._n_drawn:
            return self._first(number)
        rng = self.generator(number)
        if len(self._living):
            points, made_from = self._assembled.breed(self._living, 1, self.space, rng)
            parents = made_from.tolist()
        else:
            points, parents = self._assembled.initialisation.draw(1, self.space, rng), None
        vary = self._assembled.vary(self.space)
        return self.novel(points, rng, before=number, vary=vary, parents=parents)

    def _first(self, number: int) -> Floats:
        first, rng = len(self.start), self.generator(0)
        points = self._assembled.initialisation.draw(self._n_drawn - first, self.space, rng)
        return self.novel(points, rng, before=first)[number - first :]

    def _tell(self, trials: Sequence[Trial]) -> None:
        # One by one, as if each had been told by itself: the order of a journal is exact.
        told = len(self.history) - len(trials)
        for row in range(told, len(self.history)):
            rows = np.array([row])
            one = Population(
                self.history.numbers[rows], self.history.points[rows], self.history.losses[rows]
            )
            self._living = self._assembled.replacement.replace(self._living, one, self.population)
