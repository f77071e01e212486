"""Which layers may be part of a wider network, and where their arrays lie in its arrays.

The channels outside are 0: with an activation that keeps 0 and weights of 0 behind them, their
gradients are 0 too, so that they stay 0 whatever the training does, and the network inside trains
as if it were alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpopt.problems.keras.session import import_keras

WIDTHS = {
    "Dense": "units",
    **dict.fromkeys(("Conv1D", "Conv2D", "Conv3D"), "filters"),
    **dict.fromkeys(("SeparableConv1D", "SeparableConv2D"), "filters"),
}
"""The layers with a width of their own, and its name in their configs."""

ACTIVATIONS = (
    *("linear", "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish"),
    *("tanh", "softsign", "soft_shrink", "tanh_shrink", "hard_tanh", "hard_shrink", "hard_silu"),
)
"""Functions of each number by itself, with f(0) = 0 and a finite slope there."""

KINDS = ("Max", "Average", "GlobalMax", "GlobalAverage")
BY_CHANNEL = frozenset(
    f"{kind}{what}{n}D"
    for n in (1, 2, 3)
    for kind, what in [*((each, "Pooling") for each in KINDS), ("Zero", "Padding")]
)
DROPOUTS = ("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D")
DEPTHWISE = ("DepthwiseConv1D", "DepthwiseConv2D")
# The gradient of a normalisation has the variance + epsilon to the power of -3/2: with a variance
# of 0 and less than 1e-25 it is infinite in single precision.
LEAST_EPSILON = 1e-12


@dataclass(frozen=True, slots=True)
class Channels:
    """The channels of a narrow network: at these places among the channels of the wide one."""

    places: NDArray[np.intp]
    n_wide: int

    @classmethod
    def first(cls, n: int, n_wide: int) -> Channels:
        """Return the first n channels."""
        return cls(np.arange(n), n_wide)

    def flattened(self, n_positions: int) -> Channels:
        """Return the channels of all positions of an image in a row."""
        starts = self.n_wide * np.arange(n_positions)
        return Channels((starts[:, None] + self.places).ravel(), self.n_wide * n_positions)

    def multiplied(self, n: int) -> Channels:
        """Return n channels for each of them."""
        return Channels((n * self.places[:, None] + np.arange(n)).ravel(), n * self.n_wide)


Axes = tuple[Channels | None, ...]
"""Of the last axes of an array: where its entries lie in the wide one's; None for all of an axis,
and () for a whole array."""


def takes_fewer(layer: Any) -> bool:
    """Return whether a layer with a width of its own may have channels of 0 among its inputs."""
    return type(layer).__name__ in WIDTHS and _is_plain(layer)


def passes_on(layer: Any) -> bool:
    """Return whether a layer gives 0 for channels of 0, in values and in gradients."""
    name = type(layer).__name__
    if not _is_plain(layer):
        return False
    if name in BY_CHANNEL or name in ("Flatten", "LeakyReLU", "ELU") or name in DROPOUTS:
        return getattr(layer, "noise_shape", None) is None
    if name == "ReLU":
        return float(layer.threshold) == 0.0
    if name == "BatchNormalization":
        is_last = layer.axis in (-1, len(layer.input.shape) - 1)
        return is_last and layer.epsilon >= LEAST_EPSILON and not getattr(layer, "renorm", False)
    return name in ("Activation", *WIDTHS, *DEPTHWISE) and keeps_zero(layer.activation)


def keeps_zero(activation: Any) -> bool:
    """Return whether an activation is one of Keras' that give 0 for 0."""
    name = getattr(activation, "__name__", "")
    known = getattr(import_keras().activations, name, None) if name in ACTIVATIONS else None
    return known is not None and known is activation


def channels_after(layer: Any, before: Channels | None, width: int | None) -> Channels | None:
    """Return where the channels of a layer's output lie; None if all networks have as many.

    Parameters
    ----------
    before : Channels, optional
        Those of its input.
    width : int, optional
        Its own width in the wide network, where that may differ.
    """
    name = type(layer).__name__
    if name in WIDTHS:
        n = int(getattr(layer, WIDTHS[name]))
        return None if width is None else Channels.first(n, width)
    if before is None:
        return None
    if name == "Flatten":
        return before.flattened(int(layer.output.shape[-1]) // len(before.places))
    return before.multiplied(layer.depth_multiplier) if name in DEPTHWISE else before


def axes_within(
    layer: Any, before: Channels | None, after: Channels | None
) -> Iterator[tuple[Any, Axes]]:
    """Yield the variables of a layer that differ in size, and where they lie."""
    name = type(layer).__name__
    if name in ("SeparableConv1D", "SeparableConv2D"):
        yield layer.depthwise_kernel, (before, None)
        between = None if before is None else before.multiplied(layer.depth_multiplier)
        yield layer.pointwise_kernel, (between, after)
    elif name in DEPTHWISE:
        yield layer.kernel, (before, None)
    elif name in WIDTHS:
        yield layer.kernel, (before, after)
    elif name == "BatchNormalization":
        for variable in (layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance):
            if variable is not None:
                yield variable, (after,)
    bias = getattr(layer, "bias", None)
    if bias is not None:
        yield bias, (after,)


def _is_plain(layer: Any) -> bool:
    """Return whether a layer's channels are its last axis, each by itself, and nothing else."""
    settings = vars(layer)
    return (
        getattr(layer, "data_format", "channels_last") in (None, "channels_last")
        and getattr(layer, "groups", 1) == 1
        and not getattr(layer, "lora_enabled", False)
        and getattr(layer, "quantization_mode", None) is None
        and not any(settings.get(name) for name in settings if name.endswith("_constraint"))
        and all(map(_leaves_zeros, settings.values()))
    )


def _leaves_zeros(setting: Any) -> bool:
    """Return whether a setting is no regularizer, or one that neither counts nor moves zeros."""
    if not isinstance(setting, import_keras().regularizers.Regularizer):
        return True
    # To JAX the slope of abs(x) at 0 is 1, so that l1 would move them.
    return type(setting).__name__ in ("L2", "L1L2") and float(getattr(setting, "l1", 0.0)) == 0.0
