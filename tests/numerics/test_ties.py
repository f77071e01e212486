"""Values that differ by rounding only."""

import numpy as np

from hpopt.numerics.rank_transform import rank_transform
from hpopt.numerics.ties import distinct_levels

FOLDS = np.array([0.9, 0.85, 0.8, 0.95, 0.7])
SUMS = [float(np.add.reduce(np.roll(FOLDS, k)) / 5) for k in range(5)]


def test_the_same_folds_in_another_order_are_one_value():
    sums = np.array([*SUMS, 0.84 + 1e-15, 0.83, 0.85])
    assert len(np.unique(sums)) > 3
    levels, places = distinct_levels(sums)
    np.testing.assert_allclose(levels, [0.83, 0.84, 0.85])
    assert places.tolist() == [1] * 6 + [0, 2]


def test_what_differs_stays_apart_in_any_size():
    for size in (1e-300, 1e-3, 1.0, 1e300):
        values = np.array([3.0, -1.0, 1.0 + 1e-11, 1.0, 3.0]) * size
        levels, places = distinct_levels(values)
        np.testing.assert_array_equal(levels, np.unique(values))
        np.testing.assert_array_equal(levels[places], values)
    assert distinct_levels(np.array([-1.7e308, 1.7e308]))[0].tolist() == [-1.7e308, 1.7e308]


def test_there_may_be_one_value_or_none():
    assert distinct_levels(np.array([]))[0].size == 0
    assert distinct_levels(np.array([2.0]))[1].tolist() == [0]


def test_a_model_learns_one_target_of_what_is_one_value():
    losses = np.array([*SUMS, 0.5, 0.6, 0.95, 0.99, 1.2])
    exact = np.array([0.84] * 5 + [0.5, 0.6, 0.95, 0.99, 1.2])
    np.testing.assert_allclose(
        rank_transform(losses).targets, rank_transform(exact).targets, atol=1e-12
    )
