"""Volumes and boxes against counting on a grid, inclusion and exclusion, and Monte Carlo."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hpopt.numerics.hypervolume import (
    everything_below,
    hypervolume,
    most_volume,
    non_dominated_boxes,
)

LEVELS = 5
losses = st.tuples(st.integers(0, 7), st.integers(1, 5)).flatmap(
    lambda shape: arrays(float, shape, elements=st.integers(0, LEVELS).map(float))
)


def by_counting(points, reference):
    """Count the unit cells of a grid that a point dominates."""
    m = points.shape[1]
    cells = np.stack(np.meshgrid(*[np.arange(LEVELS)] * m, indexing="ij"), axis=-1).reshape(-1, m)
    cells = cells[(cells < reference).all(axis=1)]
    return int(sum((cells >= point).all(axis=1) for point in points).astype(bool).sum())


@given(losses)
def test_the_volume_is_that_of_the_cells_that_are_dominated(points):
    if not len(points):
        assert hypervolume(points, np.ones(points.shape[1])) == 0
        return
    reference = np.full(points.shape[1], float(LEVELS))
    assert hypervolume(points, reference) == by_counting(points, reference)


def test_the_volume_is_that_of_inclusion_and_exclusion():
    points, reference = np.random.default_rng(0).random((6, 4)), np.full(4, 1.1)
    expected = 0.0
    for k in range(1, 7):
        for which in combinations(points, k):
            expected -= (-1) ** k * np.prod(reference - np.max(which, axis=0))
    assert hypervolume(points, reference) == pytest.approx(expected)


@given(losses.filter(lambda points: points.shape[1] <= 4))
def test_boxes_are_disjoint_and_hold_just_what_no_point_dominates(points):
    m = points.shape[1]
    reference = np.full(m, float(LEVELS))
    boxes = non_dominated_boxes(points, reference)
    rng = np.random.default_rng(0)
    samples = rng.uniform(-1, LEVELS + 1, (300, m))
    inside = ((samples[:, None] > boxes.lows) & (samples[:, None] < boxes.highs)).all(axis=2)
    free = (samples < reference).all(axis=1)
    for point in points:
        free &= ~(samples >= point).all(axis=1)
    assert inside.sum(axis=1).tolist() == free.tolist()


@given(losses.filter(len))
def test_cutting_one_point_after_the_other_leaves_as_much(points):
    m = points.shape[1]
    boxes = everything_below(np.full(m, float(LEVELS)))
    for point in points:
        boxes = boxes.without(point)
    left = boxes.volumes(np.zeros((1, m)))[0]
    assert left == LEVELS**m - hypervolume(points, np.full(m, float(LEVELS)))


@pytest.mark.parametrize(("m", "most"), [(2, 41), (3, 81), (4, 400)])
def test_there_are_few_boxes(m, most):
    front = np.abs(np.random.default_rng(1).standard_normal((40, m)))
    front /= np.linalg.norm(front, axis=1, keepdims=True)
    assert len(non_dominated_boxes(front, np.full(m, 1.1)).lows) <= most


def test_a_point_adds_what_the_volume_grows_by():
    rng = np.random.default_rng(2)
    for m in (2, 3, 4):
        front, points, reference = rng.random((8, m)), rng.random((5, m)) * 0.5, np.full(m, 1.1)
        grown = [hypervolume(np.vstack([front, point]), reference) for point in points]
        found = non_dominated_boxes(front, reference).volumes(points)
        np.testing.assert_allclose(found, np.array(grown) - hypervolume(front, reference))


@pytest.mark.parametrize("m", [2, 3, 4, 5])
def test_the_points_of_most_volume_are_those_that_add_most_each_time(m):
    rng = np.random.default_rng(m)
    points, reference, chosen = rng.random((9, m)), np.full(m, 1.1), []
    for _ in range(4):
        left = [row for row in range(9) if row not in chosen]
        volumes = [hypervolume(points[[*chosen, row]], reference) for row in left]
        chosen.append(left[int(np.argmax(volumes))])
    assert most_volume(points, reference, 4).tolist() == chosen


def test_what_adds_nothing_is_chosen_last_in_its_order():
    points = np.array([[2.0, 2.0], [0.5, 0.5], [0.5, 0.5], [0.6, 0.6]])
    assert most_volume(points, np.ones(2), 4).tolist() == [1, 0, 2, 3]
