"""The names that Keras gives to its metrics, and which way they are good."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from typing import Any

from hpopt.core.plain import as_float
from hpopt.core.problem import Direction, Objective, normalised_objectives
from hpopt.errors import ProblemError, UnknownNameError

EXTRA = ("parameters", "epochs", "best_epoch")
"""What a Keras problem returns beside what the model reports."""

LARGE_IS_GOOD = {"acc", "accuracy", "auc", "correlation", "f1", "fbeta", "io", "iou", "precision"}
LARGE_IS_GOOD |= {"r2", "recall", "sensitivity", "similarity", "specificity"}
SMALL_IS_GOOD = {"crossentropy", "divergence", "error", "hinge", "logcosh", "loss", "mae", "mape"}
SMALL_IS_GOOD |= {"mse", "msle", "parameters", "poisson", "rmse"}

COMMON = ("parameters", *(f"val_{name}" for name in sorted(LARGE_IS_GOOD | SMALL_IS_GOOD)))
"""Names that may have been meant by another one."""

Objectives = str | Objective | Mapping[str, Direction] | Iterable[str | Objective]


def objectives_by_name(objectives: Objectives) -> tuple[Objective, ...]:
    """Make a tuple of objectives of names of Keras, whose direction is known, or of Objective.

    Raises
    ------
    ProblemError
        The direction of a name is not known.
    """
    if isinstance(objectives, str):
        objectives = (objectives,)
    if isinstance(objectives, Objective | Mapping) or not isinstance(objectives, Iterable):
        return normalised_objectives(objectives)
    return normalised_objectives(
        Objective(objective, direction_of(objective)) if isinstance(objective, str) else objective
        for objective in objectives
    )


def direction_of(name: str) -> Direction:
    """Return which way a metric is good, by its name: ``val_accuracy`` is to be maximised."""
    words = set(name.lower().split("_"))
    if words & LARGE_IS_GOOD:
        return "maximize"
    if words & SMALL_IS_GOOD:
        return "minimize"
    nearest = difflib.get_close_matches(name, COMMON, 1, 0.8)
    meant = f"did you mean {nearest[0]!r}? Else " if nearest else ""
    raise ProblemError(
        f"an objective given by its name must be a metric of Keras, but got {name!r}, of which it "
        f"is not known whether large or small is good: {meant}write Objective({name!r}, "
        "'maximize')"
    )


def numbers_of(logs: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers among the logs of Keras as plain floats; a metric by class has several.

    An array of one element is a number too: so are the logs of ``keras.metrics.F1Score`` with
    one output.
    """
    found = {name: as_float(log) for name, log in logs.items()}
    return {name: value for name, value in found.items() if value is not None}


def check_reported(
    name: str, logs: Mapping[str, Any], known: Iterable[str], metric: str = "keras.metrics.F1Score"
) -> None:
    """Raise unless an objective is a number that the model reports.

    Parameters
    ----------
    name : str
        The objective's.
    logs : mapping of str to float or array
        What the model reports.
    known : iterable of str
        The names of the numbers among it.
    metric : str
        What to write for the metric of this name, if it has several numbers.

    Raises
    ------
    ProblemError
        It is several numbers.
    UnknownNameError
        It is not reported.
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
    """Return how many numbers a log is, wherever it lies."""
    return math.prod(getattr(log, "shape", ()))
