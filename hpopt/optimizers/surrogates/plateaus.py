"""Plateaus: how likely a config is to give another value than what is known near it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hpopt.core.proposals import Floats
from hpopt.numerics.gaussian_process import squared_distances
from hpopt.numerics.ties import Ints, distinct_levels

Bools = NDArray[np.bool_]
Parts = tuple[Floats, Floats]

FEWEST = 2
"""So many pairs of nearest points must have the same value before plateaus are believed in."""
EVIDENCE = 2.0
"""By so much they must explain the same values better than coincidence, or than plateaus of a
simpler metric: as a logarithm."""
SHORTEST_SEEN = 1e-8
"""Of squared distances: of what differs in an ignored choice only it is 0, and ρ is not."""
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


@dataclass(frozen=True, slots=True)
class Metric:
    """What near means.

    Attributes
    ----------
    roots : ndarray (p,)
        What features are multiplied by before distances are taken.
    smooth : ndarray (p,) of bool
        Which features have plateaus.
    apart : ndarray (p,) of bool
        Which have none: points that differ in one of them are never near. Features that are
        neither change nothing.
    """

    roots: Floats
    smooth: Bools
    apart: Bools

    def parts(self, features: Floats) -> Parts:
        """Give of features (n, p) the smooth ones as they count, and those apart as they are."""
        return features[:, self.smooth] * self.roots[self.smooth], features[:, self.apart]

    def without(self, choice: Bools) -> Metric:
        """Give the same where features (p,) change nothing."""
        return replace(self, apart=self.apart & ~choice)


class Plateaus:
    """The probability of another value than the nearest known point's.

    Evaluations often do not tell near configs apart: an accuracy counts some hundred examples,
    a tree splits at the same places. What gives the very value of a known config is no better
    than it, and was paid for. At a distance r from the nearest point, with the plateaus' reach ρ::

        P(another value | x) = 1 - exp(-r² / ρ²)

    Parameters
    ----------
    features : ndarray (n, p)
        Of known points.
    metric : Metric
    reach : float, > 0
        ρ; see `reach_of`.
    """

    def __init__(self, features: Floats, metric: Metric, reach: float) -> None:
        self._features, self._metric, self.reach = features, metric, reach
        self._known = metric.parts(features)  # each ask looks at them some fifty times
        self._weights = np.where(metric.smooth, metric.roots**2, 0.0)

    @staticmethod
    def seen(
        features: Floats, values: Floats, metrics: Sequence[Metric], choices: Sequence[Bools] = ()
    ) -> Plateaus | None:
        """Give the plateaus of the metric that shows them best; None where none does.

        Parameters
        ----------
        features : ndarray (n, p)
        values : ndarray (n,)
        metrics : sequence of Metric
            The simplest first: what comes later must show them better than by chance.
        choices : sequence of ndarray (p,) of bool
            The features of each choice that may change nothing. It is left out of the metric
            where that shows plateaus better than by chance.
        """
        levels, places = distinct_levels(values)
        if len(levels) == len(places):
            return None
        best, found = metrics[0], None

        def show(metric: Metric) -> None:
            nonlocal best, found
            reach = reach_of(features, places, metric)
            known = 0.0 if found is None else found.evidence
            if reach is not None and reach.evidence > known + EVIDENCE:
                best, found = metric, reach

        for metric in metrics:
            show(metric)
        for choice in choices:
            show(best.without(choice))
        return None if found is None else Plateaus(features, best, found.length)

    def around(self, features: Floats) -> Plateaus:
        """Give the same where points of features (q, p) are known too, whatever they give."""
        known = np.concatenate([self._features, features])
        return Plateaus(known, self._metric, self.reach)

    def corner(self) -> Floats:
        """Give how far in each feature, shape (p,), what is as far as the reach in all lies."""
        smooth = self._metric.smooth
        return np.where(smooth, self.reach / self._metric.roots / np.sqrt(smooth.sum()), 0.0)

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
        return _squares(self._metric.parts(features), self._known)


@dataclass(frozen=True, slots=True)
class Reach:
    """How far plateaus reach, and how much speaks for them.

    Attributes
    ----------
    length : float, > 0
        ρ.
    evidence : float
        By how much they explain better than coincidence which values are the same, as a
        logarithm of the likelihoods.
    """

    length: float
    evidence: float


def reach_of(features: Floats, values: Floats | Ints, metric: Metric) -> Reach | None:
    """Give the plateaus' reach that is most likely by each point and the one nearest to it.

    Of such a pair at distance r the values are the same with probability c + (1 - c) exp(-r² / ρ²),
    by coincidence or because of a plateau. It is the likeliest of pairs (ρ, c) on a grid, with ρ
    no larger than the largest distance of the same values, and c up to three times the share of
    the same values among all pairs.

    Parameters
    ----------
    features : ndarray (n, p)
    values : ndarray (n,)
    metric : Metric

    Returns
    -------
    Reach or None
        None where fewer than two of the pairs have the same value.
    """
    n = len(values)
    counts = np.unique(values, return_counts=True)[1]
    squares = _between(features, metric)
    nearest = squares.argmin(axis=1)
    pairs = np.unique(np.sort(np.stack([np.arange(n), nearest], axis=1)), axis=0)
    one, other = pairs[np.isfinite(squares[pairs[:, 0], pairs[:, 1]])].T
    least, same = squares[one, other], values[one] == values[other]
    of_same, of_others = least[same], least[~same]
    if len(of_same) < FEWEST:
        return None
    anywhere = float((counts * (counts - 1)).sum()) / (n * (n - 1))
    seen = np.maximum(of_same, SHORTEST_SEEN)
    rates = np.geomspace(1.0 / seen.max(), SHORTEST / seen.min(), REACHES)
    most = min(MORE_NEAR * anywhere, MOST_COINCIDENCE)
    chance = np.linspace(LEAST_COINCIDENCE, max(most, LEAST_COINCIDENCE), COINCIDENCES)[:, None]
    differ = len(of_others) * np.log1p(-chance)
    likelihood = differ + _log_differs(np.outer(rates, of_others)).sum(axis=1)
    plateau = np.exp(-np.outer(rates, of_same))
    likelihood += np.log(chance[..., None] + (1 - chance[..., None]) * plateau).sum(axis=2)
    coincidence = differ + len(of_same) * np.log(chance)
    best = int(likelihood.max(axis=0).argmax())
    return Reach(float(rates[best] ** -0.5), float(likelihood.max() - coincidence.max()))


def _between(features: Floats, metric: Metric) -> Floats:
    """Give squared distances (n, n), infinite between what is identical."""
    parts = metric.parts(features)
    squares = _squares(parts, parts)
    largest = float(np.square(parts[0]).sum(axis=1).max())
    identical = squares <= IDENTICAL * max(largest, 1.0)
    ignored = features[:, ~(metric.smooth | metric.apart)]
    if ignored.size:
        identical &= squared_distances(ignored, ignored) <= DIFFERENT
    squares[identical] = np.inf
    return squares


def _squares(one: Parts, other: Parts) -> Floats:
    """Give squared distances (m, n), infinite where what is apart differs."""
    squares = squared_distances(one[0], other[0])
    if one[1].size:
        squares[squared_distances(one[1], other[1]) > DIFFERENT] = np.inf
    return squares


def _log_differs(shares: Floats) -> Floats:
    """Give log(1 - exp(-r² / ρ²))."""
    return np.asarray(np.log(-np.expm1(-np.maximum(shares, NEAREST))))
