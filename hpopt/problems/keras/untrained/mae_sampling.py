"""MAE random sampling: how good an architecture can become, told without training it.

Camero, Toutouh, Alba 2018, "Low-cost recurrent neural network expected performance evaluation"
(https://arxiv.org/abs/1805.07159): weights are drawn at random again and again, and the errors of
these networks on the data are taken for a truncated normal. The probability that it gives to an
error below a small threshold ranks architectures much as their error after training does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hpopt.checks import whole
from hpopt.errors import SettingError
from hpopt.numerics import truncated_normal
from hpopt.problems.keras.untrained.batched import Networks
from hpopt.problems.keras.untrained.batched.inputs import n_examples
from hpopt.problems.keras.untrained.sampled_errors import (
    Measure,
    checked_targets,
    error_measure,
    network_errors,
)
from hpopt.problems.keras.untrained.sampled_weights import sampled_weights

Floats = NDArray[np.float64]
Fit = Literal["moments", "likelihood"]
BOUNDS = (0.0, 2.0)


@dataclass(frozen=True)
class Sampling:
    """What the errors of networks with random weights say of their architecture.

    Attributes
    ----------
    samples : ndarray (draws,)
        The error of each draw.
    mean, std : float
        Theirs; the deviation is that of a population.
    p, log_p : float
        The probability of an error below the threshold, and its natural logarithm, which still
        tells architectures apart where p is 0 in floating point. It is -inf where all draws gave
        the same error above the threshold, or one of them none that is finite.
    location, scale : float
        The truncated normal's: by default `mean` and `std`.
    """

    samples: Floats = field(repr=False)
    mean: float
    std: float
    p: float
    log_p: float
    location: float
    scale: float


def truncated_normal_log_p(
    mean: Any, std: Any, threshold: float = 0.01, lower: float = 0.0, upper: float = 2.0
) -> Any:
    """Give the log of the probability that a truncated normal gives to an error below a threshold.

    Parameters
    ----------
    mean, std : float or array-like
        Of the normal before it is cut. With a deviation of 0 all of it lies at one point.
    threshold : float
        Above `lower`.
    lower, upper : float
        Where the normal is cut; ``lower < upper`` must hold.

    Returns
    -------
    float, or ndarray for arrays
        The natural logarithm, computed as such: with no least probability.

    Raises
    ------
    SettingError
        An argument is not what it must be.

    Examples
    --------
    >>> truncated_normal_log_p(0.81072833698353519, 0.1104613706995357)
    -29.90600581348368
    """
    _check_interval(threshold, lower, upper)
    mean, std = np.asarray(mean, np.float64), np.asarray(std, np.float64)
    if (std < 0).any():
        raise SettingError(f"std must be 0 or above, but got {std!r}")
    found = truncated_normal.log_probability_below(threshold, mean, std, lower, upper)
    return float(found) if found.ndim == 0 else found


def mae_random_sampling(  # noqa: PLR0917  (in the order that others call it in)
    model: Any,
    x: Any,
    y: Any,
    draws: int = 30,
    seed: int = 0,
    threshold: float = 0.01,
    *,
    error: str | Measure = "mae",
    initializer: Any = None,
    fit: Fit = "moments",
    bounds: tuple[float, float] = BOUNDS,
) -> Sampling:
    """Draw the weights of a model again and again, and say how likely a small error is.

    The networks are evaluated many at once, and the model itself stays as it is.

    Parameters
    ----------
    model : keras.Model or Networks
        It need not be compiled. Its trainable weights are drawn, all others are as they are.
        `Networks` of a model spare the preparations where it is sampled again and again.
    x : array-like (n, ...)
    y : array-like (n, ...)
        What the model is to predict.
    draws : int, at least 1
    seed : int, at least 0
        The first draws of a longer sample are those of a shorter one.
    threshold : float
        Which error is a small one.
    error : {"mae", "mse", "rmse", "error_rate"} or callable
        What is measured; a function gets y (n, ...) and predictions (draws, n, ...), and gives
        errors (draws,).
    initializer : str or keras.initializers.Initializer, optional
        Draws the weights, each by itself; by default all weights and biases are standard normal.
    fit : {"moments", "likelihood"}
        Whether the truncated normal takes the sample's mean and deviation as its location and
        scale (as the paper has it), or those that make the sample most likely.
    bounds : (float, float)
        Where the normal is cut. The paper's are those of targets and predictions in [-1, 1].

    Returns
    -------
    Sampling
        With ``samples``, ``mean``, ``std``, ``p`` and ``log_p``.

    Raises
    ------
    SettingError
        The data do not fit the model, or a setting is out of its range.
    ProblemError
        It is no Keras model, or has no weights to draw.

    Examples
    --------
    >>> mae_random_sampling(model, x, y).log_p
    -29.9...
    """
    check_sampling(draws, threshold, error, fit, bounds)
    whole("seed", seed, 0)
    networks = model if isinstance(model, Networks) else Networks(model, x)
    x = networks.checked_inputs(x)
    y = checked_targets(y, n_examples(x))
    samples = np.concatenate(
        [
            errors
            for weights in sampled_weights(networks, draws, seed, initializer)
            for errors in networks.over(weights, x, lambda found: network_errors(error, y, found))
        ]
    )
    return sampling_of(samples, threshold, fit=fit, bounds=bounds)


def sampling_of(
    samples: Sequence[float] | Floats,
    threshold: float = 0.01,
    *,
    fit: Fit = "moments",
    bounds: tuple[float, float] = BOUNDS,
) -> Sampling:
    """Say what a sample of errors tells; see `mae_random_sampling`."""
    samples = np.asarray(samples, np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        mean, std = float(samples.mean()), float(samples.std())
    location, scale = mean, std
    lower, upper = bounds
    if fit == "likelihood" and math.isfinite(mean):
        if samples.min() < lower or samples.max() > upper:
            raise SettingError(
                f"fit='likelihood' needs errors within bounds, {bounds}, but they go from "
                f"{samples.min():.4g} to {samples.max():.4g}: give larger bounds, or use "
                "fit='moments'"
            )
        location, scale = truncated_normal.fit_truncated_normal(samples, lower, upper)
    log_p = truncated_normal_log_p(location, scale, threshold, lower, upper)
    return Sampling(samples, mean, std, math.exp(log_p), log_p, location, scale)


def check_sampling(
    draws: int,
    threshold: float,
    error: str | Measure,
    fit: str,
    bounds: tuple[float, float],
) -> None:
    """Raise SettingError where a setting of the sampling is out of its range."""
    whole("draws", draws, 1)
    error_measure(error)
    if fit not in ("moments", "likelihood"):
        raise SettingError(f"fit must be 'moments' or 'likelihood', but got {fit!r}")
    if not isinstance(bounds, tuple | list) or len(bounds) != 2:
        raise SettingError(f"bounds must be a pair of numbers, but got {bounds!r}")
    _check_interval(threshold, *bounds)


def _check_interval(threshold: float, lower: float, upper: float) -> None:
    if not -math.inf < lower < upper < math.inf or not lower < threshold < math.inf:
        raise SettingError(
            "lower < upper and lower < threshold must hold, but got "
            f"lower={lower}, upper={upper}, threshold={threshold}"
        )
