"""How wide Parzen kernels are: the deviation of numbers, and the tables of choices and cells.

Scott 1992, "Multivariate density estimation"; choices as in Watanabe 2023,
https://arxiv.org/abs/2304.11127.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpopt.numerics.normal import special

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SPREAD = 0.2  # the deviation of a single kernel: a fifth of the range
FINEST = 100  # no kernel is narrower than 1/100 of the range, as in Bergstra's hyperopt
STEP = math.log(1.02)  # widths are rounded to 2 %, so that tables are kept while n grows
LEAST = 1e-300  # a probability of 0 would have no logarithm
PEAK = 1.2  # above 3 / √(2π): no normal of this width, cut at one end, has a higher density


def bandwidth(n: float, n_effective: float) -> float:
    """Return the width of n kernels: max(0.2 n^(-1/(d + 4)), 1 / min(100, n + 1)).

    Scott 1992, equation 6.41, with a floor. It is rounded to steps of 2 %, so that what follows
    from it can be kept while n grows.
    """
    scott = SPREAD * max(n, 1.0) ** (-1.0 / (n_effective + 4.0))
    width = max(scott, 1.0 / min(FINEST, n + 1))
    return math.exp(STEP * round(math.log(width) / STEP))


def choice_tables(uniforms: Floats, n: Floats) -> Floats:
    """Return the probability of each choice at each kernel: ε / k + (1 - ε) [equal], ε = 1/(n + 1).

    Parameters
    ----------
    uniforms : ndarray (b, K)
        1 / k for the k choices of each coordinate, 0 beyond.
    n : ndarray (s,)
        How many kernels there are, in each of s cases.

    Returns
    -------
    ndarray (s, b, K, K), rows of kernels
    """
    shares, (b, most) = (1.0 / (n + 1))[:, None, None], uniforms.shape
    tables: Floats = (shares * uniforms)[:, :, None, :].repeat(most, axis=2)
    own = tables.reshape(len(n), b, most * most)[:, :, :: most + 1]
    own += 1.0 - shares
    return tables


def cell_tables(centres: Floats, edges: Floats, widths: Floats) -> Floats:
    """Return the probability of each cell under a truncated normal at each cell's centre.

    Parameters
    ----------
    centres : ndarray (b, K), in [0, 1]
        Ascending; anything beyond a coordinate's last cell.
    edges : ndarray (b, K + 1)
        See `cell_edges`; 1 beyond the last.
    widths : ndarray (s,)
        Deviation of the normals, in each of s cases; half a cell at least.

    Returns
    -------
    ndarray (s, b, K, K), rows of kernels
    """
    halves = (edges[:, 1:] - edges[:, :-1]) / 2
    own = np.maximum(widths[:, None, None], halves)[:, :, :, None]
    below = special().ndtr((edges[:, None, :] - centres[:, :, None]) / own)
    tables: Floats = np.maximum(below[:, :, :, 1:] - below[:, :, :, :-1], LEAST)
    tables /= np.add.reduce(tables, axis=3, keepdims=True)
    return tables


def cell_edges(centres: Floats) -> Floats:
    """Return the edges of cells: 0, the middles between centres, 1."""
    return np.concatenate([[0.0], (centres[1:] + centres[:-1]) / 2, [1.0]])


@dataclass(frozen=True, slots=True)
class Scale:
    """How wide kernels are.

    Attributes
    ----------
    width : float
        Deviation of the truncated normals.
    logs : ndarray (b, K, K + 1)
        Logarithms of the probabilities of values, by the value that the kernel itself has; K where
        it has none.
    sums : ndarray (K, b, K + 1)
        Those probabilities summed up to each value: 1 for the last.
    reach : float
        No logarithm of a kernel lies above it, and none of the uniform one below minus it.
    large : ndarray (c,) of int
        How many choices the coordinates have that have too many for tables. The probability of
        a choice is that of `choice_tables`.
    epsilon : float
        How probable it is that their choice is drawn anew.
    """

    width: float
    logs: Floats
    sums: Floats
    reach: float
    large: Ints
    epsilon: float

    @property
    def flat(self) -> Floats:
        """The logarithms of the large coordinates' probabilities without a value."""
        return -np.log(self.large)

    @property
    def others(self) -> Floats:
        """The logarithms of the probabilities of choices that the kernel does not have."""
        return math.log(self.epsilon) - np.log(self.large)

    @property
    def peaks(self) -> Floats:
        """How far the logarithm of a kernel's own choice lies above that of another choice."""
        return np.asarray(np.log1p((1.0 - self.epsilon) / self.epsilon * self.large))

    @staticmethod
    def from_tables(
        widths: Sequence[float],
        tables: Floats,
        uniforms: Floats,
        n_numbers: int,
        *,
        large: Sequence[int] = (),
        n: Floats | None = None,
    ) -> list[Scale]:
        """Return the scales of tables (s, b, K, K), and of probabilities (b, K) without a value.

        Parameters
        ----------
        tables : ndarray (s, b, K, K)
        uniforms : ndarray (b, K)
        n : ndarray (s,), optional
            How many kernels there are; needed where there are large coordinates.
        """
        without = uniforms[None, :, None, :].repeat(len(tables), axis=0)
        all_of = np.concatenate([tables, without], axis=2)
        sums = all_of.cumsum(axis=3)
        sums /= np.maximum(sums[:, :, :, -1:], LEAST)
        logs = np.log(np.maximum(all_of, LEAST))
        least = float(np.where(uniforms > 0, logs[0, :, -1], 0.0).min(axis=1).sum())
        logs, sums = logs.transpose(0, 1, 3, 2).copy(), sums.transpose(0, 3, 1, 2).copy()
        # Of a normal around a place in [0, 1], no wider than 1, a third at least lies inside.
        sizes = np.array(large, dtype=np.int64)
        least -= float(np.log(sizes).sum())
        reaches = (max(-least, n_numbers * math.log(max(1.0, PEAK / width))) for width in widths)
        epsilons = [1.0] * len(tables) if n is None else (1.0 / (n + 1)).tolist()
        all_sizes = [sizes] * len(tables)
        return list(map(Scale, widths, logs, sums, reaches, all_sizes, epsilons))
