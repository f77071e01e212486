"""Ranks of points with several losses.

Deb et al. 2002, "A fast and elitist multiobjective genetic algorithm: NSGA-II", §III.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# A front narrower than the first is widened by the second, as half of the least float is 0. All of
# its losses are small then, as floats have 53 bits, so they grow without rounding.
TINY, UP = 1e-300, 2.0**200


def non_dominated_ranks(losses: Floats) -> Ints:
    """Return the front that each point belongs to, 0 for the Pareto front.

    Parameters
    ----------
    losses : ndarray (n, m)
        To be minimised; infinite for a bad evaluation.

    Returns
    -------
    ndarray (n,) of int
    """
    # Deb et al., section III A, by whole matrices in place of lists of who dominates whom.
    no_worse = (losses[:, None, :] <= losses[None, :, :]).all(axis=2)
    better = (losses[:, None, :] < losses[None, :, :]).any(axis=2)
    dominates = np.asarray(no_worse & better)
    ranks = np.full(len(losses), -1, dtype=np.int64)
    dominators = dominates.sum(axis=0)
    rank = 0
    while (ranks < 0).any():
        front = (ranks < 0) & (dominators == 0)
        ranks[front] = rank
        dominators = dominators - dominates[front].sum(axis=0)
        rank += 1
    return ranks


def crowding_distances(losses: Floats, ranks: Ints) -> Floats:
    """Return the crowding distance of each point within its front; infinite at its ends.

    Parameters
    ----------
    losses : ndarray (n, m)
    ranks : ndarray (n,) of int

    Returns
    -------
    ndarray (n,), in [0, inf]
    """
    distances = np.zeros(len(losses))
    for rank in np.unique(ranks):
        front = np.flatnonzero(ranks == rank)
        for column in losses[front].T:
            order = front[np.argsort(column, kind="stable")]
            ordered = np.sort(column)
            distances[order[[0, -1]]] = np.inf
            if np.isfinite(ordered[[0, -1]]).all() and ordered[0] < ordered[-1]:
                if ordered[-1] / 2 - ordered[0] / 2 < TINY:
                    ordered = ordered * UP
                shares = ordered / 2 / (ordered[-1] / 2 - ordered[0] / 2)  # halves: no overflow
                distances[order[1:-1]] += shares[2:] - shares[:-2]
    return distances


def order(losses: Floats) -> Ints:
    """Return the points from best to worst: by front, then crowding distance, then place.

    With one loss this is its ascending order. Ties keep their order.
    """
    if losses.shape[1] == 1:
        return np.argsort(losses[:, 0], kind="stable")
    ranks = non_dominated_ranks(losses)
    return np.lexsort((-crowding_distances(losses, ranks), ranks))


def order_of_different(losses: Floats) -> Ints:
    """Return the points from best to worst; points whose losses appear again later come at the end.

    Points of equal losses add nothing new to a search. The last of them is kept, so that a
    population can drift over a plateau.

    Parameters
    ----------
    losses : ndarray (n, m)
        To be minimised; infinite for a bad evaluation, which comes last.

    Returns
    -------
    ndarray (n,) of int
    """
    newest = np.arange(len(losses))[::-1]
    if losses.shape[1] == 1:
        ascending = newest[np.argsort(losses[newest, 0], kind="stable")]
        values = losses[ascending, 0]
        first = np.isfinite(values)
        first[1:] &= values[1:] != values[:-1]
        return np.concatenate([ascending[first], ascending[~first]])
    last = np.zeros(len(losses), dtype=bool)
    last[newest[np.unique(losses[newest], axis=0, return_index=True)[1]]] = True
    last &= np.isfinite(losses).all(axis=1)
    different, others = np.flatnonzero(last), newest[~last[newest]]
    return np.concatenate([different[order(losses[different])], others[order(losses[others])]])


def front(losses: Floats) -> NDArray[np.bool_]:
    """Return a mask (n,) of the points that no other one dominates, in memory O(n).

    Parameters
    ----------
    losses : ndarray (n, m)
        To be minimised.

    Returns
    -------
    ndarray (n,) of bool
    """
    if losses.shape[1] == 1:
        return np.asarray(losses[:, 0] == losses[:, 0].min(initial=np.inf))
    if losses.shape[1] == 2:
        return _front_of_two(losses)
    best = np.ones(len(losses), dtype=bool)
    for row, mine in enumerate(losses):
        if best[row]:
            dominated = (mine <= losses).all(axis=1) & (mine < losses).any(axis=1)
            best &= ~dominated
    return best


def knee(losses: Floats) -> int:
    """Return the place of the point that lies deepest in the bend of a front; the first of equals.

    With the best loss of each objective as 0 and the worst as 1, it has the least sum: of two
    objectives, it is the farthest from the line between the ends.

    Parameters
    ----------
    losses : ndarray (n, n_objectives)
        Of the front, n >= 1.
    """
    least = losses.min(axis=0)
    with np.errstate(all="ignore"):  # of the largest numbers, and of constant objectives
        shares = (losses / 2 - least / 2) / (losses.max(axis=0) / 2 - least / 2)
    return int(np.nan_to_num(shares, nan=0.0).sum(axis=1).argmin())


def _front_of_two(losses: Floats) -> NDArray[np.bool_]:
    """Sort by the first loss: then each must have less of the second than all before it."""
    ascending = np.lexsort(losses.T[::-1])
    first, second = losses[ascending].T
    start = np.searchsorted(first, first)  # of those of an equal first loss
    before = np.concatenate([[np.inf], np.minimum.accumulate(second)])[start]
    best = np.empty(len(losses), dtype=bool)
    best[ascending] = (second == second[start]) & ((second < before) | (start == 0))
    return best
