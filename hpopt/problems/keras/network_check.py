"""Check a user's own network before the first trial: that it is one, and that the data fit it."""

from __future__ import annotations

from typing import Any

from hpopt.errors import ProblemError, SettingError
from hpopt.problems.keras.builders.targets import SPARSE, check_labels
from hpopt.problems.keras.session import import_keras


def check_is_model(model: Any, name: str) -> None:
    """Raise ProblemError unless this is a Keras model."""
    if not isinstance(model, import_keras().Model):
        raise ProblemError(f"{name} must return a keras.Model, but returned {type(model).__name__}")


def check_fits(model: Any, x: Any, y: Any) -> None:
    """Raise SettingError unless examples and targets, arrays (n, ...), fit a built model.

    Of a model whose shapes are not known yet, or that has several inputs or outputs, nothing is
    said.
    """
    if not getattr(model, "built", False):
        return
    wanted = _shape(getattr(model, "input_shape", None))
    if wanted:
        fits = len(wanted) == x.ndim and all(
            mine in (None, theirs) for mine, theirs in zip(wanted[1:], x.shape[1:], strict=True)
        )
        if not fits:
            raise SettingError(
                f"x must hold examples of the shape {tuple(wanted[1:])}, as the network takes "
                f"them, but its shape is {x.shape}"
            )
    outputs = _shape(getattr(model, "output_shape", None))
    loss = getattr(model, "loss", None)
    if outputs and outputs[-1] and getattr(loss, "name", loss) == SPARSE:
        check_labels(y, outputs[-1], "y")


def _shape(shape: Any) -> tuple[int | None, ...]:
    """Give a shape; () of what is none, or several."""
    is_one = isinstance(shape, tuple) and all(
        side is None or isinstance(side, int) for side in shape
    )
    return shape if is_one else ()
