"""Parzen estimators of products: truncated normals of numbers, tables of choices.

Bergstra et al. 2011, "Algorithms for hyper-parameter optimization", section 4,
https://papers.nips.cc/paper/4443; multivariate as in Falkner, Klein & Hutter 2018 (BOHB),
https://arxiv.org/abs/1807.01774.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import nullcontext

import numpy as np
from numpy.typing import NDArray

from hpopt.numerics.blas_threads import single_blas_thread
from hpopt.numerics.normal import special
from hpopt.numerics.parzen_tables import Scale

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

UNIT = np.array([0.0, 1.0])[:, None, None]  # the ends of the unit interval
ENDS = np.array([0.5, -0.5])[:, None, None]  # the same from its middle, the upper one first
FAR = 60.0  # exponentials of ±60 are 1e±26: sums of many fit into single precision
# BLAS computes fewer products in one thread anyway, and to limit it takes longer than they do.
FEW_PRODUCTS = 2**18
AS_THEY_ARE = nullcontext()


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
    n_large : int
        How many coordinates of so many choices follow them that a column for each choice would
        cost too much. They have a code each, -1 where they do not exist, and `log_mixture` adds
        the peaks of `Scale` where codes are equal.

    Attributes
    ----------
    nowhere : ndarray (1, b + n_large) of int
        The codes of a kernel that has none.
    mark : int
        A column that is 0 in all kernels and 1 in all points: what is added to it is added to
        the logarithm of the kernel.
    """

    def __init__(self, always: Bools, sizes: Sequence[int], n_large: int = 0) -> None:
        self._always, self._others = np.flatnonzero(always), np.flatnonzero(~always)
        k, self._n_others = len(self._always), len(self._others)
        self._linear, self._square, self._constant, self.mark = slice(k), k, k + 1, k + 2
        self._first = k + 3
        self._first_code = self._first + 3 * self._n_others
        # Of each column of a code: the coordinate, and the value that it stands for.
        values = [np.arange(size) for size in (0, *sizes)]
        self._values = np.concatenate(values)[:, None]
        self._coordinates = np.repeat(np.arange(len(sizes)), sizes)
        self._n_tabled, self._n_large = len(sizes), n_large
        self._stop_code = self._first_code + len(self._values)
        self._n_columns = self._stop_code + 2 * n_large
        self._most = max(sizes, default=1)
        self.nowhere = np.full((1, len(sizes) + n_large), self._most)
        self.nowhere[:, len(sizes) :] = -1
        # Where, in a scale's logs, the columns of a kernel begin that has code 0.
        first = self._coordinates * self._most + self._values.T
        self._places: Ints = first * (self._most + 1)

    def of_points(self, numbers: Floats, exist: Bools, codes: Ints) -> Singles:
        """Return the rows of m points.

        Parameters
        ----------
        numbers : ndarray (m, a), in [0, 1]
        exist : ndarray (m, a) of bool
            Looked at only where there are coordinates that may be missing.
        codes : ndarray (m, b + n_large) of int
            K, the largest number of values, where they do not exist; -1 for a large coordinate.

        Returns
        -------
        ndarray (m, p)
            By columns in memory, as they are made.
        """
        columns = np.empty((self._n_columns, len(numbers)), dtype=np.float32)
        centred = numbers.T - 0.5
        linear = centred[self._always] if self._n_others else centred
        columns[self._linear] = linear
        columns[self._square] = np.add.reduce(linear * linear, axis=0)
        if self._n_others:
            there = exist.T[self._others]
            own = centred[self._others] * there
            columns[self._first : self._first_code] = np.concatenate([own**2, own, there])
        columns[self._constant : self.mark + 1] = 1.0
        in_tables = columns[self._first_code : self._stop_code]
        in_tables[:] = codes.T.take(self._coordinates, axis=0) == self._values
        if self._n_large:
            large = codes.T[self._n_tabled :]
            columns[self._stop_code :] = np.concatenate([large >= 0, large])
        rows: Singles = columns.T
        return rows

    def of_kernels(self, numbers: Floats, exist: Bools, codes: Ints, scale: Scale) -> Singles:
        """Return the rows of n kernels; what they are on is described as that of `of_points`.

        Parameters
        ----------
        scale : Scale
            How wide the kernels are.

        Returns
        -------
        ndarray (n, p)
        """
        rows, width = self._empty(len(numbers)), scale.width
        precise, centred = 0.5 / width**2, numbers - 0.5
        above, below = special().ndtr((ENDS - centred) / width)
        linear = (2.0 * precise) * centred
        constant = -0.5 * linear
        constant *= centred
        constant -= np.log((width * math.sqrt(2 * math.pi)) * (above - below))
        if self._n_others:
            always, others = self._always, self._others
            there = exist[:, others]
            parts = [-precise * there, linear[:, others] * there, constant[:, others] * there]
            rows[:, self._first : self._first_code] = np.concatenate(parts, axis=1)
            # In memory order, so that a row's sum does not depend on how many rows there are.
            linear, constant = linear[:, always], np.ascontiguousarray(constant[:, always])
        rows[:, self._linear] = linear
        rows[:, self._square] = -precise
        rows[:, self._constant] = np.add.reduce(constant, axis=1)
        rows[:, self._first_code : self._stop_code] = self._table_logs(codes, scale)
        if self._n_large:
            large = codes[:, self._n_tabled :]
            others = np.where(large >= 0, scale.others, scale.flat)
            rows[:, self._stop_code :] = np.concatenate([others, _distinct_missing(large)], axis=1)
        return rows

    def of_uniform(self, scale: Scale) -> Singles:
        """Return the row of the uniform kernel, shape (1, p)."""
        row = self._empty(1)
        row[:, self._first_code : self._stop_code] = scale.logs.take(self._places + self._most)
        if self._n_large:
            nowhere = _distinct_missing(self.nowhere[0, self._n_tabled :])
            row[:, self._stop_code :] = np.concatenate([scale.flat, nowhere])
        return row

    def _empty(self, n: int) -> Singles:
        return np.zeros((n, self._n_columns), dtype=np.float32)

    def _table_logs(self, codes: Ints, scale: Scale) -> Floats:
        """Return the logarithms of all values' probabilities, shape (n, number of values)."""
        return scale.logs.take(self._places + codes.take(self._coordinates, axis=1))


def _distinct_missing(codes: Ints) -> Ints:
    # -2, as -1 is what is missing in a point: two missing values are not equal ones.
    return np.where(codes >= 0, codes, -2)


def log_mixture(
    points: Singles,
    kernels: Singles,
    reach: float = math.inf,
    peaks: Sequence[float] | Floats = (),
) -> Floats:
    """Return the logarithm of the sum of kernels (n, p) at points (m, p), rows of `Factors`.

    Parameters
    ----------
    reach : float
        No logarithm of a kernel lies above it, and at each point one of them is no lower than
        minus it: see `Scale`.
    peaks : sequence of float
        What is added where codes of large coordinates are equal, which are the last columns.

    Returns
    -------
    ndarray (m,)
    """
    n_dotted = points.shape[1] - len(peaks)
    with single_blas_thread() if points.size * len(kernels) > FEW_PRODUCTS else AS_THEY_ARE:
        shares = points[:, :n_dotted].dot(kernels[:, :n_dotted].T)
    for column, peak in enumerate(peaks, start=n_dotted):
        shares += np.float32(peak) * (points[:, column, None] == kernels[:, column])
    if reach < FAR:
        return _log_of_sums(shares)
    most = shares.max(axis=1)  # taken out first, so that the exponentials do not overflow
    shares -= most[:, None]
    found: Floats = _log_of_sums(shares) + most
    return found


def _log_of_sums(shares: Singles) -> Floats:
    np.exp(shares, out=shares)
    found: Floats = np.log(np.add.reduce(shares, axis=1), dtype=np.float64)
    return found


class Parzen:
    """A mixture of n product kernels and a uniform one, all of equal weight.

    Parameters
    ----------
    numbers : ndarray (n, a), in [0, 1]
        Where the kernels are, in the continuous coordinates.
    exist : ndarray (n, a) of bool
    codes : ndarray (n, b + n_large) of int
        And in the discrete ones; K where they do not exist, -1 for large ones.
    scale : Scale
        How wide they are.

    Attributes
    ----------
    rows : ndarray (n + 1, p)
        Of `Factors`; the uniform kernel is the first.
    """

    def __init__(
        self, factors: Factors, numbers: Floats, exist: Bools, codes: Ints, scale: Scale
    ) -> None:
        own = factors.of_kernels(numbers, exist, codes, scale)
        self.rows = np.concatenate([factors.of_uniform(scale), own])
        self._factors, self.scale = factors, scale
        n, a, (most, b, n_codes) = len(own), numbers.shape[1], scale.sums.shape
        # Of each kernel and number: its centre, the probability below 0, and that inside; the
        # uniform one has no numbers.
        self._normals = np.zeros((3, a, n + 1))
        below, above = special().ndtr((UNIT - numbers.T) / scale.width)
        self._normals[:, :, 1:] = numbers.T, below, above - below
        self._exist = np.zeros((a, n + 1), dtype=bool)
        self._exist[:, 1:] = exist.T
        all_codes = np.concatenate([factors.nowhere, codes])
        self._large = all_codes[:, b:].T
        of_all = all_codes[:, :b] + n_codes * np.arange(b)
        self._sums = scale.sums.reshape(most, b * n_codes).take(of_all.T, axis=1)

    def __len__(self) -> int:
        return len(self.rows)

    def log_density(self, numbers: Floats, exist: Bools, codes: Ints) -> Floats:
        """Return the logarithm of the density at m points, shape (m,)."""
        points = self._factors.of_points(numbers, exist, codes)
        scale = self.scale
        return log_mixture(points, self.rows, scale.reach, scale.peaks) - math.log(len(self))

    def draw(self, uniforms: Floats) -> tuple[Floats, Ints]:
        """Turn uniform numbers (m, 1 + a + b + n_large) of [0, 1) into m points.

        Returns
        -------
        numbers (m, a), codes (m, b + n_large)
            Uniform ones where a kernel has none.
        """
        a, columns = self._normals.shape[1], np.ascontiguousarray(uniforms.T)
        kernel = (columns[0] * len(self)).astype(np.int64)
        shares, choices = columns[1 : 1 + a], columns[1 + a : 1 + a + self._sums.shape[1]]
        centres, low, inside = self._normals.take(kernel, axis=2)
        normal = centres + self.scale.width * special().ndtri(low + shares * inside)
        numbers = np.where(self._exist.take(kernel, axis=1), normal.clip(0.0, 1.0), shares)
        codes = (choices >= self._sums.take(kernel, axis=2)).argmin(axis=0)
        if len(self._large):
            large = columns[1 + a + len(codes) :]
            codes = np.concatenate([codes, self._drawn_large(kernel, large)])
        return numbers.T, codes.T

    def _drawn_large(self, kernel: Ints, uniforms: Floats) -> Ints:
        """Return codes of many choices: the kernel's own, or any of them with probability ε."""
        own, epsilon = self._large.take(kernel, axis=1), self.scale.epsilon
        sizes = self.scale.large[:, None]
        rest = np.where(own >= 0, (uniforms - (1.0 - epsilon)) / epsilon, uniforms)
        any_of = np.minimum((rest * sizes).astype(np.int64), sizes - 1)
        return np.where(rest < 0, own, any_of)
