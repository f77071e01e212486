"""Find the point of the best acquisition: many candidates, then discrete steps and gradients."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hpopt.core.proposals import Floats
from hpopt.numerics.descent import descended
from hpopt.optimizers.surrogates import candidates
from hpopt.optimizers.surrogates.acquisition import Acquisition
from hpopt.optimizers.surrogates.branches import Within
from hpopt.optimizers.surrogates.encoding import Encoding
from hpopt.optimizers.surrogates.surrogate import Fitted
from hpopt.optimizers.surrogates.trust_box import Box

Bools = NDArray[np.bool_]

CANDIDATES = 600
SWEEPS = 3
MOST_MOVES, MOST_CHOICES = 64, 12
CLIMBS = (10, 6)
"""How often the acquisition is asked for its gradient in each climb."""
FEWEST_PARENTS, MOST_PARENTS = 5, 10
COUNTABLE = 1000
"""A space with no more configs is looked at as a whole."""


class AcquisitionSearch:
    """Maximise an acquisition over a space, or over a box in it.

    Parameters
    ----------
    encoding : Encoding
    fitted : Fitted
    rng : numpy.random.Generator
    acquisition : Acquisition
    box : Box or None
        Where numbers must stay; choices need not.
    everything : ndarray (n, d) or None
        All configs of the space, where they are few.
    within : callable, optional
        Says of features (m, p) which may be asked; by default all.
    """

    def __init__(
        self,
        encoding: Encoding,
        fitted: Fitted,
        rng: np.random.Generator,
        *,
        acquisition: Acquisition,
        box: Box | None,
        everything: Floats | None,
        within: Within | None = None,
    ) -> None:
        self._encoding, self._everything = encoding, everything
        self._space = encoding.space
        self._fitted, self._acquisition = fitted, acquisition
        self._box, self._rng, self._within = box, rng, within
        self._points: list[Floats] = []
        self._values: list[Floats] = []

    def ranked(self) -> Floats:
        """Give all points that were looked at, best first, shape (n, d)."""
        if self._everything is not None:
            self._scored(self._inside(self._everything))
        else:
            points, values, active = self._scored(self._candidates())
            points, values, active = self._starts(points, values, active)
            for evaluations in CLIMBS:
                points, values, active = self._swept(points, values, active)
                points, values, active = self._climbed(points, values, active, evaluations)
        values = np.concatenate(self._values)
        order = np.argsort(-values, kind="stable")
        return np.concatenate(self._points)[order[np.isfinite(values[order])]]

    def _scored(self, points: Floats) -> tuple[Floats, Floats, Bools]:
        """Give points snapped, their acquisition (-inf where forbidden) and what is active."""
        points = self._space.snap(points)
        active = self._space.active(points)
        features = self._encoding.features(points, active)
        values = self._acquisition(features)
        if self._within is not None:
            values = np.where(self._within(features), values, -np.inf)
        if self._space.predicates:
            values = np.where(self._space.allowed(points), values, -np.inf)
        self._points.append(points)
        self._values.append(values)
        return points, values, active

    def _inside(self, points: Floats) -> Floats:
        """Give the points in the box; all of them where there are too few."""
        if self._box is None:
            return points
        inside = ((points >= self._box.low) & (points <= self._box.high)).all(axis=1)
        return points[inside] if inside.sum() >= FEWEST_PARENTS else points

    @cached_property
    def _best_observed(self) -> Floats:
        n = max(FEWEST_PARENTS, min(MOST_PARENTS, len(self._fitted.points) // 10))
        return self._fitted.points[np.argsort(self._fitted.means, kind="stable")[:n]]

    def _candidates(self) -> Floats:
        """Give points to begin with: half of them anywhere, half near the best; or in the box."""
        if self._box is not None:
            points = candidates.in_box(self._encoding, self._box, CANDIDATES, self._rng)
        else:
            half = CANDIDATES // 2
            anywhere = self._rng.random((half, self._space.d))
            near = candidates.mutants(self._encoding, self._best_observed, half, self._rng)
            points = np.concatenate([anywhere, near])
        return self._space.mended(points, self._rng)

    def _starts(
        self, points: Floats, values: Floats, active: Bools
    ) -> tuple[Floats, Floats, Bools]:
        """Give the two best, the best of each half, and the two best observed points."""
        order, half = np.argsort(-values, kind="stable"), len(points) // 2
        rows = {*order[:2].tolist(), order[order < half][0], order[order >= half][0]}
        kept = np.array(sorted(rows))
        observed = self._best_observed[:2]
        if self._box is not None:
            inside = np.clip(observed, self._box.low, self._box.high)
            observed = np.where(self._space.ordered, inside, observed)
        also = self._scored(observed)
        given = points[kept], values[kept], active[kept]
        starts, its_values, its_active = (
            np.concatenate(each) for each in zip(given, also, strict=True)
        )
        return starts, its_values, its_active

    def _swept(self, points: Floats, values: Floats, active: Bools) -> tuple[Floats, Floats, Bools]:
        """Step to the best discrete neighbour, as long as it is better, three times at most."""
        points, values, active = points.copy(), values.copy(), active.copy()
        moving = np.arange(len(points))
        for _ in range(SWEEPS):
            rows, moved = candidates.discrete_moves(
                self._encoding,
                points[moving],
                active[moving],
                self._box,
                self._rng,
                most=MOST_MOVES,
                most_choices=MOST_CHOICES,
            )
            if not len(rows):
                break
            moved, gains, its_active = self._scored(moved)
            order = np.lexsort((gains, rows))
            best = order[np.append(np.flatnonzero(np.diff(rows[order])), len(order) - 1)]
            best = best[gains[best] > values[moving[rows[best]]]]
            if not best.size:
                break
            moving = moving[rows[best]]
            points[moving], values[moving] = moved[best], gains[best]
            active[moving] = its_active[best]
        return points, values, active

    def _climbed(
        self, points: Floats, values: Floats, active: Bools, evaluations: int
    ) -> tuple[Floats, Floats, Bools]:
        """Move the active continuous coordinates of all points at once, uphill."""
        numeric = self._encoding.numeric
        free = (active & self._encoding.smooth)[:, numeric]
        if not free.any():
            return points, values, active
        features = self._encoding.features(points, active)
        starts = features[:, : len(numeric)].copy()

        def loss(moved: Floats) -> tuple[Floats, Floats]:
            features[:, : len(numeric)] = moved
            value, gradient = self._acquisition.with_gradient(features)
            return -value, -gradient[:, : len(numeric)]

        box = self._box
        lows, highs = (0.0, 1.0) if box is None else (box.low[numeric], box.high[numeric])
        lows, highs = np.where(free, lows, starts), np.where(free, highs, starts)
        ends, _ = descended(loss, starts, lows, highs, evaluations=evaluations)
        climbed = points.copy()
        climbed[:, numeric] = np.where(free, ends, points[:, numeric])
        climbed, gains, its_active = self._scored(climbed)
        better = gains > values
        return (
            np.where(better[:, None], climbed, points),
            np.where(better, gains, values),
            np.where(better[:, None], its_active, active),
        )


def everything_in(encoding: Encoding) -> Floats | None:
    """Give all allowed configs of a small space as points, None for a larger one."""
    grid = encoding.space.grid()
    if grid.size > COUNTABLE:
        return None
    points = np.array([grid.point(index) for index in range(int(grid.size))])
    points = points[encoding.space.allowed(points)]
    return encoding.space.snap(points) if len(points) else None
