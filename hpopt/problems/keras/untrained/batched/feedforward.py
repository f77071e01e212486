"""Dense layers, activations, and layers that only change shapes or put branches together."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hpopt.problems.keras.untrained.batched.activations import (
    Activation,
    elu,
    leaky_relu,
    own_activation,
    relu,
    softmax,
)
from hpopt.problems.keras.untrained.batched.form import (
    Array,
    Form,
    Weights,
    along_last,
    matmul_last,
)


@dataclass(frozen=True)
class Dense:
    """Compute activation(x @ kernel + bias)."""

    activation: Activation

    def __call__(self, inputs: Sequence[Array], weights: Weights) -> Array:
        """Compute it for all networks."""
        product = matmul_last(inputs[0], weights[0])
        if len(weights) > 1:
            product += along_last(weights[1], product.ndim)
        return self.activation(product)

    @staticmethod
    def of(layer: Any) -> Form | None:
        """Give the form of a Keras layer; None where it has settings that this has not."""
        config = layer.get_config()
        activation = own_activation(config)
        if activation is None or len(layer.weights) != 1 + config["use_bias"]:
            return None
        return Dense(activation)


@dataclass(frozen=True)
class Elementwise:
    """Apply a function to each number, or along the last axis."""

    function: Activation

    def __call__(self, inputs: Sequence[Array], weights: Weights) -> Array:
        """Compute it for all networks."""
        return self.function(inputs[0])

    @staticmethod
    def of_activation(layer: Any) -> Form | None:
        """Give the form of keras.layers.Activation."""
        activation = own_activation(layer.get_config())
        return None if activation is None else Elementwise(activation)

    @staticmethod
    def of_relu(layer: Any) -> Form | None:
        """Give the form of keras.layers.ReLU."""
        config = layer.get_config()
        usual = config["max_value"] is None and not config["threshold"]
        if not usual:
            return None
        slope = config["negative_slope"]
        return Elementwise(functools.partial(leaky_relu, negative_slope=slope) if slope else relu)

    @staticmethod
    def of_leaky_relu(layer: Any) -> Form | None:
        """Give the form of keras.layers.LeakyReLU."""
        slope = layer.get_config()["negative_slope"]
        return Elementwise(functools.partial(leaky_relu, negative_slope=slope))

    @staticmethod
    def of_elu(layer: Any) -> Form | None:
        """Give the form of keras.layers.ELU."""
        return Elementwise(functools.partial(elu, alpha=layer.get_config()["alpha"]))

    @staticmethod
    def of_softmax(layer: Any) -> Form | None:
        """Give the form of keras.layers.Softmax."""
        return Elementwise(softmax) if layer.get_config()["axis"] == -1 else None


@dataclass(frozen=True)
class Identity:
    """Give the input: what acts in training only."""

    def __call__(self, inputs: Sequence[Array], weights: Weights) -> Array:
        """Compute it for all networks."""
        return inputs[0]

    @staticmethod
    def of(layer: Any) -> Form | None:
        """Give the form of a Keras layer such as Dropout."""
        return Identity()


@dataclass(frozen=True)
class Reshaped:
    """Give each example another shape."""

    shape: tuple[int, ...]

    def __call__(self, inputs: Sequence[Array], weights: Weights) -> Array:
        """Compute it for all networks."""
        return inputs[0].reshape(*inputs[0].shape[:2], *self.shape)

    @staticmethod
    def of(layer: Any) -> Form | None:
        """Give the form of Reshape, and of Flatten with channels last."""
        if layer.get_config().get("data_format", "channels_last") != "channels_last":
            return None
        shape = tuple(layer.output.shape[1:])
        return None if None in shape else Reshaped(shape)


@dataclass(frozen=True)
class Permuted:
    """Put the axes of each example into another order."""

    axes: tuple[int, ...]

    def __call__(self, inputs: Sequence[Array], weights: Weights) -> Array:
        """Compute it for all networks."""
        order = (0, 1, *(axis + 1 for axis in self.axes))
        return np.asarray(inputs[0].transpose(order))

    @staticmethod
    def of(layer: Any) -> Form | None:
        """Give the form of keras.layers.Permute."""
        return Permuted(tuple(layer.get_config()["dims"]))


@dataclass(frozen=True)
class Repeated:
    """Repeat each example's vector as so many steps."""

    n_steps: int

    def __call__(self, inputs: Sequence[Array], weights: Weights) -> Array:
        """Compute it for all networks."""
        return np.repeat(inputs[0][:, :, None], self.n_steps, axis=2)

    @staticmethod
    def of(layer: Any) -> Form | None:
        """Give the form of keras.layers.RepeatVector."""
        return Repeated(layer.get_config()["n"])


def add(inputs: Sequence[Array]) -> Array:
    """Give the sum of arrays."""
    return functools.reduce(np.add, inputs)


def subtract(inputs: Sequence[Array]) -> Array:
    """Give the first array less the second."""
    return inputs[0] - inputs[1]


def multiply(inputs: Sequence[Array]) -> Array:
    """Give the product of arrays."""
    return functools.reduce(np.multiply, inputs)


def average(inputs: Sequence[Array]) -> Array:
    """Give the mean of arrays."""
    return add(inputs) / len(inputs)


def maximum(inputs: Sequence[Array]) -> Array:
    """Give the largest of arrays."""
    return functools.reduce(np.maximum, inputs)


def minimum(inputs: Sequence[Array]) -> Array:
    """Give the smallest of arrays."""
    return functools.reduce(np.minimum, inputs)


def concatenate(inputs: Sequence[Array]) -> Array:
    """Put arrays side by side, some of which may be the same for all networks."""
    n_draws = max(len(each) for each in inputs)
    alike = [np.broadcast_to(each, (n_draws, *each.shape[1:])) for each in inputs]
    return np.concatenate(alike, axis=-1)


MERGED = {
    "Add": add,
    "Subtract": subtract,
    "Multiply": multiply,
    "Average": average,
    "Maximum": maximum,
    "Minimum": minimum,
    "Concatenate": concatenate,
}


@dataclass(frozen=True)
class Merged:
    """Put several inputs together."""

    kind: str

    def __call__(self, inputs: Sequence[Array], weights: Weights) -> Array:
        """Compute it for all networks."""
        return MERGED[self.kind](inputs)

    @staticmethod
    def of(layer: Any) -> Form | None:
        """Give the form of a Keras layer such as Add; Concatenate only along the last axis."""
        last = (-1, len(layer.output.shape) - 1)
        if layer.get_config().get("axis", -1) not in last:
            return None
        return Merged(type(layer).__name__)
