"""Gradient estimates against slow formulas and functions whose gradient is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpopt.numerics import neighbourhood

seeds = st.integers(0, 2**32)


def poll(d, lengths):
    """Give the offsets of a step up and down in each coordinate."""
    return np.concatenate([np.diag(lengths), -np.diag(lengths)])[:, :d]


def slow_finite_differences(offsets, differences):
    gradient = []
    for j in range(offsets.shape[1]):
        ends = {-1: (0.0, 0.0), 1: (0.0, 0.0)}
        for offset, difference in zip(offsets, differences, strict=True):
            others = [x for k, x in enumerate(offset) if k != j]
            if offset[j] == 0 or any(others):
                continue
            side = 1 if offset[j] > 0 else -1
            if ends[side][0] == 0 or abs(offset[j]) < abs(ends[side][0]):
                ends[side] = offset[j], difference
        width = ends[1][0] - ends[-1][0]
        gradient.append((ends[1][1] - ends[-1][1]) / width if width else 0.0)
    return gradient


@given(seeds)
def test_finite_differences_are_those_of_the_slow_formula(seed):
    rng = np.random.default_rng(seed)
    n, d = rng.integers(1, 12), rng.integers(1, 5)
    offsets = rng.integers(-2, 3, size=(n, d)) * (rng.random((n, d)) < 0.5).astype(float)
    differences = rng.standard_normal(n)
    np.testing.assert_allclose(
        neighbourhood.finite_differences(offsets, differences),
        slow_finite_differences(offsets, differences),
    )


def test_central_differences_are_exact_for_quadratics():
    slope, lengths = np.array([1.0, -2.0, 0.5]), np.array([1.0, 2.0, 3.0])
    offsets = poll(3, lengths)
    differences = offsets @ slope + 4 * (offsets**2).sum(axis=1)
    np.testing.assert_allclose(neighbourhood.finite_differences(offsets, differences), slope)


def test_where_one_side_is_missing_it_is_one_sided_and_without_both_it_is_0():
    offsets = np.array([[2.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, -1.0, 0.0]])
    found = neighbourhood.finite_differences(offsets, np.array([3.0, 100.0, 5.0]))
    np.testing.assert_allclose(found, [1.5, -5.0, 0.0])


@given(seeds)
def test_a_simplex_gradient_interpolates_linear_functions(seed):
    rng = np.random.default_rng(seed)
    d = int(rng.integers(1, 6))
    slope = rng.standard_normal(d)
    offsets = np.concatenate([np.eye(d), rng.integers(-3, 4, size=(4, d))])
    found = neighbourhood.simplex_gradient(offsets, offsets @ slope)
    np.testing.assert_allclose(found, slope, atol=1e-9)


@given(seeds)
def test_a_simplex_gradient_solves_the_normal_equations(seed):
    rng = np.random.default_rng(seed)
    offsets, differences = rng.standard_normal((9, 3)), rng.standard_normal(9)
    slow = np.linalg.inv(offsets.T @ offsets) @ offsets.T @ differences
    np.testing.assert_allclose(neighbourhood.simplex_gradient(offsets, differences), slow)


def test_a_simplex_gradient_is_of_least_norm_where_points_are_few():
    found = neighbourhood.simplex_gradient(np.array([[1.0, 1.0]]), np.array([2.0]))
    np.testing.assert_allclose(found, [1.0, 1.0])
    huge = neighbourhood.simplex_gradient(np.array([[1.0, 0.0]]), np.array([1e308]))
    np.testing.assert_allclose(huge, [1e308, 0.0])


def test_the_smoothed_gradient_is_the_mean_of_the_formula():
    rng = np.random.default_rng(0)
    scales, draws = np.array([0.5, 2.0, 0.0]), rng.standard_normal((7, 3))
    differences = rng.standard_normal(7)
    slow = np.zeros(3)
    for u, difference in zip(draws, differences, strict=True):
        for j in (0, 1):
            slow[j] += difference / scales[j] * u[j] / 7
    found = neighbourhood.smoothed_gradient(draws * scales, differences, scales)
    np.testing.assert_allclose(found, slow)


def test_the_smoothed_gradient_tends_to_that_of_the_smoothed_function():
    """Of a quadratic it is the gradient itself, whatever the scale."""
    slope, scales = np.array([1.0, -3.0]), np.array([1.0, 2.0])
    offsets = neighbourhood.gaussian_offsets(40_000, scales, np.random.default_rng(1))
    differences = offsets @ slope + (offsets**2).sum(axis=1)
    found = neighbourhood.smoothed_gradient(offsets, differences, scales)
    np.testing.assert_allclose(found, slope, atol=0.1)


@pytest.mark.parametrize("estimate", ["finite_differences", "simplex_gradient"])
def test_without_points_the_gradient_is_0(estimate):
    empty = np.empty((0, 3))
    assert getattr(neighbourhood, estimate)(empty, np.empty(0)).tolist() == [0, 0, 0]
    assert neighbourhood.smoothed_gradient(empty, np.empty(0), np.ones(3)).tolist() == [0, 0, 0]


def test_gaussian_offsets_come_with_their_mirror_images():
    offsets = neighbourhood.gaussian_offsets(5, np.array([1.0, 0.0]), np.random.default_rng(0))
    assert offsets.shape == (5, 2)
    np.testing.assert_array_equal(offsets[[1, 3]], -offsets[[0, 2]])
    assert (offsets[:, 1] == 0).all()


def test_descents_go_against_the_gradient_to_the_edge_of_the_box():
    gradient, steps = np.array([2.0, -1.0, 0.0]), np.array([1.0, 3.0, 5.0])
    found = neighbourhood.descent_offsets(gradient, steps, np.array([1.0, 2.0]))
    np.testing.assert_allclose(found, [[-2 / 3, 3.0, 0.0], [-4 / 3, 6.0, 0.0]])
    assert (found @ gradient < 0).all()
    assert neighbourhood.descent_offsets(np.zeros(3), steps, np.ones(2)).shape == (0, 3)
