"""Configs that have little in common with one another."""

from __future__ import annotations

import numpy as np

from hpopt.core.proposals import Floats
from hpopt.optimizers.surrogates.encoding import ROUNDING, Bools, Encoding, Ints
from hpopt.space import Space

# Coordinates of no more values have each of them once before any comes back; Sobol's sequence does
# as well for those of more.
FEW_VALUES = 16
# Each config is the one of 32 that has least in common with the earlier ones; of 256 where all of
# these have more than half in common with one of them.
CANDIDATES, MORE_CANDIDATES = 32, 256
SLACK = 1  # in half of them a value may come back before all others were there, but not twice
MOST_APART = 64  # configs that are chosen so: more workers hardly begin at once
MOST_COMPARED = 2**18  # values at once: a first wave of any space takes some tens of milliseconds
GRID = 1024  # equal shares of a range, by which its values are weighed
# What a candidate is judged by, the heavier first.
FORBIDDEN, EXCESS, OFF_MIDDLE = 1e9, 1e4, 10.0


def in_turn(weights: Floats, n: int, rng: np.random.Generator) -> Ints:
    """Return n indices, each of them once before any comes back, the heavier ones rather first.

    Efraimidis & Spirakis 2006, https://doi.org/10.1016/j.ipl.2005.11.003.
    """
    n_rounds = -(-n // max(1, len(weights)))
    rounds = [np.argsort(-np.log(rng.random(len(weights))) / weights) for _ in range(n_rounds)]
    return np.concatenate([np.empty(0, dtype=np.int64), *rounds])[:n]


class ValueShares:
    """The shares of the values of coordinates in their ranges, or in what is believed of them."""

    def __init__(self, space: Space) -> None:
        self._n = max(2, min(GRID, 4 * MOST_COMPARED // space.d))
        shares = (np.arange(self._n) + 0.5) / self._n
        self._snapped = space.snap(space.drawn(np.repeat(shares[:, None], space.d, axis=1)))

    def of(self, column: int, positions: Floats) -> Floats:
        """Return weights (v,) of the values at positions, none of them 0."""
        borders = (positions[1:] + positions[:-1]) / 2
        values = np.searchsorted(borders, self._snapped[:, column])
        return (np.bincount(values, minlength=len(positions)) + 1.0) / self._n


class Dissimilar:
    """Choose configs one after the other, each with little in common with the earlier ones.

    Values of a coordinate that has few are drawn: each of them once before any comes back.
    """

    def __init__(self, encoding: Encoding, shares: ValueShares, free: Bools) -> None:
        self._space = encoding.space
        levels = encoding.space.levels
        self._few = np.flatnonzero(free & (levels > 1) & (levels <= FEW_VALUES))
        self._many = np.flatnonzero(free & (levels > FEW_VALUES))
        self._counted = levels != 1
        shape = len(self._few), int(levels[self._few].max(initial=1))
        self._positions, self._weights = np.zeros(shape), np.zeros(shape)
        for row, column in enumerate(self._few.tolist()):
            positions = encoding.centres[column]
            if positions is not None:
                self._positions[row, : len(positions)] = positions
                self._weights[row, : len(positions)] = shares.of(column, positions)
        self._used = np.zeros(shape, dtype=np.int64)

    def chosen(
        self, points: Floats, middle: Bools, known: Floats, rng: np.random.Generator
    ) -> tuple[Floats, float]:
        """Return points with other values of what is free, and their excess.

        That is by how many values, in all, some have more than half in common with earlier ones.

        Parameters
        ----------
        points : ndarray (n, d)
        middle : ndarray (n, d) of bool
            The numbers that shall be in the middle of their ranges.
        known : ndarray (k, d)
            Points that come before them, snapped.
        rng : numpy.random.Generator
        """
        every = np.concatenate([known, points])
        active = self._space.active(every) & self._counted
        coded, excess = np.where(active, every, np.nan), 0.0
        for row in coded[: len(known)]:
            self._use(row)
        for place in range(len(known), len(every)):
            earlier = slice(max(0, place - MOST_APART), place)
            most = np.minimum(active[place].sum(), active[earlier].sum(axis=1)) // 2
            apart = place - len(known) <= MOST_APART
            wanted = middle[place - len(known)]
            best, least = every[place], np.inf
            for n in (CANDIDATES, MORE_CANDIDATES) if apart else (1,):
                if least >= EXCESS:
                    n_tried = int(np.clip(MOST_COMPARED // (coded[earlier].size + 1), 1, n))
                    tried, n_off = self._candidates(every[place], wanted, n_tried, rng)
                    here = np.where(active[place], tried, np.nan)
                    shared = (here[:, None] == coded[earlier]).sum(axis=2)
                    penalty = FORBIDDEN * ~self._space.allowed(tried) + OFF_MIDDLE * n_off
                    penalty += EXCESS * np.maximum(shared - most, 0).sum(axis=1)
                    # Squared, so that those of one branch, which have its choice in common, differ
                    # in the others.
                    penalty += ((shared / np.maximum(most, 1)) ** 2).sum(axis=1) / (place + 1)
                    if penalty.min() < least:
                        best, least = tried[penalty.argmin()], float(penalty.min())
            every[place], coded[place] = best, np.where(active[place], best, np.nan)
            self._use(coded[place])
            excess += least // EXCESS
        return every[len(known) :], excess

    def _candidates(
        self, point: Floats, middle: Bools, n: int, rng: np.random.Generator
    ) -> tuple[Floats, Ints]:
        """Return n snapped candidates, and how many of their numbers are not in the middle."""
        candidates = np.repeat(point[None], n, axis=0)
        # Every second one keeps to Sobol's sequence where there are many values.
        others = rng.random((n // 2, len(self._many)))
        candidates[1::2, self._many] = self._drawn_many(others)
        candidates[:, self._few] = self._drawn(n, rng)
        kept = rng.random(candidates.shape) >= (np.arange(n) // 2 % 4 / 4)[:, None]
        candidates = np.where(middle & kept, self._space.middle, candidates)
        return self._space.snap(candidates), (middle & ~kept).sum(axis=1)

    def _drawn_many(self, uniforms: Floats) -> Floats:
        every = np.full((len(uniforms), self._space.d), 0.5)
        every[:, self._many] = uniforms
        return self._space.drawn(every)[:, self._many]

    def _drawn(self, n: int, rng: np.random.Generator) -> Floats:
        """Draw values of what has few, of those used least, in half of them also once more."""
        if not len(self._few):
            return np.empty((n, 0))
        used = np.where(self._weights > 0, self._used, np.iinfo(np.int64).max)
        slack = SLACK * (np.arange(n) >= n // 2)[:, None, None]
        least = used <= used.min(axis=1, keepdims=True) + slack
        with np.errstate(divide="ignore"):
            times = -np.log(rng.random((n, *used.shape))) / np.where(least, self._weights, 0.0)
        drawn: Floats = self._positions[np.arange(len(self._few)), times.argmin(axis=2)]
        return drawn

    def _use(self, point: Floats) -> None:
        same = np.abs(self._positions - point[self._few, None]) < ROUNDING  # not where it is nan
        self._used += same
