"""A model of duplicate values: how likely a config is to give the value of its nearest neighbour.

Evaluations often give equal values at near configs: an accuracy counts some hundred examples, a
tree splits at the same places. Such regions are called plateaus here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hpopt.core.proposals import Floats
from hpopt.numerics.gaussian_process import squared_distances
from hpopt.numerics.ties import Ints, distinct_levels

Bools = NDArray[np.bool_]
SplitFeatures = tuple[Floats, Floats]
"""The smooth features, scaled, and the separating ones; see `Metric`."""

FEWEST = 2  # pairs of nearest points with equal values: one pair may always be a coincidence
# Plateaus must explain equal values better than coincidence, or than plateaus of a simpler
# metric, by this logarithm of likelihoods: a Bayes factor of 7.
EVIDENCE = 2.0
SHORTEST_SEEN = 1e-8  # squared distance: 0 where only an ignored choice differs, and ρ must not be
RADII, COINCIDENCES = 40, 12  # the grid of the likelihood: ρ grows by some 10 % a step
# The grid of coincidences: equal values may be up to three times as frequent near as anywhere.
LEAST_COINCIDENCE, MOST_COINCIDENCE, MORE_NEAR = 1e-4, 0.8, 3.0
SHORTEST = 30.0  # the largest 1 / ρ² tried, in units of 1 / r² of the nearest equal values
# Squared distances below the first, as a share of the largest square, are rounding: a config
# observed twice. Of separating features, those above the second are different values.
IDENTICAL, DIFFERENT = 1e-14, 1e-9
# Of r² / ρ²: the least that counts; the least and the most in a gradient, where exp stays finite.
NEAREST, STEEPEST, FARTHEST = 1e-12, 1e-6, 500.0


@dataclass(frozen=True, slots=True)
class Metric:
    """A distance between points; features that are neither smooth nor separating do not count.

    Attributes
    ----------
    roots : ndarray (p,)
        The factors of features before distances are taken.
    smooth : ndarray (p,) of bool
        The features along which plateaus extend.
    separating : ndarray (p,) of bool
        The features in which points on one plateau must be equal.
    bounds : ndarray (2, p) or None
        Beyond them a smooth feature changes nothing, as the depth that no tree reaches; infinite
        where it always counts.
    """

    roots: Floats
    smooth: Bools
    separating: Bools
    bounds: Floats | None = None

    @property
    def bounded(self) -> Bools:
        """The smooth features that count in a part of their range only, shape (p,)."""
        if self.bounds is None:
            return np.zeros_like(self.smooth)
        return self.smooth & np.isfinite(self.bounds).any(axis=0)

    def split(self, features: Floats) -> SplitFeatures:
        """Return the smooth ones of features (n, p), scaled, and the separating ones."""
        smooth = features[:, self.smooth]
        if self.bounds is not None:
            smooth = np.clip(smooth, *self.bounds[:, self.smooth])
        return smooth * self.roots[self.smooth], features[:, self.separating]

    def without(self, ignored: Bools) -> Metric:
        """Return the metric in which ignored features (p,) do not count."""
        return replace(self, smooth=self.smooth & ~ignored, separating=self.separating & ~ignored)

    def within(self, feature: int, low: float, high: float) -> Metric:
        """Return the metric in which a number counts between two bounds only."""
        own = np.arange(len(self.roots)) == feature
        nowhere = np.multiply.outer([-np.inf, np.inf], np.ones(len(own)))
        bounds = np.where(own, [[low], [high]], nowhere if self.bounds is None else self.bounds)
        return replace(
            self, smooth=self.smooth | own, separating=self.separating & ~own, bounds=bounds
        )

    def bounds_of(self, feature: int) -> tuple[float, float]:
        """Return the bounds between which a number counts."""
        if self.bounds is None:
            return -math.inf, math.inf
        return float(self.bounds[0, feature]), float(self.bounds[1, feature])


class DuplicateValues:
    """The probability of another value than that of the nearest observed point.

    An evaluation that gives the same value is wasted. At a distance r from the nearest point, with
    plateaus of radius ρ::

        P(another value | x) = 1 - exp(-r² / ρ²)

    Parameters
    ----------
    features : ndarray (n, p)
        Of observed points.
    metric : Metric
    radius : float, > 0
        ρ; see `fitted_radius`.
    """

    def __init__(self, features: Floats, metric: Metric, radius: float) -> None:
        self._features, self._metric, self.radius = features, metric, radius
        self._known = metric.split(features)  # once: an ask computes some fifty distances to them
        self._weights = np.where(metric.smooth, metric.roots**2, 0.0)

    @staticmethod
    def detected(
        features: Floats, values: Floats, metrics: Sequence[Metric], choices: Sequence[Bools] = ()
    ) -> DuplicateValues | None:
        """Return the model of the metric with most evidence; None where no metric has enough.

        Parameters
        ----------
        features : ndarray (n, p)
        values : ndarray (n,)
        metrics : sequence of Metric
            The simplest first: each later one needs more evidence than those before it.
        choices : sequence of ndarray (p,) of bool
            The features of each choice that may change nothing. It is left out of the metric
            where there is more evidence without it.
        """
        levels, places = distinct_levels(values)  # values that differ by rounding are equal
        if len(levels) == len(places):
            return None
        best, found = metrics[0], None

        def consider(metric: Metric) -> None:
            nonlocal best, found
            radius = fitted_radius(features, places, metric)
            known = 0.0 if found is None else found.evidence
            if radius is not None and radius.evidence > known + EVIDENCE:
                best, found = metric, radius

        for metric in metrics:
            consider(metric)
        for choice in choices:
            consider(best.without(choice))
        return None if found is None else DuplicateValues(features, best, found.length)

    @staticmethod
    def of_metric(features: Floats, values: Floats, metric: Metric) -> DuplicateValues | None:
        """Return the model of a metric; None where there is not enough evidence for it."""
        radius = fitted_radius(features, distinct_levels(values)[1], metric)
        if radius is None or radius.evidence <= EVIDENCE:
            return None
        return DuplicateValues(features, metric, radius.length)

    @property
    def metric(self) -> Metric:
        """The distance between points."""
        return self._metric

    def with_pending(self, features: Floats) -> DuplicateValues:
        """Return the model with the features (q, p) of pending points among the observed ones."""
        known = np.concatenate([self._features, features])
        return DuplicateValues(known, self._metric, self.radius)

    def log_probability(self, features: Floats) -> Floats:
        """Return log P at features (m, p), shape (m,)."""
        return _log_differs(self._squares(features).min(axis=1) / self.radius**2)

    def with_gradient(self, features: Floats) -> tuple[Floats, Floats]:
        """Return log P and its gradient by the features, shapes (m,) and (m, p)."""
        squares = self._squares(features)
        nearest = squares.argmin(axis=1)
        shares = squares[np.arange(len(squares)), nearest] / self.radius**2
        # d log(1 - exp(-s)) / ds = 1 / (exp(s) - 1) with s = r² / ρ², and ds/dx = 2 w (x - x₀) /
        # ρ².
        slope = 2.0 / self.radius**2 / np.expm1(np.clip(shares, STEEPEST, FARTHEST))
        away = features - self._features[nearest]
        if self._metric.bounds is not None:
            moved = np.clip(features, *self._metric.bounds)
            away = moved - np.clip(self._features[nearest], *self._metric.bounds)
            away[moved != features] = 0.0  # a step there changes nothing
        return _log_differs(shares), self._weights * away * slope[:, None]

    def _squares(self, features: Floats) -> Floats:
        return _squares(self._metric.split(features), self._known)


@dataclass(frozen=True, slots=True)
class Radius:
    """The radius of plateaus, and the evidence for them.

    Attributes
    ----------
    length : float, > 0
        ρ.
    evidence : float
        The logarithm of the likelihood of the equal values, less that of coincidence alone.
    """

    length: float
    evidence: float


def fitted_radius(features: Floats, values: Floats | Ints, metric: Metric) -> Radius | None:
    """Return the radius of maximum likelihood, from each point and the one nearest to it.

    The values of such a pair at distance r are equal with probability c + (1 - c) exp(-r² / ρ²), by
    coincidence or on a plateau. The likeliest (ρ, c) of a grid is taken, with ρ at most the largest
    distance of equal values, and c up to three times the share of equal values among all pairs.

    Parameters
    ----------
    features : ndarray (n, p)
    values : ndarray (n,)
    metric : Metric

    Returns
    -------
    Radius or None
        None where fewer than two of the pairs have equal values.
    """
    squares = between(features, metric)
    one, other = nearest_pairs(squares)
    return likeliest_radius(
        squares[one, other], values[one] == values[other], share_of_equal(values)
    )


def share_of_equal(values: Floats | Ints) -> float:
    """Return the share of equal values among all pairs."""
    n, counts = len(values), np.unique(values, return_counts=True)[1]
    return float((counts * (counts - 1)).sum()) / (n * (n - 1))


def nearest_pairs(squares: Floats) -> tuple[Ints, Ints]:
    """Return each point and the one nearest to it, each pair once, of squared distances (n, n)."""
    nearest = squares.argmin(axis=1)
    pairs = np.unique(np.sort(np.stack([np.arange(len(squares)), nearest], axis=1)), axis=0)
    one, other = pairs[np.isfinite(squares[pairs[:, 0], pairs[:, 1]])].T
    return one, other


def likeliest_radius(squares: Floats, same: Bools, anywhere: float) -> Radius | None:
    """Return the radius of maximum likelihood of pairs; see `fitted_radius`.

    Parameters
    ----------
    squares : ndarray (k,)
        Squared distances, infinite where points cannot lie on one plateau.
    same : ndarray (k,) of bool
        Which values are equal.
    anywhere : float
        The share of equal values among all pairs, not only near ones.
    """
    of_same, of_others = squares[same], squares[~same]
    seen = np.maximum(of_same[np.isfinite(of_same)], SHORTEST_SEEN)
    if len(seen) < FEWEST:
        return None
    rates = np.geomspace(1.0 / seen.max(), SHORTEST / seen.min(), RADII)
    most = min(MORE_NEAR * anywhere, MOST_COINCIDENCE)
    chance = np.linspace(LEAST_COINCIDENCE, max(most, LEAST_COINCIDENCE), COINCIDENCES)[:, None]
    differ = len(of_others) * np.log1p(-chance)
    likelihood = differ + _log_differs(np.outer(rates, of_others)).sum(axis=1)
    plateau = np.exp(-np.outer(rates, of_same))
    likelihood += np.log(chance[..., None] + (1 - chance[..., None]) * plateau).sum(axis=2)
    coincidence = differ + len(of_same) * np.log(chance)
    best = int(likelihood.max(axis=0).argmax())
    return Radius(float(rates[best] ** -0.5), float(likelihood.max() - coincidence.max()))


def between(features: Floats, metric: Metric) -> Floats:
    """Return squared distances (n, n) of a metric, infinite between identical points."""
    split = metric.split(features)
    squares = _squares(split, split)
    largest = float(np.square(split[0]).sum(axis=1).max())
    identical = squares <= IDENTICAL * max(largest, 1.0)
    ignored = features[:, ~(metric.smooth | metric.separating) | metric.bounded]
    if ignored.size:
        identical &= squared_distances(ignored, ignored) <= DIFFERENT
    squares[identical] = np.inf
    return squares


def _squares(one: SplitFeatures, other: SplitFeatures) -> Floats:
    """Return squared distances (m, n), infinite where separating features differ."""
    squares = squared_distances(one[0], other[0])
    if one[1].size:
        squares[squared_distances(one[1], other[1]) > DIFFERENT] = np.inf
    return squares


def _log_differs(shares: Floats) -> Floats:
    """Return log(1 - exp(-r² / ρ²)) of shares r² / ρ²."""
    return np.asarray(np.log(-np.expm1(-np.maximum(shares, NEAREST))))
