"""Crossover, mutation and changes of length, on whole arrays of genes in [0, 1].

Textbook operators: Eiben & Smith 2015, "Introduction to Evolutionary Computing", chapter 4.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hpopt.numerics.sampling import reflect

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


def uniform_mask(n: int, d: int, rng: np.random.Generator) -> Bools:
    """Return a mask (n, d) of the second parent's genes: each with probability 1/2."""
    return rng.random((n, d)) < 0.5


def point_mask(n: int, d: int, points: int, rng: np.random.Generator) -> Bools:
    """Return a mask (n, d) of the second parent's genes in k-point crossover.

    The parents are cut at the same `points` different places between genes, and every second
    piece is exchanged. With fewer than ``points + 1`` genes there are as many cuts as fit.
    """
    points = min(points, d - 1)
    if points < 1:
        return np.zeros((n, d), dtype=bool)
    order = np.argsort(rng.random((n, d - 1)), axis=1)[:, :points]
    cuts = np.zeros((n, d), dtype=np.int64)
    np.put_along_axis(cuts, order + 1, 1, axis=1)
    return np.asarray(np.cumsum(cuts, axis=1) % 2 == 1)


def tail_mask(n: int, d: int, rng: np.random.Generator) -> Bools:
    """Return a mask (n, d) of the second parent's genes: those behind a random cut.

    The cut is uniform on 0 … d: all genes, or none, may come from the second parent.
    """
    cuts = rng.integers(d + 1, size=(n, 1))
    return np.asarray(np.arange(d) >= cuts)


def mutate(
    genes: Floats,
    levels: Ints,
    ordered: Bools,
    rng: np.random.Generator,
    *,
    probability: Floats | float,
    step: float,
    scale: float,
    sure: Bools | None = None,
) -> Floats:
    """Mutate each gene with a probability: by a reset, or by a step where it is ordered.

    Parameters
    ----------
    genes : ndarray (n, d), in [0, 1]
    levels : ndarray (d,)
        How many values each gene distinguishes; 0 for a continuous one.
    ordered : ndarray (d,) of bool
        Which genes may step; the others are always reset.
    probability : float or ndarray (n, 1), in [0, 1]
        Of each gene to mutate.
    step : float, in [0, 1]
        The share of an ordered gene's mutations that step.
    scale : float, > 0
        Standard deviation of a step, as a share of the gene's range. A discrete gene moves by
        one level at least.
    sure : ndarray (n, d) of bool, optional
        Genes of which one is drawn to mutate in a row where none of them would.

    Returns
    -------
    ndarray (n, d), in [0, 1]
        Where a discrete gene mutates, it leaves its cell (one of `levels` equal ones).
    """
    chosen = rng.random(genes.shape) < probability
    if sure is not None:
        one = (rng.random(genes.shape) * sure).argmax(axis=1)
        none = sure.any(axis=1) & ~(chosen & sure).any(axis=1)
        chosen[none, one[none]] = True
    steps = ordered & (rng.random(genes.shape) < step)
    moves = scale * rng.standard_normal(genes.shape)
    fresh = rng.random(genes.shape)
    return np.where(chosen, move_genes(genes, levels, steps, moves, fresh), genes)


def move_genes(genes: Floats, levels: Ints, steps: Bools, moves: Floats, fresh: Floats) -> Floats:
    """Move the genes that step, and draw the others anew; genes and levels as in `mutate`.

    Parameters
    ----------
    steps : ndarray (d,) or (n, d) of bool
        Which genes step.
    moves : ndarray (n, d)
        How far. A discrete gene moves by one level at least; the ends of [0, 1] reflect.
    fresh : ndarray (n, d), in [0, 1]
        Uniform draws: where a continuous gene goes, or which other value a discrete one takes.

    Returns
    -------
    ndarray (n, d), in [0, 1]
    """
    return np.where(steps, _stepped(genes, levels, moves), _reset(genes, levels, fresh))


def _cells(genes: Floats, levels: Ints) -> Floats:
    return np.minimum(np.floor(genes * levels), np.maximum(levels - 1, 0))


def _stepped(genes: Floats, levels: Ints, moves: Floats) -> Floats:
    least = np.where(levels > 0, 1.0 / np.maximum(levels, 1), 0.0)
    moves = np.where(np.abs(moves) < least, np.copysign(least, moves), moves)
    moved = reflect(genes + moves)
    # A mirror may lead back into the same cell: such a gene goes one level the other way.
    cells = _cells(genes, levels)
    returned = (levels > 0) & (_cells(moved, levels) == cells)
    inwards = np.where(cells < levels / 2 - 0.5, least, -least)
    moved = np.where(returned, genes + inwards, moved)
    return np.where(levels == 1, genes, moved)


def _reset(genes: Floats, levels: Ints, fresh: Floats) -> Floats:
    # A jump of 1 … levels - 1 cells, cyclic: every other value is equally likely.
    others = np.maximum(levels - 1, 1)
    jump = 1 + np.minimum(np.floor(fresh * others), others - 1)
    discrete = (np.mod(_cells(genes, levels) + jump, np.maximum(levels, 1)) + 0.5) / np.maximum(
        levels, 1
    )
    return np.where(levels == 0, fresh, np.where(levels == 1, genes, discrete))


def insert_layers(slots: Floats, places: Ints, layers: Floats) -> Floats:
    """Put a layer before place i, moving the later ones up; the last slot falls off.

    Parameters
    ----------
    slots : ndarray (n, max_length, w)
    places : ndarray (n,) of int, in [0, max_length)
    layers : ndarray (n, w)
    """
    index = np.arange(slots.shape[1])
    source = index - (index > places[:, None])
    longer = np.take_along_axis(slots, source[:, :, None], axis=1)
    longer[np.arange(len(slots)), places] = layers
    return longer


def delete_layers(slots: Floats, places: Ints) -> Floats:
    """Move the layer at place i to the last slot, inactive, and the later ones down.

    Parameters
    ----------
    slots : ndarray (n, max_length, w)
    places : ndarray (n,) of int, in [0, max_length)
    """
    index = np.arange(slots.shape[1])
    source = index + (index >= places[:, None])
    source[:, -1] = places
    return np.take_along_axis(slots, source[:, :, None], axis=1)
