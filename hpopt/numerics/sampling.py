"""Streams of random numbers keyed by what they are for, and permutations that are never built."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

# Of the Feistel network: 4 make a pseudorandom permutation (Luby & Rackoff 1988), and 2 more are
# cheap.
ROUNDS = 6


def keyed_generator(seed: int, *key: int) -> np.random.Generator:
    """Return the generator that belongs to a key: always the same for the same arguments.

    Parameters
    ----------
    seed, *key : int, >= 0

    Notes
    -----
    Nothing is carried along from one draw to the next, so a search can be taken up anywhere.
    """
    # The number of keys too: (1,) and (1, 0) would give the same stream without it.
    return np.random.default_rng([seed, len(key), *key])


def keyed_seed(seed: int, number: int) -> int:
    """Return a seed in [0, 2**32) that follows from a study's seed and a trial's number."""
    digest = hashlib.blake2b(b"%d/%d" % (seed, number), digest_size=4).digest()
    return int.from_bytes(digest, "little")


def permuted_index(index: int, n: int, seed: int) -> int:
    """Return the place of `index` in a random permutation of range(n) that is never built.

    A balanced Feistel network permutes the next power of four, and is applied again until the
    result lies in range(n) (Black & Rogaway 2002, "Ciphers with arbitrary finite domains", §3).

    Parameters
    ----------
    index : int, in [0, n)
    n : int, >= 1
    """
    half = max(1, ((n - 1).bit_length() + 1) // 2)
    mask = (1 << half) - 1
    size = (half + 7) // 8
    while True:
        left, right = index >> half, index & mask
        for number in range(ROUNDS):
            message = b"%d/%d/%d" % (seed, number, right)
            mixed = int.from_bytes(hashlib.shake_256(message).digest(size), "little")
            left, right = right, left ^ (mixed & mask)
        index = (left << half) | right
        if index < n:
            return index


def reflect(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fold coordinates that left [0, 1] back into it, as if its ends were mirrors."""
    folded = np.mod(points, 2.0)
    return np.where(folded > 1.0, 2.0 - folded, folded)


def latin_hypercube(n: int, d: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw n points of which each of n equal slices of each coordinate holds exactly one.

    McKay, Beckman & Conover 1979, "A comparison of three methods for selecting values of input
    variables", https://doi.org/10.2307/1268522, section 2.1: x_ij = (pi_j(i) + u_ij) / n with a
    random permutation pi_j of 0 … n-1 for each coordinate and u uniform in [0, 1).

    Parameters
    ----------
    n, d : int, >= 0

    Returns
    -------
    ndarray (n, d), in [0, 1]
    """
    slices = np.argsort(rng.random((n, d)), axis=0)
    return (slices + rng.random((n, d))) / max(n, 1)
