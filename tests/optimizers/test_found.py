import math

import numpy as np
from problems_for_tests import MIXED

from hpopt.optimizers.found import Found


def test_configs_are_looked_up_whatever_their_sleeping_coordinates_are():
    found = Found(MIXED)
    points = MIXED.random(20, np.random.default_rng(0))
    losses = np.arange(20.0)
    found.add(points[:10], losses[:10])
    found.add(points[:10], losses[10:])  # known already: the first counts
    awake = np.where(MIXED.active(points), points, 0.123)
    expected = [*range(10), *[math.nan] * 10]
    np.testing.assert_array_equal(found.losses(awake), expected)


def test_the_best_has_a_finite_loss_where_there_is_one():
    found = Found(MIXED)
    assert found.best()[1] == math.inf
    points = MIXED.random(3, np.random.default_rng(0))
    found.add(points, np.array([math.inf, 2.0, 3.0]))
    best, loss = found.best()
    assert loss == 2
    np.testing.assert_array_equal(best, points[1])


def test_a_branch_differs_in_ordered_parameters_only():
    config = {"x": 1.0, "rate": 0.1, "n": 5, "kind": "b", "power": 0.5}
    layers = [{"width": 64, "bias": 0}, {"width": 32, "bias": 1}]
    first = {**config, "layers": layers}
    relatives = [
        {**first, "x": 2.0, "n": 7},
        {**first, "layers": [{"width": 8, "bias": 0}, {"width": 9, "bias": 1}]},
    ]
    strangers = [
        {**first, "kind": "c"},
        {key: value for key, value in first.items() if key != "power"} | {"kind": "a"},
        {**first, "layers": layers[:1]},
        {**first, "layers": [{"width": 64, "bias": 1}, {"width": 32, "bias": 1}]},
    ]
    points = MIXED.encode([first, *relatives, *strangers])
    found = Found(MIXED)
    found.add(points, np.array([1.0, 2.0, math.inf, 4.0, 5.0, 6.0, 7.0]))
    assert found.are_same_branch(points, points[0]).tolist() == [True] * 3 + [False] * 4
    near, losses = found.same_branch(points[0])
    assert losses.tolist() == [1.0, 2.0]  # one of them failed
    np.testing.assert_array_equal(near, points[:2])
