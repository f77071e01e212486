"""The names that Keras gives to its metrics, and which way they are good."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hpopt.core.problem import Direction, Objective, normalised_objectives
from hpopt.errors import ProblemError

EXTRA = ("parameters", "epochs", "best_epoch")
"""What a Keras problem returns beside what the model reports."""

LARGE_IS_GOOD = {"acc", "accuracy", "auc", "correlation", "f1", "fbeta", "io", "iou", "precision"}
LARGE_IS_GOOD |= {"r2", "recall", "sensitivity", "similarity", "specificity"}
SMALL_IS_GOOD = {"crossentropy", "divergence", "error", "hinge", "logcosh", "loss", "mae", "mape"}
SMALL_IS_GOOD |= {"mse", "msle", "parameters", "poisson", "rmse"}

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
    """Say which way a metric is good, by its name: ``val_accuracy`` is to be maximised."""
    words = set(name.lower().split("_"))
    if words & LARGE_IS_GOOD:
        return "maximize"
    if words & SMALL_IS_GOOD:
        return "minimize"
    raise ProblemError(
        f"an objective given by its name must be a metric of Keras, but got {name!r}, of which it "
        f"is not known whether large or small is good: write Objective({name!r}, 'maximize')"
    )
