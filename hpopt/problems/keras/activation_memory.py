"""Estimate the memory that the layers of a network need for a batch, from their shapes.

The factors were fitted to peaks of memory measured with TensorFlow on a CPU.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

LINEAR = ("Dense", "EinsumDense", "Conv1D", "Conv2D", "Conv3D", "DepthwiseConv2D")
"""Layers whose output is kept: the gradient of the next layer needs it."""

SPREADING = ("Conv1D", "Conv2D", "Conv3D", "DepthwiseConv2D", "SeparableConv2D")
"""Convolutions that copy their windows into rows (im2col)."""

# The peak of that, in sizes of the larger of input and output; as measured.
SPREAD = 2.0

IN_PLACE = ("relu", "elu", "selu", "tanh", "sigmoid", "softmax", "linear")
"""Activations whose gradient needs their output alone: it takes the place of their input."""

ACTIVATIONS: Mapping[str, float] = {**dict.fromkeys(IN_PLACE, 0.0), "gelu": 3.0}
OTHER_ACTIVATION = 1.0  # keeps its input too

KEPT: Mapping[str, float] = {
    "Dropout": 1.25,
    "GaussianNoise": 1.0,
    "BatchNormalization": 1.0,
    "LayerNormalization": 2.25,
    "Normalization": 1.0,
    "MaxPooling1D": 1.0,
    "MaxPooling2D": 1.0,
    "AveragePooling1D": 1.0,
    "AveragePooling2D": 1.0,
    "SeparableConv2D": 1.5,
}
"""Memory that a layer keeps of a batch, in sizes of its output."""

NOTHING_KEPT = (
    *("InputLayer", "Flatten", "Reshape"),
    *("RandomFlip", "RandomTranslation", "RandomRotation", "RandomZoom", "RandomContrast"),
)
OTHER_LAYER = 2.0  # of unknown layers, rather too much: about the most of those above

CELLS: Mapping[str, float] = {"LSTM": 8.0, "GRU": 7.5, "SimpleRNN": 1.7}
"""Memory that a recurrent layer keeps of each step, in sizes of its state: gates and states."""


def activations_of(model: Any, batch_size: int) -> float:
    """Return the peak of memory that a batch takes in a network, in bytes.

    In the forward pass each layer keeps what its gradient needs. In the backward pass a layer
    holds the gradients of its output and its input, beside all that it and the layers before it
    have kept.
    """
    kept = most = 0.0
    learning = False
    for layer in layers_of(model):
        inputs = size_of(getattr(layer, "input", None), batch_size)
        outputs = size_of(getattr(layer, "output", None), batch_size)
        kept += kept_bytes(layer, outputs, batch_size)
        spreads = _kind(layer) in SPREADING and _is_wide(layer)
        spread = SPREAD * max(inputs, outputs) if spreads else 0.0
        # No gradient is computed before the first layer with weights.
        most = max(most, kept + outputs + (inputs if learning else 0.0) + spread)
        learning = learning or bool(layer.trainable_variables)
    return most


def kept_bytes(layer: Any, outputs: float, batch_size: int) -> float:
    """Return the bytes that a layer keeps of a batch, beside the output of the one before."""
    kind = _kind(layer)
    if kind == "Activation":
        return ACTIVATIONS.get(_activation(layer), OTHER_ACTIVATION) * outputs
    if kind == "Bidirectional":
        halves = (layer.forward_layer, layer.backward_layer)
        cells = sum(_kept_by_cells(half, layer.input, batch_size) for half in halves)
        return cells + outputs
    if kind in CELLS:
        return _kept_by_cells(layer, layer.input, batch_size) + outputs
    if kind in LINEAR:
        return outputs * (1.0 + ACTIVATIONS.get(_activation(layer), OTHER_ACTIVATION))
    return outputs * KEPT.get(kind, 0.0 if kind in NOTHING_KEPT else OTHER_LAYER)


def layers_of(model: Any) -> Iterator[Any]:
    """Yield the layers of a model in their order, those of models inside it too."""
    for layer in getattr(model, "layers", ()):
        if getattr(layer, "layers", None):
            yield from layers_of(layer)
        else:
            yield layer


def size_of(tensors: Any, batch_size: int) -> float:
    """Return the bytes of tensors for a batch; an axis of unknown length counts as 1."""
    listed: Iterable[Any] = tensors if isinstance(tensors, list | tuple) else [tensors]
    shaped = [tensor for tensor in listed if hasattr(tensor, "shape")]
    sizes = [math.prod(side or 1 for side in tensor.shape[1:]) for tensor in shaped]
    return float(
        sum(
            batch_size * size * itemsize_of(tensor.dtype)
            for size, tensor in zip(sizes, shaped, strict=True)
        )
    )


def itemsize_of(dtype: Any) -> int:
    """Return the bytes of one number."""
    name = str(dtype)
    return 2 if "16" in name else 8 if "64" in name else 4


def _kept_by_cells(layer: Any, inputs: Any, batch_size: int) -> float:
    steps = inputs.shape[1] or 1
    state = batch_size * layer.units * itemsize_of(layer.compute_dtype)
    return CELLS[_kind(layer)] * float(steps * state)


def _kind(layer: Any) -> str:
    return type(layer).__name__


def _activation(layer: Any) -> str:
    return str(getattr(getattr(layer, "activation", None), "__name__", "linear"))


def _is_wide(layer: Any) -> bool:
    return max(getattr(layer, "kernel_size", (1,))) > 1
