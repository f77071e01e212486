"""How much hypervolume a prediction is expected to add to a front, with gradients.

Exact for independent normal losses: Emmerich, Yang, Deutz, Wang & Fonseca 2016, "A multicriteria
generalization of Bayesian global optimization", https://doi.org/10.1007/978-3-319-29975-4_12;
logarithms as in Ament et al. 2023, https://arxiv.org/abs/2310.20708.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hpopt.numerics.acquisition import STEEPEST, Valued
from hpopt.numerics.hypervolume import Boxes
from hpopt.numerics.normal import log_density, log_improvement, special

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# A box without volume, or whose ends are equal to a prediction's last digit, would have log 0.
LEAST = 1e-14


class ExpectedHypervolume:
    """The logarithm of the expected hypervolume improvement over a front.

    With e_j(c) = E max(c - Y_j, 0) = σ_j h((c - μ_j) / σ_j) and e_j(-inf) = 0, of a box (l, u] that
    the front does not dominate Π_j [e_j(u_j) - e_j(l_j)] is expected to be dominated, so::

        log EHVI = logsumexp_b Σ_j L_bj
        L_bj     = log e_j(u_bj) + log max(1 - exp(log e_j(l_bj) - log e_j(u_bj)), 1e-14)
        d/dμ_j   = -Σ_b p_b [Φ(z_u) - Φ(z_l)] / exp(L_bj),   p = softmax_b Σ_j L_bj
        d/dσ_j   =  Σ_b p_b [φ(z_u) - φ(z_l)] / exp(L_bj)

    Parameters
    ----------
    boxes : Boxes
        Of what the front does not dominate, below a reference point; see `non_dominated_boxes`.
    """

    def __init__(self, boxes: Boxes) -> None:
        # Boxes share their sides, and sides their ends: each different one is computed once.
        ends, below, above, of_box = [], [], [], []
        n_ends = n_sides = 0
        for pair in np.stack([boxes.lows, boxes.highs], axis=2).transpose(1, 0, 2):
            sides, place = np.unique(pair, axis=0, return_inverse=True)
            levels, at = np.unique(sides, return_inverse=True)
            at = at.reshape(sides.shape) + n_ends
            ends.append(levels)
            below.append(at[:, 0])
            above.append(at[:, 1])
            of_box.append(place.ravel() + n_sides)
            n_ends, n_sides = n_ends + len(levels), n_sides + len(sides)
        self._ends, self._below, self._above = map(np.concatenate, (ends, below, above))
        self._end_of = np.repeat(np.arange(len(ends)), [len(each) for each in ends])
        self._sides = np.stack(of_box, axis=1)
        # Sums over the boxes of a side, and over the sides of a loss, as products of matrices.
        self._has_side = np.zeros((len(self._sides), n_sides))
        self._has_side[np.arange(len(self._sides))[:, None], self._sides] = 1.0
        self._of_loss = np.zeros((n_sides, len(ends)))
        self._of_loss[np.arange(n_sides), self._end_of[self._above]] = 1.0

    def __call__(self, means: Floats, deviations: Floats) -> Floats:
        """Return log EHVI at predictions (n, m), shape (n,)."""
        lengths = self._log_lengths(self._z(means, deviations), deviations)
        return _log_sum(lengths[:, self._sides].sum(axis=2))[0]

    def with_gradient(self, means: Floats, deviations: Floats) -> Valued:
        """Return log EHVI and its derivatives by means and deviations, shapes (n,) and (n, m)."""
        z = self._z(means, deviations)
        lengths = self._log_lengths(z, deviations)
        value, shares = _log_sum(lengths[:, self._sides].sum(axis=2))
        own = shares @ self._has_side

        def by(logs: Floats) -> Floats:
            # Differences of ratios, as the logarithm of a difference would lose its sign.
            above = np.exp(np.minimum(logs[:, self._above] - lengths, STEEPEST))
            below = np.exp(np.minimum(logs[:, self._below] - lengths, STEEPEST))
            return np.asarray((own * (above - below)) @ self._of_loss)

        return value, -by(special().log_ndtr(z)), by(log_density(z))

    def _z(self, means: Floats, deviations: Floats) -> Floats:
        """Return how many deviations each end lies above the mean, shape (n, ends)."""
        return np.asarray(
            (self._ends - means.take(self._end_of, axis=1)) / deviations.take(self._end_of, axis=1)
        )

    def _log_lengths(self, z: Floats, deviations: Floats) -> Floats:
        """Return L: log [e(u) - e(l)] of each side, shape (n, sides)."""
        logs = np.log(deviations).take(self._end_of, axis=1) + log_improvement(z)
        high, low = logs[:, self._above], logs[:, self._below]
        return np.asarray(high + np.log(np.maximum(-np.expm1(low - high), LEAST)))


def _log_sum(logs: Floats) -> tuple[Floats, Floats]:
    """Return the logarithm of the sum of each row's exponentials, and the share of each in it."""
    largest = logs.max(axis=1)
    shares = np.exp(logs - largest[:, None])
    totals = shares.sum(axis=1)
    return largest + np.log(totals), shares / totals[:, None]
