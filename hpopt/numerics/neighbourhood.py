"""Estimates of a gradient from values at points nearby, and the points that follow from it.

All lengths are in steps of the grid that is searched.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def finite_differences(offsets: Floats, differences: Floats) -> Floats:
    """Estimate a gradient from points that differ from the centre in one coordinate.

    Nocedal & Wright 2006, "Numerical Optimization", section 8.1: for each coordinate the central
    difference of the nearest points on both sides, equations (8.7)::

        g_j = (f(x + a e_j) - f(x - b e_j)) / (a + b)

    or the one-sided difference (8.1) where one side is missing; 0 where both are.

    Parameters
    ----------
    offsets : ndarray (n, d)
        The points less the centre. Those that differ in several coordinates are left out.
    differences : ndarray (n,)
        Their values less the centre's.

    Returns
    -------
    ndarray (d,)
    """
    d = offsets.shape[1]
    moved = offsets != 0
    gradient = np.zeros(d)
    alone = moved.sum(axis=1) == 1
    for j in range(d):
        rows = np.flatnonzero(alone & moved[:, j])
        lengths = offsets[rows, j]
        # The centre itself stands in for the side that is missing.
        ends = [(0.0, 0.0), (0.0, 0.0)]
        for side, sign in enumerate((-1.0, 1.0)):
            on_side = rows[lengths * sign > 0]
            if on_side.size:
                nearest = on_side[np.argmin(np.abs(offsets[on_side, j]))]
                ends[side] = offsets[nearest, j], differences[nearest]
        (below, lower), (above, upper) = ends
        if above > below:
            gradient[j] = (upper - lower) / (above - below)
    return gradient


def simplex_gradient(offsets: Floats, differences: Floats) -> Floats:
    """Estimate a gradient by the linear function that interpolates the points best.

    Conn, Scheinberg & Vicente 2009, "Introduction to Derivative-Free Optimization", sections 2.4
    and 4.4: the least-squares solution of ``S g = delta``, of least norm where the points do not
    determine it. For the points of a simplex it interpolates.

    Parameters
    ----------
    offsets : ndarray (n, d)
        The points less the centre, S.
    differences : ndarray (n,)
        Their values less the centre's, delta.

    Returns
    -------
    ndarray (d,)
    """
    if not len(offsets):
        return np.zeros(offsets.shape[1])
    largest = float(np.abs(differences).max(initial=0.0)) or 1.0
    # Scaled, as squares of enormous differences would overflow.
    solution = np.linalg.lstsq(offsets, differences / largest, rcond=None)[0]
    return np.asarray(solution * largest)


def smoothed_gradient(offsets: Floats, differences: Floats, scales: Floats) -> Floats:
    """Estimate the gradient of the function smoothed by a Gaussian from draws of it.

    Nesterov & Spokoiny 2017, "Random gradient-free minimization of convex functions",
    https://doi.org/10.1007/s10208-015-9296-2, equation (22) with mu = scale and the mean over
    draws u ~ N(0, 1)::

        g = mean((f(x + scale u) - f(x)) / scale * u)

    Parameters
    ----------
    offsets : ndarray (n, d)
        ``scale u`` of each draw.
    differences : ndarray (n,)
        ``f(x + scale u) - f(x)``.
    scales : ndarray (d,)
        The standard deviation of each coordinate's draws; 0 where it does not move.

    Returns
    -------
    ndarray (d,)
    """
    if not len(offsets):
        return np.zeros(offsets.shape[1])
    variances = np.where(scales > 0, scales, 1.0) ** 2
    return np.asarray((differences[:, None] / len(offsets) * offsets).sum(axis=0) / variances)


def gaussian_offsets(n: int, scales: Floats, rng: np.random.Generator) -> Floats:
    """Draw n Gaussian offsets in pairs that mirror one another, shape (n, d).

    The mirror image of each draw takes the constant and the quadratic part of the function out
    of `smoothed_gradient`.
    """
    drawn = rng.standard_normal(((n + 1) // 2, len(scales))) * scales
    return np.stack([drawn, -drawn], axis=1).reshape(-1, len(scales))[:n]


def descent_offsets(gradient: Floats, steps: Floats, lengths: Floats) -> Floats:
    """Return the offsets of steps of steepest descent within a box, shape (k, d).

    In the metric in which `steps` is the unit of each coordinate, as a trust region has it
    (Nocedal & Wright 2006, section 4.1, with the box's norm)::

        h = steps * g,    offset = -length * steps * h / max|h|

    Parameters
    ----------
    gradient, steps : ndarray (d,)
    lengths : ndarray (k,)
        In units of `steps`.

    Returns
    -------
    ndarray (k, d), or (0, d) where the gradient is 0
    """
    scaled = gradient * steps
    largest = float(np.abs(scaled).max(initial=0.0))
    if not 0 < largest < np.inf:
        return np.empty((0, len(steps)))
    return np.asarray(-lengths[:, None] * (steps * (scaled / largest)))
