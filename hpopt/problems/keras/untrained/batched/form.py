"""The batched form of a layer: a function that computes it for many networks at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Weights = Sequence[Array]
Form = Callable[[Sequence[Array], Weights], Array]
"""Called with inputs, each (draws or 1, n, ...), and the layer's weights in Keras' order, each
(draws or 1, ...); returns the output (draws or 1, n, ...). A leading 1 means the same for all."""


def along_last(vectors: Array, n_axes: int) -> Array:
    """Reshape vectors (draws, c) so that they broadcast along the last of `n_axes` axes."""
    return vectors.reshape(len(vectors), *(1,) * (n_axes - 2), -1)


def matmul_last(x: Array, kernel: Array) -> Array:
    """Multiply the last axis of x (draws or 1, ..., c) by kernels (draws or 1, c, f)."""
    # All axes between become one, so that each network takes one large product.
    product: Array = np.matmul(x.reshape(len(x), -1, x.shape[-1]), kernel)
    return product.reshape(len(product), *x.shape[1:-1], kernel.shape[-1])
