"""Plateaus: how likely a config is to give another value than what is known near it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hpopt.core.proposals import Floats
from hpopt.numerics.gaussian_process import squared_distances

Bools = NDArray[np.bool_]
Parts = tuple[Floats, Floats]

FEWEST = 2
"""So many pairs of nearest points must have the same value before plateaus are believed in."""
EVIDENCE = 2.0
"""By so much they must explain the same values better than coincidence does, as a logarithm."""
REACHES, COINCIDENCES = 40, 12
LEAST_COINCIDENCE, MOST_COINCIDENCE, MORE_NEAR = 1e-4, 0.8, 3.0
"""Coincidence makes values the same up to three times as often near as anywhere."""
SHORTEST = 30.0
"""The largest 1 / ρ² that is tried, in shares of the nearest same value's 1 / r²."""
IDENTICAL, DIFFERENT = 1e-14, 1e-9
"""Squared distances below the first, in shares of the largest square, are rounding: of a config
told twice. Of choices and small numbers, those above the second are of different ones."""
NEAREST, STEEPEST, FARTHEST = 1e-12, 1e-6, 500.0
"""Of r² / ρ²: the least that counts; the least and the most that a gradient knows."""


class Plateaus:
    """The probability of another value than the nearest known point's.

    Evaluations often do not tell near configs apart: an accuracy counts some hundred examples,
    a tree splits at the same places. What gives the very value of a known config is no better
    than it, and was paid for. At a distance r from the nearest point, in lengthscales, with the
    plateaus' reach ρ::

        P(another value | x) = 1 - exp(-r² / ρ²)

    Only continuous parameters have plateaus: points of different choices, or of different
    values of a parameter that has few, are never near.

    Parameters
    ----------
    features : ndarray (n, p)
        Of known points.
    roots : ndarray (p,)
        What features are multiplied by to be in lengthscales.
    smooth : ndarray (p,) of bool
        Which features are those of continuous parameters.
    reach : float, > 0
        ρ; see `reach_of`.
    """

    def __init__(self, features: Floats, roots: Floats, smooth: Bools, reach: float) -> None:
        self._features, self._roots, self._smooth = features, roots, smooth
        self._known = _parts(features, roots, smooth)  # each ask looks at them some fifty times
        self._weights = np.where(smooth, roots**2, 0.0)
        self.reach = reach

    def around(self, features: Floats) -> Plateaus:
        """Give the same where points of features (q, p) are known too, whatever they give."""
        known = np.concatenate([self._features, features])
        return Plateaus(known, self._roots, self._smooth, self.reach)

    def log_probability(self, features: Floats) -> Floats:
        """Give log P at features (m, p), shape (m,)."""
        return _log_differs(self._squares(features).min(axis=1) / self.reach**2)

    def with_gradient(self, features: Floats) -> tuple[Floats, Floats]:
        """Give log P and its gradient by the features, shapes (m,) and (m, p)."""
        squares = self._squares(features)
        nearest = squares.argmin(axis=1)
        shares = squares[np.arange(len(squares)), nearest] / self.reach**2
        slope = 2.0 / self.reach**2 / np.expm1(np.clip(shares, STEEPEST, FARTHEST))
        away = features - self._features[nearest]
        return _log_differs(shares), self._weights * away * slope[:, None]

    def _squares(self, features: Floats) -> Floats:
        return _squares(_parts(features, self._roots, self._smooth), self._known)


def reach_of(features: Floats, values: Floats, roots: Floats, smooth: Bools) -> float | None:
    """Give the plateaus' reach that is most likely by each point and the one nearest to it.

    Of such a pair at distance r the values are the same with probability c + (1 - c) exp(-r² / ρ²),
    by coincidence or because of a plateau. It is the likeliest of pairs (ρ, c) on a grid, with ρ
    no larger than the largest distance of the same values, and c up to three times the share of
    the same values among all pairs.

    Parameters
    ----------
    features : ndarray (n, p)
    values : ndarray (n,)
    roots, smooth : ndarray (p,)
        As of `Plateaus`.

    Returns
    -------
    float or None
        None where coincidence explains as well that values are the same, where that is so in
        fewer than two pairs, and where nothing is smooth.
    """
    n = len(values)
    counts = np.unique(values, return_counts=True)[1]
    if len(counts) == n or not smooth.any():
        return None
    anywhere = float((counts * (counts - 1)).sum()) / (n * (n - 1))
    parts = _parts(features, roots, smooth)
    squares = _squares(parts, parts)
    largest = float(np.square(parts[0]).sum(axis=1).max())
    squares[squares <= IDENTICAL * max(largest, 1.0)] = np.inf
    nearest = squares.argmin(axis=1)
    pairs = np.unique(np.sort(np.stack([np.arange(n), nearest], axis=1)), axis=0)
    one, other = pairs[np.isfinite(squares[pairs[:, 0], pairs[:, 1]])].T
    least, same = squares[one, other], values[one] == values[other]
    of_same, of_others = least[same], least[~same]
    if len(of_same) < FEWEST:
        return None
    rates = np.geomspace(1.0 / of_same.max(), SHORTEST / of_same.min(), REACHES)
    most = min(MORE_NEAR * anywhere, MOST_COINCIDENCE)
    chance = np.linspace(LEAST_COINCIDENCE, max(most, LEAST_COINCIDENCE), COINCIDENCES)[:, None]
    differ = len(of_others) * np.log1p(-chance)
    likelihood = differ + _log_differs(np.outer(rates, of_others)).sum(axis=1)
    plateau = np.exp(-np.outer(rates, of_same))
    likelihood += np.log(chance[..., None] + (1 - chance[..., None]) * plateau).sum(axis=2)
    coincidence = differ + len(of_same) * np.log(chance)
    if likelihood.max() < coincidence.max() + EVIDENCE:
        return None
    return float(rates[likelihood.max(axis=0).argmax()] ** -0.5)


def _parts(features: Floats, roots: Floats, smooth: Bools) -> Parts:
    """Give what is smooth, in lengthscales, and what is not, as it is."""
    return features[:, smooth] * roots[smooth], features[:, ~smooth]


def _squares(one: Parts, other: Parts) -> Floats:
    """Give squared distances (m, n) in lengthscales, infinite where what is not smooth differs."""
    squares = squared_distances(one[0], other[0])
    if one[1].size:
        squares[squared_distances(one[1], other[1]) > DIFFERENT] = np.inf
    return squares


def _log_differs(shares: Floats) -> Floats:
    """Give log(1 - exp(-r² / ρ²))."""
    return np.asarray(np.log(-np.expm1(-np.maximum(shares, NEAREST))))
