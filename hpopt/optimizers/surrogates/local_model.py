"""Steps of a quadratic model around the best, for smooth losses of a few continuous numbers.

Conn, Scheinberg & Vicente 2009, "Introduction to derivative-free optimization", chapters 10 and 11.
In such spaces nevergrad's NGOpt is Powell's COBYLA, which takes steps of this kind.
"""

from __future__ import annotations

import numpy as np

from hpopt.core.proposals import Floats
from hpopt.numerics.quadratic_model import Quadratic, n_coefficients
from hpopt.optimizers.surrogates.observations import Observations
from hpopt.space import Space

MOST_NUMBERS = 12  # a quadratic of 12 numbers has 91 coefficients: more need too many evaluations
MOST_VALUES = 64  # a number with fewer values is not smooth
# Half of the box's side, as a share of each range: at first, at most, and below which it begins
# anew. At a distance of 1e-6 second differences, some 1e-12, come near the rounding of losses.
FIRST, LONGEST, SHORTEST = 0.1, 0.4, 1e-6
MISSES = 3  # observations in the box without a new best that halve it
IN_VAIN = 2 * MISSES  # after so many the steps have led nowhere: two halvings
SPARE = 1.5  # points that are fitted for each coefficient: some more than needed average noise out
CROWDED = 0.1  # of the box: a step so near a pending point would be wasted
# Losses are bounded to 100 medians, so that a far outlier does not bend the quadratic; and scaled
# below 1e100 before they are subtracted, as 1e308 - (-1e308) overflows.
OUTLIER, LARGEST = 100.0, 1e100
TOUCHING = 1.0 + 1e-9  # a point on the edge of the box is in it, whatever rounding says


def suits(space: Space) -> bool:
    """Return whether a space has a few continuous numbers only, all of them always active."""
    smooth = space.ordered & ((space.levels == 0) | (space.levels > MOST_VALUES))
    plain = not space.conditions.parents and not space.sequences
    return plain and 0 < space.d <= MOST_NUMBERS and bool(smooth.all())


class LocalModel:
    """Steps to the minimum of a quadratic model of the nearest points, in a box around the best.

    The box follows from one observation in it after the other: it doubles after a new best, and
    halves after three others.

    Parameters
    ----------
    d : int
        The number of coordinates.

    Attributes
    ----------
    reach : float
        Half of the box's side.
    n_fewest : int
        How many values a step needs.
    n_in_vain : int
        The number of observations in the box since the last new best.
    """

    def __init__(self, d: int) -> None:
        self._n_coefficients = n_coefficients(d)
        self._best: tuple[float, Floats | None] = np.inf, None
        self._n_seen, self._n_missed = 0, 0
        self.reach, self.n_fewest, self.n_in_vain = FIRST, d + 2, 0

    @property
    def leads(self) -> bool:
        """Whether recent steps found a new best."""
        return self.n_in_vain < IN_VAIN

    def learn(self, observed: Observations) -> None:
        """Learn the observations since the last call."""
        for row in range(self._n_seen, len(observed)):
            self._learn_one(observed.points[row], float(observed.losses[row]))
        self._n_seen = len(observed)

    def _learn_one(self, point: Floats, loss: float) -> None:
        if not loss < np.inf:
            return
        least, best = self._best
        inside = best is not None and bool((np.abs(point - best) <= TOUCHING * self.reach).all())
        if loss < least:
            self._best = loss, point
            self._n_missed = self.n_in_vain = 0
            if inside:
                self.reach = min(2.0 * self.reach, LONGEST)
        elif inside:
            self.n_in_vain += 1
            self._n_missed += 1
            if self._n_missed == MISSES:
                self._n_missed, self.reach = 0, self.reach / 2.0
                if self.reach < SHORTEST:
                    self.reach = FIRST

    def step(
        self, observed: Observations, pending: Floats, rng: np.random.Generator
    ) -> Floats | None:
        """Return the point of the model's minimum, shape (d,).

        None where too little is known, or where a pending point is near it. Where the minimum is at
        a known point, a random point of the box is returned, which improves the model.
        """
        valued = np.flatnonzero(np.isfinite(observed.losses))
        if len(valued) < self.n_fewest:
            return None
        points, losses = observed.points[valued], observed.losses[valued]
        best = int(losses.argmin())
        centre, reach = points[best], self.reach
        # The nearest by the largest coordinate, the shape of the box; stable, so ties are settled.
        near = np.argsort(np.abs(points - centre).max(axis=1), kind="stable")
        near = near[: round(SPARE * self._n_coefficients)]
        low, high = np.maximum(centre - reach, 0.0), np.minimum(centre + reach, 1.0)
        model = Quadratic.fit(points[near], _without_outliers(losses[near]), centre, reach)
        found = model.minimum(low, high, rng)
        close = CROWDED * reach
        if len(pending) and (np.abs(pending - found).max(axis=1) < close).any():
            return None
        if (np.abs(points[near] - found).max(axis=1) < close * CROWDED).any():
            return np.asarray(low + (high - low) * rng.random(len(centre)))
        return found


def _without_outliers(losses: Floats) -> Floats:
    """Return losses above the best one, at most 100 times their median."""
    # Scaled before they are subtracted: the difference of two huge losses overflows.
    huge = max(1.0, float(np.abs(losses).max()) / LARGEST)
    above = losses / huge - losses.min() / huge
    middle = float(np.median(above))
    bounded: Floats = np.minimum(above, OUTLIER * middle) if middle > 0 else above
    return bounded
