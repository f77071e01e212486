"""Duplicate values: how far plateaus reach, where new values may be, and the gradient."""

import math
from dataclasses import replace

import numpy as np
import pytest

from hpopt import BayesianOptimization
from hpopt.optimizers import make_optimizer
from hpopt.optimizers.surrogates.acquisition import KINDS, Acquisition, Criterion
from hpopt.optimizers.surrogates.duplicate_values import (
    EVIDENCE,
    DuplicateValues,
    Metric,
    fitted_radius,
)
from hpopt.optimizers.surrogates.encoding import Encoding
from hpopt.space import Categorical, Float, Int, Space

from ..modelling import check_gradient, known, searched, surrogate_of

SQUARE = Space({"x": Float(0, 1), "y": Float(0, 1)})
RNG = np.random.default_rng(0)
POINTS, NEW = RNG.random((60, 2)), RNG.random((200, 2))


def stairs(points, steps):
    """A bowl in so many steps a side."""
    return ((np.floor(points * steps) / steps - 0.5) ** 2).sum(axis=1)


def plain(*smooth):
    return Metric(np.ones(len(smooth)), np.array(smooth), ~np.array(smooth))


def reach(points, values):
    found = fitted_radius(points, values, plain(*[True] * points.shape[1]))
    return found.length if found is not None and found.evidence > EVIDENCE else None


def log_likelihood(reach, coincidence, squares, same):
    plateau = np.exp(-squares / reach**2)
    chance = coincidence + (1 - coincidence) * plateau
    return np.log(np.where(same, chance, 1 - chance)).sum()


@pytest.mark.parametrize("steps", [5, 9, 14])
def test_the_reach_is_the_likeliest_that_was_seen(steps):
    values = stairs(POINTS, steps)
    squares = ((POINTS[:, None] - POINTS) ** 2).sum(axis=2)
    np.fill_diagonal(squares, np.inf)
    one, other = np.array(sorted({tuple(sorted(p)) for p in enumerate(squares.argmin(axis=1))})).T
    pairs = squares[one, other], values[one] == values[other]
    seen = np.sqrt(pairs[0][pairs[1]].max())
    anywhere = ((values[:, None] == values).sum() - 60) / (60 * 59)
    coincidences = np.linspace(0, min(3 * anywhere, 0.8), 50)
    tried = [
        log_likelihood(each, coincidence, *pairs)
        for each in np.geomspace(0.01, seen, 200)
        for coincidence in coincidences
    ]
    found = reach(POINTS, values)
    mine = max(log_likelihood(found, each, *pairs) for each in coincidences)
    assert mine >= max(tried) - 0.1


def test_wider_steps_reach_farther():
    reaches = [reach(POINTS, stairs(POINTS, steps)) for steps in (20, 14, 10, 5)]
    assert reaches == sorted(reaches)


def test_where_all_values_differ_there_are_no_plateaus():
    assert reach(POINTS, POINTS.sum(axis=1)) is None
    assert surrogate_of(SQUARE, POINTS, ((POINTS - 0.5) ** 2).sum(axis=1)).duplicates is None


def test_what_coincidence_explains_is_no_plateau():
    assert reach(POINTS, RNG.integers(3, size=60).astype(float)) is None


def test_two_pairs_of_nearest_points_are_evidence_and_far_ones_are_not():
    squares = ((POINTS[:, None] - POINTS) ** 2).sum(axis=2)
    far = squares.argmax(axis=1)
    np.fill_diagonal(squares, np.inf)
    near = squares.argmin(axis=1)
    ones = [row for row in np.argsort(squares.min(axis=1)) if row < near[row]][:2]
    for others, n, is_found in ((near, 2, True), (near, 1, False), (far, 2, False)):
        values = np.arange(60.0)
        values[ones[:n]] = values[others[ones[:n]]]
        assert (reach(POINTS, values) is not None) == is_found


def test_a_config_that_was_told_twice_is_no_plateau():
    points, losses = np.repeat(POINTS, 2, axis=0), np.repeat(POINTS.sum(axis=1), 2)
    assert reach(points, losses) is None
    assert surrogate_of(SQUARE, points, losses).duplicates is None


def test_where_nothing_is_continuous_there_are_no_plateaus():
    points = np.concatenate([POINTS, POINTS.round(1)], axis=1)
    values = stairs(POINTS, 5)
    assert fitted_radius(points, values, plain(False, False, True, True)) is None
    assert fitted_radius(points, values, plain(*[False] * 4)) is None
    space = Space({"n": Int(1, 9), "m": Int(1, 9)})
    snapped = space.snap(POINTS)
    assert surrogate_of(space, snapped, stairs(snapped, 3)).duplicates is None


def chances_beside(n, of_steps):
    """How likely a step of a whole number is said to give another value, far from other points."""
    space = Space({"x": Float(0, 1), "y": Float(0, 1), "n": Int(1, n)})
    points = space.snap(np.random.default_rng(1).random((100, 3)))
    losses = np.floor(points * [4, 4, of_steps]) @ [1.0, math.pi, 17.3]
    model = surrogate_of(space, points, losses)
    stepped = space.snap(points[points[:, 2] < 1 - 1 / n] + np.array([0, 0, 1 / n]))
    apart = np.abs(stepped[:, None] - points)
    alone = (apart[..., :2].max(axis=2) + (apart[..., 2] > 1e-9)).min(axis=1) > 0.2
    return np.exp(model.duplicates.log_probability(stepped[alone]))


def test_the_steps_of_a_number_have_plateaus_where_values_show_it():
    assert chances_beside(20, of_steps=2).max() < 0.2
    assert chances_beside(4, of_steps=4).min() > 0.7


def chances_of_a_flip(weight):
    """How likely the other choice is said to give another value, at known points."""
    space = Space({"x": Float(0, 1), "y": Float(0, 1), "kind": Categorical(["a", "b"])})
    points = space.snap(np.random.default_rng(2).random((80, 3)))
    losses = np.floor(points[:, :2] * 6) @ [1.0, math.pi] + weight * (points[:, 2] > 0.5)
    model = surrogate_of(space, points, losses)
    flipped = np.where([False, False, True], 1 - points, points)
    alone = np.abs(flipped[:, None] - points).max(axis=2).min(axis=1) > 0.15
    features = Encoding(space).features(space.snap(flipped[alone]))
    return np.exp(model.duplicates.log_probability(features))


def test_a_choice_that_changes_nothing_is_left_out_where_values_show_it():
    assert chances_of_a_flip(0.0).max() < 1e-6
    assert chances_of_a_flip(17.3).min() > 0.5


def test_what_differs_in_a_choice_left_out_only_has_the_same_value():
    points = np.concatenate([POINTS, np.zeros((60, 1))], axis=1)
    points = np.concatenate([points, points + np.array([0.0, 0.0, 1.0])])
    metric = plain(True, True, False)
    without = metric.without(np.array([False, False, True]))
    values = np.tile(np.arange(60.0), 2)
    assert fitted_radius(points, values, metric) is None
    assert fitted_radius(points, values, without).evidence > 10
    other = np.arange(120.0)
    assert fitted_radius(points, other, without) is None


def test_values_that_differ_by_rounding_are_the_same():
    values = stairs(POINTS, 5) + 1.0
    rounded = values * (1 + 2e-16 * np.arange(60))
    assert len(np.unique(rounded)) > len(np.unique(values))
    found, again = (
        DuplicateValues.detected(POINTS, v, [plain(True, True)]) for v in (rounded, values)
    )
    assert found.radius == again.radius


def test_near_is_what_explains_best_which_values_are_shared():
    values = stairs(POINTS, 5)
    stretched = replace(plain(True, True), roots=np.array([1.0, 100.0]))
    found = DuplicateValues.detected(POINTS, values, [stretched, plain(True, True)])
    again = DuplicateValues.detected(POINTS, values, [plain(True, True)])
    np.testing.assert_array_equal(found.log_probability(NEW), again.log_probability(NEW))
    lengthened = POINTS / [1.0, 100.0]
    found = DuplicateValues.detected(lengthened, values, [plain(True, True), stretched])
    np.testing.assert_allclose(
        found.log_probability(NEW / [1.0, 100.0]), again.log_probability(NEW), rtol=1e-6
    )


ONE = DuplicateValues(np.zeros((1, 2)), plain(True, True), 0.1)


def test_the_chance_grows_from_nothing_at_a_known_point_to_certainty():
    at = np.array([[0.0, 0.0], [0.0, 0.05], [0.0, 0.1], [0.0, 0.2], [0.0, 1.0]])
    found = np.exp(ONE.log_probability(at))
    assert found[0] < 1e-8
    np.testing.assert_allclose(found[1:], 1 - np.exp([-0.25, -1.0, -4.0, -100.0]), rtol=1e-9)


def test_another_choice_is_never_near():
    beside = DuplicateValues(np.zeros((1, 2)), plain(True, False), 0.1)
    value, gradient = beside.with_gradient(np.array([[0.05, 0.0], [0.05, 0.7]]))
    np.testing.assert_allclose(np.exp(value), [1 - np.exp(-0.25), 1.0])
    assert gradient[0, 0] > 1
    np.testing.assert_allclose(gradient[1], 0.0, atol=1e-100)


def test_what_is_pending_counts_as_known():
    beside = ONE.with_pending(np.array([[0.5, 0.5]]))
    assert np.exp(beside.log_probability(np.array([[0.5, 0.51]])))[0] < 0.02


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_is_that_of_finite_differences(kind):
    model = surrogate_of(SQUARE, POINTS, stairs(POINTS, 5))
    criterion = Criterion(kind, float(model.warp.targets.min()), 60)
    acquisition = Acquisition(model.process, criterion, [(4.0, model.duplicates)])
    check_gradient(acquisition, NEW[:20])


@pytest.mark.parametrize("strategy", ["bayesian", "auto"])
def test_it_does_not_stay_on_a_step_that_it_knows(strategy):
    """Of 256 flat fields half of the asks find a new one; without plateaus it was two in five."""

    def value(config):
        x, y = int(16 * config["x"]), int(16 * config["y"])
        return (x - 11) ** 2 + (y - 4) ** 2 + (7 * x + 13 * y) % 5 / 10

    for seed in range(2):
        optimizer = searched(make_optimizer(strategy), SQUARE, value, 50, seed)
        assert len(np.unique(optimizer.history.losses)) >= 24


def test_what_is_wasted_lies_near_what_is_known_or_pending():
    space = Space({"x": Float(0, 1), "y": Float(0, 1), "kind": Categorical(["a", "b"])})

    def value(config):
        field = int(6 * config["x"]) + math.pi * int(6 * config["y"])
        return field + math.e * (config["kind"] == "b")

    optimizer = known(BayesianOptimization(), space, 60, value)
    points = optimizer.knowledge.points
    step = np.array([[1e-4, 1e-4, 0.0]])
    flipped = np.where([False, False, True], 1 - points, points)
    apart = np.abs(flipped[:, None] - points).max(axis=2).min(axis=1)
    row = int(apart.argmax())  # no other point is near that has the other choice
    assert optimizer.is_wasted(space.snap(points[[row]] + step)[0])
    assert not optimizer.is_wasted(space.snap(flipped[[row]] + step)[0])
    _, solution = optimizer.ask(2)  # the first is the best that is known
    assert np.abs(points - solution.point).max(axis=1).min() > 1e-3
    assert optimizer.is_wasted(space.snap(solution.point[None] - step)[0])
