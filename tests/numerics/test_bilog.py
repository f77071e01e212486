"""Values of constraints: their signs and their order stay, whatever their scale is."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hpopt.numerics.bilog import bilog

values = arrays(float, st.integers(1, 20), elements=st.floats(-1e300, 1e300))


@given(values)
def test_signs_and_order_stay(given_values):
    found = bilog(given_values)
    assert np.isfinite(found).all()
    assert (np.diff(found[np.argsort(given_values, kind="stable")]) >= 0).all()
    # Beside 1e300 a violation of 1 has no digits left; it never changes sides.
    assert (found * np.sign(given_values) >= 0).all()


def test_the_median_size_is_one_unit_and_the_mean_square_is_1():
    found = bilog(np.array([-1e6, 1e6, 3e6]))
    np.testing.assert_allclose(found / found[0], [1.0, -1.0, -2.0])
    np.testing.assert_allclose(np.mean(found**2), 1.0)


def test_what_is_always_on_the_border_stays_there():
    assert bilog(np.zeros(3)).tolist() == [0.0, 0.0, 0.0]
    assert bilog(np.array([0.0, 0.0, 2.0])).tolist() == [0.0, 0.0, np.sqrt(3.0)]
