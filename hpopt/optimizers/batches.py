"""Strategies that think in batches: a generation, a poll of neighbours, a round.

Such a strategy is written as the loop that its paper prints, a generator that yields the points
of a batch and is sent what they gave.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpopt.core import Optimizer
from hpopt.core.proposals import Floats

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Told:
    """What the solutions of a batch gave, in the order of their numbers.

    Attributes
    ----------
    numbers : ndarray (n,) of int
    points : ndarray (n, d), in [0, 1]
    losses : ndarray (n, n_objectives)
        To be minimised; infinite where the evaluation gave no values.
    """

    numbers: Ints
    points: Floats
    losses: Floats


@dataclass(frozen=True, slots=True)
class Later:
    """A batch that is drawn only when it is asked for, not while a journal is told again.

    Attributes
    ----------
    n : int
        How many points it has, unless the space has no more.
    draw : callable
        Takes the number of the first one and returns them, shape (n, d), sent through `novel`
        with that number as `before`; called at once or never, so it may use what the plan holds.
    """

    n: int
    draw: Callable[[int], Floats]

    def __len__(self) -> int:
        return self.n


Plan = Generator[Floats | Later, Told, None]


class Batches(Optimizer):
    """Ask the points of a batch, wait until all of them are told, think, ask the next.

    Subclass it and write `_batches`. What was told drives the generator from its beginning, so
    all that it keeps in local variables follows from seed and history. All solutions of a batch
    may run at the same time, and the search is the same at any number of workers.
    """

    def _setup(self) -> None:
        self._plan: Plan | None = None
        self._begin = 0
        self._batch: Floats = np.empty((0, self.space.d))

    @abstractmethod
    def _batches(self) -> Plan:
        """Yield the points (n, d) of each batch, and receive what they gave.

        The first batch is that of ``len(self.start)`` configs of the user and what is yielded
        first; `Told` has both. Send points through `novel`, with ``before=self.next_number``.
        To return, or to yield no row, means that nothing is left to try. A batch that is costly
        to draw, and on which nothing else in the plan depends, is better yielded as `Later`.
        """

    @property
    def batch_size(self) -> float:
        """How many solutions it asks for before it waits for their results: the batch's size."""
        return len(self._batch) or math.inf

    @property
    def next_number(self) -> int:
        """The number of the first solution of the batch that is being thought of."""
        return max(self._begin, len(self.start))

    def _ask(self, number: int, n: int) -> Floats:
        self._advance()
        return self._batch[number - self._begin :]

    def _advance(self) -> None:
        """Go through all batches that have been told."""
        if self._plan is None:
            self._begin, self._plan = 0, self._batches()
            given = self.space.encode(self.start) if self.start else np.empty((0, self.space.d))
            first = self._taken_up(next(self._plan, given[:0]), len(given))
            self._batch = np.concatenate([given, first])
        while len(self._batch) and self.history.unbroken >= self._begin + len(self._batch):
            told = self._told()
            self._begin += len(self._batch)
            try:
                self._batch = self._taken_up(self._plan.send(told))
            except StopIteration:
                self._batch = self._batch[:0]

    def _taken_up(self, batch: Floats | Later, n_given: int = 0) -> Floats:
        """Give the points of a batch; where all are told already, only as many rows.

        A batch has fewer rows than it says only when nothing else is left, so that not as many
        can have been told. With `forbid` that is no law: what is left may be hard to find.
        """
        if not isinstance(batch, Later):
            return batch
        is_told = self.history.unbroken >= self._begin + n_given + len(batch)
        if is_told and not self.space.forbidden and not self.space.predicates:
            return np.empty((len(batch), self.space.d))
        return batch.draw(self.next_number)

    def _told(self) -> Told:
        numbers = np.arange(self._begin, self._begin + len(self._batch))
        rows = self.history.rows(numbers)
        return Told(numbers, self.history.points[rows], self.history.losses[rows])

    def __getstate__(self) -> dict[str, Any]:
        """Leave the generator out: it starts again and is told everything."""
        return vars(self) | {"_plan": None}
