"""How promising a prediction is: acquisition functions of its mean and deviation, with gradients.

Each takes the mean and deviation (n,) of what is minimised and gives its value (n,), to be
maximised, and its derivatives with respect to mean and deviation.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hpopt.numerics.normal import log_density, log_improvement, special

Floats = NDArray[np.float64]
Valued = tuple[Floats, Floats, Floats]

# Largest exponent of a gradient's ratio: where the improvement underflows the ratio overflows, and
# the search needs only its direction.
STEEPEST = 50.0
# A tenth of the targets' deviation: a bound that improves by more counts for about what it does.
SOFTNESS = 0.1


def log_expected_improvement(mean: Floats, deviation: Floats, best: float) -> Valued:
    """Return log E max(best - f, 0).

    Ament et al. 2023, https://arxiv.org/abs/2310.20708: with z = (best - μ) / σ it is
    log σ + log h(z), with the derivatives -Φ(z) / (σ h(z)) and φ(z) / (σ h(z)).
    """
    z = (best - mean) / deviation
    log_h = log_improvement(z)
    by_mean = -np.exp(np.minimum(special().log_ndtr(z) - log_h, STEEPEST)) / deviation
    by_deviation = np.exp(np.minimum(log_density(z) - log_h, STEEPEST)) / deviation
    return np.log(deviation) + log_h, by_mean, by_deviation


def lower_confidence_bound(mean: Floats, deviation: Floats, kappa: float) -> Valued:
    """Return κ σ - μ: the lower confidence bound, negated.

    Srinivas et al. 2010, https://arxiv.org/abs/0912.3995, equation 6.
    """
    ones = np.ones_like(mean)
    return kappa * deviation - mean, -ones, kappa * ones


def log_bound_improvement(mean: Floats, deviation: Floats, best: float, kappa: float) -> Valued:
    """Return the logarithm of how far the lower confidence bound is below a value, smoothly.

    With g = best - μ + κ σ it is log s(g), where s(g) = τ log(1 + exp(g / τ)) is about max(g, 0),
    but positive everywhere. So it ranks as the bound does, and can be set against a cost.
    """
    z = (best - mean + kappa * deviation) / SOFTNESS
    improvement = np.logaddexp(0.0, z)
    # The derivative of log s by g: the logistic function of z, over s. Both vanish together.
    slope = np.exp(-np.logaddexp(0.0, -z) - np.log(improvement)) / SOFTNESS
    return np.log(SOFTNESS * improvement), -slope, kappa * slope


def log_probability_of_improvement(mean: Floats, deviation: Floats, threshold: float) -> Valued:
    """Return log P(f < threshold) = log Φ(z), z = (threshold - μ) / σ.

    Kushner 1964, "A new method of locating the maximum point of an arbitrary multipeak curve".
    """
    z = (threshold - mean) / deviation
    log_cdf = special().log_ndtr(z)
    ratio = np.exp(np.minimum(log_density(z) - log_cdf, STEEPEST))
    return log_cdf, -ratio / deviation, -ratio * z / deviation
