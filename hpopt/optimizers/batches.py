"""Strategies that ask batches: generations, polls of neighbours, rounds.

Such a strategy is written as the loop that its paper prints: a generator that yields the points of
a batch and is sent their results.
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
from hpopt.core.origin import Origin
from hpopt.core.proposals import Floats

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Results:
    """The results of a batch, in the order of the solutions' numbers.

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
class LazyBatch:
    """A batch that is drawn when it is asked for, and not while a journal is replayed.

    Attributes
    ----------
    n : int
        The number of points, unless the space has fewer left.
    draw : callable
        Takes the number of the first point and returns all, shape (n, d), passed through `novel`
        with that number as `before`. It is called at once or never, so that it may use the
        generator's variables.
    """

    n: int
    draw: Callable[[int], Floats]

    def __len__(self) -> int:
        return self.n


BatchGenerator = Generator[Floats | LazyBatch, Results, None]


class Batches(Optimizer):
    """Ask one batch after the other, each when all results of the last are there.

    Subclass it and write `_batches`. The history drives its generator from the beginning, so that
    all its local variables follow from seed and history. All solutions of a batch may run at the
    same time, and the search is the same at any number of workers.
    """

    def _setup(self) -> None:
        self._generator: BatchGenerator | None = None
        self._begin = 0
        self._batch: Floats = np.empty((0, self.space.d))
        self._origins: dict[bytes, Origin] = {}

    @abstractmethod
    def _batches(self) -> BatchGenerator:
        """Yield the points (n, d) of each batch, and receive their results.

        The first batch consists of the configs of `start` and of what is yielded first; its
        `Results` have both. Pass points through `novel`, with ``before=self.next_number``. To
        return, or to yield no row, means that nothing is left to try. A batch that is costly to
        draw, and on whose points nothing else depends, should be a `LazyBatch`.
        """

    @property
    def batch_size(self) -> float:
        """The size of the batch, whose results must be told before the next one is asked."""
        return len(self._batch) or math.inf

    @property
    def order_free(self) -> bool:
        """It learns at the end of a batch."""
        return True

    @property
    def next_number(self) -> int:
        """The number of the first solution of the next batch."""
        return max(self._begin, len(self.start))  # the first batch begins with the start configs

    def _ask(self, number: int, n: int) -> Floats:
        # Not in `_tell`: a host may run the generator of a hosted strategy itself.
        self._advance()
        self._give_origins(self._origins)
        return self._batch[number - self._begin :]

    def _advance(self) -> None:
        """Send all complete batches to the generator."""
        self._take_origins()
        if self._generator is None:
            self._begin, self._generator = 0, self._batches()
            given = self.space.encode(self.start) if self.start else np.empty((0, self.space.d))
            first = self._points_of(next(self._generator, given[:0]), len(given))
            self._batch = np.concatenate([given, first])
            self._origins = self._take_origins()
        while len(self._batch) and self.history.n_contiguous >= self._begin + len(self._batch):
            results = self._results()
            self._begin += len(self._batch)
            try:
                self._batch = self._points_of(self._generator.send(results))
            except StopIteration:
                self._batch = self._batch[:0]
            self._origins = self._take_origins()

    def _points_of(self, batch: Floats | LazyBatch, n_given: int = 0) -> Floats:
        """Return the points of a batch; where all are told already, only as many rows."""
        if not isinstance(batch, LazyBatch):
            return batch
        is_told = self.history.n_contiguous >= self._begin + n_given + len(batch)
        # A batch is shorter than `n` only when nothing else is left, and then n results cannot be
        # there. With `forbid` it may be shorter earlier, as allowed configs can be hard to find.
        if is_told and not self.space.forbidden and not self.space.predicates:
            return np.empty((len(batch), self.space.d))
        return batch.draw(self.next_number)

    def _results(self) -> Results:
        numbers = np.arange(self._begin, self._begin + len(self._batch))
        rows = self.history.rows(numbers)
        return Results(numbers, self.history.points[rows], self.history.losses[rows])

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the generator, which begins anew and is sent all results."""
        return vars(self) | {"_generator": None}
