"""The standard normal distribution where probabilities are too small for doubles."""

from __future__ import annotations

import math
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LOG_2PI = math.log(2.0 * math.pi)
FAR = -1e5  # below it the difference in log h has lost its last digits: its limit is taken


@cache
def special() -> Any:
    """Return `scipy.special`, imported when first used.

    Cached, as an import statement in a function takes longer than a small array does.
    """
    return import_module("scipy.special")


def log_density(z: Floats) -> Floats:
    """Return log φ(z)."""
    return -0.5 * z * z - 0.5 * LOG_2PI


def log_improvement(z: Floats) -> Floats:
    """Return log h(z), h(z) = φ(z) + z Φ(z) = E max(z - Z, 0) of a standard normal Z.

    Ament et al. 2023, "Unexpected improvements to expected improvement",
    https://arxiv.org/abs/2310.20708, equation 9: for z <= -1::

        log h = -z²/2 - log(2π)/2 + log(1 - exp(log(erfcx(-z/√2) |z|) + log(π/2)/2))

    and below -1e5 its limit -z²/2 - log(2π)/2 - 2 log|z|.

    Returns
    -------
    ndarray of the same shape, finite for all finite z above -1e150
    """
    erfcx, ndtr = special().erfcx, special().ndtr
    # Both forms are computed everywhere and chosen below, each where it loses no digits.
    near = np.maximum(z, -1.0)
    direct = np.log(np.exp(log_density(near)) + near * ndtr(near))
    below = np.minimum(z, -1.0)
    away = np.maximum(below, FAR)
    exponent = np.log(erfcx(away / -math.sqrt(2.0)) * -away) + 0.5 * math.log(math.pi / 2)
    middle = log_density(away) + np.log(-np.expm1(np.minimum(exponent, -1e-300)))
    found: Floats = np.where(z > -1.0, direct, middle)
    is_far = z < FAR
    if is_far.any():
        limit = log_density(below) - 2.0 * np.log(-below)
        found = np.where(is_far, limit, found)
    return found
