"""Differential variation and crossover on whole populations of genes in [0, 1].

Storn & Price 1997, "Differential evolution: a simple and efficient heuristic for global
optimization over continuous spaces", https://doi.org/10.1023/A:1008202821328; parameters that
adapt as in Zhang & Sanderson 2009, "JADE: adaptive differential evolution with optional external
archive", https://doi.org/10.1109/TEVC.2009.2014613.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hpopt.numerics.sampling import reflect

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


def distinct_partners(n: int, k: int, rng: np.random.Generator) -> Ints:
    """Draw k places for each of n, all different and different from its own, shape (n, k).

    Storn & Price 1997, below equation (2). Needs ``n > k``.
    """
    keys = rng.random((n, n))
    np.fill_diagonal(keys, np.inf)
    return np.asarray(np.argsort(keys, axis=1)[:, :k])


def mutants(base: Floats, *pairs: Floats, weights: Floats) -> Floats:
    """Add weighted differences to base vectors, and reflect what leaves [0, 1].

    Storn & Price 1997, equation (2): ``v = x_r1 + F (x_r2 - x_r3)``; with the target itself as
    base and the best as the first of a pair, current-to-best/1.

    Parameters
    ----------
    base : ndarray (n, d)
    *pairs : ndarray (n, d)
        Minuend, subtrahend, minuend, …
    weights : ndarray (n, 1)
        F.

    Returns
    -------
    ndarray (n, d), in [0, 1]
    """
    moves = np.zeros_like(base)
    for minuend, subtrahend in zip(pairs[::2], pairs[1::2], strict=True):
        moves += minuend - subtrahend
    return reflect(base + weights * moves)


def binomial_mask(n: int, d: int, rates: Floats, rng: np.random.Generator) -> Bools:
    """Return which genes a trial vector has from its mutant: each with rate CR, one at least.

    Storn & Price 1997, equation (4), shape (n, d).

    Parameters
    ----------
    rates : ndarray (n, 1), in [0, 1]
    """
    mask = rng.random((n, d)) <= rates
    mask[np.arange(n), rng.integers(d, size=n)] = True
    return mask


def sample_weights(mean: float, n: int, rng: np.random.Generator) -> Floats:
    """Draw F for each of n from a Cauchy distribution, cut to (0, 1], shape (n, 1).

    Zhang & Sanderson 2009, equation (10): what exceeds 1 becomes 1, what is not positive is
    drawn again; here it is mirrored, which needs no loop.
    """
    drawn = mean + 0.1 * np.tan(np.pi * (rng.random((n, 1)) - 0.5))
    # A weight of 0 would make a mutant of its base: 0.001 is any value small enough.
    return np.asarray(np.clip(np.abs(drawn), 1e-3, 1.0))


def sample_rates(mean: float, n: int, rng: np.random.Generator) -> Floats:
    """Draw CR for each of n from a normal distribution, cut to [0, 1], shape (n, 1).

    Zhang & Sanderson 2009, equation (6).
    """
    return np.asarray(np.clip(mean + 0.1 * rng.standard_normal((n, 1)), 0.0, 1.0))


def lehmer_mean(values: Floats) -> float:
    """Return ``sum(v²) / sum(v)``: Zhang & Sanderson 2009, equation (12)."""
    return float(np.sum(values**2) / np.sum(values))
