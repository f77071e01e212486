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

from hpopt.core.proposals import Floats
from hpopt.numerics.ties import Ints, distinct_levels
from hpopt.optimizers.surrogates.duplicate_values import (
    DIFFERENT,
    EVIDENCE,
    Bools,
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
# Of the simpler metrics, those of the best score: a test takes as long as ten scores.
MOST_TESTED = 2
ROWS = 64  # the last points, whose nearest ones give the score: of more it takes too long
# Bounds of squared distances where they are divided: separated points count as far apart.
NEAR, FAR = 1e-12, 1e12


def lean_metric(
    encoding: Encoding, features: Floats, values: Floats, lengths: Floats
) -> Metric | None:
    """Return the metric of plateaus in which some numbers count less; None where all count.

    Parameters
    ----------
    features : ndarray (n, p)
    values : ndarray (n,)
    lengths : ndarray (d,)
        The lengthscales.
    """
    metrics, choices = metrics_of(encoding, lengths)
    found = DuplicateValues.detected(features, values, metrics, choices)
    start = metrics[len(metrics) // 2 - 1] if found is None else found.metric  # with all numbers
    scales, numbers = lengths[encoding.groups], np.flatnonzero(metrics[-1].smooth)
    numbers = numbers[np.argsort(-scales[numbers], kind="stable")]
    lean = without_inert_numbers(features, values, start, numbers, scales)
    return None if lean is start else lean


def metrics_of(encoding: Encoding, lengths: Floats) -> tuple[list[Metric], list[Bools]]:
    """Return the metrics in which all numbers count, the simplest first, and the choices.

    Distances are in lengthscales (d,) or in shares of ranges; and numbers in steps may have
    plateaus, as continuous ones have.
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
    return metrics, [groups == column for column in encoding.choices]


def without_inert_numbers(
    features: Floats, values: Floats, metric: Metric, numbers: Ints, lengths: Floats
) -> Metric:
    """Return the metric in which numbers that change nothing do not count where they do not.

    One step to a simpler metric is made after the other, always the one that explains best which
    values are equal, as long as it explains them better by more than the best of so many does by
    chance.

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
    for steps in (_ignoring, _bounding):
        for _ in numbers:
            step = _best_step(features, places, metric, list(steps(metric, numbers)), lengths)
            if step is None:
                break
            metric = step.after(metric)
    return metric


@dataclass(frozen=True, slots=True)
class Step:
    """A step to a simpler metric: some numbers count no more, or between two bounds only."""

    numbers: tuple[int, ...]
    bounds: tuple[float, float] | None = None

    def after(self, metric: Metric) -> Metric:
        """Return the simpler metric."""
        if self.bounds is not None:
            return metric.within(self.numbers[0], *self.bounds)
        return metric.without(np.isin(np.arange(len(metric.roots)), self.numbers))


def _ignoring(metric: Metric, numbers: Ints) -> Iterator[Step]:
    left = [each for each in numbers.tolist() if metric.smooth[each] or metric.separating[each]]
    for some in [(each,) for each in left] + [tuple(left[:n]) for n in range(2, len(left))]:
        if metric.smooth.sum() > metric.smooth[list(some)].sum():
            yield Step(some)


def _bounding(metric: Metric, numbers: Ints) -> Iterator[Step]:
    for number in numbers.tolist():
        if metric.smooth[number] or metric.separating[number]:
            low, high = metric.bounds_of(number)
            for bound in BOUNDS:
                if low < bound < high:
                    yield Step((number,), (low, bound))
                    yield Step((number,), (bound, high))


def _best_step(
    features: Floats, places: Ints, metric: Metric, steps: list[Step], lengths: Floats
) -> Step | None:
    if not steps:
        return None
    needed = EVIDENCE + math.log(len(steps))
    scores = _scores(features, places, metric, steps)
    known, anywhere = between(features, metric), share_of_equal(places)
    best, surplus = None, 0.0
    for row in np.argsort(-scores, kind="stable")[:MOST_TESTED].tolist():
        step = steps[row]
        squares = between(features, step.after(metric))
        gain = _gain(known, squares, places, anywhere)
        gain -= 0.0 if (lengths[list(step.numbers)] > LONG).all() else needed
        if scores[row] > 0.0 and gain > surplus:
            best, surplus = step, gain
    return best


def _scores(features: Floats, places: Ints, metric: Metric, steps: list[Step]) -> Floats:
    """Return how far apart equal values are by what each step ignores, less how far others are.

    It is a sum over pairs of points that are nearest after the step.
    """
    used = sorted({number for step in steps for number in step.numbers})
    apart = [number for number in used if metric.separating[number]]
    rows = np.arange(max(0, len(features) - ROWS), len(features))
    rest = between(features, metric.without(np.isin(np.arange(len(metric.roots)), apart)))[rows]

    def squares(number: int, bounds: tuple[float, float]) -> Floats:
        scaled = np.clip(features[:, number], *bounds) * metric.roots[number]
        return np.asarray(np.square(scaled[rows, None] - scaled))

    differs = {number: squares(number, (-np.inf, np.inf)) > DIFFERENT for number in apart}
    own = {n: squares(n, metric.bounds_of(n)) for n in used if n not in differs}
    n_differing = np.sum([*differs.values()], axis=0, dtype=np.int64) + np.zeros(rest.shape, int)
    known = np.where(n_differing > 0, np.inf, rest)
    scores = np.empty(len(steps))
    for place, step in enumerate(steps):
        left, n_left = rest, n_differing
        for number in step.numbers:
            if number in differs:
                n_left = n_left - differs[number]
            else:
                left = left - own[number]
        if step.bounds is not None:
            left = left + squares(step.numbers[0], step.bounds)
        if differs:
            left = np.where(n_left > 0, np.inf, left)
        nearest = left.argmin(axis=1)
        least = np.maximum(left[np.arange(len(rows)), nearest], 0.0)
        paired = np.isfinite(least)
        least, before = least[paired], known[np.arange(len(rows)), nearest][paired]
        ignored = 1.0 - least / np.maximum(np.minimum(before, FAR), np.maximum(least, NEAR))
        same = (places[rows] == places[nearest])[paired]
        scores[place] = np.where(same, ignored, -ignored).sum()
    return scores


def _gain(known: Floats, simpler: Floats, places: Ints, anywhere: float) -> float:
    """Return by how much the simpler of two metrics explains better which values are equal.

    Both explain the pairs that are nearest by its squared distances (n, n): nearest ones of the
    known metric say nothing of a number in which they hardly differ. The bounds of plateaus are
    anywhere: the probability that one lies between two points grows with their distance, not with
    its square as that of a smooth change would.
    """
    one, other = nearest_pairs(simpler)
    same = places[one] == places[other]
    after = likeliest_radius(np.sqrt(simpler[one, other]), same, anywhere)
    before = likeliest_radius(np.sqrt(known[one, other]), same, anywhere)
    if after is None:
        return 0.0
    return after.evidence - (0.0 if before is None else max(before.evidence, 0.0))
