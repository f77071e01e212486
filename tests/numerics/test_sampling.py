from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpopt.numerics.sampling import (
    keyed_generator,
    keyed_seed,
    latin_hypercube,
    permuted_index,
    reflect,
)


def test_a_key_gives_the_same_generator_each_time():
    for key in ((), (0,), (3, 4), (2**40,)):
        first, second = (keyed_generator(2**70, *key).random(5) for _ in range(2))
        np.testing.assert_array_equal(first, second)


def test_keys_are_told_apart():
    keys = [(), (0,), (0, 0), (0, 0, 0), (1,), (0, 1), (1, 0), (1, 1), (2,)]
    draws = {keyed_generator(seed, *key).random() for seed in range(5) for key in keys}
    assert len(draws) == 5 * len(keys)


def test_streams_of_neighbouring_keys_are_independent():
    draws = np.array([keyed_generator(0, k).random(64) for k in range(500)])
    assert abs(draws.mean() - 0.5) < 5 / np.sqrt(12 * draws.size)
    correlations = [np.corrcoef(one, other)[0, 1] for one, other in pairwise(draws)]
    assert np.std(correlations) == pytest.approx(1 / np.sqrt(64), rel=0.15)


def test_seeds_are_plain_ints_and_differ():
    seeds = [keyed_seed(seed, number) for seed in range(3) for number in range(2000)]
    assert all(type(seed) is int and 0 <= seed < 2**32 for seed in seeds)
    assert len(set(seeds)) >= len(seeds) - 5
    assert keyed_seed(1, 23) == keyed_seed(1, 23) != keyed_seed(12, 3)
    assert np.mean(seeds) / 2**32 == pytest.approx(0.5, abs=5 / np.sqrt(12 * len(seeds)))


@given(st.integers(1, 400), st.integers(0, 2**64))
def test_permuted_is_a_permutation(n, seed):
    assert sorted(permuted_index(index, n, seed) for index in range(n)) == list(range(n))


def test_permutations_of_other_seeds_differ_and_are_no_order():
    orders = [[permuted_index(index, 100, seed) for index in range(100)] for seed in range(20)]
    assert len(set(map(tuple, orders))) == 20
    first = np.array([order[0] for order in orders])
    assert len(set(first.tolist())) > 10
    steps = np.diff(orders, axis=1)
    assert (np.abs(steps) == 1).mean() < 0.1


def test_each_place_is_as_likely():
    counts = np.zeros((7, 7))
    for seed in range(1000):
        for index in range(7):
            counts[index, permuted_index(index, 7, seed)] += 1
    expected = 1000 / 7
    chi_square = ((counts - expected) ** 2 / expected).sum()
    assert chi_square < 36 + 5 * np.sqrt(2 * 36)


@pytest.mark.parametrize("n", [2**64 + 13, 10**30, 10**400])
def test_astronomic_permutations_are_addressed_by_number(n):
    places = [permuted_index(index, n, 0) for index in [0, 1, 2, n - 2, n - 1]]
    assert len(set(places)) == 5
    assert all(0 <= place < n for place in places)


@given(st.floats(-50, 50))
def test_mirrors_fold_back(x):
    expected = x
    while not 0 <= expected <= 1:
        expected = -expected if expected < 0 else 2 - expected
    assert reflect(np.array([x]))[0] == pytest.approx(expected, abs=1e-12)


@given(st.integers(0, 40), st.integers(0, 6), st.integers(0, 2**32))
def test_each_slice_of_each_coordinate_holds_one_point(n, d, seed):
    points = latin_hypercube(n, d, np.random.default_rng(seed))
    assert points.shape == (n, d)
    for column in points.T:
        assert sorted(np.floor(column * n).astype(int).tolist()) == list(range(n))


def test_the_places_of_a_hypercube_are_uniform_and_independent():
    rng = np.random.default_rng(0)
    points = np.concatenate([latin_hypercube(4, 2, rng) for _ in range(4000)])
    assert np.abs(np.histogram(points[:, 0] * 4 % 1, 10)[0] / 1600 - 1).max() < 0.1
    assert abs(np.corrcoef(points.T)[0, 1]) < 0.03
