"""Regression trees as boxes: where each leaf lies, and what it predicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LEAST_IN_A_LEAF = 2
"""Trials: one for each takes three times as long, three smooth more of what matters away."""

TRIED_AT_ONCE, LEAST_TRIED = 1 / 3, 3
"""The share of the parameters of which each split takes the best. With all of them weak ones are
hardly ever split: of a network's four parameters with true shares of 48, 18, 16 and 16 %, 1000
trials gave 60, 13, 9 and 17 %; with a third of them 50, 15, 13 and 20 %. Of few parameters a third
splits at random."""


@dataclass(frozen=True, slots=True)
class Leaves:
    """The leaves of a tree.

    Attributes
    ----------
    low, high : ndarray (m, d), in [0, 1]
        Where each lies.
    value : ndarray (m,)
        What it predicts.
    """

    low: Floats
    high: Floats
    value: Floats


def grow(points: Floats, targets: Floats, weights: Floats, seed: int, most_leaves: int) -> Any:
    """Return a tree of scikit-learn's, grown from trials.

    Parameters
    ----------
    points : ndarray (n, d), in [0, 1]
    targets, weights : ndarray (n,)
    seed : int
        Of the order in which sides are tried, which decides between equals.
    most_leaves : int
    """
    from sklearn.tree import DecisionTreeRegressor

    d = points.shape[1]
    tree = DecisionTreeRegressor(
        min_samples_leaf=LEAST_IN_A_LEAF,
        max_leaf_nodes=max(2, most_leaves),
        max_features=min(d, max(LEAST_TRIED, round(d * TRIED_AT_ONCE))),
        random_state=seed,
    )
    return tree.fit(points.astype(np.float32), targets, sample_weight=weights)


def leaves_of(tree: Any, d: int) -> Leaves:
    """Return the leaves of a tree over the unit box of d sides."""
    nodes = tree.tree_
    low, high = np.zeros((nodes.node_count, d)), np.ones((nodes.node_count, d))
    left, right = nodes.children_left, nodes.children_right
    level = np.zeros(1, dtype=np.int64)
    while True:
        level = level[left[level] >= 0]
        if not len(level):
            break
        at, cut = nodes.feature[level], nodes.threshold[level]
        for children in (left[level], right[level]):
            low[children], high[children] = low[level], high[level]
        high[left[level], at] = cut
        low[right[level], at] = cut
        level = np.concatenate([left[level], right[level]])
    is_leaf = left < 0
    return Leaves(low[is_leaf], high[is_leaf], nodes.value[is_leaf, 0, 0])
