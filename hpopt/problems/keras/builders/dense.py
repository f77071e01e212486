"""Dense networks of a variable number of layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from hpopt.core.trial import Config
from hpopt.problems.keras.builders.builder import Builder
from hpopt.problems.keras.session import import_keras
from hpopt.space import Categorical, Float, Ordinal, Parameter, Sequence

Layer = Mapping[str, Any]
ACTIVATIONS = ("relu", "elu", "tanh", "leaky_relu")
NORMALISATIONS = {"batch": "BatchNormalization", "layer": "LayerNormalization"}


def dense_layer() -> dict[str, Parameter]:
    """Return the parameters of a dense layer."""
    return {
        "units": Ordinal([16, 32, 64, 128, 256]),
        "activation": Categorical(ACTIVATIONS),
        "normalisation": Categorical(["none", *NORMALISATIONS]),
        "dropout": Float(0.0, 0.5, step=0.1),
    }


class DenseBuilder(Builder):
    """Dense networks for rows of numbers, or for flattened images.

    Its space: ``dense``, a Sequence of 0 to 3 layers, each with ``units``, ``activation``,
    ``normalisation``, ``dropout``; the optimizer with its own parameters; ``batch_size``. An entry
    ``activation`` or ``dropout`` of the config itself holds for the layers that have none.

    Parameters
    ----------
    input_shape, classes, outputs, space, activation, loss, metrics, augmentation, standardise
        As for `Builder`.

    Examples
    --------
    >>> builder = DenseBuilder((28, 28), classes=10, space={"epochs": Int(5, 50)})
    >>> model = builder.build(builder.space.sample()[0])
    """

    shapes: ClassVar[Mapping[int, str]] = {
        1: "(features,)",
        2: "(height, width)",
        3: "(height, width, channels)",
    }

    @property
    def n_channels(self) -> int:
        """Each feature of a row is standardised separately, images by their channels."""
        return 1 if len(self.input_shape) == 2 else super().n_channels

    def parameters(self) -> dict[str, Parameter]:
        """Return the parameters of the architecture, by name."""
        return {"dense": Sequence(dense_layer(), 0, 3)}

    def body(self, config: Config) -> list[Any]:
        """Return the dense layers."""
        # Images become rows.
        flatten = [import_keras().layers.Flatten()] if len(self.input_shape) > 1 else []
        return [*flatten, *dense_layers(config.get("dense", ()), config)]


def dense_layers(layers: Iterable[Layer], config: Config) -> list[Any]:
    """Return keras.layers: of each layer dense, normalisation, activation and dropout."""
    keras = import_keras()
    made: list[Any] = []
    for layer in layers:
        normalisation = normalisation_layers(layer)
        # A normalisation behind it would subtract a bias again.
        made.append(keras.layers.Dense(layer["units"], use_bias=not normalisation))
        made += normalisation
        made.append(activation_layer(layer, config))
        made += dropout_layers(layer, config)
    return made


def activation_layer(layer: Layer, config: Config) -> Any:
    """Return the activation of a layer: its own, that of the config, or relu."""
    name = layer.get("activation", config.get("activation", "relu"))
    return import_keras().layers.Activation(name)


def normalisation_layers(layer: Layer) -> list[Any]:
    """Return the normalisation of a layer, if it has one."""
    name = layer.get("normalisation", "none")
    layers = import_keras().layers
    return [] if name == "none" else [getattr(layers, NORMALISATIONS[name])()]


def dropout_layers(layer: Layer, config: Config) -> list[Any]:
    """Return the dropout of a layer, its own or that of the config, if there is one."""
    rate = layer.get("dropout", config.get("dropout", 0.0))
    return [import_keras().layers.Dropout(rate)] if rate else []
