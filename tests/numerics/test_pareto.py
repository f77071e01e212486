import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hpopt.numerics import pareto

values = st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0, 1e308, -1e308, math.inf])
losses = st.tuples(st.integers(0, 25), st.integers(1, 3)).flatmap(
    lambda shape: arrays(float, shape, elements=values)
)


def dominates(one, other):
    return all(a <= b for a, b in zip(one, other, strict=True)) and any(
        a < b for a, b in zip(one, other, strict=True)
    )


def ranks_by_peeling(losses):
    ranks, left, rank = {}, set(range(len(losses))), 0
    while left:
        front = {i for i in left if not any(dominates(losses[j], losses[i]) for j in left)}
        ranks.update(dict.fromkeys(front, rank))
        left, rank = left - front, rank + 1
    return [ranks[i] for i in range(len(losses))]


@given(losses)
def test_ranks_are_those_of_peeling_fronts_off(losses):
    assert pareto.non_dominated_ranks(losses).tolist() == ranks_by_peeling(losses)


@given(losses)
def test_the_front_is_rank_0(losses):
    expected = [rank == 0 for rank in ranks_by_peeling(losses)]
    assert pareto.front(losses).tolist() == expected


def crowding_by_loops(losses, ranks):
    distances = [0.0] * len(losses)
    for rank in set(ranks):
        front = [i for i in range(len(losses)) if ranks[i] == rank]
        for m in range(losses.shape[1]):
            column = sorted(front, key=lambda i: losses[i, m])
            low, high = float(losses[column[0], m]), float(losses[column[-1], m])
            distances[column[0]] = distances[column[-1]] = math.inf
            if math.isfinite(low) and math.isfinite(high) and low < high:
                for before, i, after in zip(column, column[1:], column[2:], strict=False):
                    gap = float(losses[after, m]) / 2 - float(losses[before, m]) / 2
                    distances[i] += gap / (high / 2 - low / 2)
    return distances


@given(losses)
def test_crowding_is_that_of_loops(losses):
    ranks = pareto.non_dominated_ranks(losses)
    expected = crowding_by_loops(losses, ranks.tolist())
    np.testing.assert_allclose(pareto.crowding_distances(losses, ranks), expected, atol=1e-12)


def test_crowding_of_a_known_front():
    losses = np.array([[0.0, 10.0], [1.0, 6.0], [2.0, 5.0], [10.0, 0.0]])
    found = pareto.crowding_distances(losses, np.zeros(4, dtype=int))
    np.testing.assert_allclose(found, [math.inf, 0.2 + 0.5, 0.9 + 0.6, math.inf])


@given(losses)
def test_the_order_is_by_front_then_loneliness_then_place(losses):
    order = pareto.order(losses)
    assert sorted(order.tolist()) == list(range(len(losses)))
    if losses.shape[1] == 1:
        assert order.tolist() == sorted(range(len(losses)), key=lambda i: losses[i, 0])
    else:
        ranks = pareto.non_dominated_ranks(losses)
        lonely = pareto.crowding_distances(losses, ranks)
        keys = [(ranks[i], -lonely[i], i) for i in order]
        assert keys == sorted(keys)


@given(losses)
def test_of_equal_points_the_last_is_ahead_of_all_others(losses):
    order = pareto.order_of_different(losses).tolist()
    assert sorted(order) == list(range(len(losses)))
    different = [
        row
        for row, loss in enumerate(losses)
        if np.isfinite(loss).all() and not (losses[row + 1 :] == loss).all(axis=1).any()
    ]
    ahead, behind = order[: len(different)], order[len(different) :]
    assert ahead == [different[place] for place in pareto.order(losses[different])]
    newest_first = [row for row in reversed(range(len(losses))) if row not in different]
    assert behind == [newest_first[place] for place in pareto.order(losses[newest_first])]


@pytest.mark.parametrize("m", [1, 2, 3])
def test_all_failed_are_equal(m):
    losses = np.full((5, m), np.inf)
    assert pareto.non_dominated_ranks(losses).tolist() == [0] * 5
    assert sorted(pareto.order(losses).tolist()) == list(range(5))


def test_a_failure_is_worse_than_anything():
    losses = np.array([[0.0, 0.0], [0.0, 1e308], [1e308, 0.0], [1e308, 1e308], [np.inf, np.inf]])
    assert pareto.order(losses)[-1] == 4
    assert pareto.non_dominated_ranks(losses)[-1] == pareto.non_dominated_ranks(losses).max()


TINY = [5e-324, 0.0, 1e-323, 1.5e-323, 1e-310, -2e-310]
HUGE = [1.7e308, -1.7e308, 0.0, 1.0, -1.0, 5e-324]


@pytest.mark.parametrize("column", [TINY, HUGE, [*TINY[:3], *HUGE[:3]]])
def test_the_least_and_the_largest_numbers_give_no_warning_and_are_in_order(column):
    losses = np.array([column, [-value for value in column]]).T
    ranks = pareto.non_dominated_ranks(losses)
    assert not ranks.any()
    distances = pareto.crowding_distances(losses, ranks)
    assert np.isinf(distances).sum() == 2
    assert not np.isnan(distances).any()
    inner = np.sort(distances)[:-2]
    assert (inner >= 0).all()
    assert inner.any()
    assert (inner <= 4).all()


def test_a_front_of_tiny_losses_is_one_of_usual_ones_made_smaller():
    usual = np.array([[0.0, 12.0], [1.0, 6.0], [2.0, 5.0], [7.0, 0.0]])
    ranks = np.zeros(4, dtype=np.int64)
    assert (
        pareto.crowding_distances(usual * 5e-324, ranks) == pareto.crowding_distances(usual, ranks)
    ).all()


def test_fronts_of_one_and_two_losses_are_those_of_the_definition():
    rng = np.random.default_rng(0)
    for _ in range(300):
        n, m = rng.integers(0, 12), rng.integers(1, 4)
        losses = rng.choice([0.0, 1.0, 2.0, 3.0, np.inf, -np.inf], size=(n, m))
        no_worse = (losses[:, None] <= losses[None]).all(axis=2)
        better = (losses[:, None] < losses[None]).any(axis=2)
        assert (pareto.front(losses) == ~(no_worse & better).any(axis=0)).all()
