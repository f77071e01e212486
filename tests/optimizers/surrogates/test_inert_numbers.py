"""Numbers that change nothing: in their whole range, beyond a bound, and several at once."""

import math

import numpy as np
import pytest
from problems_for_tests import of

from hpopt import BayesianOptimization
from hpopt.optimizers import make_optimizer
from hpopt.optimizers.surrogates.duplicate_values import DuplicateValues, Metric
from hpopt.optimizers.surrogates.encoding import Encoding
from hpopt.optimizers.surrogates.inert_numbers import without_inert_numbers
from hpopt.space import Float, Int, Space

from ..modelling import searched, surrogate_of, told


def counted(space, value, n=60, seed=0, lengths=None):
    """Which numbers of a space count, and between which bounds, by n random points."""
    lengths = np.ones(space.d) if lengths is None else np.array(lengths)
    points = space.snap(np.random.default_rng(seed).random((n, space.d)))
    losses = np.array([value(config) for config in space.decode(points)])
    features = Encoding(space).features(points)
    metric = Metric(np.ones(space.d), np.ones(space.d, bool), np.zeros(space.d, bool))
    numbers = np.arange(space.d)
    return without_inert_numbers(features, losses, metric, numbers[::-1], lengths)


FLOATS = Space({name: Float(0, 1) for name in ("f", "g", "y", "z")})


def test_two_numbers_that_change_nothing_do_not_count():
    def value(config):
        return math.floor(4 * config["f"]) + math.floor(3 * config["g"]) / 9

    metric = counted(FLOATS, value, lengths=[0.5, 0.5, 3.0, 3.0])
    assert metric.smooth.tolist() == [True, True, False, False]


def test_numbers_that_change_the_value_count():
    def value(config):
        return math.floor(3 * config["f"]) + math.pi * math.floor(3 * config["g"])

    space = Space({"f": Float(0, 1), "g": Float(0, 1)})
    metric = counted(space, value)
    assert metric.smooth.all()
    assert not metric.bounded.any()


def test_a_depth_that_no_tree_reaches_does_not_count():
    space = Space({"depth": Int(1, 40), "rate": Float(0, 1)})
    metric = counted(space, lambda c: min(c["depth"], 9) + math.pi * math.floor(5 * c["rate"]))
    assert metric.bounds[:, 0].tolist() == [-math.inf, 0.25]
    assert metric.smooth.all()


@pytest.mark.parametrize("seed", range(5))
def test_few_values_by_chance_leave_no_number_out(seed):
    rng = np.random.default_rng(seed)
    metric = counted(FLOATS, lambda config: float(rng.integers(4)), seed=seed)
    assert metric.smooth.all()
    assert not metric.bounded.any()


def test_what_the_process_says_matters_little_needs_no_evidence():
    space = Space({"f": Float(0, 1), "y": Float(0, 1)})
    points = np.random.default_rng(1).random((60, 2))
    model = surrogate_of(space, points, np.floor(16 * points[:, 0]) ** 1.5)
    moved = points.copy()
    moved[:, 1] = np.mod(points[:, 1] + 0.5, 1.0)
    assert model.lengths[1] > 2
    assert np.exp(model.duplicates.log_probability(moved)).max() < 1e-6


def test_the_gradient_stops_at_the_bound():
    metric = Metric(np.array([2.0, 1.0]), np.array([True, True]), np.array([False, False]))
    beside = DuplicateValues(np.array([[0.3, 0.5]]), metric.within(0, -np.inf, 0.4), 0.2)
    at = np.array([[0.35, 0.55], [0.41, 0.55], [0.9, 0.55]])
    value, gradient = beside.with_gradient(at)
    assert value[1] == pytest.approx(value[2])
    assert gradient[0, 0] > 0
    assert (gradient[1:, 0] == 0).all()
    step = 1e-6
    slope = (beside.log_probability(at + np.array([0.0, step])) - value) / step
    np.testing.assert_allclose(gradient[:, 1], slope, rtol=1e-3)


@pytest.mark.parametrize("strategy", ["bayesian", "auto"])
def test_asks_differ_in_what_matters(strategy):
    """Two of four numbers change nothing: without seeing it three of five asks repeated a value."""

    def value(config):
        f, g = math.floor(32 * config["f"]), math.floor(32 * config["g"])
        return abs(f - 21) ** 1.5 + abs(g - 9) ** 1.4 + 0.01 * f + 0.013 * g

    losses = searched(make_optimizer(strategy), FLOATS, value, 70, 0).history.losses[:, 0]
    repeated = [losses[row] in losses[:row] for row in range(30, 70)]
    assert np.mean(repeated) < 0.45


def test_what_changes_nothing_follows_from_the_results_and_not_from_when_it_was_looked_for():
    def value(config):
        return math.floor(16 * config["f"]) ** 1.5 + math.floor(4 * config["g"])

    one, trials = BayesianOptimization().bind(of(value, FLOATS), seed=0), []
    for _ in range(53):
        (solution,) = one.ask()
        trials.append(told(solution, value(solution.config)))
        one.tell(trials[-1])
    (expected,) = one.ask()
    other = BayesianOptimization().bind(of(value, FLOATS), seed=0)
    other.replay(trials)
    assert not one.learner.latest.duplicates.metric.smooth.all()
    assert other.ask()[0].config == expected.config
