"""Normalisation layers, as they compute outside training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hpopt.problems.keras.untrained.batched.form import Array, Form, Weights, along_last


@dataclass(frozen=True)
class BatchNormalised:
    """Compute (x - moving mean) / sqrt(moving variance + epsilon) * gamma + beta."""

    epsilon: float
    scale: bool
    center: bool

    def __call__(self, inputs: Sequence[Array], weights: Weights) -> Array:
        *learned, mean, variance = weights
        # Ioffe and Szegedy 2015, algorithm 2: as a factor and an offset, with two operations on x.
        factor = 1 / np.sqrt(variance + np.float32(self.epsilon))
        if self.scale:
            factor = factor * learned[0]
        offset = -mean * factor
        if self.center:
            offset = offset + learned[-1]
        n_axes = inputs[0].ndim
        return inputs[0] * along_last(factor, n_axes) + along_last(offset, n_axes)

    @staticmethod
    def from_layer(layer: Any) -> Form | None:
        config = layer.get_config()
        if not is_last(config["axis"], layer):
            return None
        return BatchNormalised(config["epsilon"], config["scale"], config["center"])


@dataclass(frozen=True)
class LayerNormalised:
    """Normalise each example by its own mean and variance along the last axis."""

    epsilon: float
    scale: bool
    center: bool

    def __call__(self, inputs: Sequence[Array], weights: Weights) -> Array:
        # In two passes, as Keras does it: E[x²] - E[x]² would cancel.
        deviations = inputs[0] - inputs[0].mean(axis=-1, keepdims=True)
        variance = (deviations**2).mean(axis=-1, keepdims=True)
        normalised = deviations / np.sqrt(variance + np.float32(self.epsilon))
        if self.scale:
            normalised = normalised * along_last(weights[0], normalised.ndim)
        if self.center:
            normalised = normalised + along_last(weights[-1], normalised.ndim)
        return np.asarray(normalised)

    @staticmethod
    def from_layer(layer: Any) -> Form | None:
        config = layer.get_config()
        if config.get("rms_scaling") or not is_last(config["axis"], layer):
            return None
        return LayerNormalised(config["epsilon"], config["scale"], config["center"])


@dataclass(frozen=True, eq=False)
class Affine:
    """Compute x * factor + offset, with constants."""

    factor: Any
    offset: Any

    def __call__(self, inputs: Sequence[Array], weights: Weights) -> Array:
        return np.asarray(inputs[0] * self.factor + self.offset)

    @staticmethod
    def from_normalization(layer: Any) -> Form | None:
        """Return the form of keras.layers.Normalization over the last axis or over none."""
        config = layer.get_config()
        axis = config["axis"]
        if config.get("invert") or (axis not in (None, ()) and not is_last(axis, layer)):
            return None
        mean, variance = (np.asarray(each) for each in (layer.mean, layer.variance))
        if mean.size not in (1, layer.output.shape[-1]):
            return None
        # 1e-7 is Keras' own epsilon here.
        factor = 1 / np.maximum(np.sqrt(variance.reshape(-1)), np.float32(1e-7))
        return Affine(factor, -mean.reshape(-1) * factor)

    @staticmethod
    def from_rescaling(layer: Any) -> Form | None:
        config = layer.get_config()
        scale, offset = config["scale"], config["offset"]
        if not all(isinstance(each, int | float) for each in (scale, offset)):
            return None
        return Affine(np.float32(scale), np.float32(offset))


def is_last(axis: Any, layer: Any) -> bool:
    """Return whether an axis, or a list of one, is the last of a layer's output."""
    axes = axis if isinstance(axis, list | tuple) else [axis]
    return len(axes) == 1 and axes[0] in (-1, len(layer.output.shape) - 1)
