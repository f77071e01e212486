"""Populations: evaluated individuals as arrays."""

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
    """Individuals as arrays, in an order that the replacement determines.

    Attributes
    ----------
    numbers : ndarray (n,) of int
        The solutions' numbers; ``-1 - row`` for those of `knowledge`.
    points : ndarray (n, d), in [0, 1]
        The genes.
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
        """Return the n best observations of other searches, failures left out; best first."""
        rows = np.flatnonzero(np.isfinite(knowledge.losses).all(axis=1))
        return cls(-1 - rows, knowledge.points[rows], knowledge.losses[rows]).best(n)

    def take(self, places: NDArray[np.int64] | NDArray[np.bool_]) -> Population:
        """Return the individuals at some places, or where a mask is true."""
        return Population(self.numbers[places], self.points[places], self.losses[places])

    def followed_by(self, other: Population) -> Population:
        """Return these individuals followed by others."""
        return Population(
            np.concatenate([self.numbers, other.numbers]),
            np.concatenate([self.points, other.points]),
            np.concatenate([self.losses, other.losses]),
        )

    def best(self, n: int) -> Population:
        """Return the n best, best first; of several objectives by front, then crowding distance."""
        return self.take(pareto.order(self.losses)[:n])

    def different(self) -> Population:
        """Return all, best first: of equal losses the last one, and the others at the end."""
        return self.take(pareto.order_of_different(self.losses))

    def ideal(self) -> Floats:
        """Return the least loss in each objective, shape (n_objectives,)."""
        return np.asarray(self.losses.min(axis=0))

    def mean(self) -> Floats:
        """Return the mean loss of those with values, by objective; infinite without any."""
        fine = np.isfinite(self.losses).all(axis=1)
        if not fine.any():
            return np.full(self.losses.shape[1], np.inf)
        # Losses are scaled by a power of two before they are summed, so that no sum overflows.
        share = 1.0 / np.exp2(np.ceil(np.log2(fine.sum() + 1)))
        return np.asarray((self.losses[fine] * share).mean(axis=0) / share)


def fitness(losses: Floats) -> Floats:
    """Return one loss for each individual: its own, or with several objectives its front's rank.

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
