"""Where to look for a good acquisition: anywhere, near the best, or in a box."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hpopt.core.proposals import Floats
from hpopt.numerics.sampling import reflected
from hpopt.optimizers.surrogates.encoding import ROUNDING, Encoding
from hpopt.optimizers.surrogates.trust_box import Box

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Moves = tuple[Ints, Ints, Floats]
"""Which point moves, in which coordinate, and where to."""

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
    parts = [
        _steps(encoding, points, active, box, rng),
        _others(encoding, points, active, most_choices, rng),
    ]
    row, column, value = (np.concatenate(each) for each in zip(*parts, strict=True))
    if not len(row):
        return row, np.empty((0, points.shape[1]))
    kept = _at_most(row, most, rng)
    row, column, value = row[kept], column[kept], value[kept]
    moved = drawn_afresh(points[row], active[row], rng)
    moved[np.arange(len(row)), column] = value
    return row, moved


def _steps(
    encoding: Encoding, points: Floats, active: Bools, box: Box | None, rng: np.random.Generator
) -> Moves:
    """Give the steps of numbers."""
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
    """Give the other choices; of many values at most so many, drawn."""
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
    """Give the places of at most so many of each row, chosen at random, in the order of rows."""
    shuffled = rng.permutation(len(row))
    order = shuffled[np.argsort(row[shuffled], kind="stable")]
    ordered = row[order]
    place = np.arange(len(row)) - np.searchsorted(ordered, ordered)
    return order[place < most]
