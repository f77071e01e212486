"""Pairs of trees on disjoint halves of the trials, and what they have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpopt.reports.importance.axes import Allowed
from hpopt.reports.importance.effects import Box, Effects
from hpopt.reports.importance.trees import Leaves, grow, leaves_of

Floats = NDArray[np.float64]

N_GROUPS = 12  # samples of the trials: their spread is the interval
N_PAIRS = 3  # pairs of trees in each: their spread is the trees' own, and is taken off
MOST_CELLS = 200_000
"""Pairs of leaves × parameters: 1.6 MB a pair of trees."""

MOST_STRETCHED = 2.0  # with less skill than more needs, nothing is said
KEY = 27  # any number: the same trials give the same trees


@dataclass(frozen=True, slots=True)
class Pair:
    """Two trees of disjoint halves of one sample of the trials."""

    group: int
    first: Leaves
    second: Leaves


@dataclass(frozen=True, slots=True)
class Forest:
    """Pairs of trees.

    Attributes
    ----------
    box : Box
    pairs : tuple of Pair
    skill : float
        The squared correlation of trials and what trees that were not grown from them predict: the
        share of the variance that is explained. 0 where it is negative.
    slope : float
        What their predictions must be stretched by: the mean of trees is smoother than the truth.
    """

    box: Box
    pairs: tuple[Pair, ...]
    skill: float
    slope: float

    def each(self, of: Callable[[Effects], Any], where: Allowed) -> list[Any]:
        """Return what a function says of each pair of trees, under conditions."""
        return [of(Effects(self.box, pair.first, pair.second, where)) for pair in self.pairs]

    def leaves(self) -> Iterator[tuple[int, Leaves]]:
        """Yield all trees, each with its group."""
        for pair in self.pairs:
            yield pair.group, pair.first
            yield pair.group, pair.second


def forest_of(box: Box, targets: Floats, rows: NDArray[np.int64]) -> Forest:
    """Grow pairs of trees.

    Each group weighs the trials anew (Rubin 1981, "The Bayesian bootstrap",
    https://doi.org/10.1214/aos/1176345338). A parameter that a trial lacks gets a random value,
    another one for each tree: no tree can tell from it that the parameter is inactive.

    Parameters
    ----------
    box : Box
    targets : ndarray (n,)
    rows : ndarray (n,) of int
        Those of the columns that the targets are of.
    """
    n, d = len(rows), len(box.axes)
    points = np.column_stack([axis.at(axis.column.values[rows]) for axis in box.axes])
    absent = np.isnan(points)
    most_leaves = int(np.sqrt(MOST_CELLS / d))
    predicted, pairs = np.zeros((2, n)), []
    for group in range(N_GROUPS):
        rng = np.random.default_rng([KEY, group])
        weights = rng.exponential(size=n)
        for _ in range(N_PAIRS):
            halves = np.array_split(rng.permutation(n), 2)
            leaves = []
            for half, other in (halves, halves[::-1]):
                filled = points.copy()
                filled[absent] = rng.random(int(absent.sum()))
                seed = int(rng.integers(2**31))
                tree = grow(filled[half], targets[half], weights[half], seed, most_leaves)
                leaves.append(leaves_of(tree, d))
                predicted[0, other] += tree.predict(filled[other].astype(np.float32))
                predicted[1, other] += 1
            pairs.append(Pair(group, *leaves))
    means = predicted[0] / predicted[1]
    centred, wanted = means - means.mean(), targets - targets.mean()
    common = max(float(centred @ wanted), 0.0)
    own = max(float(centred @ centred), np.finfo(float).tiny)
    skill = common * common / own / float(wanted @ wanted)
    slope = float(np.clip(common / own, 1.0, MOST_STRETCHED))
    return Forest(box, tuple(pairs), skill, slope)


def interval(
    parts: Floats, wholes: Floats, groups: Sequence[int], share: float, skill: float
) -> tuple[Floats, Floats, Floats]:
    """Return quotients of means over pairs of trees, and their intervals of 5 % to 95 %.

    The variance is that of the groups' quotients, less what the trees of a group differ by among
    themselves, which the mean of all has to the extent of their number only. What no tree explains
    is taken for noise in the value and its lower end; in the upper end it is divided as what is
    explained, as it may be what trees smooth away.

    Parameters
    ----------
    parts : ndarray (n_trees, m)
    wholes : ndarray (n_trees,)
    groups : sequence of n_trees int
    share, skill : float
        How much of the box it is about, and how much of the variance is explained.

    Returns
    -------
    value, low, high : ndarray (m,), in [0, 1]
    """
    whole = wholes.mean()
    value = parts.mean(axis=0) / whole
    # Each pair's deviation of the quotient, to first order: it is linear in what is averaged.
    off = (parts - value * wholes[:, None]) / whole
    by_group = np.array([off[np.equal(groups, g)].mean(axis=0) for g in np.unique(groups)])
    of_trees = off - by_group[np.asarray(groups)]
    n_groups, n_pairs = len(by_group), len(off) // len(by_group)
    own = (of_trees**2).sum(axis=0) / (len(off) - n_groups)
    between = np.maximum((by_group**2).sum(axis=0) / (n_groups - 1) - own / n_pairs, 0.0)
    error = 1.645 * np.sqrt(between + own / len(off))  # the normal distribution's 95 %
    limits = skill * value, skill * (value - error), value + error
    value, low, high = (np.clip(share * each, 0.0, 1.0) for each in limits)
    return value, low, high
