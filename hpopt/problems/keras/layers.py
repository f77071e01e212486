"""Layers as parameters of a space, and made of a config."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hpopt.problems.keras.session import import_keras
from hpopt.space import Categorical, Ordinal, Parameter

Layer = Mapping[str, Any]

POOL = 2
"""Pooling halves both sides of an image."""


def convolution() -> dict[str, Parameter]:
    """Give what may be chosen of a convolution and what follows it."""
    return {
        "filters": Ordinal([8, 16, 32, 64]),
        "kernel": Ordinal([1, 3, 5]),
        "normalise": Categorical([False, True]),
        "pool": Categorical(["none", "max", "average"]),
    }


def dense() -> dict[str, Parameter]:
    """Give what may be chosen of a dense layer."""
    return {"units": Ordinal([16, 32, 64, 128, 256])}


class DoesNotFit:
    """Say of configs whether a kernel or a pool is larger than the image that reaches it.

    A class and no lambda, so that a space with it can be pickled.

    Parameters
    ----------
    height, width : int
        Of the image, in pixels.
    name : str
        The parameter that holds the convolutions.
    """

    def __init__(self, height: int, width: int, name: str = "convolutions") -> None:
        self.height, self.width, self.name = height, width, name

    def __call__(self, config: Mapping[str, Any]) -> bool:
        """Say it of a config."""
        side = min(self.height, self.width)
        for layer in config.get(self.name, ()):
            pooled = layer.get("pool", "none") != "none"
            if side < max(layer.get("kernel", 1), POOL if pooled else 1):
                return True
            side //= POOL if pooled else 1
        return False


def convolution_layers(layers: Iterable[Layer], activation: str) -> list[Any]:
    """Make the keras.layers of convolutions: each is normalised, activated, pooled."""
    keras = import_keras()
    made: list[Any] = []
    for layer in layers:
        normalise = layer.get("normalise", False)
        made.append(
            keras.layers.Conv2D(
                layer["filters"],
                layer.get("kernel", 3),
                padding="same",
                use_bias=not normalise,  # normalisation subtracts it again
            )
        )
        if normalise:
            made.append(keras.layers.BatchNormalization())
        made.append(keras.layers.Activation(activation))
        pool = layer.get("pool", "none")
        if pool != "none":
            pools = {"max": "MaxPooling2D", "average": "AveragePooling2D"}
            made.append(getattr(keras.layers, pools[pool])(POOL))
    return made


def dense_layers(layers: Iterable[Layer], activation: str, dropout: float) -> list[Any]:
    """Make the keras.layers of dense layers, each followed by dropout."""
    keras = import_keras()
    made: list[Any] = []
    for layer in layers:
        made.append(keras.layers.Dense(layer["units"], activation=activation))
        if dropout:
            made.append(keras.layers.Dropout(dropout))
    return made
