"""Find the point of the best acquisition: many candidates, then discrete steps and gradients."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hpopt.core.proposals import Floats
from hpopt.numerics.projected_bfgs import minimize_batched
from hpopt.numerics.sampling import reflect
from hpopt.optimizers.surrogates.acquisition import Score
from hpopt.optimizers.surrogates.branches import Believed, Branch
from hpopt.optimizers.surrogates.encoding import ROUNDING, Encoding
from hpopt.optimizers.surrogates.prior_term import PriorTerm
from hpopt.optimizers.surrogates.trust_region import Box

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Moves = tuple[Ints, Ints, Floats]
"""Which point moves, in which coordinate, and where to."""

CANDIDATES = 600  # three times as many were no better and took twice as long
SWEEPS = 3  # discrete steps before each climb; one that improves nothing is the last
MOST_MOVES, MOST_CHOICES = 64, 12  # discrete steps of a point, and of one of its choices
# How often the acquisition is asked for its gradient in each climb. Climbing from the candidates is
# worth half of an ask's time: without it the regret after 50 evaluations doubled.
CLIMBS = (10, 6)
FEWEST_PARENTS, MOST_PARENTS = 5, 10  # of mutants: a tenth of the observed points, within these
CHANGED = 1.5  # coordinates of a mutant, in half of them: between one and two is a local step
SMALLEST_STEP, LARGEST_STEP = 0.01, 0.4  # of a mutant's numbers, log-uniform: local and far ones
# A number moves in the box with probability max(0.3, 20/d): 20/d is TuRBO's, and 0.3 still moves
# most of what matters in large spaces. Choices, which have no box, change rarely.
LEAST_MOVED, MOVED, FLIPPED = 0.3, 20.0, 0.2


def with_inactive_sampled(points: Floats, active: Bools, rng: np.random.Generator) -> Floats:
    """Sample inactive coordinates anew, so that one that a change activates begins anywhere."""
    return np.where(active, points, rng.random(points.shape))


def mutants(encoding: Encoding, parents: Floats, n: int, rng: np.random.Generator) -> Floats:
    """Return mutants of parents, of the first ones, with weights 1/rank, more often.

    In half of the mutants each active coordinate changes with probability 1.5 / n_effective, in
    the others with one that is sampled for the mutant; at least one changes. A number steps by
    N(0, σ²), with σ sampled for the mutant, log-uniform in [0.01, 0.4], and by at least one
    level; a choice becomes another one.

    Parameters
    ----------
    parents : ndarray (k, d), best first

    Returns
    -------
    ndarray (n, d), in [0, 1]
    """
    space = encoding.space
    weights = 1.0 / np.arange(1, len(parents) + 1)
    points = parents[rng.choice(len(parents), size=n, p=weights / weights.sum())]
    active = space.active(points)
    counted = active & (space.levels != 1)
    rate = np.where(np.arange(n) < n // 2, CHANGED / encoding.n_effective, rng.random(n))
    chance = np.where(counted, rng.random(points.shape), 2.0)
    # The coordinate of the least chance changes whatever the rate is.
    changed = chance < np.maximum(rate[:, None], chance.min(axis=1, keepdims=True) * (1 + 1e-12))
    changed &= counted
    points = with_inactive_sampled(points, active, rng)

    sigma = np.exp(rng.uniform(np.log(SMALLEST_STEP), np.log(LARGEST_STEP), size=(n, 1)))
    steps = sigma * rng.standard_normal(points.shape)
    levels = np.maximum(space.levels, 1)
    # A shorter step would be rounded to the value that it comes from.
    least = np.where(space.levels > 0, 1.0 / levels, 0.0)
    steps = np.where(np.abs(steps) < least, np.copysign(least, steps), steps)
    jumps = (1 + np.floor(rng.random(points.shape) * np.maximum(levels - 1, 1))) / levels
    moved = np.where(space.ordered, reflect(points + steps), np.mod(points + jumps, 1.0))
    return np.where(changed, moved, points)


def in_box(encoding: Encoding, box: Box, n: int, rng: np.random.Generator) -> Floats:
    """Return points in a box: each number moves with probability max(0.3, 20/d), choices rarely."""
    space = encoding.space
    centre = np.repeat(box.centre[None], n, axis=0)
    points = with_inactive_sampled(centre, space.active(centre), rng)
    moves = max(LEAST_MOVED, min(1.0, MOVED / encoding.n_effective))
    chance = np.where(space.ordered, moves, FLIPPED)
    drawn = box.low + rng.random(points.shape) * (box.high - box.low)
    return np.where(rng.random(points.shape) < chance, drawn, points)


def discrete_moves(
    encoding: Encoding,
    points: Floats,
    active: Bools,
    box: Box | None,
    rng: np.random.Generator,
    *,
    most: int,
    most_choices: int,
) -> tuple[Ints, Floats]:
    """Return the points that are one discrete step away from given ones.

    A step takes a number to a next value, to one an eighth of its levels away, or to a random one,
    within the box; and a choice to another one.

    Parameters
    ----------
    points : ndarray (n, d)
        Snapped.
    most, most_choices : int
        The largest number of steps of a point, and of one of its choices.

    Returns
    -------
    rows : ndarray (m,) of int
        The row of `points` that each comes from.
    moved : ndarray (m, d), in [0, 1]
    """
    parts = [
        _steps(encoding, points, active, box, rng),
        _others(encoding, points, active, most_choices, rng),
    ]
    row, column, value = (np.concatenate(each) for each in zip(*parts, strict=True))
    if not len(row):
        return row, np.empty((0, points.shape[1]))
    kept = _at_most(row, most, rng)
    row, column, value = row[kept], column[kept], value[kept]
    moved = with_inactive_sampled(points[row], active[row], rng)
    moved[np.arange(len(row)), column] = value
    return row, moved


def _steps(
    encoding: Encoding, points: Floats, active: Bools, box: Box | None, rng: np.random.Generator
) -> Moves:
    columns, counts = encoding.stepped, encoding.n_positions[:, None]
    here = points.take(columns, axis=1)[:, :, None]
    own = np.add.reduce(encoding.positions < here - ROUNDING, axis=2)[:, :, None]
    own = np.minimum(own, counts)
    others = np.empty((*own.shape[:2], encoding.steps.shape[1] + 1), dtype=np.int64)
    others[:, :, :-1] = own + encoding.steps
    others[:, :, -1] = rng.random(own.shape[:2]) * counts[:, 0]
    inside = (others >= 0) & (others < counts) & (others != own)
    inside &= active.take(columns, axis=1)[:, :, None]
    places = np.arange(len(columns))[:, None]
    values = encoding.positions[places, np.where(inside, others, 0)]
    if box is not None:
        inside &= (values >= box.low[columns, None]) & (values <= box.high[columns, None])
    row, which, step = np.nonzero(inside)
    return row, columns[which], values[row, which, step]


def _others(
    encoding: Encoding, points: Floats, active: Bools, most: int, rng: np.random.Generator
) -> Moves:
    """Return the other choices, at most `most` of each, at random."""
    columns = encoding.choices
    counts = encoding.space.levels[columns]
    own = encoding.codes(points)
    widest = int(min(counts.max(initial=1) - 1, most))
    jumps = np.empty((*own.shape, widest), dtype=np.int64)
    jumps[:] = np.arange(1, widest + 1)
    for place in np.flatnonzero(counts - 1 > most).tolist():
        drawn = rng.random((len(points), int(counts[place]) - 1)).argsort(axis=1)
        jumps[:, place] = 1 + drawn[:, :most]
    inside = (jumps < counts[:, None]) & active.take(columns, axis=1)[:, :, None]
    row, which, jump = np.nonzero(inside)
    codes = (own[row, which] + jumps[row, which, jump]) % counts[which]
    return row, columns[which], (codes + 0.5) / counts[which]


def _at_most(row: Ints, most: int, rng: np.random.Generator) -> Ints:
    """Return the places of at most `most` entries of each row, at random, in the order of rows."""
    shuffled = rng.permutation(len(row))
    order = shuffled[np.argsort(row[shuffled], kind="stable")]
    ordered = row[order]
    place = np.arange(len(row)) - np.searchsorted(ordered, ordered)
    return order[place < most]


class AcquisitionSearch:
    """Maximise an acquisition, times the prior to a power, over a space or over a box in it.

    Parameters
    ----------
    encoding : Encoding
    fitted : Believed
    rng : numpy.random.Generator
    acquisition : Score
    box : Box or None
        The bounds of numbers; choices are free.
    everything : ndarray (n, d) or None
        All configs of the space, where they are few.
    within : Branch, optional
        Where to search; by default everywhere.
    """

    def __init__(
        self,
        encoding: Encoding,
        fitted: Believed,
        rng: np.random.Generator,
        *,
        acquisition: Score,
        box: Box | None,
        everything: Floats | None,
        within: Branch | None = None,
    ) -> None:
        self._encoding, self._everything = encoding, everything
        self._space = encoding.space
        self._fitted, self.acquisition = fitted, acquisition
        self._box, self._rng, self._within = box, rng, within
        self._prior = PriorTerm(encoding.space, fitted.points, fitted.means)
        self._points: list[Floats] = []
        self._values: list[Floats] = []

    def ranked(self) -> Floats:
        """Return all points that were scored, best first, shape (n, d)."""
        if self._everything is not None:
            self._score(self._inside(self._everything))  # nothing is left to climb to
        else:
            points, values, active = self._score(self._candidates())
            points, values, active = self._starts(points, values, active)
            for evaluations in CLIMBS:
                points, values, active = self._sweep(points, values, active)
                points, values, active = self._climb(points, values, active, evaluations)
        values = np.concatenate(self._values)
        order = np.argsort(-values, kind="stable")
        return np.concatenate(self._points)[order[np.isfinite(values[order])]]

    def _score(self, points: Floats) -> tuple[Floats, Floats, Bools]:
        """Return snapped points, their acquisition (-inf where forbidden) and what is active."""
        points = self._space.snap(points)
        active = self._space.active(points)
        features = self._encoding.features(points, active)
        values = self.acquisition(features)
        values = self._prior.added(values, points, active)
        if self._within is not None:
            values = np.where(self._within.has(points, active), values, -np.inf)
        if self._space.predicates:
            values = np.where(self._space.allowed(points), values, -np.inf)
        self._points.append(points)
        self._values.append(values)
        return points, values, active

    def _inside(self, points: Floats) -> Floats:
        """Return the points in the box, or all where there are too few."""
        if self._box is None:
            return points
        inside = ((points >= self._box.low) & (points <= self._box.high)).all(axis=1)
        return points[inside] if inside.sum() >= FEWEST_PARENTS else points

    @cached_property
    def _best_observed(self) -> Floats:
        n = max(FEWEST_PARENTS, min(MOST_PARENTS, len(self._fitted.points) // 10))
        return self._fitted.points[np.argsort(self._fitted.means, kind="stable")[:n]]

    def _candidates(self) -> Floats:
        if self._box is not None:
            points = in_box(self._encoding, self._box, CANDIDATES, self._rng)
        else:
            half = CANDIDATES // 2
            anywhere = self._rng.random((half, self._space.d))
            anywhere[: half // 2] = self._space.drawn(anywhere[: half // 2])
            near = mutants(self._encoding, self._best_observed, half, self._rng)
            points = np.concatenate([anywhere, near])
        if self._within is not None:
            points = self._within.moved_into(points, self._rng)
        return self._space.repaired(points, self._rng)

    def _starts(
        self, points: Floats, values: Floats, active: Bools
    ) -> tuple[Floats, Floats, Bools]:
        """Return the two best, the best of each half, and the two best observed points."""
        order, half = np.argsort(-values, kind="stable"), len(points) // 2
        rows = {*order[:2].tolist(), order[order < half][0], order[order >= half][0]}
        kept = np.array(sorted(rows))
        observed = self._best_observed[:2]
        if self._box is not None:
            inside = np.clip(observed, self._box.low, self._box.high)
            observed = np.where(self._space.ordered, inside, observed)
        also = self._score(observed)  # known themselves, but the best place to begin a climb
        given = points[kept], values[kept], active[kept]
        starts, its_values, its_active = (
            np.concatenate(each) for each in zip(given, also, strict=True)
        )
        return starts, its_values, its_active

    def _sweep(self, points: Floats, values: Floats, active: Bools) -> tuple[Floats, Floats, Bools]:
        """Step to the best discrete neighbour while it is better, at most three times."""
        points, values, active = points.copy(), values.copy(), active.copy()
        moving = np.arange(len(points))
        for _ in range(SWEEPS):
            rows, moved = discrete_moves(
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
            moved, gains, its_active = self._score(moved)
            order = np.lexsort((gains, rows))
            best = order[np.append(np.flatnonzero(np.diff(rows[order])), len(order) - 1)]
            best = best[gains[best] > values[moving[rows[best]]]]
            if not best.size:
                break
            moving = moving[rows[best]]
            points[moving], values[moving] = moved[best], gains[best]
            active[moving] = its_active[best]
        return points, values, active

    def _climb(
        self, points: Floats, values: Floats, active: Bools, evaluations: int
    ) -> tuple[Floats, Floats, Bools]:
        """Maximise over the active continuous coordinates of all points at once."""
        numeric = self._encoding.numeric
        free = (active & self._encoding.smooth)[:, numeric]
        if not free.any():
            return points, values, active
        # Numeric features come first, so the search moves a slice of one array.
        features = self._encoding.features(points, active)
        starts, there = features[:, : len(numeric)].copy(), points.copy()

        def loss(moved: Floats) -> tuple[Floats, Floats]:
            features[:, : len(numeric)] = moved
            value, gradient = self.acquisition.with_gradient(features)
            there[:, numeric] = moved
            added = self._prior.added(value, there, active), self._prior.slopes(there)
            return -added[0], -(gradient[:, : len(numeric)] + added[1][:, numeric])

        box = self._box
        lows, highs = (0.0, 1.0) if box is None else (box.low[numeric], box.high[numeric])
        lows, highs = np.where(free, lows, starts), np.where(free, highs, starts)
        ends, _ = minimize_batched(loss, starts, lows, highs, evaluations=evaluations)
        climbed = points.copy()
        climbed[:, numeric] = np.where(free, ends, points[:, numeric])
        # Scored again, since snapping may have moved a point.
        climbed, gains, its_active = self._score(climbed)
        better = gains > values
        return (
            np.where(better[:, None], climbed, points),
            np.where(better, gains, values),
            np.where(better[:, None], its_active, active),
        )
