"""Convolution and pooling, over one axis or two, channels last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from hpopt.problems.keras.backend import averages_without_padding
from hpopt.problems.keras.untrained.batched.activations import Activation, own_activation
from hpopt.problems.keras.untrained.batched.form import Array, Form, Weights, along_last


@dataclass(frozen=True)
class Window:
    """A window that moves over the axes of an image or a series; one number for each axis."""

    size: tuple[int, ...]
    strides: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: str

    def over(self, x: Array, fill: float = 0.0) -> Array:
        """Return the windows of x (draws, n, *places, c): (draws, n, *windows, c, *size).

        A view of x, or of x padded with `fill`.
        """
        reach = [(k - 1) * d + 1 for k, d in zip(self.size, self.dilation, strict=True)]
        margins = [self._margin(axis, x.shape[2 + axis], reach[axis]) for axis in range(len(reach))]
        if any(map(any, margins)):
            padded = [(0, 0), (0, 0), *margins, (0, 0)]
            x = np.pad(x, padded, constant_values=fill)
        axes = tuple(range(2, 2 + len(reach)))
        # All windows, then every stride-th of them and every dilation-th place in each.
        seen = sliding_window_view(x, reach, axis=axes)
        apart = [slice(None, None, stride) for stride in self.strides]
        within = [slice(None, None, dilation) for dilation in self.dilation]
        chosen = (slice(None), slice(None), *apart, slice(None), *within)
        return np.asarray(seen[chosen])

    def _margin(self, axis: int, length: int, reach: int) -> tuple[int, int]:
        """Return the padding before and after an axis, as TensorFlow has it."""
        if self.padding == "valid":
            return 0, 0
        if self.padding == "causal":
            return reach - 1, 0
        stride = self.strides[axis]
        n_windows = -(-length // stride)  # rounded up
        total = max((n_windows - 1) * stride + reach - length, 0)
        return total // 2, total - total // 2  # an odd one goes behind


@dataclass(frozen=True)
class Convolution:
    """Compute activation(convolution of x with the kernel + bias), as one product a network."""

    window: Window
    activation: Activation

    def __call__(self, inputs: Sequence[Array], weights: Weights) -> Array:
        kernel = weights[0]
        n_axes = len(self.window.size)
        seen = self.window.over(inputs[0])
        # Windows as rows, in the order of the kernel: its axes, then the channels.
        order = (*range(2 + n_axes), *range(3 + n_axes, 3 + 2 * n_axes), 2 + n_axes)
        n_inputs = int(np.prod(kernel.shape[1:-1]))
        # im2col: the only copy; the product then is one call of BLAS.
        rows = seen.transpose(order).reshape(len(seen), -1, n_inputs)
        product: Array = np.matmul(rows, kernel.reshape(len(kernel), n_inputs, -1))
        product = product.reshape(len(product), *seen.shape[1 : 2 + n_axes], kernel.shape[-1])
        if len(weights) > 1:
            product += along_last(weights[1], product.ndim)
        return self.activation(product)

    @staticmethod
    def from_layer(layer: Any) -> Form | None:
        config = layer.get_config()
        activation = own_activation(config)
        usual = config["data_format"] == "channels_last" and config["groups"] == 1
        if activation is None or not usual or len(layer.weights) != 1 + config["use_bias"]:
            return None
        size, strides, dilation = (
            tuple(config[name]) for name in ("kernel_size", "strides", "dilation_rate")
        )
        return Convolution(Window(size, strides, dilation, config["padding"]), activation)


@dataclass(frozen=True)
class Pooling:
    """Compute the largest or the mean number of each window."""

    window: Window
    largest: bool

    def __call__(self, inputs: Sequence[Array], weights: Weights) -> Array:
        x = inputs[0]
        axes = tuple(range(-len(self.window.size), 0))
        if self.largest:
            return np.asarray(self.window.over(x, -np.inf).max(axis=axes))
        sums = self.window.over(x).sum(axis=axes)
        if self.window.padding == "valid":
            return np.asarray(sums / np.float32(np.prod(self.window.size)))
        # The padding does not count: each mean is over the numbers inside.
        ones = np.ones((1, 1, *x.shape[2:-1], 1), x.dtype)
        return np.asarray(sums / self.window.over(ones).sum(axis=axes))

    @staticmethod
    def from_layer(layer: Any) -> Form | None:
        config = layer.get_config()
        if config["data_format"] != "channels_last":
            return None
        size, strides = tuple(config["pool_size"]), tuple(config["strides"])
        window = Window(size, strides, (1,) * len(size), config["padding"])
        largest = type(layer).__name__.startswith("Max")
        if not (largest or window.padding == "valid" or averages_without_padding()):
            return None
        return Pooling(window, largest)


@dataclass(frozen=True)
class GlobalPooling:
    """Compute the largest or the mean number of each channel."""

    largest: bool
    keepdims: bool

    def __call__(self, inputs: Sequence[Array], weights: Weights) -> Array:
        axes = tuple(range(2, inputs[0].ndim - 1))
        pool = np.max if self.largest else np.mean
        return np.asarray(pool(inputs[0], axis=axes, keepdims=self.keepdims))

    @staticmethod
    def from_layer(layer: Any) -> Form | None:
        config = layer.get_config()
        if config["data_format"] != "channels_last":
            return None
        return GlobalPooling("Max" in type(layer).__name__, config["keepdims"])
