"""Steps of a quadratic model around the best: fast where numbers are few and losses smooth.

Conn, Scheinberg & Vicente 2009, "Introduction to derivative-free optimization", chapters 10 and 11;
where numbers and evaluations are few nevergrad's NGOpt is Powell's COBYLA, which takes such steps.
"""

from __future__ import annotations

import numpy as np

from hpopt.core.proposals import Floats
from hpopt.numerics.quadratic_model import Quadratic, n_coefficients
from hpopt.optimizers.surrogates.evidence import Evidence
from hpopt.space import Space

MOST_NUMBERS = 12
MOST_VALUES = 64
"""A number with fewer values is no smooth one."""
FIRST, LONGEST, SHORTEST = 0.1, 0.4, 1e-6
MISSES = 3
IN_VAIN = 2 * MISSES
SPARE = 1.5
"""So many times as many points as a quadratic has coefficients are fitted, where there are."""
CROWDED = 0.1
OUTLIER, LARGEST = 100.0, 1e100
TOUCHING = 1.0 + 1e-9


def suits(space: Space) -> bool:
    """Say whether a space is one of a few numbers that always exist, all of them continuous."""
    smooth = space.ordered & ((space.levels == 0) | (space.levels > MOST_VALUES))
    plain = not space.conditions.parents and not space.sequences
    return plain and 0 < space.d <= MOST_NUMBERS and bool(smooth.all())


class LocalModel:
    """Where a quadratic model of the nearest points has its minimum, in a box around the best.

    How far the box reaches follows from one told point in it after the other: twice as far after
    a new best, half as far after three others.

    Parameters
    ----------
    d : int
        The number of coordinates.

    Attributes
    ----------
    reach : float
        Half of the box's side.
    n_fewest : int
        So many values there must be.
    n_in_vain : int
        How many told points in the box were no new best, since the last one that was.
    """

    def __init__(self, d: int) -> None:
        self._n_coefficients = n_coefficients(d)
        self._best: tuple[float, Floats | None] = np.inf, None
        self._n_seen, self._n_missed = 0, 0
        self.reach, self.n_fewest, self.n_in_vain = FIRST, d + 2, 0

    @property
    def leads(self) -> bool:
        """Whether its steps have led anywhere of late."""
        return self.n_in_vain < IN_VAIN

    def learn(self, evidence: Evidence) -> None:
        """Take up what was told since the last time."""
        for row in range(self._n_seen, len(evidence)):
            self._take(evidence.points[row], float(evidence.losses[row]))
        self._n_seen = len(evidence)

    def _take(self, point: Floats, loss: float) -> None:
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

    def step(self, evidence: Evidence, pending: Floats, rng: np.random.Generator) -> Floats | None:
        """Give the point of the model's minimum, shape (d,).

        None where too little is known, or where a pending point lies there already. Where the
        model has its minimum at the best point itself, a point drawn in the box makes it better.
        """
        valued = np.flatnonzero(np.isfinite(evidence.losses))
        if len(valued) < self.n_fewest:
            return None
        points, losses = evidence.points[valued], evidence.losses[valued]
        best = int(losses.argmin())
        centre, reach = points[best], self.reach
        near = np.argsort(np.abs(points - centre).max(axis=1), kind="stable")
        near = near[: round(SPARE * self._n_coefficients)]
        low, high = np.maximum(centre - reach, 0.0), np.minimum(centre + reach, 1.0)
        model = Quadratic.of(points[near], _bounded(losses[near]), centre, reach)
        found = model.minimum(low, high, rng)
        close = CROWDED * reach
        if len(pending) and (np.abs(pending - found).max(axis=1) < close).any():
            return None
        if (np.abs(points[near] - found).max(axis=1) < close * CROWDED).any():
            return np.asarray(low + (high - low) * rng.random(len(centre)))
        return found


def _bounded(losses: Floats) -> Floats:
    """Give losses from 0 for the best, on, without outliers: no more than 100 times the median."""
    huge = max(1.0, float(np.abs(losses).max()) / LARGEST)
    above = losses / huge - losses.min() / huge
    middle = float(np.median(above))
    bounded: Floats = np.minimum(above, OUTLIER * middle) if middle > 0 else above
    return bounded
