"""A quadratic model of the points around the best one, and its minimum in a box.

Powell 2009, "The BOBYQA algorithm for bound constrained optimization without derivatives",
DAMTP 2009/NA06; the least curvature that explains the points is his too: Powell 2004,
https://doi.org/10.1007/s10107-003-0490-7.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpopt.numerics.projected_bfgs import minimize_batched

Floats = NDArray[np.float64]

# Weight of the squared curvature beside the squared misfit of losses scaled to [0, 1]. Where points
# do not determine the curvature it becomes 0; where they do, so small a weight changes nothing.
CURVATURE = 1e-5
SLOPE = 1e-9  # the same of the slope, small enough to matter only where nothing determines it
N_DRAWN_STARTS = 2  # beside the centre; any small number does, each costs as much as the centre
MOST_STEPS = 100  # only ends a descent that stalls: any value from 50 does


def n_coefficients(d: int) -> int:
    """Return the number of coefficients of a quadratic in d dimensions."""
    return (d + 1) * (d + 2) // 2


@dataclass(frozen=True, slots=True)
class Quadratic:
    """The function c + gᵀs + sᵀHs / 2 of s = (x - centre) / size.

    Attributes
    ----------
    centre : ndarray (d,)
    slope : ndarray (d,)
    hessian : ndarray (d, d), symmetric
    """

    centre: Floats
    size: float
    constant: float
    slope: Floats
    hessian: Floats

    @staticmethod
    def fit(points: Floats, losses: Floats, centre: Floats, size: float) -> Quadratic:
        """Fit a quadratic by weighted least squares with little curvature.

        A point at distance r from the centre has the weight 1 / (1 + r² / size²).

        Parameters
        ----------
        points : ndarray (n, d)
        losses : ndarray (n,)
        centre : ndarray (d,)
        size : float, > 0
            The length that the model is wanted for.
        """
        d = points.shape[1]
        steps = (points - centre) / size
        rows, columns = np.triu_indices(d)
        squares = steps[:, rows] * steps[:, columns]
        squares[:, rows == columns] *= 0.5
        terms = np.concatenate([np.ones((len(points), 1)), steps, squares], axis=1)
        weights = 1.0 / np.sqrt(1.0 + (steps * steps).mean(axis=1))
        spread = float(losses.max() - losses.min()) or 1.0
        targets = (losses - losses.min()) / spread
        cost = np.concatenate([[0.0], np.full(d, SLOPE), np.full(len(rows), CURVATURE)])
        # Rows for the costs in place of normal equations, which would square the condition number.
        scaled = terms * weights[:, None]
        matrix = np.concatenate([scaled, np.diag(np.sqrt(cost))])
        right = np.concatenate([targets * weights, np.zeros(len(cost))])
        found = np.linalg.lstsq(matrix, right, rcond=None)[0] * spread
        hessian = np.zeros((d, d))
        hessian[rows, columns] = found[1 + d :]
        hessian = hessian + np.triu(hessian, 1).T
        return Quadratic(centre, size, float(found[0] + losses.min()), found[1 : 1 + d], hessian)

    def value(self, points: Floats) -> Floats:
        """Return its values at points (n, d), shape (n,)."""
        steps = (points - self.centre) / self.size
        curved = np.einsum("ij,jk,ik->i", steps, self.hessian, steps)
        return np.asarray(self.constant + steps @ self.slope + 0.5 * curved)

    def minimum(self, low: Floats, high: Floats, rng: np.random.Generator) -> Floats:
        """Return the point of a box around the centre where the quadratic is least, shape (d,)."""
        below, above = (low - self.centre) / self.size, (high - self.centre) / self.size
        scale = float(np.abs(self.slope).max() + np.abs(self.hessian).max()) or 1.0
        slope, hessian = self.slope / scale, self.hessian / scale

        def loss(steps: Floats) -> tuple[Floats, Floats]:
            curved = steps @ hessian
            return steps @ slope + 0.5 * (steps * curved).sum(axis=1), slope + curved

        # A quadratic that is not convex has several minima in a box.
        drawn = below + (above - below) * rng.random((N_DRAWN_STARTS, len(low)))
        starts = np.concatenate([np.zeros((1, len(low))), drawn])
        ends, losses = minimize_batched(loss, starts, below, above, evaluations=MOST_STEPS)
        best = ends[losses.argmin()]
        found_at: Floats = np.clip(self.centre + self.size * best, low, high)
        return found_at
