"""Examples on the device, of which the members of a population take rows by their numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from hpopt.problems.keras.data.batches import as_fit_takes
from hpopt.problems.keras.data.rows import Rows
from hpopt.problems.keras.data.sources import Split
from hpopt.problems.keras.data.structures import is_text, leaves
from hpopt.problems.keras.session import import_keras

# Arrays that are copied to the device as a whole: above this networks train long enough alone.
MOST_BYTES = 2**30


@dataclass(frozen=True, slots=True)
class Examples:
    """The arrays to train on and those to validate on, each (x,), (x, y) or (x, y, weights)."""

    training: tuple[Any, ...]
    validation: tuple[Any, ...] | None
    source: Split  # holds the arrays that the key names
    key: tuple[int, ...]


def can_hold(data: Split) -> bool:
    """Return whether examples are arrays of numbers that a device may hold."""
    parts = [part for part in data[:2] if part is not None]
    if not all(isinstance(part, Rows) for part in parts):
        return False
    arrays = {id(array): array for part in parts for array in _arrays(part)}.values()
    n_bytes = sum(math.prod(array.shape) * array.dtype.itemsize for array in arrays)
    return n_bytes <= MOST_BYTES and not any(map(is_text, arrays))


def key_of(data: Split) -> tuple[int, ...]:
    """Return which arrays the examples are rows of."""
    return tuple(id(array) for part in data[:2] if part is not None for array in _arrays(part))


def on_device(data: Split, class_weight: Mapping[int, float] | None) -> Examples:
    """Return the arrays of examples on the device; the weights of classes as those of examples."""
    jax, tree = import_module("jax"), import_keras().tree
    sent: dict[int, Any] = {}

    def send(array: Any) -> Any:
        if id(array) not in sent:  # rows to train and to validate on may be of one array
            # The array is held here, so that no other gets its id.
            sent[id(array)] = array, jax.device_put(as_fit_takes((array,))[0])
        return sent[id(array)][1]

    def whole(rows: Rows) -> tuple[Any, ...]:
        n = 1 if rows.y is None else 2 if rows.weights is None else 3
        return tuple(tree.map_structure(send, part) for part in (rows.x, rows.y, rows.weights)[:n])

    training = whole(data.training)
    if class_weight is not None:
        training = (*training[:2], jax.device_put(weights_of(data.training.y, class_weight)))
    validation = None if data.validation is None else whole(data.validation)
    return Examples(training, validation, data, key_of(data))


def weights_of(y: Any, class_weight: Mapping[int, float]) -> Any:
    """Return the weight of each example by its class, a number or one-hot, as ``fit`` does."""
    classes = np.asarray(y)
    if classes.ndim > 1:
        classes = classes.argmax(axis=-1) if classes.shape[-1] != 1 else classes[..., 0]
    found, places = np.unique(np.round(classes).astype(np.int64), return_inverse=True)
    weights = np.array([class_weight.get(int(each), 1.0) for each in found])
    return weights[places].astype(import_keras().config.floatx())


def numbers_of(rows: Any) -> Any:
    """Return the numbers of rows in their arrays."""
    return np.arange(len(rows), dtype=np.int32) if rows.numbers is None else rows.numbers


def _arrays(rows: Rows) -> list[Any]:
    parts = [part for part in (rows.x, rows.y, rows.weights) if part is not None]
    return [array for part in parts for _, array in leaves(part)]
