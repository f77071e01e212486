"""The errors of the predictions of many networks: one number for each network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpopt.checks import one_of
from hpopt.errors import SettingError
from hpopt.problems.keras.data.structures import Array, checked_array

Floats = NDArray[np.float64]
Measure = Callable[[Array, Array], Any]
"""Called with targets (n, ...) and predictions (draws, n, ...); returns errors (draws,)."""


def mean_absolute_error(y: Array, predicted: Array) -> Floats:
    """Return the mean of |y - predicted|."""
    return _over_examples(np.abs(y - predicted))


def mean_squared_error(y: Array, predicted: Array) -> Floats:
    """Return the mean of (y - predicted)²."""
    return _over_examples((y - predicted) ** 2)


def root_mean_squared_error(y: Array, predicted: Array) -> Floats:
    """Return the root of the mean of (y - predicted)²."""
    return np.asarray(np.sqrt(mean_squared_error(y, predicted)))


def error_rate(y: Array, predicted: Array) -> Floats:
    """Return the share of examples whose class is not the predicted one.

    Classes are numbers (n,) or (n, 1), or one-hot; with one output it is class 1 above a half.
    """
    one_output = predicted.shape[-1] == 1
    chosen = predicted[..., 0] > 0.5 if one_output else predicted.argmax(axis=-1)
    if y.ndim == predicted.ndim - 1:
        y = y[..., 0] if y.shape[-1] == 1 else y.argmax(axis=-1)
    return _over_examples(chosen != y)


def _over_examples(values: Array) -> Floats:
    return np.asarray(values.reshape(len(values), -1).mean(axis=1, dtype=np.float64))


MEASURES: Mapping[str, Measure] = {
    "error_rate": error_rate,
    "mae": mean_absolute_error,
    "mse": mean_squared_error,
    "rmse": root_mean_squared_error,
}


def error_measure(error: str | Measure) -> Measure:
    """Return the measure of a name, or a function as it is."""
    if callable(error):
        return error
    if not isinstance(error, str):
        raise SettingError(
            f"error must be one of {', '.join(MEASURES)}, or a function of y (n, ...) and "
            f"predictions (draws, n, ...), but got {error!r}"
        )
    return MEASURES[one_of("error", error, MEASURES)]


def checked_targets(y: Any, n: int) -> Array:
    """Return the targets of n examples as an array of finite numbers."""
    targets = checked_array(y, "y")
    if len(targets) != n:
        raise SettingError(
            f"x and y must be of the same length, but got {n} and {len(targets)} examples"
        )
    return targets


def network_errors(error: str | Measure, y: Array, predicted: Array) -> Floats:
    """Return the errors (draws,) of predictions (draws, n, ...) for targets (n, ...).

    Raises
    ------
    SettingError
        Targets and predictions differ in shape, or a function returns another shape.
    """
    measure = error_measure(error)
    wanted = predicted.shape[1:]
    # numpy would broadcast (n,) against (n, 1) to (n, n), with no error.
    if measure in (mean_absolute_error, mean_squared_error, root_mean_squared_error):
        if y.size != np.prod(wanted):
            raise SettingError(
                f"y must have the shape of the predictions, {wanted}, but got {y.shape}: for "
                "classes use error='error_rate'"
            )
        y = y.reshape(wanted)
    # With random weights a prediction may well overflow: such an error is infinite.
    with np.errstate(over="ignore", invalid="ignore"):
        found = np.asarray(measure(y, predicted), dtype=np.float64)
    if found.shape != predicted.shape[:1]:
        raise SettingError(
            f"error must return one number a draw, shape ({len(predicted)},), but returned "
            f"{found.shape}"
        )
    return found
