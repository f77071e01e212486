"""Activations as functions of whole arrays, by Keras' names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Activation = Callable[[Array], Array]

# Klambauer et al. 2017, "Self-normalizing neural networks": they keep mean 0 and variance 1.
SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def _linear(x: Array) -> Array:
    return x


def sigmoid(x: Array) -> Array:
    """Return 1 / (1 + exp(-x))."""
    # As (1 + tanh(x / 2)) / 2, which cannot overflow.
    found: Array = np.tanh(x * 0.5)
    found *= 0.5
    found += 0.5
    return found


def _hard_sigmoid(x: Array) -> Array:
    return np.asarray(np.clip(x / 6 + 0.5, 0, 1))


def relu(x: Array) -> Array:
    """Return the positive part of x."""
    return np.asarray(np.maximum(x, 0))


def _relu6(x: Array) -> Array:
    return np.asarray(np.clip(x, 0, 6))


def leaky_relu(x: Array, negative_slope: float = 0.2) -> Array:
    """Return x where it is positive, and a share of it where it is not."""
    return np.where(x >= 0, x, x * negative_slope)


def elu(x: Array, alpha: float = 1.0) -> Array:
    """Return x where it is positive, and alpha * (exp(x) - 1) where it is not."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def _selu(x: Array) -> Array:
    return SELU_SCALE * elu(x, SELU_ALPHA)


def _softplus(x: Array) -> Array:
    return np.asarray(np.logaddexp(x, x.dtype.type(0)))


def _softsign(x: Array) -> Array:
    return np.asarray(x / (1 + np.abs(x)))


def _silu(x: Array) -> Array:
    return x * sigmoid(x)


def _exponential(x: Array) -> Array:
    with np.errstate(over="ignore"):
        return np.asarray(np.exp(x))


def softmax(x: Array) -> Array:
    """Return exp(x) / sum(exp(x)) along the last axis."""
    # Less the largest: it cancels, and exp cannot overflow.
    powers: Array = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


BY_NAME: Mapping[str, Activation] = {
    "linear": _linear,
    "sigmoid": sigmoid,
    "hard_sigmoid": _hard_sigmoid,
    "tanh": np.tanh,
    "relu": relu,
    "relu6": _relu6,
    "leaky_relu": leaky_relu,
    "elu": elu,
    "selu": _selu,
    "softplus": _softplus,
    "softsign": _softsign,
    "silu": _silu,
    "swish": _silu,
    "exponential": _exponential,
    "softmax": softmax,
}


def own_activation(config: Mapping[str, Any], name: str = "activation") -> Activation | None:
    """Return the activation of a layer's config; None for one that is not among these."""
    given = config.get(name, "linear")
    return BY_NAME.get(given) if isinstance(given, str) else None
