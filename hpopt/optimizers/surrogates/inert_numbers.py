"""Numbers whose steps change nothing, in their whole range or beyond a bound.

A forest tries ``int(64 * share)`` features, a depth that no tree reaches gives the tree that a
smaller one gives, and two such numbers hide one another: configs that differ in them only look far
apart, and give one value.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpopt.core.proposals import Floats
from hpopt.numerics.ties import Ints, distinct_levels
from hpopt.optimizers.surrogates.duplicate_values import (
    EVIDENCE,
    DuplicateValues,
    Metric,
    between,
    likeliest_radius,
    nearest_pairs,
    share_of_equal,
)
from hpopt.optimizers.surrogates.encoding import Encoding

# Where a number may cease to count, in shares of its range. More places need more time and more
# evidence, and what lies between two of them is found by the radius.
BOUNDS = (0.25, 0.5, 0.75)
# A number of a longer lengthscale hardly matters to the process, which has learned from values and
# not only from which are equal: it is left out unless equal values speak against it.
LONG = 2.0
MOST_TESTED = 3  # of the simpler metrics, those of the best score: the test takes longer than it
# Bounds of squared distances where they are divided: separated points count as far apart.
NEAR, FAR = 1e-12, 1e12


def plateau_metric(
    encoding: Encoding, features: Floats, values: Floats, lengths: Floats
) -> Metric | None:
    """Return the metric of plateaus with most evidence; None where there are none.

    Distances are in lengthscales (d,) or in shares of ranges; numbers in steps may have plateaus,
    as continuous ones have; and a choice or a number may change nothing.
    """
    groups, numeric = encoding.groups, encoding.smooth.copy()
    numeric[encoding.stepped] = True
    kinds = (encoding.smooth, numeric) if encoding.stepped.size else (encoding.smooth,)
    roots = 1.0 / lengths[groups]
    metrics = [
        Metric(each, kind[groups], ~kind[groups])
        for each in (roots, np.ones_like(roots))
        for kind in kinds
    ]
    choices = [groups == column for column in encoding.choices]
    found = DuplicateValues.detected(features, values, metrics, choices)
    numbers = np.flatnonzero(numeric[groups])
    numbers = numbers[np.argsort(roots[numbers], kind="stable")]
    start = metrics[len(kinds) - 1] if found is None else found.metric
    lean = without_inert_numbers(features, values, start, numbers, 1.0 / roots)
    return None if found is None and lean is start else lean


def without_inert_numbers(
    features: Floats, values: Floats, metric: Metric, numbers: Ints, lengths: Floats
) -> Metric:
    """Return the metric in which numbers that change nothing do not count where they do not.

    One simplification is made after the other, always the one that explains best which values are
    equal, as long as it explains them better by more than the best of so many does by chance.

    Parameters
    ----------
    features : ndarray (n, p)
    values : ndarray (n,)
    metric : Metric
    numbers : ndarray of int
        The features of numbers, those of the longest lengthscale first: several at once may change
        nothing, and they are most likely those.
    lengths : ndarray (p,)
        The lengthscales of features.
    """
    places = distinct_levels(values)[1]
    anywhere = share_of_equal(places)
    for _ in numbers:
        simpler = list(_simpler(metric, numbers))
        known = between(features, metric)
        tried = [_Simplified.of(features, places, known, each) for each in simpler]
        order = np.argsort([-each.score for each in tried], kind="stable")[:MOST_TESTED]
        needed = EVIDENCE + math.log(max(len(simpler), 1))
        gains = [
            tried[row].gain(anywhere)
            - (0.0 if (lengths[simpler[row].simplified(metric)] > LONG).all() else needed)
            for row in order.tolist()
        ]
        if not gains or max(gains) <= 0.0:
            break
        metric = simpler[int(order[int(np.argmax(gains))])]
    return metric


@dataclass(frozen=True, slots=True)
class _Simplified:
    """Pairs of points that are nearest in a simpler metric.

    Attributes
    ----------
    known, simpler : ndarray (k,)
        Their squared distances in both metrics.
    same : ndarray (k,) of bool
        Which have equal values.
    """

    known: Floats
    simpler: Floats
    same: NDArray[np.bool_]

    @staticmethod
    def of(features: Floats, places: Ints, known: Floats, metric: Metric) -> _Simplified:
        squares = between(features, metric)
        one, other = nearest_pairs(squares)
        return _Simplified(known[one, other], squares[one, other], places[one] == places[other])

    @property
    def score(self) -> float:
        """How far apart equal values are by what the simpler metric ignores, and others are not."""
        finite = np.minimum(self.known, FAR)
        ignored = 1.0 - self.simpler / np.maximum(finite, np.maximum(self.simpler, NEAR))
        return float(np.where(self.same, ignored, -ignored).sum())

    def gain(self, anywhere: float) -> float:
        """Return by how much the simpler metric explains better which values are equal.

        Both metrics explain the same pairs: nearest ones of the known metric say nothing of a
        number in which they hardly differ.
        """
        # The bounds of plateaus are anywhere: the probability that one lies between two points
        # grows with their distance, not with its square as that of a smooth change would.
        simpler = likeliest_radius(np.sqrt(self.simpler), self.same, anywhere)
        known = likeliest_radius(np.sqrt(self.known), self.same, anywhere)
        if simpler is None:
            return 0.0
        return simpler.evidence - (0.0 if known is None else max(known.evidence, 0.0))


def _simpler(metric: Metric, numbers: Ints) -> Iterator[Metric]:
    """Return metrics in which numbers count less, those in which they never count first."""
    features = np.arange(len(metric.roots))
    left = [each for each in numbers.tolist() if metric.smooth[each] or metric.separating[each]]
    ignored = [[each] for each in left] + [left[:n] for n in range(2, len(left))]
    for some in ignored:
        simpler = metric.without(np.isin(features, some))
        if simpler.smooth.any():
            yield simpler
    for number in left:
        low, high = (-np.inf, np.inf) if metric.bounds is None else metric.bounds[:, number]
        for bound in BOUNDS:
            if low < bound < high:
                yield metric.within(number, low, bound)
                yield metric.within(number, bound, high)
