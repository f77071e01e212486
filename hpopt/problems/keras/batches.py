"""Give rows to Keras batch by batch: the only copies that are made of the data."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from hpopt.problems.keras.data import Array, Rows
from hpopt.problems.keras.session import import_keras


def batches(rows: Rows, size: int, *, seed: int | None = None, epoch: int = 0) -> Any:
    """Give the rows in batches, as a keras.utils.PyDataset.

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

        def __getitem__(self, index: int) -> tuple[Array, Array]:
            inside = slice(index * self._size, (index + 1) * self._size)
            x, y = self._rows.take(self._order[inside])
            return as_float(x), as_float(y)

        def on_epoch_end(self) -> None:
            self._epoch += 1
            self._shuffle()

        def _shuffle(self) -> None:
            if self._seed is not None:
                rng = np.random.default_rng((self._seed, self._epoch))
                self._order = rng.permutation(len(self._rows))

    def as_float(values: Array) -> Array:
        """Give real numbers in the precision that Keras computes in."""
        wanted = keras.config.floatx() if values.dtype.kind == "f" else values.dtype
        return values.astype(wanted, copy=False)

    return Batches
