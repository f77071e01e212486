"""The quadratic model against quadratics that are known, and its minimum against a fine grid."""

import numpy as np
import pytest

from hpopt.numerics.quadratic_model import Quadratic, n_coefficients


def quadratic(d, seed):
    rng = np.random.default_rng(seed)
    root, slope = rng.standard_normal((d, d)), rng.standard_normal(d)
    hessian = root @ root.T
    return lambda x: 3.0 + x @ slope + 0.5 * np.einsum("ij,jk,ik->i", x, hessian, x)


@pytest.mark.parametrize("d", [1, 2, 5])
def test_a_quadratic_is_found_again(d):
    rng, f = np.random.default_rng(d), quadratic(d, d)
    points = rng.random((2 * n_coefficients(d), d))
    model = Quadratic.fit(points, f(points), points[0], 0.5)
    elsewhere = rng.random((20, d))
    spread = np.ptp(f(points))
    np.testing.assert_allclose(model.value(elsewhere), f(elsewhere), atol=1e-3 * spread)


def test_few_points_make_a_plane():
    points = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    model = Quadratic.fit(points, np.array([1.0, 3.0, 0.0]), points[0], 1.0)
    assert np.abs(model.hessian).max() < 1e-3
    np.testing.assert_allclose(model.slope, [2.0, -1.0], atol=1e-2)


def test_its_minimum_is_that_of_a_grid():
    rng = np.random.default_rng(0)
    for seed in range(5):
        f = quadratic(2, seed)
        points = rng.random((20, 2))
        model = Quadratic.fit(points, f(points), points[0], 0.3)
        low, high = np.zeros(2), np.ones(2)
        found = model.minimum(low, high, rng)
        assert ((found >= low) & (found <= high)).all()
        axis = np.linspace(0, 1, 101)
        grid = np.array(np.meshgrid(axis, axis)).reshape(2, -1).T
        assert model.value(found[None])[0] <= model.value(grid).min() + 1e-6


def test_a_constant_has_no_slope():
    points = np.random.default_rng(0).random((8, 3))
    model = Quadratic.fit(points, np.full(8, 2.0), points[0], 0.1)
    assert np.abs(model.slope).max() < 1e-9
    assert model.value(points) == pytest.approx(2.0)
