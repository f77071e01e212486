"""Activations as functions of whole arrays, by Keras' names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Activation = Callable[[Array], Array]

SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def linear(x: Array) -> Array:
    """Give x itself."""
    return x


def sigmoid(x: Array) -> Array:
    """Give 1 / (1 + exp(-x)), by the tangent, which cannot overflow."""
    found: Array = np.tanh(x * 0.5)
    found *= 0.5
    found += 0.5
    return found


def hard_sigmoid(x: Array) -> Array:
    """Give x / 6 + 1/2, cut to [0, 1]."""
    return np.asarray(np.clip(x / 6 + 0.5, 0, 1))


def relu(x: Array) -> Array:
    """Give the positive part of x."""
    return np.asarray(np.maximum(x, 0))


def relu6(x: Array) -> Array:
    """Give x cut to [0, 6]."""
    return np.asarray(np.clip(x, 0, 6))


def leaky_relu(x: Array, negative_slope: float = 0.2) -> Array:
    """Give x where it is positive, and a share of it where it is not."""
    return np.where(x >= 0, x, x * negative_slope)


def elu(x: Array, alpha: float = 1.0) -> Array:
    """Give x where it is positive, and alpha * (exp(x) - 1) where it is not."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def selu(x: Array) -> Array:
    """Give the scaled elu."""
    return SELU_SCALE * elu(x, SELU_ALPHA)


def softplus(x: Array) -> Array:
    """Give log(1 + exp(x))."""
    return np.asarray(np.logaddexp(x, x.dtype.type(0)))


def softsign(x: Array) -> Array:
    """Give x / (1 + |x|)."""
    return np.asarray(x / (1 + np.abs(x)))


def silu(x: Array) -> Array:
    """Give x * sigmoid(x)."""
    return x * sigmoid(x)


def exponential(x: Array) -> Array:
    """Give exp(x)."""
    with np.errstate(over="ignore"):
        return np.asarray(np.exp(x))


def softmax(x: Array) -> Array:
    """Give the shares of exp(x) along the last axis."""
    powers: Array = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


BY_NAME: Mapping[str, Activation] = {
    "linear": linear,
    "sigmoid": sigmoid,
    "hard_sigmoid": hard_sigmoid,
    "tanh": np.tanh,
    "relu": relu,
    "relu6": relu6,
    "leaky_relu": leaky_relu,
    "elu": elu,
    "selu": selu,
    "softplus": softplus,
    "softsign": softsign,
    "silu": silu,
    "swish": silu,
    "exponential": exponential,
    "softmax": softmax,
}


def own_activation(config: Mapping[str, Any], name: str = "activation") -> Activation | None:
    """Give the activation of a layer's config; None for one that is not Keras' own or not here."""
    given = config.get(name, "linear")
    return BY_NAME.get(given) if isinstance(given, str) else None
