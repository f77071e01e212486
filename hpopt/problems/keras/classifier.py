"""Classify images or the rows of tables: a ready space, and the network of a config."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from hpopt.core.problem import Objective
from hpopt.core.solution import Config
from hpopt.errors import SettingError
from hpopt.problems.keras.data import Array, Rows
from hpopt.problems.keras.labels import ClassWeight, Labels
from hpopt.problems.keras.layers import (
    DoesNotFit,
    convolution,
    convolution_layers,
    dense,
    dense_layers,
)
from hpopt.problems.keras.optimizers import make_optimizer, optimizer_parameters
from hpopt.problems.keras.problem import KerasProblem
from hpopt.problems.keras.session import import_keras
from hpopt.space import Categorical, Float, Ordinal, Parameter, Space
from hpopt.space import Sequence as LayerSequence
from hpopt.space.changes import with_changes

BLOCK = 1024
"""Examples of which the statistics are taken at a time, in memory."""


class Classifier(KerasProblem):
    """Search for the network that tells the classes of images, or of rows of numbers, apart.

    Convolutions (for images) and dense layers are as many as fit best; activation, dropout,
    optimizer, learning rate and batch size go with them. Inputs are standardised inside the
    network, by the mean and deviation of the training examples, so raw pixels are welcome.

    Where the network is to look different, subclass this and write `build`, or `parameters` too;
    for targets that are no classes subclass `KerasProblem`.

    Parameters
    ----------
    x : array-like (n, height, width), (n, height, width, channels) or (n, features)
        Images or rows.
    y : array-like (n,), or (n, k) one-hot
        The label of each: numbers or names.
    classes : sequence, optional
        All labels there are, where not each is in `y`.
    space : Space or mapping of str to Parameter, optional
        Parameters that replace those of the same name: ``{"dropout": Float(0.2, 0.4)}``. A
        Space replaces all of them; what it lacks is as usual in Keras.
    objectives : optional
        By default ``val_accuracy``, to be maximised.
    class_weight : mapping of label to float, or "balanced", optional
        What an example of each class counts in the loss.
    validation_data : (array-like, array-like), optional
        Examples and labels that the ``val_`` metrics are measured on.
    **settings
        As for `KerasProblem`: validation_split, epochs, batch_size, patience, callbacks,
        fidelity, keep_weights, verbose.

    Raises
    ------
    SettingError, ProblemError, MissingExtraError
        As `KerasProblem`; and for labels outside the classes.

    Examples
    --------
    >>> problem = Classifier(images, labels, epochs=20, patience=5)
    """

    objectives: Objective | Sequence[Objective] = (Objective("val_accuracy", "maximize"),)

    def __init__(
        self,
        x: Any,
        y: Any,
        *,
        classes: Sequence[Any] | None = None,
        space: Space | Mapping[str, Parameter] | None = None,
        class_weight: ClassWeight | None = None,
        validation_data: tuple[Any, Any] | None = None,
        **settings: Any,
    ) -> None:
        self._labels = Labels(y, classes)
        if isinstance(validation_data, tuple | list) and len(validation_data) == 2:
            validation_x, validation_y = validation_data
            validation_data = (
                validation_x,
                self._labels.numbers(validation_y, "validation y"),
            )
        self.shape = np.shape(x)[1:]
        if len(self.shape) not in (1, 2, 3):
            raise SettingError(
                "x must hold images (n, height, width) or (n, height, width, channels), or rows "
                f"(n, features), but its shape is {np.shape(x)}"
            )
        super().__init__(
            x,
            self._labels.numbers(y),
            space=self._space(space),
            class_weight=self._labels.weights(class_weight, y),
            validation_data=validation_data,
            **settings,
        )
        self._mean, self._variance = mean_and_variance(self.training)

    @property
    def classes(self) -> list[Any]:
        """The label of each class, by its number: that of its output."""
        return list(self._labels.classes)

    @property
    def is_image(self) -> bool:
        """Whether the examples are images."""
        return len(self.shape) > 1

    def parameters(self) -> dict[str, Parameter]:
        """Give what may be chosen, by name."""
        images: dict[str, Parameter] = {"convolutions": LayerSequence(convolution(), 1, 3)}
        return {
            **(images if self.is_image else {}),
            "dense": LayerSequence(dense(), 0 if self.is_image else 1, 2),
            "activation": Categorical(["relu", "elu", "tanh"]),
            "dropout": Float(0.0, 0.6, step=0.1),
            **optimizer_parameters(),
            "batch_size": Ordinal([16, 32, 64, 128]),
        }

    def build(self, config: Config) -> Any:
        """Make the network of a config."""
        keras = import_keras()
        activation = config.get("activation", "relu")
        layers = [keras.layers.Input(self.shape)]
        if len(self.shape) == 2:
            layers.append(keras.layers.Reshape((*self.shape, 1)))
        layers.append(keras.layers.Normalization(mean=self._mean, variance=self._variance))
        if self.is_image:
            layers += convolution_layers(config.get("convolutions", ()), activation)
            layers.append(keras.layers.Flatten())
        layers += dense_layers(config.get("dense", ()), activation, config.get("dropout", 0.0))
        layers.append(keras.layers.Dense(len(self.classes), activation="softmax"))
        return keras.Sequential(layers)

    def compile_settings(self, config: Config) -> Mapping[str, Any]:
        """Give the optimizer of a config, and the loss and metric of classes."""
        return {
            "optimizer": make_optimizer(config),
            "loss": "sparse_categorical_crossentropy",
            "metrics": ["accuracy"],
        }

    def _space(self, space: Space | Mapping[str, Parameter] | None) -> Space:
        if isinstance(space, Space):
            return space
        forbid = [DoesNotFit(*self.shape[:2])] if self.is_image else []
        return Space(with_changes(self.parameters(), space or {}, also=("epochs",)), forbid)


def mean_and_variance(rows: Rows) -> tuple[list[float], list[float]]:
    """Give the mean and variance of each feature, or of each channel of images.

    Parameters
    ----------
    rows : Rows
        With inputs (n, features), (n, height, width) or (n, height, width, channels).

    Returns
    -------
    (list of float, list of float)
        One number a feature or channel. They are of the training examples alone.
    """
    count = sum(len(block) for block in _blocks(rows))
    mean = sum(block.sum(axis=0) for block in _blocks(rows)) / count
    squares = sum(((block - mean) ** 2).sum(axis=0) for block in _blocks(rows))
    return mean.tolist(), (squares / count).tolist()


def _blocks(rows: Rows) -> Iterator[Array]:
    """Give the inputs as numbers by feature or channel, shape (m, c), a block at a time."""
    n_features = rows.x.shape[-1] if rows.x.ndim in (2, 4) else 1
    for start in range(0, len(rows), BLOCK):
        x, _ = rows.take(slice(start, start + BLOCK))
        yield x.astype(np.float64).reshape(-1, n_features)
