"""Round floats to decimals that survive a round trip through the unit interval.

A coordinate in [0, 1] has 53 bits; mapping it to a range and back loses a few of them. Values
are therefore rounded to decimals coarse enough to absorb that loss: what is rounded once is
found again to the bit, and a user's ``0.001`` stays ``0.001``.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

DIGITS = 13  # of 15.95 in a float: a coordinate in [0, 1] and back loses a few hundred ulps
SAFE_LOG = 50.0  # the natural logarithm up to which a value in the log carries all of them
EXACT_POWER = 22  # the largest k for which 10**k is a float64 without error
LEAST_LOG, MOST_LOG = 10.0 ** (DIGITS - EXACT_POWER), 10.0 ** (DIGITS - 1)
# Between them the powers of ten that make whole numbers of `DIGITS` digits have no error.
_POWERS: NDArray[np.float64] = np.array([10.0**k for k in range(EXACT_POWER + 1)])
_DECADES = np.array([float(f"1e{DIGITS - 1 - k}") for k in range(EXACT_POWER - 1, -1, -1)])
_POWERS_OF_DECADES = _POWERS[::-1].copy()


def decimals_for(low: float, high: float) -> int | None:
    """Return the number of decimals that a linear range carries, None where rounding is useless.

    The error of ``low + u (high - low)`` is a few units in the last place of the larger bound,
    so `DIGITS` digits below that bound's magnitude absorb it. A range much narrower than its
    bounds is left as it is.
    """
    largest = max(abs(low), abs(high))
    # Here rounding by the bound's digits would leave few values, and a coordinate has more.
    if high - low < 1e-6 * largest:
        return None
    return DIGITS - math.ceil(math.log10(largest))


def digits_for(low: float, high: float) -> int:
    """Return the number of significant digits that a range in the log carries.

    The error of ``exp(log(value))`` grows with the logarithm: up to `SAFE_LOG` all `DIGITS`
    absorb it, beyond it one less for each power of ten.
    """
    largest = max(abs(math.log(low)), abs(math.log(high)), SAFE_LOG)
    return DIGITS - math.ceil(math.log10(largest / SAFE_LOG))


def round_decimals(values: NDArray[np.float64], decimals: int) -> NDArray[np.float64]:
    """Round to a number of decimals (may be negative), correctly rounded.

    ``n / 10**k`` with both exact is the float nearest to the decimal: what ``float("...")`` gives.
    """
    if abs(decimals) > EXACT_POWER:
        return np.array([round(value, decimals) for value in values.ravel().tolist()]).reshape(
            values.shape
        )
    power = _POWERS[abs(decimals)]
    if decimals >= 0:
        return np.asarray(np.rint(values * power) / power)
    return np.asarray(np.rint(values / power) * power)


def round_significant(values: NDArray[np.float64], digits: int) -> NDArray[np.float64]:
    """Round positive numbers to significant digits, correctly rounded."""
    exponents = np.floor(np.log10(values)).astype(np.int64)
    decimals = digits - 1 - exponents
    exact = (decimals >= 0) & (decimals <= EXACT_POWER)
    powers = _POWERS[np.where(exact, decimals, 0)]
    rounded = np.rint(values * powers) / powers
    if not exact.all():
        hard = [float(f"{value:.{digits}g}") for value in values[~exact]]
        rounded[~exact] = hard
    return np.asarray(rounded)


def powers_for(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the powers of ten that make whole numbers of the `DIGITS` digits of positive numbers.

    The caller knows that all have between 0 and 22 decimals then: `round_significant` looks.
    """
    decades = _DECADES.searchsorted(values, side="right")
    powers: NDArray[np.float64] = _POWERS_OF_DECADES.take(decades)
    return powers
