"""Small data as tensors of TensorFlow, from which a dataset that is made once takes its batches.

Keras turns batches from Python into a dataset anew for each training, with a graph of its own, and
calls Python for every batch. Here an epoch is an order of the rows, in a variable.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np

from hpopt.problems.keras.data.batches import as_fit_takes, order_of_epoch
from hpopt.problems.keras.data.feeding import Examples
from hpopt.problems.keras.data.rows import Rows
from hpopt.problems.keras.data.structures import is_text, leaves
from hpopt.problems.keras.session import import_keras

# Of one set of rows: a copy of larger data is not worth the milliseconds.
MOST_BYTES = 32 * 2**20
# Training and validation rows of five folds, in a few sizes of batches.
MOST_KEPT = 32


@dataclass(slots=True)
class Resident:
    """Rows in batches, as a tf.data.Dataset; the order of the rows is set for each epoch."""

    dataset: Any
    rows: Rows
    order: Any
    seed: int | None = None

    def begin_epoch(self, epoch: int) -> None:
        """Shuffle the rows as an epoch has them, from 0."""
        if self.seed is not None:
            self.order.assign(order_of_epoch(len(self.rows), self.seed, epoch + 1))


class ResidentData:
    """The last datasets of a process."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, int], Resident] = OrderedDict()

    def of(self, data: Examples, size: int, seed: int | None = None) -> Resident | None:
        """Return rows as a dataset; None where they are large, or no numbers."""
        if not isinstance(data, Rows) or import_keras().backend.backend() != "tensorflow":
            return None
        key = (id(data), size)
        found = self._kept.get(key)
        if found is None:
            if not _is_small(data):
                return None
            found = self._kept[key] = _resident(data, size)
        self._kept.move_to_end(key)
        while len(self._kept) > MOST_KEPT or self._n_bytes() > 2 * MOST_BYTES:
            self._kept.popitem(last=False)
        found.seed = seed
        if seed is None:
            return found
        found.begin_epoch(0)
        return found

    def _n_bytes(self) -> int:
        return sum(_n_bytes(each.rows) for each in self._kept.values())

    def clear(self) -> None:
        """Give the memory back."""
        self._kept.clear()


def _is_small(rows: Rows) -> bool:
    return _n_bytes(rows) <= MOST_BYTES and not any(map(is_text, _arrays(rows)))


def _n_bytes(rows: Rows) -> int:
    return sum(len(rows) * math.prod(a.shape[1:]) * a.dtype.itemsize for a in _arrays(rows))


def _arrays(rows: Rows) -> list[Any]:
    parts = [part for part in (rows.x, rows.y, rows.weights) if part is not None]
    return [array for part in parts for _, array in leaves(part)]


def _resident(rows: Rows, size: int) -> Resident:
    import tensorflow as tf

    with tf.device("CPU:0"):  # where datasets take their batches
        whole = tf.nest.map_structure(tf.constant, as_fit_takes(rows.batch(slice(None))))
        order = tf.Variable(np.arange(len(rows)))

    def batch(number: Any) -> Any:
        places = order[number * size : (number + 1) * size]
        return tf.nest.map_structure(lambda part: tf.gather(part, places), whole)

    dataset = tf.data.Dataset.range(math.ceil(len(rows) / size)).map(batch)
    return Resident(dataset, rows, order)
