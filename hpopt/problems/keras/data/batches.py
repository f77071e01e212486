"""Rows for Keras, batch by batch: the only copies that are made of the data."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from hpopt.problems.keras.data.rows import Rows
from hpopt.problems.keras.data.structures import is_text, map_arrays
from hpopt.problems.keras.session import import_keras


def batches(rows: Rows, size: int, *, seed: int | None = None, epoch: int = 0) -> Any:
    """Return the rows in batches, as a keras.utils.PyDataset.

    Parameters
    ----------
    rows : Rows
    size : int
        Examples a batch; the last one may be smaller.
    seed : int, optional
        Shuffle them anew in each epoch; without it they come in their order. The order of an
        epoch follows from the seed and its number alone, so that a training can be taken up.
    epoch : int
        The number of the first epoch, from 0.
    """
    return _batches_class()(rows, size, seed, epoch)


def single_batch(batch: tuple[Any, ...]) -> Any:
    """Return one batch as a keras.utils.PyDataset."""
    return _single_class()(batch)


@functools.cache
def _single_class() -> Any:
    class Single(import_keras().utils.PyDataset):  # type: ignore[misc]
        def __init__(self, batch: tuple[Any, ...]) -> None:
            super().__init__()
            self._batch = batch

        def __len__(self) -> int:
            return 1

        def __getitem__(self, index: int) -> tuple[Any, ...]:
            return self._batch

    return Single


@functools.cache
def _batches_class() -> Any:
    """Make the class when Keras, of which it is a subclass, is there."""
    keras = import_keras()

    class Batches(keras.utils.PyDataset):  # type: ignore[misc, name-defined]
        def __init__(self, rows: Rows, size: int, seed: int | None, epoch: int) -> None:
            super().__init__()
            self._rows, self._size, self._seed, self._epoch = rows, size, seed, epoch
            self._order = np.arange(len(rows))
            self._shuffle()

        def __len__(self) -> int:
            return math.ceil(len(self._rows) / self._size)

        def __getitem__(self, index: int) -> tuple[Any, ...]:
            inside = slice(index * self._size, (index + 1) * self._size)
            return as_fit_takes(self._rows.batch(self._order[inside]))

        def on_epoch_end(self) -> None:
            self._epoch += 1
            self._shuffle()

        def _shuffle(self) -> None:
            if self._seed is not None:
                rng = np.random.default_rng((self._seed, self._epoch))
                self._order = rng.permutation(len(self._rows))

    return Batches


def as_fit_takes(batch: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a batch with real numbers in Keras' precision, texts as tensors, lists as tuples."""
    floatx = import_keras().config.floatx()

    def converted(array: Any) -> Any:
        if not isinstance(array, np.ndarray):
            return array
        if is_text(array):
            import tensorflow as tf  # texts are tensors of TensorFlow, on any backend

            return tf.constant(array)
        return array.astype(floatx, copy=False) if array.dtype.kind == "f" else array

    return tuple(map_arrays(converted, part) for part in batch)
