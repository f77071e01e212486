"""A descent goes where scipy's own goes, and stays in its box."""

import numpy as np
from scipy.optimize import minimize, rosen, rosen_der

from hpopt.numerics.descent import descended


def valley(point):
    return rosen(point), rosen_der(point)


def test_it_takes_the_same_way_as_a_search_that_compares_points():
    start, low, high = np.array([-1.2, 1.0, 0.3]), np.full(3, -2.0), np.full(3, 2.0)
    for iterations in (3, 200):
        options = {"maxiter": iterations}
        bounds = np.stack([low, high], axis=1)
        expected = minimize(
            valley, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options
        )
        point, loss = descended(valley, start, low, high, iterations=iterations)
        np.testing.assert_array_equal(point, expected.x)
        assert loss == expected.fun
    np.testing.assert_allclose(point, 1.0, atol=1e-3)


def test_it_stays_in_its_box_wherever_it_begins():
    low, high = np.array([-0.5, 0.0]), np.array([0.5, 0.2])
    point, loss = descended(valley, np.array([9.0, -9.0]), low, high, iterations=50)
    assert ((low <= point) & (point <= high)).all()
    assert loss == rosen(point) < rosen(np.array([0.5, 0.0]))
