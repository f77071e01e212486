"""Numbers as people read them; files have all digits."""

from __future__ import annotations

import math

DIGITS = 5
"""Significant digits for people: more than most evaluations are exact to."""

WHOLE = 1e15  # below this a float has all digits of a whole number, and a column has room for them


def in_digits(value: float) -> str:
    """Write a number with five significant digits; a whole one with all of its digits."""
    if math.isfinite(value) and float(value).is_integer() and abs(value) < WHOLE:
        return str(int(value))
    return f"{value:.{DIGITS}g}"
