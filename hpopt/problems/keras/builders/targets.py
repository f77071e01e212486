"""The target of a network: its output layer, loss and metrics, and a check of the data."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hpopt.checks import whole
from hpopt.core.objective import Objective
from hpopt.errors import SettingError
from hpopt.problems.keras.data.structures import Array
from hpopt.problems.keras.session import import_keras

SPARSE = "sparse_categorical_crossentropy"


class Target:
    """The output of a network: classes or numbers; see `Builder`."""

    def __init__(
        self,
        classes: int | None,
        outputs: int | Sequence[int] | None,
        activation: Any = None,
        loss: Any = None,
        metrics: Sequence[str] | Callable[[], Sequence[Any]] | None = None,
    ) -> None:
        if (classes is None) == (outputs is None):
            raise SettingError(
                "one of classes and outputs must be given, but got "
                f"classes={classes!r} and outputs={outputs!r}: classes=10 to tell ten classes "
                "apart, outputs=1 to predict a number"
            )
        if metrics is not None and (isinstance(metrics, str) or not _is_metrics(metrics)):
            raise SettingError(
                "metrics must be a list of names, or a function that returns new ones, but got "
                f"{metrics!r}"
            )
        # Whether activation, loss and metrics are the defaults.
        self.is_usual = activation is None and loss is None and metrics is None
        self.classes = classes
        if classes is not None:
            whole("classes", classes, 2)
            self.shape: tuple[int, ...] = (classes,)
        else:
            self.shape = tuple(outputs) if isinstance(outputs, Sequence) else (outputs,)  # type: ignore[assignment]
            for size in self.shape or (0,):
                whole("outputs", size, 1)
        self.activation = activation or ("softmax" if classes else "linear")
        self.loss = loss or (SPARSE if classes else "mse")
        self._metrics = metrics

    @property
    def objective(self) -> Objective:
        """The objective: ``val_accuracy`` for classes, else ``val_loss``."""
        if self.classes is not None and self._metrics is None:
            return Objective("val_accuracy", "maximize")
        return Objective("val_loss", "minimize")

    @property
    def reported(self) -> list[str]:
        """The names of the values that the default loss and metrics report."""
        return ["loss", *self._usual_metrics]

    def compile_settings(self) -> dict[str, Any]:
        """Return the loss and new metrics, for ``model.compile``."""
        if callable(self._metrics):
            metrics = list(self._metrics())
        elif self._metrics is not None:
            metrics = list(self._metrics)
        else:
            metrics = self._usual_metrics
        return {"loss": self.loss, "metrics": metrics}

    def layers(self) -> list[Any]:
        """Return the output layers."""
        keras = import_keras()
        # float32 in any precision of the other layers: a softmax in float16 loses small classes.
        dense = keras.layers.Dense(math.prod(self.shape), dtype="float32")
        layers = [dense, keras.layers.Activation(self.activation, dtype="float32")]
        if self.activation == "linear":
            layers = [dense]
        if len(self.shape) > 1:
            layers.append(keras.layers.Reshape(self.shape))
        return layers

    def check(self, y: Array, name: str) -> None:
        """Raise SettingError unless targets fit the output."""
        if self.classes is not None and self.loss == SPARSE:
            self._check_labels(y, name)
            return
        # One number may come as (n,) or (n, 1).
        fitting = [self.shape] + ([()] if self.shape == (1,) else [])
        if y.shape[1:] not in fitting:
            raise SettingError(
                f"{name} must hold targets of the shape {self.shape}, as the network's output, "
                f"but its shape is {y.shape}"
            )

    @property
    def _usual_metrics(self) -> list[str]:
        return ["accuracy" if self.classes is not None else "mae"]

    def _check_labels(self, y: Array, name: str) -> None:
        if y.shape[1:] not in ((), (1,)):
            raise SettingError(
                f"{name} must hold the number of a class for each example, but its shape is "
                f"{y.shape}: one-hot rows are for hpopt.problems.keras.Classifier, or for "
                "loss='categorical_crossentropy'"
            )
        check_labels(y, int(self.classes or 0), name)


def check_labels(y: Array, n_classes: int, name: str) -> None:
    """Raise SettingError unless labels are whole numbers from 0 to below the number of classes."""
    are_whole = y.dtype.kind in "bui" or bool((y == np.rint(y)).all())
    if not are_whole or y.min() < 0 or y.max() >= n_classes:
        wrong = y[(y < 0) | (y >= n_classes) | (y != np.rint(y))].ravel()
        raise SettingError(
            f"the labels in {name} must be whole numbers from 0 to {n_classes - 1}, as there are "
            f"{n_classes} classes, but {len(wrong)} of {len(y)} are not: the first is {wrong[0]}"
        )


def _is_metrics(metrics: Any) -> bool:
    return callable(metrics) or (
        isinstance(metrics, Sequence) and all(isinstance(each, str) for each in metrics)
    )
