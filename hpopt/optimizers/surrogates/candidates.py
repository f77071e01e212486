"""Where to look for a good acquisition: anywhere, near the best, or in a box."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hpopt.core.proposals import Floats
from hpopt.numerics.sampling import reflected
from hpopt.optimizers.surrogates.encoding import Encoding
from hpopt.optimizers.surrogates.trust_box import Box

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

CHANGED = 1.5
SMALLEST_STEP, LARGEST_STEP = 0.01, 0.4
LEAST_MOVED, MOVED = 0.3, 20.0
FLIPPED = 0.2


def drawn_afresh(points: Floats, active: Bools, rng: np.random.Generator) -> Floats:
    """Draw the coordinates that do not matter: what a change brings to life begins anywhere."""
    return np.where(active, points, rng.random(points.shape))


def mutants(encoding: Encoding, parents: Floats, n: int, rng: np.random.Generator) -> Floats:
    """Change parents, the first ones (with weights 1/rank) more often.

    In half of the mutants each coordinate that matters changes with probability 1.5 / their
    number, in the others with one drawn for the mutant; one changes at least. A number steps
    by N(0, σ²) with σ drawn for the mutant, log-uniform in [0.01, 0.4], one level at least; a
    choice becomes another.

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
    changed = chance < np.maximum(rate[:, None], chance.min(axis=1, keepdims=True) * (1 + 1e-12))
    changed &= counted
    points = drawn_afresh(points, active, rng)

    sigma = np.exp(rng.uniform(np.log(SMALLEST_STEP), np.log(LARGEST_STEP), size=(n, 1)))
    steps = sigma * rng.standard_normal(points.shape)
    levels = np.maximum(space.levels, 1)
    least = np.where(space.levels > 0, 1.0 / levels, 0.0)
    steps = np.where(np.abs(steps) < least, np.copysign(least, steps), steps)
    jumps = (1 + np.floor(rng.random(points.shape) * np.maximum(levels - 1, 1))) / levels
    moved = np.where(space.ordered, reflected(points + steps), np.mod(points + jumps, 1.0))
    return np.where(changed, moved, points)


def in_box(encoding: Encoding, box: Box, n: int, rng: np.random.Generator) -> Floats:
    """Draw points in a box: each number moves with probability max(0.3, 20/d), choices rarely."""
    space = encoding.space
    centre = np.repeat(box.centre[None], n, axis=0)
    points = drawn_afresh(centre, space.active(centre), rng)
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
    """Give what is one discrete step away from points.

    Of a number the next values, those an eighth of its levels away, and a random one; of a
    choice the others. Numbers stay in the box.

    Parameters
    ----------
    points : ndarray (n, d)
        Snapped.
    most, most_choices : int
        How many steps to give for a point, and for one of its choices.

    Returns
    -------
    rows : ndarray (m,) of int
        Which point each belongs to.
    moved : ndarray (m, d), in [0, 1]
    """
    rows, columns, values = [], [], []
    for column, centres in enumerate(encoding.centres):
        if centres is None or len(centres) < 2:
            continue
        here = np.flatnonzero(active[:, column])
        if not here.size:
            continue
        own = np.searchsorted(centres, points[here, column] - 1e-12)
        own = np.minimum(own, len(centres) - 1)
        if encoding.space.ordered[column]:
            others = _steps(own, len(centres), rng)
            inside = (others >= 0) & (others < len(centres)) & (others != own[:, None])
            if box is not None:
                at = centres[others.clip(0, len(centres) - 1)]
                inside &= (at >= box.low[column]) & (at <= box.high[column])
        else:
            others = _others(own, len(centres), most_choices, rng)
            inside = np.ones(others.shape, dtype=bool)
        place, which = np.nonzero(inside)
        rows.append(here[place])
        columns.append(np.full(len(place), column))
        values.append(centres[others[place, which]])
    if not rows:
        return np.empty(0, dtype=np.int64), np.empty((0, points.shape[1]))
    row, column_of, value = (np.concatenate(each) for each in (rows, columns, values))
    kept = _at_most(row, most, rng)
    row, column_of, value = row[kept], column_of[kept], value[kept]
    moved = drawn_afresh(points[row], active[row], rng)
    moved[np.arange(len(row)), column_of] = value
    return row, moved


def _steps(own: Ints, n_levels: int, rng: np.random.Generator) -> Ints:
    far = max(2, n_levels // 8)
    steps = own[:, None] + np.array([-1, 1, -far, far])
    return np.concatenate([steps, rng.integers(n_levels, size=(len(own), 1))], axis=1)


def _others(own: Ints, n_levels: int, most: int, rng: np.random.Generator) -> Ints:
    """Give other choices, shape (n, min(n_levels - 1, most))."""
    if n_levels - 1 <= most:
        jumps = np.broadcast_to(np.arange(1, n_levels), (len(own), n_levels - 1))
    else:
        jumps = 1 + rng.permuted(np.tile(np.arange(n_levels - 1), (len(own), 1)), axis=1)[:, :most]
    return (own[:, None] + jumps) % n_levels


def _at_most(row: Ints, most: int, rng: np.random.Generator) -> Ints:
    """Give the places of at most so many of each row, chosen at random, in the order of rows."""
    shuffled = rng.permutation(len(row))
    order = shuffled[np.argsort(row[shuffled], kind="stable")]
    ordered = row[order]
    place = np.arange(len(row)) - np.searchsorted(ordered, ordered)
    return order[place < most]
