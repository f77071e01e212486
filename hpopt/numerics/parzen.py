"""Parzen estimators of products: truncated normals of numbers, tables of choices.

Bergstra et al. 2011, "Algorithms for hyper-parameter optimization", section 4,
https://papers.nips.cc/paper/4443; multivariate as in Falkner, Klein & Hutter 2018 (BOHB),
https://arxiv.org/abs/1807.01774.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

SPREAD = 0.2
FINEST = 100
STEP = math.log(1.02)


def bandwidth(n: int, n_effective: float) -> float:
    """Give the width of n kernels: max(0.2 n^(-1/(d + 4)), 1 / min(100, n + 1)).

    Scott 1992, "Multivariate density estimation", equation 6.41, with a floor. It is rounded to
    steps of 2 %, so that what follows from it can be kept while n grows.
    """
    scott = SPREAD * max(n, 1) ** (-1.0 / (n_effective + 4.0))
    width = max(scott, 1.0 / min(FINEST, n + 1))
    return math.exp(STEP * round(math.log(width) / STEP))


def choice_table(n_choices: int, n: int) -> Floats:
    """Give the probability of each choice at each kernel: ε / k + (1 - ε) [equal], ε = 1/(n + 1).

    Returns
    -------
    ndarray (k, k), rows of kernels
    """
    share = 1.0 / (n + 1)
    return np.full((n_choices, n_choices), share / n_choices) + (1.0 - share) * np.eye(n_choices)


def cell_table(centres: Floats, width: float) -> Floats:
    """Give the probability of each cell under a truncated normal at each cell's centre.

    Parameters
    ----------
    centres : ndarray (k,), ascending, in [0, 1]
    width : float
        Deviation of the normals; half a cell at least.

    Returns
    -------
    ndarray (k, k), rows of kernels
    """
    from scipy.special import ndtr

    edges = cell_edges(centres)
    widths = np.maximum(width, np.diff(edges) / 2)[:, None]
    below = ndtr((edges - centres[:, None]) / widths)
    cells = np.maximum(np.diff(below, axis=1), 1e-300)
    table: Floats = cells / cells.sum(axis=1, keepdims=True)
    return table


def cell_edges(centres: Floats) -> Floats:
    """Give the edges of cells: 0, the middles between centres, 1."""
    return np.concatenate([[0.0], (centres[1:] + centres[:-1]) / 2, [1.0]])


def stacked_tables(tables: Sequence[Floats], uniforms: Sequence[Floats]) -> Floats:
    """Put tables (k, k) of several coordinates into one array, padded with zeros.

    Parameters
    ----------
    tables : sequence of b ndarray (k, k)
    uniforms : sequence of b ndarray (k,)
        The probabilities where nothing is known.

    Returns
    -------
    ndarray (b, K + 1, K)
        K is the largest k; row K is the uniform one.
    """
    most = max((len(uniform) for uniform in uniforms), default=0)
    stacked = np.zeros((len(uniforms), most + 1, most))
    for each, table, uniform in zip(stacked, tables, uniforms, strict=True):
        each[: len(table), : len(table)] = table
        each[most, : len(uniform)] = uniform
    return stacked


class Parzen:
    """A mixture of n product kernels and a uniform one, all of equal weight.

    In a kernel whose own coordinate does not exist its factor is uniform; where the coordinate of
    a point does not exist, the factor is left out: ones that depend on others need no groups.

    Parameters
    ----------
    numbers : ndarray (n, a), in [0, 1]
        Where the kernels are, in the continuous coordinates.
    exist : ndarray (n, a) of bool
    codes : ndarray (n, b) of int
        And in the discrete ones; K where they do not exist.
    width : float
        Deviation of the truncated normals.
    tables : ndarray (b, K + 1, K)
        Of the discrete coordinates; see `stacked_tables`.
    """

    def __init__(
        self, numbers: Floats, exist: Bools, codes: Ints, width: float, tables: Floats
    ) -> None:
        self._numbers, self._exist, self._codes = numbers, exist, codes
        self._width, self._tables = width, tables

    def __len__(self) -> int:
        return len(self._numbers) + 1

    def log_density(self, numbers: Floats, exist: Bools, codes: Ints) -> Floats:
        """Give the logarithm of the density at m points, shape (m,).

        With t = 1 / (2 h²) the logarithm of a truncated normal is
        -t x² + 2 t c x - (t c² + log(h √(2π) Z)): three products of what belongs to the point
        and what belongs to the kernel. A table's is one product for each value. So the logarithms
        of all kernels at all points are one product of matrices.
        """
        logs = self._of_points(numbers, exist, codes) @ self._of_kernels().T
        most = logs.max(axis=1)
        logs -= most[:, None]
        np.exp(logs, out=logs)
        densities: Floats = np.log(logs.sum(axis=1)) + (most - math.log(len(self)))
        return densities

    def _of_points(self, numbers: Floats, exist: Bools, codes: Ints) -> Floats:
        (m, a), (b, _, most) = numbers.shape, self._tables.shape
        parts = np.empty((m, 3 * a + b * most))
        centred = (numbers - 0.5) * exist
        parts[:, :a], parts[:, a : 2 * a], parts[:, 2 * a : 3 * a] = centred**2, centred, exist
        parts[:, 3 * a :] = (codes[:, :, None] == np.arange(most)).reshape(m, b * most)
        return parts

    def _of_kernels(self) -> Floats:
        from scipy.special import ndtr

        (n, a), (b, _, most) = self._numbers.shape, self._tables.shape
        precise, centred = 0.5 / self._width**2, self._numbers - 0.5
        inside = ndtr((0.5 - centred) / self._width) - ndtr((-0.5 - centred) / self._width)
        norms = np.log(self._width * math.sqrt(2 * math.pi) * inside)
        parts = np.zeros((n + 1, 3 * a + b * most))  # the last kernel is the uniform one
        parts[:n, :a] = -precise * self._exist
        parts[:n, a : 2 * a] = 2.0 * precise * centred * self._exist
        parts[:n, 2 * a : 3 * a] = (-precise * centred * centred - norms) * self._exist
        logs = np.log(np.where(self._tables > 0, self._tables, 1.0))
        own = np.concatenate([self._codes, np.full((1, b), most, dtype=np.int64)])
        parts[:, 3 * a :] = logs[np.arange(b), own].reshape(n + 1, b * most)
        return parts

    def draw(self, m: int, rng: np.random.Generator) -> tuple[Floats, Ints]:
        """Draw m points: numbers (m, a) and codes (m, b), uniform where a kernel has none."""
        from scipy.special import ndtr, ndtri

        (n, a), (b, _, most) = self._numbers.shape, self._tables.shape
        kernel = rng.integers(n + 1, size=m)
        numbers, shares = rng.random((m, a)), rng.random((m, b))
        exist = np.concatenate([self._exist, np.zeros((1, a), dtype=bool)])[kernel]
        centre = np.concatenate([self._numbers, np.full((1, a), 0.5)])[kernel]
        low, high = ndtr(-centre / self._width), ndtr((1.0 - centre) / self._width)
        normal = centre + self._width * ndtri(low + numbers * (high - low))
        numbers = np.where(exist, normal.clip(0.0, 1.0), numbers)
        own = np.concatenate([self._codes, np.full((1, b), most, dtype=np.int64)])[kernel]
        sums = self._tables.cumsum(axis=2)[np.arange(b), own]
        codes = (shares[:, :, None] * sums[:, :, -1:] > sums).sum(axis=2)
        return numbers, codes
