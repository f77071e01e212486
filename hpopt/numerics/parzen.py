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
Singles = NDArray[np.float32]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

SPREAD = 0.2
FINEST = 100
STEP = math.log(1.02)


def bandwidth(n: float, n_effective: float) -> float:
    """Give the width of n kernels: max(0.2 n^(-1/(d + 4)), 1 / min(100, n + 1)).

    Scott 1992, "Multivariate density estimation", equation 6.41, with a floor. It is rounded to
    steps of 2 %, so that what follows from it can be kept while n grows.
    """
    scott = SPREAD * max(n, 1.0) ** (-1.0 / (n_effective + 4.0))
    width = max(scott, 1.0 / min(FINEST, n + 1))
    return math.exp(STEP * round(math.log(width) / STEP))


def choice_table(n_choices: int, n: float) -> Floats:
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


def log_tables(tables: Floats) -> Floats:
    """Give the logarithms of stacked tables, 0 where they are padded."""
    found: Floats = np.log(np.where(tables > 0, tables, 1.0))
    return found


class Factors:
    """The factors of product kernels as rows whose products with points' rows are logarithms.

    With t = 1 / (2 h²) the logarithm of a truncated normal is
    -t x² + 2 t c x - (t c² + log(h √(2π) Z)): products of what belongs to the point and what
    belongs to the kernel. A table's is one product for each value. So the logarithms of all
    kernels at all points are one product of matrices. It is taken in single precision, which is
    several times as fast: with t of some hundreds, logarithms are exact to 1e-5 or so.

    In a kernel whose own coordinate does not exist its factor is uniform; where the coordinate of
    a point does not exist, the factor is left out: ones that depend on others need no groups.

    Parameters
    ----------
    always : ndarray (a,) of bool
        Which of the continuous coordinates exist in all points: they need fewer columns.
    sizes : sequence of b int
        How many values the discrete coordinates have.

    Attributes
    ----------
    mark : int
        A column that is 0 in all kernels and 1 in all points: what is added to it is added to
        the logarithm of the kernel.
    """

    def __init__(self, always: Bools, sizes: Sequence[int]) -> None:
        self._always, self._others = np.flatnonzero(always), np.flatnonzero(~always)
        k, self._n_others = len(self._always), len(self._others)
        self._linear, self._square, self._constant, self.mark = slice(k), k, k + 1, k + 2
        self._first = k + 3
        self._first_code = self._first + 3 * self._n_others
        ends = np.cumsum([0, *sizes])
        self._starts = self._first_code + ends[:-1]
        self._n_columns = self._first_code + int(ends[-1])
        most = max(sizes, default=0)
        self._most, self._places = most, np.arange(len(sizes))
        self._used = np.flatnonzero(np.arange(most) < np.asarray(sizes, dtype=int)[:, None])

    def of_points(self, numbers: Floats, exist: Bools, codes: Ints) -> Singles:
        """Give the rows of m points.

        Parameters
        ----------
        numbers : ndarray (m, a), in [0, 1]
        exist : ndarray (m, a) of bool
        codes : ndarray (m, b) of int
            K, the largest number of values, where they do not exist.

        Returns
        -------
        ndarray (m, p)
        """
        rows = self._empty(len(numbers))
        centred = numbers - 0.5
        linear = centred if not self._n_others else centred[:, self._always]
        rows[:, self._linear] = linear
        rows[:, self._square] = np.einsum("ij,ij->i", linear, linear)
        rows[:, self._constant : self.mark + 1] = 1.0
        if self._n_others:
            there = exist[:, self._others]
            own = centred[:, self._others] * there
            rows[:, self._first : self._first_code] = np.concatenate([own**2, own, there], axis=1)
        if len(self._starts):
            there = codes < self._most
            rows[np.arange(len(rows))[:, None], self._starts + codes * there] = there
        return rows

    def of_kernels(
        self, numbers: Floats, exist: Bools, codes: Ints, width: float, logs: Floats
    ) -> Singles:
        """Give the rows of n kernels; what they are on is described as that of `of_points`.

        Parameters
        ----------
        width : float
            Deviation of the truncated normals.
        logs : ndarray (b, K + 1, K)
            Of the discrete coordinates' tables; see `log_tables`.

        Returns
        -------
        ndarray (n, p)
        """
        from scipy.special import ndtr

        rows = self._empty(len(numbers))
        precise, centred = 0.5 / width**2, numbers - 0.5
        inside = ndtr((0.5 - centred) / width) - ndtr((-0.5 - centred) / width)
        norms = precise * centred * centred + np.log(width * math.sqrt(2 * math.pi) * inside)
        always, others = self._always, self._others
        rows[:, self._linear] = 2.0 * precise * centred[:, always]
        rows[:, self._square] = -precise
        # In memory order, so that a row's sum does not depend on how many rows there are.
        rows[:, self._constant] = -np.ascontiguousarray(norms[:, always]).sum(axis=1)
        if self._n_others:
            there = exist[:, others]
            parts = [-precise * there, 2.0 * precise * centred[:, others] * there]
            parts.append(-norms[:, others] * there)
            rows[:, self._first : self._first_code] = np.concatenate(parts, axis=1)
        rows[:, self._first_code :] = self._own(codes, logs)
        return rows

    def of_uniform(self, logs: Floats) -> Singles:
        """Give the row of the uniform kernel, shape (1, p)."""
        row = self._empty(1)
        codes = np.full((1, len(self._starts)), self._most)
        row[:, self._first_code :] = self._own(codes, logs)
        return row

    def _empty(self, n: int) -> Singles:
        return np.zeros((n, self._n_columns), dtype=np.float32)

    def _own(self, codes: Ints, logs: Floats) -> Floats:
        """Give the codes' rows in their tables, one after the other."""
        own = logs[self._places, codes]
        found: Floats = own.reshape(len(codes), self._places.size * self._most)[:, self._used]
        return found


def log_mixture(points: Singles, kernels: Singles) -> Floats:
    """Give the logarithm of the sum of kernels (n, p) at points (m, p), rows of `Factors`.

    Returns
    -------
    ndarray (m,)
    """
    shares = points @ kernels.T
    most = shares.max(axis=1)
    shares -= most[:, None]
    np.exp(shares, out=shares)
    found: Floats = np.log(shares.sum(axis=1, dtype=np.float64)) + most
    return found


class Parzen:
    """A mixture of n product kernels and a uniform one, all of equal weight.

    Parameters
    ----------
    factors : Factors
    numbers : ndarray (n, a), in [0, 1]
        Where the kernels are, in the continuous coordinates.
    exist : ndarray (n, a) of bool
    codes : ndarray (n, b) of int
        And in the discrete ones; K where they do not exist.
    width : float
        Deviation of the truncated normals.
    tables : ndarray (b, K + 1, K)
        Of the discrete coordinates; see `stacked_tables`.

    Attributes
    ----------
    rows : ndarray (n + 1, p)
        Of `Factors`; the uniform kernel is the first.
    """

    def __init__(
        self,
        factors: Factors,
        numbers: Floats,
        exist: Bools,
        codes: Ints,
        *,
        width: float,
        tables: Floats,
    ) -> None:
        from scipy.special import ndtr

        logs = log_tables(tables)
        own = factors.of_kernels(numbers, exist, codes, width, logs)
        self.rows = np.concatenate([factors.of_uniform(logs), own])
        self._factors, self._width = factors, width
        n, a, (b, _, most) = len(own), numbers.shape[1], tables.shape
        # Of each kernel and number: its centre, the probability below 0, that inside, and
        # whether it exists; the uniform one has no numbers.
        self._normals = np.zeros((n + 1, 4, a))
        self._normals[1:, 0] = numbers
        self._normals[1:, 1] = ndtr(-numbers / width)
        self._normals[1:, 2] = ndtr((1.0 - numbers) / width) - self._normals[1:, 1]
        self._normals[1:, 3] = exist
        codes = np.concatenate([np.full((1, b), most, dtype=np.int64), codes])
        sums = tables.cumsum(axis=2)
        self._sums = (sums / np.maximum(sums[:, :, -1:], 1e-300))[np.arange(b), codes]

    def __len__(self) -> int:
        return len(self.rows)

    def log_density(self, numbers: Floats, exist: Bools, codes: Ints) -> Floats:
        """Give the logarithm of the density at m points, shape (m,)."""
        points = self._factors.of_points(numbers, exist, codes)
        return log_mixture(points, self.rows) - math.log(len(self))

    def draw(self, uniforms: Floats) -> tuple[Floats, Ints]:
        """Turn uniform numbers (m, 1 + a + b) of [0, 1) into m points.

        Returns
        -------
        numbers (m, a), codes (m, b)
            Uniform ones where a kernel has none.
        """
        from scipy.special import ndtri

        a = self._normals.shape[2]
        kernel = (uniforms[:, 0] * len(self)).astype(np.int64)
        shares, choices = uniforms[:, 1 : 1 + a], uniforms[:, 1 + a :]
        centres, low, inside, exist = self._normals[kernel].transpose(1, 0, 2)
        normal = centres + self._width * ndtri(low + shares * inside)
        numbers = np.where(exist > 0, np.minimum(np.maximum(normal, 0.0), 1.0), shares)
        codes = (choices[:, :, None] >= self._sums[kernel]).sum(axis=2)
        return numbers, codes
