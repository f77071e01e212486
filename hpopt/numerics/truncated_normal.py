"""The normal distribution cut to an interval: small probabilities in the log, and its fit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# Intervals narrower than this, in deviations, are taken at their middle: the difference of two
# probabilities would lose more digits than that.
NARROW = 1e-5
# How far a fitted mean may lie, and how large a fitted deviation may be, in interval lengths: at 50
# the density is as good as a slope, and farther only the numbers grow.
WIDEST = 50.0


def log_normal_between(low: Any, high: Any) -> Floats:
    """Return log P(low < Z < high) of a standard normal Z.

    Parameters
    ----------
    low, high : array-like, broadcast
        ``low <= high`` must hold; infinite ones are allowed.

    Returns
    -------
    ndarray
        -inf where they are equal. It is exact to some 10 digits in either tail: an interval above
        zero is mirrored, as probabilities near one cannot be told apart, and the difference is
        taken in the log: log(Φ(b) - Φ(a)) = log Φ(b) + log(1 - Φ(a) / Φ(b)).
    """
    from scipy.special import log_ndtr

    low, high = np.broadcast_arrays(np.asarray(low, np.float64), np.asarray(high, np.float64))
    above = low > 0
    a, b = np.where(above, -high, low), np.where(above, -low, high)
    with np.errstate(all="ignore"):  # what is infinite or empty is chosen by the masks below
        width, middle = b - a, (a + b) / 2
        share = np.exp(log_ndtr(a) - log_ndtr(b))
        between = log_ndtr(b) + np.log1p(-share)
        at_middle = np.log(width) - middle**2 / 2 - np.log(2 * np.pi) / 2
        narrow = width * (1 + np.abs(middle)) < NARROW
    found: Floats = np.where(narrow, at_middle, between)
    return np.where(b > a, found, -np.inf)


def log_probability_below(threshold: Any, mean: Any, std: Any, low: float, high: float) -> Floats:
    """Return log P(X < threshold) of a normal X of this mean and deviation, cut to [low, high].

    Parameters
    ----------
    threshold, mean, std : array-like, broadcast
        Mean and deviation are the location and scale before the cut. A deviation of 0 is the limit
        of smaller and smaller ones: all of X lies at the point of [low, high] nearest to the mean.
        What is not finite gives -inf: nothing is known to lie below.
    low, high : float
        ``low < high`` must hold.

    Returns
    -------
    ndarray
        log (Φ((t - μ) / σ) - Φ((a - μ) / σ)) / (Φ((b - μ) / σ) - Φ((a - μ) / σ)), never above 0.
        With no floor: as small as a double can say.
    """
    threshold, mean, std = np.broadcast_arrays(
        *(np.asarray(each, np.float64) for each in (threshold, mean, std))
    )
    inside = np.clip(threshold, low, high)
    with np.errstate(all="ignore"):
        a, t, b = ((end - mean) / std for end in (low, inside, high))
        found = log_normal_between(a, t) - log_normal_between(a, b)
    # A deviation too small for the quotients is treated as 0.
    is_point = (std == 0) | ~np.isfinite(found)
    at_point = np.where(np.clip(mean, low, high) < threshold, 0.0, -np.inf)
    found = np.where(is_point & (found != -np.inf), at_point, found)
    found = np.where(np.isfinite(mean) & np.isfinite(std), found, -np.inf)
    return np.where(threshold <= low, -np.inf, np.where(threshold >= high, 0.0, found.clip(max=0)))


def fit_truncated_normal(samples: Any, low: float, high: float) -> tuple[float, float]:
    """Return the location and scale of greatest likelihood of a normal cut to [low, high].

    Parameters
    ----------
    samples : array-like (n,), in [low, high]

    Returns
    -------
    (float, float)
        They are searched from the sample's mean and deviation, within 50 lengths of the interval:
        where samples look less like a normal than like a slope, the likelihood has no maximum,
        and the bound is the answer. Samples that are all equal have a deviation of 0.
    """
    from scipy.optimize import minimize

    samples = np.asarray(samples, np.float64)
    length = high - low
    mean, std = float(samples.mean()), float(samples.std())
    if std <= 1e-12 * length:
        return mean, 0.0

    def loss(place: Floats) -> float:
        centre, scale = mean + place[0] * std, std * np.exp(place[1])
        squares = ((samples - centre) / scale) ** 2
        cut = log_normal_between((low - centre) / scale, (high - centre) / scale)
        return float(squares.mean() / 2 + np.log(scale / std) + cut)

    widest = WIDEST * length
    bounds = [
        ((low - widest - mean) / std, (high + widest - mean) / std),
        (np.log(1e-3), np.log(widest / std)),
    ]
    found = minimize(loss, np.zeros(2), method="L-BFGS-B", bounds=bounds)
    return mean + float(found.x[0]) * std, std * float(np.exp(found.x[1]))
