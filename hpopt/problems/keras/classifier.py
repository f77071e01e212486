"""Classify images or rows of tables: labels of any kind, and a small space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hpopt.core.objective import Objective, Objectives
from hpopt.errors import SettingError
from hpopt.problems.keras.builders.builder import Builder
from hpopt.problems.keras.builders.convolutional import ConvolutionalBuilder, convolution_module
from hpopt.problems.keras.builders.dense import DenseBuilder, dense_layer
from hpopt.problems.keras.data.labels import ClassWeight, Labels
from hpopt.problems.keras.data.structures import checked_structure, lengths_of, shapes_of
from hpopt.problems.keras.problem import KerasProblem
from hpopt.space import Categorical, Float, Ordinal, Parameter, Space
from hpopt.space import Sequence as LayerSequence


class Classifier(KerasProblem):
    """Search for the network that best classifies images, or rows of numbers.

    The space has the number and sizes of convolutions (for images) and dense layers, activation,
    dropout, optimizer, learning rate and batch size. Inputs are standardised inside the network,
    by the mean and deviation of the training examples, so `x` may hold raw pixels.

    The networks are those of `ConvolutionalBuilder` or `DenseBuilder`; the space has the few of
    their parameters that matter most. Give a builder of your own to search all of them. To predict
    numbers use `KerasProblem` with a builder.

    Parameters
    ----------
    x : array-like (n, height, width), (n, height, width, channels) or (n, features)
        Images or rows; with a `build` of your own, any data that it takes.
    y : array-like (n,), or (n, k) one-hot
        The label of each: numbers or names.
    classes : sequence, optional
        All labels, if `y` does not hold each of them.
    space : Space or mapping of str to Parameter, optional
        Parameters that replace those of the same name: ``{"dropout": Float(0.2, 0.4)}``. A Space
        replaces all of them; those it lacks keep Keras' defaults.
    class_weight : mapping of label to float, or "balanced", optional
        The weight of an example of each class in the loss.
    validation_data : (x, y) or (x, y, sample_weight), optional
        Examples and labels for the ``val_`` metrics.
    augmentation : sequence of str or callable, optional
        As for `ConvolutionalBuilder`.
    build : Builder or callable, optional
        Other networks, with a space of their own.
    **settings
        As for `KerasProblem`: objectives, sample_weight, validation_split, folds, groups,
        repeats, epochs, batch_size, patience, callbacks, fidelity, precision, memory_limit,
        keep_weights, verbose …

    Raises
    ------
    SettingError, ProblemError, MissingExtraError
        As `KerasProblem`; and for labels outside the classes.

    Examples
    --------
    >>> problem = Classifier(images, labels, epochs=20, patience=5)
    """

    objectives: Objectives = (Objective("val_accuracy", "maximize"),)

    def __init__(
        self,
        x: Any,
        y: Any,
        *,
        classes: Sequence[Any] | None = None,
        space: Space | Mapping[str, Parameter] | None = None,
        class_weight: ClassWeight | None = None,
        validation_data: tuple[Any, ...] | None = None,
        augmentation: Any = None,
        build: Any = None,
        **settings: Any,
    ) -> None:
        self._labels = Labels(y, classes)
        if isinstance(validation_data, tuple | list) and len(validation_data) in (2, 3):
            validation_x, validation_y, *weights = validation_data
            validation_y = self._labels.numbers(validation_y, "validation y")
            validation_data = (validation_x, validation_y, *weights)
        if build is None:
            images = checked_structure(x, "x", lengths=lengths_of(y), text=True)
            shape = np.shape(images)[1:] if isinstance(images, np.ndarray) else ()
            if len(shape) not in (1, 2, 3):
                raise SettingError(
                    "x must hold images (n, height, width) or (n, height, width, channels), or "
                    f"rows (n, features), but its shape is {shapes_of(images)}: with a build of "
                    "your own it may be anything"
                )
            build = self._builder(shape, space, augmentation)
            space = None
        super().__init__(
            x,
            self._labels.numbers(y),
            build=build,
            space=space,
            class_weight=self._labels.weights(class_weight, y),
            validation_data=validation_data,
            **settings,
        )

    @property
    def classes(self) -> list[Any]:
        """The label of each class, by its number: that of its output."""
        return list(self._labels.classes)

    def parameters(self, is_image: bool) -> dict[str, Parameter]:
        """Return the parameters of the architecture, by name."""
        # The parameters that usually matter most, so that tens of trials cover them.
        few = ("filters", "kernel", "normalisation", "pooling")
        modules = {**convolution_module(), "filters": Ordinal([8, 16, 32, 64])}
        images: dict[str, Parameter] = {
            "convolutions": LayerSequence({name: modules[name] for name in few}, 1, 3)
        }
        units = {"units": dense_layer()["units"]}
        return {
            **(images if is_image else {}),
            "dense": LayerSequence(units, 0 if is_image else 1, 2),
            "activation": Categorical(["relu", "elu", "tanh"]),
            "dropout": Float(0.0, 0.6, step=0.1),
        }

    def _builder(
        self, shape: tuple[int, ...], space: Space | Mapping[str, Parameter] | None, augmented: Any
    ) -> Builder:
        family = ConvolutionalBuilder if len(shape) > 1 else DenseBuilder
        classes = len(self._labels.classes)
        builder = family(shape, classes=classes, augmentation=augmented)
        builder.space = builder.space_with(space, self.parameters(len(shape) > 1))
        return builder
