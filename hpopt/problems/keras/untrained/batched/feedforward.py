"""Dense layers, activations, and layers that only reshape their input or merge branches."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
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
        product = matmul_last(inputs[0], weights[0])
        if len(weights) > 1:
            product += along_last(weights[1], product.ndim)
        return self.activation(product)

    @staticmethod
    def from_layer(layer: Any) -> Form | None:
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
        return self.function(inputs[0])

    @staticmethod
    def from_activation(layer: Any) -> Form | None:
        activation = own_activation(layer.get_config())
        return None if activation is None else Elementwise(activation)

    @staticmethod
    def from_relu(layer: Any) -> Form | None:
        config = layer.get_config()
        # Capped and shifted forms are rare: the compiled route computes them.
        usual = config["max_value"] is None and not config["threshold"]
        if not usual:
            return None
        slope = config["negative_slope"]
        return Elementwise(functools.partial(leaky_relu, negative_slope=slope) if slope else relu)

    @staticmethod
    def from_leaky_relu(layer: Any) -> Form | None:
        slope = layer.get_config()["negative_slope"]
        return Elementwise(functools.partial(leaky_relu, negative_slope=slope))

    @staticmethod
    def from_elu(layer: Any) -> Form | None:
        return Elementwise(functools.partial(elu, alpha=layer.get_config()["alpha"]))

    @staticmethod
    def from_softmax(layer: Any) -> Form | None:
        return Elementwise(softmax) if layer.get_config()["axis"] == -1 else None


@dataclass(frozen=True)
class Identity:
    """Return the input: the form of layers that act in training only."""

    def __call__(self, inputs: Sequence[Array], weights: Weights) -> Array:
        return inputs[0]

    @staticmethod
    def from_layer(layer: Any) -> Form | None:
        return Identity()


@dataclass(frozen=True)
class Reshaped:
    """Reshape each example."""

    shape: tuple[int, ...]

    def __call__(self, inputs: Sequence[Array], weights: Weights) -> Array:
        return inputs[0].reshape(*inputs[0].shape[:2], *self.shape)

    @staticmethod
    def from_layer(layer: Any) -> Form | None:
        """Return the form of Reshape, and of Flatten with channels last."""
        if layer.get_config().get("data_format", "channels_last") != "channels_last":
            return None
        shape = tuple(layer.output.shape[1:])
        return None if None in shape else Reshaped(shape)


@dataclass(frozen=True)
class Permuted:
    """Permute the axes of each example."""

    axes: tuple[int, ...]

    def __call__(self, inputs: Sequence[Array], weights: Weights) -> Array:
        # Keras counts axes from 1 behind the examples; here draws come first.
        order = (0, 1, *(axis + 1 for axis in self.axes))
        return np.asarray(inputs[0].transpose(order))

    @staticmethod
    def from_layer(layer: Any) -> Form | None:
        return Permuted(tuple(layer.get_config()["dims"]))


@dataclass(frozen=True)
class Repeated:
    """Repeat the vector of each example `n_steps` times, as a series."""

    n_steps: int

    def __call__(self, inputs: Sequence[Array], weights: Weights) -> Array:
        return np.repeat(inputs[0][:, :, None], self.n_steps, axis=2)

    @staticmethod
    def from_layer(layer: Any) -> Form | None:
        return Repeated(layer.get_config()["n"])


def _concatenated(inputs: Sequence[Array]) -> Array:
    # Some may be the same for all networks, with a first axis of 1.
    n_draws = max(len(each) for each in inputs)
    alike = [np.broadcast_to(each, (n_draws, *each.shape[1:])) for each in inputs]
    return np.concatenate(alike, axis=-1)


MERGED: Mapping[str, Callable[[Sequence[Array]], Array]] = {
    "Add": functools.partial(functools.reduce, np.add),
    "Subtract": lambda inputs: inputs[0] - inputs[1],
    "Multiply": functools.partial(functools.reduce, np.multiply),
    "Average": lambda inputs: functools.reduce(np.add, inputs) / len(inputs),
    "Maximum": functools.partial(functools.reduce, np.maximum),
    "Minimum": functools.partial(functools.reduce, np.minimum),
    "Concatenate": _concatenated,
}


@dataclass(frozen=True)
class Merged:
    """Merge several inputs; `kind` is the name of the Keras layer."""

    kind: str

    def __call__(self, inputs: Sequence[Array], weights: Weights) -> Array:
        return MERGED[self.kind](inputs)

    @staticmethod
    def from_layer(layer: Any) -> Form | None:
        """Return the form of a Keras layer such as Add; Concatenate only along the last axis."""
        last = (-1, len(layer.output.shape) - 1)
        if layer.get_config().get("axis", -1) not in last:
            return None
        return Merged(type(layer).__name__)
