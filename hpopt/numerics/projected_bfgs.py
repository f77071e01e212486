"""Minimise smooth functions in boxes from many points at once, by a projected BFGS method.

Bertsekas 1982, "Projected Newton methods for optimization problems with simple constraints",
https://doi.org/10.1137/0320018, with the inverse Hessians of Broyden, Fletcher, Goldfarb and
Shanno: Nocedal & Wright 2006, "Numerical optimization", equations 6.17 and 6.20.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Loss = Callable[[Floats], tuple[Floats, Floats]]
# From points (m, n), each by itself, to their losses (m,) and gradients (m, n).

# The first step goes so far, in sides of the box, along the longest of its coordinates: near enough
# to stay in the basin, and the line search makes it shorter at once where it is too long.
FIRST_MOVE = 0.1
ARMIJO = 1e-4  # the share of the predicted decrease that a step must have (eq. 3.4, the usual c₁)
BACKTRACK = 0.1, 0.5  # what a step that went up is multiplied with, at least and at most
# Convex along a step: by this share of what it could be at most, and above rounding around 0.
LEAST_CURVED, TINY = 1e-10, 1e-100
LONGER = 4.0  # steps grow so much where a function is not convex: any factor from 2 to 10 does
# Of more coordinates no matrices (n, n) are built, and the last 10 steps are remembered: scipy's
# default for L-BFGS-B. Below, one product of matrices replaces some 40 calls of numpy.
MOST_BUILT, REMEMBERED = 100, 10


def minimize_batched(
    loss: Loss,
    starts: Floats,
    low: Floats,
    high: Floats,
    *,
    evaluations: int,
    tolerance: float = 1e-9,
) -> tuple[Floats, Floats]:
    """Return the best points (m, n) that are found in boxes, and their losses (m,).

    Each point has its own path and steps; only the calls are shared::

        d = -H g, where a coordinate that the slope pushes out of the box stays where it is
        x' = x + t d, put back into the box; t is 1 until x' is no better than x
        H' = (1 - ρ s yᵀ) H (1 - ρ y sᵀ) + ρ s sᵀ,  s = x' - x,  y = g' - g,  ρ = 1 / yᵀs

    Parameters
    ----------
    loss : callable
        Gives the losses of all points and their gradients.
    starts, low, high : ndarray (m, n)
        Where to begin, put into the boxes, and their bounds. A coordinate whose bounds are equal
        stays where it is.
    evaluations : int
        How often the loss is asked at most.
    tolerance : float
        The descent ends where, to first order, none of the points can decrease by this share of
        its loss (of 1, where that is more).
    """
    paths = _Paths(loss, np.minimum(np.maximum(starts, low), high), low, high)
    for _ in range(evaluations - 1):
        if (paths.predicted <= tolerance * np.maximum(np.abs(paths.losses), 1.0)).all():
            break
        paths.step()
    return paths.points, paths.losses


class _Paths:
    """Where each point is, and its next step."""

    def __init__(self, loss: Loss, starts: Floats, low: Floats, high: Floats) -> None:
        self._loss, self._low, self._high = loss, low, high
        self.points = starts
        self.losses, self._gradients = loss(starts)
        sides = np.broadcast_to(high - low, starts.shape)
        kind = _Matrices if starts.shape[1] <= MOST_BUILT else _Memory
        self._inverse: _Matrices | _Memory = kind(sides * sides)
        self._choose_directions()
        moves = np.abs(self._direction) / np.where(sides > 0, sides, 1.0)
        self._length = FIRST_MOVE / np.maximum(moves.max(axis=1), TINY)
        self.predicted *= self._length

    def _choose_directions(self) -> None:
        # Bertsekas 1982: coordinates at a bound that the slope pushes outwards are held.
        points, gradients = self.points, self._gradients
        self._free = np.where(gradients > 0, points > self._low, points < self._high)
        slope = gradients * self._free
        self._direction = -(self._inverse.products(slope) * self._free)
        self.predicted = -_dots(slope, self._direction)

    def step(self) -> None:
        """Try the next step of each point; take those that lead down, shorten the others."""
        there = self.points + self._length[:, None] * self._direction
        there = np.minimum(np.maximum(there, self._low), self._high)
        losses, gradients = self._loss(there)
        step, rise = there - self.points, losses - self.losses
        expected = _dots(self._gradients, step)
        better = rise <= ARMIJO * expected
        change = gradients - self._gradients
        if better.all():
            self.points, self._gradients, self.losses = there, gradients, losses
            self._length = np.ones(len(better))
        else:
            took = better[:, None]
            step, change = np.where(took, step, 0.0), np.where(took, change, 0.0)
            self.points = np.where(took, there, self.points)
            self._gradients = self._gradients + change
            self.losses = np.where(better, losses, self.losses)
            # Equation 3.58: the minimum of the parabola through both losses with the first slope.
            shorter = -0.5 * expected / np.where(better, 1.0, rise - expected)
            shorter = np.minimum(np.maximum(shorter, BACKTRACK[0]), BACKTRACK[1])
            self._length = np.where(better, 1.0, self._length * shorter)
        self._inverse.update(step, change * self._free, better)
        self._choose_directions()


class _Matrices:
    """Inverse Hessians (m, n, n), that begin as diagonals (m, n)."""

    def __init__(self, diagonals: Floats) -> None:
        self._inverse = diagonals[:, :, None] * np.eye(diagonals.shape[1])
        self._is_new = np.ones(len(diagonals), dtype=bool)

    def products(self, vectors: Floats) -> Floats:
        """Return the products of the inverse Hessians with vectors (m, n)."""
        found: Floats = (self._inverse @ vectors[:, :, None])[:, :, 0]
        return found

    def update(self, step: Floats, change: Floats, better: Bools) -> None:
        """Update the matrices by steps (m, n) and the changes of the gradients along them.

        Without a step nothing changes; a negative curvature cannot be learned, and steps become
        longer.
        """
        turned = self.products(change)
        curved, curvature = _dots(step, change), _dots(change, turned)
        is_convex = _are_convex(curved, step, change) & (curvature > TINY)
        first, concave = self._is_new & is_convex, better & ~is_convex
        if (first | concave).any():
            # Equation 6.20: before the first update a gradient says nothing of a step's length.
            size = np.where(first, curved / np.where(first, curvature, 1.0), 1.0)
            size = np.where(concave, LONGER, size)
            self._inverse = self._inverse * size[:, None, None]
            turned, curvature = turned * size[:, None], curvature * size
            self._is_new = self._is_new & ~is_convex
        # Equation 6.17, multiplied out into one symmetric sum of outer products.
        rho = is_convex / np.where(is_convex, curved, 1.0)
        along = (0.5 * rho * (1.0 + rho * curvature))[:, None] * step - rho[:, None] * turned
        half = step[:, :, None] * along[:, None, :]
        self._inverse = self._inverse + (half + half.transpose(0, 2, 1))


class _Memory:
    """The same from the last steps only, for many coordinates: L-BFGS."""

    def __init__(self, diagonals: Floats) -> None:
        self._diagonals, self._size = diagonals, np.ones(len(diagonals))
        self._last: deque[tuple[Floats, Floats, Floats]] = deque(maxlen=REMEMBERED)

    def products(self, vectors: Floats) -> Floats:
        """Return the products of the inverse Hessians with vectors (m, n)."""
        # The two loops of algorithm 7.4.
        shares = []
        for step, change, rho in reversed(self._last):
            shares.append(rho * _dots(step, vectors))
            vectors = vectors - shares[-1][:, None] * change
        vectors = self._size[:, None] * self._diagonals * vectors
        for (step, change, rho), share in zip(self._last, reversed(shares), strict=True):
            vectors = vectors + (share - rho * _dots(change, vectors))[:, None] * step
        return vectors

    def update(self, step: Floats, change: Floats, better: Bools) -> None:
        """Take up steps (m, n) and the changes of the gradients along them."""
        curved, curvature = _dots(step, change), _dots(change, self._diagonals * change)
        is_convex = _are_convex(curved, step, change) & (curvature > TINY)
        longer = np.where(better, LONGER * self._size, self._size)
        self._size = np.where(is_convex, curved / np.where(is_convex, curvature, 1.0), longer)
        self._last.append((step, change, is_convex / np.where(is_convex, curved, 1.0)))


def _are_convex(curved: Floats, steps: Floats, changes: Floats) -> Bools:
    # Relative to the largest product that vectors of these lengths could have.
    most = np.sqrt(_dots(steps, steps) * _dots(changes, changes))
    convex: Bools = curved > np.maximum(LEAST_CURVED * most, TINY)
    return convex


def _dots(one: Floats, other: Floats) -> Floats:
    found: Floats = np.add.reduce(one * other, axis=1)
    return found
