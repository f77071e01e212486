r"""Functional ANOVA of regression trees, exact over the box.

Hutter, Hoos & Leyton-Brown 2014, "An efficient approach for assessing hyperparameter importance",
http://proceedings.mlr.press/v32/hutter14.html, split the variance of each tree. A tree that follows
the noise of its trials has variance along parameters that matter to nothing. So two trees are grown
here on disjoint halves of the trials, and variances are replaced by covariances between the two:
:math:`C_U = \mathrm{Cov}(a_U, b_U)`, with :math:`a_U` the marginal of one tree over the parameters
U. What both have in common is not noise; the expectation is the variance of the mean of such trees.

With leaves :math:`l` of the one and :math:`m` of the other, their values :math:`v`, the lengths
:math:`\mu_k` of their sides and of what both have in common,

.. math:: C_U = \sum_{l, m} v_l v_m \prod_{k \in U} \mu_k(l \cap m)
          \prod_{k \notin U} \mu_k(l) \mu_k(m) - \bar a \bar b.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hpopt.reports.importance.axes import Allowed, Axis
from hpopt.reports.importance.trees import Leaves

Floats = NDArray[np.float64]
EVERYWHERE: Allowed = {}


class Box:
    """The box of a space, and how long parts of its sides are where conditions hold.

    Parameters
    ----------
    axes : sequence of Axis
    """

    def __init__(self, axes: Sequence[Axis]) -> None:
        self.axes = tuple(axes)
        self.places = {axis.column.name: k for k, axis in enumerate(axes)}

    def share(self, where: Allowed) -> float:
        """Return how much of the box conditions leave, in (0, 1]."""
        shares = [
            np.subtract(*self.axes[self.places[name]].cells(np.array(values))[::-1]).sum()
            for name, values in where.items()
            if name in self.places
        ]
        return float(np.prod(shares))

    def cut(self, where: Allowed) -> list[tuple[int, Floats, Floats]]:
        """Return the sides on which conditions are, and their distribution functions."""
        return [
            (self.places[name], *self._distribution(self.axes[self.places[name]], values))
            for name, values in where.items()
            if name in self.places
        ]

    @staticmethod
    def _distribution(axis: Axis, values: tuple[float, ...]) -> tuple[Floats, Floats]:
        low, high = axis.cells(np.array(values))
        ends = np.concatenate([[0.0], (high - low).cumsum()])
        below, above = ends[:-1], ends[1:]
        return np.column_stack([low, high]).ravel(), np.column_stack([below, above]).ravel() / max(
            ends[-1], np.finfo(float).tiny
        )


class Effects:
    """Covariances between the marginals of two trees.

    Parameters
    ----------
    box : Box
    first, second : Leaves
        Of trees that were grown on disjoint trials.
    where : Allowed
        Conditions on some parameters: what follows is over that part of the box.
    """

    def __init__(
        self, box: Box, first: Leaves, second: Leaves, where: Allowed = EVERYWHERE
    ) -> None:
        ends = [first.low, first.high, second.low, second.high]
        for k, knots, shares in box.cut(where):
            ends = [each.copy() for each in ends]
            for each in ends:
                each[:, k] = np.interp(each[:, k], knots, shares)
        self._low, self._high = (ends[0], ends[2]), (ends[1], ends[3])
        self._values = first.value, second.value
        self._lengths = ends[1] - ends[0], ends[3] - ends[2]
        means = [
            value @ lengths.prod(axis=1)
            for value, lengths in zip(self._values, self._lengths, strict=True)
        ]
        self._product_of_means = float(means[0] * means[1])
        self._overlaps: dict[int, Floats] = {}

    def closed(self, sides: Sequence[int]) -> float:
        """Return the covariance of the marginals over these parameters."""
        common = np.ones(())
        for k in sides:
            common = common * self._overlap(k)
        return self._of(common, sides)

    def all(self) -> float:
        """Return the covariance of the two trees."""
        return self.closed(range(self._lengths[0].shape[1]))

    def nested(self, sides: Sequence[int]) -> Floats:
        """Return the covariances over none of these, the first, the first two, …; (m + 1,)."""
        common, found = np.ones(()), [0.0]
        for n, k in enumerate(sides, 1):
            common = common * self._overlap(k)
            found.append(self._of(common, sides[:n]))
        return np.array(found)

    def without(self, sides: Sequence[int]) -> Floats:
        """Return for each of these the covariance of the marginals over all others."""
        d = self._lengths[0].shape[1]
        after = [np.ones(())]
        for k in range(d - 1, 0, -1):
            after.append(after[-1] * self._overlap(k))
        found, before = {}, np.ones(())
        for k in range(d):
            others = [*range(k), *range(k + 1, d)]
            if k in sides:
                found[k] = self._of(before * after[d - 1 - k], others)
            before = before * self._overlap(k)
        return np.array([found[k] for k in sides])

    def _overlap(self, k: int) -> Floats:
        found = self._overlaps.get(k)
        if found is None:
            low = np.maximum(self._low[0][:, k, None], self._low[1][None, :, k])
            high = np.minimum(self._high[0][:, k, None], self._high[1][None, :, k])
            found = self._overlaps[k] = np.maximum(high - low, 0.0)
        return found

    def _of(self, common: Floats, sides: Sequence[int]) -> float:
        weighted = []
        for value, lengths in zip(self._values, self._lengths, strict=True):
            others = lengths.copy()
            others[:, list(sides)] = 1.0
            weighted.append(value * others.prod(axis=1))
        if common.ndim == 0:
            return 0.0
        return float(weighted[0] @ common @ weighted[1]) - self._product_of_means
