"""The names of Keras' metrics, and whether large or small values are good."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from typing import Any

from hpopt.core.objective import Direction, Objective, normalised_objectives
from hpopt.core.plain import as_float
from hpopt.errors import ProblemError, UnknownNameError
from hpopt.problems.keras.costs import COSTS

EXTRA = (*sorted(COSTS), "epochs", "best_epoch")
"""Values of a Keras problem beside those that the model reports."""

# Words of the names of metrics, split at underscores.
LARGE_IS_GOOD = {"acc", "accuracy", "auc", "correlation", "f1", "fbeta", "io", "iou", "precision"}
LARGE_IS_GOOD |= {"r2", "recall", "sensitivity", "similarity", "specificity"}
SMALL_IS_GOOD = {"crossentropy", "divergence", "error", "hinge", "logcosh", "loss", "mae", "mape"}
SMALL_IS_GOOD |= {"mse", "msle", "poisson", "rmse"}
OF_COSTS = {"bytes", "latency", "memory", "parameters"}

COMMON = (*sorted(COSTS), *(f"val_{name}" for name in sorted(LARGE_IS_GOOD | SMALL_IS_GOOD)))
"""Names that may have been meant by another one."""

Objectives = str | Objective | Mapping[str, Direction] | Iterable[str | Objective]


def objectives_by_name(objectives: Objectives) -> tuple[Objective, ...]:
    """Return objectives as a tuple; of a metric's name the direction is known."""
    if isinstance(objectives, str):
        objectives = (objectives,)
    if isinstance(objectives, Objective | Mapping) or not isinstance(objectives, Iterable):
        return normalised_objectives(objectives)
    return normalised_objectives(
        Objective(objective, direction_of(objective)) if isinstance(objective, str) else objective
        for objective in objectives
    )


def direction_of(name: str) -> Direction:
    """Return the direction of a metric by its name: ``val_accuracy`` is to be maximised."""
    words = set(name.lower().split("_"))
    if words & LARGE_IS_GOOD:
        return "maximize"
    if words & (SMALL_IS_GOOD | OF_COSTS):
        return "minimize"
    nearest = difflib.get_close_matches(name, COMMON, 1, 0.8)
    meant = f"did you mean {nearest[0]!r}? Else " if nearest else ""
    raise ProblemError(
        f"an objective given by its name must be a metric of Keras, but got {name!r}, of which it "
        f"is not known whether large or small is good: {meant}write Objective({name!r}, "
        "'maximize')"
    )


def numbers_of(logs: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers among the logs of Keras as floats; arrays of several are left out."""
    # An array of one element is a number: the log of keras.metrics.F1Score with one output.
    found = {name: as_float(log) for name, log in logs.items()}
    return {name: value for name, value in found.items() if value is not None}


def check_reported(
    name: str, logs: Mapping[str, Any], known: Iterable[str], metric: str = "keras.metrics.F1Score"
) -> None:
    """Raise unless an objective is a number that the model reports.

    `known` are the names of the numbers in the logs; `metric` is the class to suggest if a metric
    has several.
    """
    known = [*known, *EXTRA]
    if name in known:
        return
    if name in logs and _size(logs[name]) > 1:
        short = name.removeprefix("val_")
        raise ProblemError(
            f"objective {name!r} must be one number, but the model reports {_size(logs[name])}, "
            f"one a class: compile it with metrics=[{metric}(average='macro', name={short!r})]"
        )
    raise UnknownNameError("objective", name, known)


def _size(log: Any) -> int:
    return math.prod(getattr(log, "shape", ()))
