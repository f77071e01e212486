"""What is expected of the objective at each setting of a parameter, all others averaged."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hpopt.reports.importance.axes import Allowed
from hpopt.reports.importance.forest import Forest
from hpopt.reports.importance.shares import Marginal
from hpopt.reports.importance.targets import Target
from hpopt.reports.importance.trees import Leaves

Floats = NDArray[np.float64]

N_SETTINGS = 48  # of a number's range: a smooth line in a figure


def marginals_of(
    forest: Forest, conditions: Mapping[str, Allowed], target: Target
) -> dict[str, Marginal]:
    """Return those of all parameters; the trees were grown from the scaled target."""
    box, found = forest.box, {}
    leaves = list(forest.leaves())
    groups = np.array([group for group, _ in leaves])
    for k, axis in enumerate(box.axes):
        at = axis.settings(N_SETTINGS)
        cuts = box.cut(conditions[axis.column.name])
        lines = np.array([_line(each, k, axis.at(at), cuts) for _, each in leaves])
        by_group = np.array([lines[groups == g].mean(axis=0) for g in np.unique(groups)])
        value, error = lines.mean(axis=0), 1.645 * by_group.std(axis=0, ddof=1)
        value = value.mean() + forest.slope * (value - value.mean())
        low, mean, high = (
            target.middle + target.scale * each for each in (value - error, value, value + error)
        )
        found[axis.column.name] = Marginal(axis.column.name, at, mean, low, high)
    return found


def _line(leaves: Leaves, k: int, at: Floats, cuts: list[tuple[int, Floats, Floats]]) -> Floats:
    """Return a tree's marginal at some coordinates of a side."""
    lengths = leaves.high - leaves.low
    for side, knots, shares in cuts:
        ends = (np.interp(each[:, side], knots, shares) for each in (leaves.low, leaves.high))
        low, high = ends
        lengths[:, side] = high - low
    lengths[:, k] = 1.0
    weighted = leaves.value * lengths.prod(axis=1)
    inside = (leaves.low[:, k] < at[:, None]) & (at[:, None] <= leaves.high[:, k])
    inside |= (at[:, None] == 0) & (leaves.low[:, k] == 0)
    return np.asarray(inside @ weighted)
