"""Rounding of whole arrays, against Python's decimals one by one."""

import math
from decimal import ROUND_HALF_EVEN, Context, Decimal

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from hpopt.space.rounding import (
    decimals_for,
    digits_for,
    round_decimals,
    round_significant,
)

positive = st.floats(1e-300, 1e300)


@given(st.lists(positive, min_size=1, max_size=20), st.integers(11, 13))
def test_significant_digits_are_those_of_text(values, digits):
    found = round_significant(np.array(values), digits)
    context = Context(prec=digits, rounding=ROUND_HALF_EVEN)
    for value, rounded in zip(values, found.tolist(), strict=True):
        exact = float(context.create_decimal(Decimal(value)))
        assert math.isclose(rounded, exact, rel_tol=10.0 ** (1 - digits))
        assert float(f"{rounded:.{digits}g}") == rounded  # it is a decimal of so many digits
        assert abs(Decimal(rounded) - Decimal(value)) <= Decimal("0.51") * Decimal(10) ** (
            Decimal(value).adjusted() + 1 - digits
        )
    np.testing.assert_array_equal(round_significant(found, digits), found)


@given(st.floats(-1e12, 1e12), st.floats(1e-12, 1e12))
def test_decimals_are_those_of_text(low, width):
    high = low + width
    decimals = decimals_for(low, high) if high > low else None
    assume(decimals is not None)
    values = low + np.linspace(0, 1, 15) * width
    found = round_decimals(values, decimals)
    for value, rounded in zip(values.tolist(), found.tolist(), strict=True):
        assert abs(Decimal(rounded) - Decimal(value)) <= Decimal("0.51") * Decimal(10) ** -decimals
        assert round(rounded, decimals) == rounded
    np.testing.assert_array_equal(round_decimals(found, decimals), found)


def test_how_much_is_kept():
    assert decimals_for(0, 1) == 13
    assert decimals_for(0, 10) == 12
    assert decimals_for(-1000, 3) == 10
    assert decimals_for(0, 1e-12) == 25
    assert decimals_for(0, 1e20) == -7
    assert decimals_for(1e6, 1e6 + 0.5) is None
    assert digits_for(1e-5, 1) == 13
    assert digits_for(1e-40, 1) == 12
    assert digits_for(1e-300, 1) == 11
