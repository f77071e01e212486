"""Descents reach what scipy's own search reaches, each point by itself, and stay in their boxes."""

import numpy as np
import pytest
from scipy.optimize import minimize, rosen, rosen_der

from hpopt.numerics.projected_bfgs import minimize_batched

STARTS = np.array([[-1.2, 1.0, 0.3], [0.5, -0.7, 1.2], [9.0, -9.0, 9.0]])
LOW, HIGH = np.full((3, 3), -2.0), np.full((3, 3), 2.0)


class Valley:
    """Rosenbrock's function, of several points, which counts how often it is asked."""

    def __init__(self):
        self.n_asked = 0

    def __call__(self, points):
        self.n_asked += 1
        return np.array([rosen(x) for x in points]), np.array([rosen_der(x) for x in points])


def test_it_finds_the_bottom_with_about_as_many_evaluations_as_scipy():
    valley = Valley()
    points, losses = minimize_batched(valley, STARTS, LOW, HIGH, evaluations=200)
    np.testing.assert_allclose(points, 1.0, atol=1e-4)
    np.testing.assert_array_equal(losses, valley(points)[0])
    slowest = max(
        minimize(rosen, x, jac=rosen_der, method="L-BFGS-B", bounds=[(-2, 2)] * 3).nfev
        for x in np.clip(STARTS, -2, 2)
    )
    assert valley.n_asked < 1.5 * slowest


def test_each_point_goes_its_own_way():
    points, losses = minimize_batched(Valley(), STARTS, LOW, HIGH, evaluations=12)
    for k in range(3):
        one = slice(k, k + 1)
        alone, loss = minimize_batched(Valley(), STARTS[one], LOW[one], HIGH[one], evaluations=12)
        np.testing.assert_allclose(points[one], alone, rtol=1e-9)
        assert losses[k] == pytest.approx(loss[0])


def test_it_stays_in_its_box_and_leaves_what_is_fixed():
    low, high = np.array([[-0.5, 0.0, 0.3]]), np.array([[0.5, 0.2, 0.3]])
    points, losses = minimize_batched(Valley(), STARTS[2:], low, high, evaluations=50)
    assert ((low <= points) & (points <= high)).all()
    assert points[0, 2] == 0.3
    bounds = list(zip(low[0], high[0], strict=True))
    best = minimize(rosen, points[0], jac=rosen_der, method="L-BFGS-B", bounds=bounds)
    assert losses[0] == pytest.approx(best.fun, rel=1e-6)


def test_a_hill_is_left_for_its_foot():
    starts = np.array([[0.1, -0.2], [-1e-3, 1e-3]])
    points, _ = minimize_batched(
        lambda x: (-(x**2).sum(axis=1), -2 * x),
        starts,
        np.full((2, 2), -1.0),
        np.full((2, 2), 3.0),
        evaluations=30,
    )
    np.testing.assert_array_equal(points, [[3.0, -1.0], [-1.0, 3.0]])


def test_it_stops_where_nothing_is_promised():
    valley = Valley()
    points, _ = minimize_batched(valley, np.ones((1, 3)), LOW[:1], HIGH[:1], evaluations=50)
    assert valley.n_asked == 1
    np.testing.assert_array_equal(points, 1.0)
    minimize_batched(valley, STARTS, LOW, HIGH, evaluations=7)
    assert valley.n_asked == 8


def test_a_step_into_the_void_is_shortened():
    def loss(x):
        outside = x[:, 0] > 0.6
        value, slope = np.where(outside, 1e10, -x[:, 0]), np.where(outside, 0.0, -1.0)
        return value, slope[:, None]

    points, _ = minimize_batched(
        loss, np.array([[0.0]]), np.zeros((1, 1)), np.ones((1, 1)), evaluations=40
    )
    assert 0.5 < points[0, 0] <= 0.6


@pytest.mark.parametrize("n", [20, 300])
def test_of_many_coordinates_the_last_steps_are_remembered(n):
    rng = np.random.default_rng(0)
    bottoms, weights = rng.random((2, n)) * 1.2, np.geomspace(1, 30, n)

    def bowls(x):
        apart = x - bottoms
        return (weights * apart**2).sum(axis=1), 2 * weights * apart

    starts, sides = rng.random((2, n)), np.ones((2, n))
    points, _ = minimize_batched(bowls, starts, 0 * sides, sides, evaluations=60)
    np.testing.assert_allclose(points, np.minimum(bottoms, 1.0), atol=1e-4)


@pytest.mark.parametrize("n", [2, 300])
@pytest.mark.parametrize("scale", [1e-200, 1e-120, 1e-40, 1e100])
def test_a_function_may_be_as_good_as_flat_or_as_steep_as_can_be(n, scale):
    def bowl(x):
        return scale * (x**2).sum(axis=1), 2 * scale * x

    points, _ = minimize_batched(
        bowl, np.full((1, n), 0.7), -np.ones((1, n)), np.ones((1, n)), evaluations=30, tolerance=0.0
    )
    assert np.isfinite(points).all()
    if scale > 1e-80:
        np.testing.assert_allclose(points, 0.0, atol=1e-3)
