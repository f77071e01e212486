"""Individuals that were evaluated: what a generation leaves to the next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpopt.core import History
from hpopt.numerics import pareto

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Population:
    """Individuals as arrays, in an order that means what the replacement says.

    Attributes
    ----------
    numbers : ndarray (n,) of int
        The solutions' numbers; negative for what was known before the search began.
    points : ndarray (n, d), in [0, 1]
        Their genes.
    losses : ndarray (n, n_objectives)
        To be minimised; infinite where the evaluation gave no values.
    """

    numbers: Ints
    points: Floats
    losses: Floats

    def __len__(self) -> int:
        return len(self.numbers)

    @classmethod
    def known(cls, knowledge: History, n: int) -> Population:
        """Give the n best of what other searches found, without what failed; best first."""
        rows = np.flatnonzero(np.isfinite(knowledge.losses).all(axis=1))
        numbers = -1 - np.arange(len(rows))
        return cls(numbers, knowledge.points[rows], knowledge.losses[rows]).best(n)

    def take(self, places: NDArray[np.int64] | NDArray[np.bool_]) -> Population:
        """Give the individuals at some places, or where a mask is true."""
        return Population(self.numbers[places], self.points[places], self.losses[places])

    def joined(self, other: Population) -> Population:
        """Give these and then those."""
        return Population(
            np.concatenate([self.numbers, other.numbers]),
            np.concatenate([self.points, other.points]),
            np.concatenate([self.losses, other.losses]),
        )

    def best(self, n: int) -> Population:
        """Give the n best, best first; of several objectives, by front and then loneliness."""
        return self.take(pareto.order(self.losses)[:n])

    def different(self) -> Population:
        """Give all, best first; of equal losses the one that came last, then all the others."""
        return self.take(pareto.order_of_different(self.losses))

    def ideal(self) -> Floats:
        """Give the least loss in each objective, shape (n_objectives,)."""
        return np.asarray(self.losses.min(axis=0))

    def mean(self) -> Floats:
        """Give the mean loss of those that gave values, by objective; infinite without any.

        What is halved before it is summed cannot overflow.
        """
        fine = np.isfinite(self.losses).all(axis=1)
        if not fine.any():
            return np.full(self.losses.shape[1], np.inf)
        share = 1.0 / np.exp2(np.ceil(np.log2(fine.sum() + 1)))
        return np.asarray((self.losses[fine] * share).mean(axis=0) / share)


def fitness(losses: Floats) -> Floats:
    """Give one loss for each individual: its own, or the number of its front of several.

    Parameters
    ----------
    losses : ndarray (n, n_objectives)

    Returns
    -------
    ndarray (n,)
        To be minimised; infinite where the evaluation gave no values.
    """
    if losses.shape[1] == 1:
        return losses[:, 0]
    fronts = pareto.non_dominated_ranks(losses).astype(np.float64)
    return np.where(np.isfinite(losses).all(axis=1), fronts, np.inf)
