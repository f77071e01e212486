"""MAE random sampling: predict how good an architecture can become, without training it.

Camero, Toutouh, Alba 2018, "Low-cost recurrent neural network expected performance evaluation"
(https://arxiv.org/abs/1805.07159): weights are sampled again and again, and a truncated normal is
fitted to the errors of these networks on the data. Its probability of an error below a small
threshold ranks architectures much as their error after training does.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hpopt.checks import whole
from hpopt.errors import SettingError
from hpopt.numerics import truncated_normal
from hpopt.problems.keras.data.structures import Array
from hpopt.problems.keras.session import import_keras
from hpopt.problems.keras.untrained.batched import Networks
from hpopt.problems.keras.untrained.batched.networks import n_examples
from hpopt.problems.keras.untrained.sampled_errors import (
    Measure,
    checked_targets,
    error_measure,
    network_errors,
)

Floats = NDArray[np.float64]
Fit = Literal["moments", "likelihood"]
# Numbers that are sampled at once, 16 MB: so more draws do not take more memory.
AT_ONCE = 2**22
BOUNDS = (0.0, 2.0)  # the mean absolute errors of numbers in [-1, 1] lie between these


@dataclass(frozen=True)
class Sampling:
    """The errors of networks with sampled weights, and the truncated normal fitted to them.

    Attributes
    ----------
    samples : ndarray (draws,)
        The error of each draw.
    mean, std : float
        Of the samples; the standard deviation divides by their number.
    p, log_p : float
        The probability of an error below the threshold, and its natural logarithm, which still
        ranks architectures where p is 0 in floating point. It is -inf where all draws have the
        same error above the threshold, or one of the errors is not finite.
    location, scale : float
        Of the truncated normal: by default `mean` and `std`.
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
    """Return the log of the probability of an error below a threshold, by a truncated normal.

    Parameters
    ----------
    mean, std : float or array-like
        Of the normal before it is truncated. With a deviation of 0 it is a single point.
    threshold : float
        Above `lower`.
    lower, upper : float
        Where the normal is truncated; ``lower < upper`` must hold.

    Returns
    -------
    float, or ndarray for arrays
        The natural logarithm, computed directly, so that it never underflows.

    Raises
    ------
    SettingError
        An argument is out of its range.

    Examples
    --------
    >>> truncated_normal_log_p(0.81072833698353519, 0.1104613706995357)
    -29.90600581348368
    """
    _check_interval(threshold, lower, upper)
    mean, std = np.asarray(mean, np.float64), np.asarray(std, np.float64)
    # Also 0 is allowed: all draws may have the same error.
    if (std < 0).any():
        raise SettingError(f"std must be 0 or above, but got {std!r}")
    found = truncated_normal.log_probability_below(threshold, mean, std, lower, upper)
    return float(found) if found.ndim == 0 else found


def mae_random_sampling(  # noqa: PLR0917  (the order of the published implementation)
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
    """Sample the weights of a model again and again, and estimate how likely a small error is.

    The networks are evaluated many at once, and the model itself stays as it is.

    Parameters
    ----------
    model : keras.Model or Networks
        It need not be compiled. Its trainable weights are sampled, all others stay. Make
        `Networks` of a model once where it is sampled several times.
    x : array-like (n, ...)
    y : array-like (n, ...)
        The targets.
    draws : int, at least 1
    seed : int, at least 0
        The first draws of a longer sample are those of a shorter one.
    threshold : float
        An error below it counts as small.
    error : {"mae", "mse", "rmse", "error_rate"} or callable
        A function is called with y (n, ...) and predictions (draws, n, ...), and returns errors
        (draws,).
    initializer : str or keras.initializers.Initializer, optional
        Samples each weight by itself; by default all weights and biases are standard normal.
    fit : {"moments", "likelihood"}
        Whether location and scale of the truncated normal are the mean and deviation of the
        samples (as in the paper), or those of maximum likelihood.
    bounds : (float, float)
        Where the normal is truncated. The default is the paper's, for numbers in [-1, 1].

    Returns
    -------
    Sampling

    Raises
    ------
    SettingError
        The data do not fit the model, or a setting is out of its range.
    ProblemError
        It is no Keras model, or has no weights to sample.

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
    """Fit a truncated normal to errors that were sampled; see `mae_random_sampling`."""
    samples = np.asarray(samples, np.float64)
    # Errors may be infinite: then there is no mean, and log_p is -inf.
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


def sampled_weights(
    networks: Networks, draws: int, seed: int, initializer: Any = None
) -> Iterator[Array]:
    """Yield samples (m, n_weights) of the trainable weights, a block of draws at a time.

    The first draws of a longer sample are those of a shorter one. An initialiser of Keras, or its
    name, samples each weight by itself, biases too; by default they are all standard normal.
    """
    rng = np.random.default_rng(seed)
    at_once = max(1, AT_ONCE // networks.n_weights)
    by_keras = None if initializer is None else _initializer(initializer)
    for start in range(0, draws, at_once):
        n = min(at_once, draws - start)
        if by_keras is None:
            yield rng.standard_normal((n, networks.n_weights), dtype=np.float32)
        else:
            yield np.stack([_one_draw(by_keras, networks, rng) for _ in range(n)])


def _initializer(initializer: Any) -> Any:
    keras = import_keras()
    try:
        found = keras.initializers.get(initializer)
    except ValueError as error:
        raise SettingError(f"initializer must be one of Keras, but got {initializer!r}") from error
    if not isinstance(found, keras.initializers.Initializer):
        raise SettingError(
            f"initializer must be the name of one of Keras, or an instance, but got {initializer!r}"
        )
    return found


def _one_draw(initializer: Any, networks: Networks, rng: np.random.Generator) -> Array:
    config = initializer.get_config()
    parts = []
    for shape, name in zip(networks.shapes, networks.names, strict=True):
        if "seed" in config:
            # An initialiser with one seed would give all weights of a shape the same values.
            config["seed"] = int(rng.integers(2**31))
        try:
            values = type(initializer).from_config(config)(shape)
        except ValueError as error:
            raise SettingError(
                f"initializer must be able to draw each weight, but {type(initializer).__name__} "
                f"cannot draw {name} of shape {shape}: {error}"
            ) from error
        parts.append(np.asarray(values).ravel())
    return np.concatenate(parts)
