"""Rows and generators for Keras, batch by batch: only these batches are copies of the data."""

from __future__ import annotations

import functools
import itertools
import math
import threading
from collections.abc import Callable, Generator, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpopt.errors import SettingError
from hpopt.problems.keras.data.rows import Rows
from hpopt.problems.keras.data.structures import describe, is_text, map_arrays
from hpopt.problems.keras.session import import_keras


def batches(rows: Rows, size: int, *, seed: int | None = None, epoch: int = 0) -> Any:
    """Return the rows in batches, as a keras.utils.PyDataset, from an epoch on (from 0).

    With a seed the rows are shuffled in each epoch. The order of an epoch follows from the seed and
    its number alone, so that a training can be resumed.
    """
    return _batches_class()(rows, size, seed, epoch)


def order_of_epoch(n: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """Return the order of n rows in an epoch, counted as Keras does: the first one is 1."""
    return np.random.default_rng((seed, epoch)).permutation(n)


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
    # Made on first use: its base class needs Keras.
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
                self._order = order_of_epoch(len(self._rows), self._seed, self._epoch)

    return Batches


def as_fit_takes(batch: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a batch with floats in Keras' precision, texts as tensors, lists as tuples."""
    floatx = import_keras().config.floatx()

    def converted(array: Any) -> Any:
        if not isinstance(array, np.ndarray):
            return array
        if is_text(array):
            import tensorflow as tf  # texts are tensors of TensorFlow, on any backend

            return tf.constant(array)
        return array.astype(floatx, copy=False) if array.dtype.kind == "f" else array

    return tuple(map_arrays(converted, part) for part in batch)


Batch = tuple[Any, ...]


class GeneratedBatches:
    """Batches from a generator, which is made again when it ends: `steps` of them in an epoch."""

    def __init__(self, make: Callable[[], Iterator[Any]], name: str, steps: int) -> None:
        self._make, self._name, self.steps = make, name, steps
        self._begun: Iterator[Any] | None = None

    def batches(self, n_skipped: int = 0) -> Generator[Batch]:
        """Yield batches without end, from number `n_skipped` on."""
        number = 0
        while True:
            before = number
            begun, self._begun = self._begun or self._make(), None
            for number, batch in enumerate(begun, before + 1):
                if number > n_skipped:
                    yield as_fit_takes(checked_batch(batch, self._name))
            if number == before:
                raise SettingError(
                    f"the generator for {self._name} must yield batches, but yields none"
                )

    def first(self) -> Batch:
        """Return the first batch; the generator is closed."""
        batches = self.batches()
        try:
            return next(batches)
        finally:
            batches.close()

    def peek(self) -> Batch:
        """Return the first batch, which is also the first of the batches asked for next."""
        batches = self._begun or iter(self._make())
        for batch in batches:
            self._begun = itertools.chain([batch], batches)
            return as_fit_takes(checked_batch(batch, self._name))
        return self.first()  # which says that there is none

    def stream(self, epoch: int = 0, *, is_repeated: bool = False) -> Any:
        """Return the batches from an epoch on as a keras.utils.PyDataset.

        With `is_repeated` each epoch has the same batches, as for validation.
        """
        return _stream_class()(self, epoch * self.steps, is_repeated)


def checked_batch(batch: Any, name: str) -> Batch:
    """Return a batch as a tuple: (x,), (x, y) or (x, y, sample_weight)."""
    if not isinstance(batch, tuple | list) or not 1 <= len(batch) <= 3:
        raise SettingError(
            f"the batches of {name} must be tuples (x, y) or (x, y, sample_weight), but got "
            f"{describe(batch)}"
        )
    return tuple(batch)


def release_callbacks(keras: Any, training: Any, validation: Any) -> list[Any]:
    """Return callbacks that let streams drop the batches that Keras has used."""
    hooks = {}
    for name, data in (("on_train_batch_end", training), ("on_test_batch_end", validation)):
        if hasattr(data, "release"):
            hooks[name] = lambda batch, logs=None, data=data: data.release(batch + 1)
    return [keras.callbacks.LambdaCallback(**hooks)] if hooks else []


@functools.cache
def _stream_class() -> Any:
    # Made on first use: its base class needs Keras.
    keras = import_keras()

    class Stream(keras.utils.PyDataset):  # type: ignore[misc, name-defined]
        # Keras reads the first batches before an epoch, and some backends read ahead in threads
        # that outlive it. So a batch is kept from when it is made until it was trained on.

        def __init__(self, generated: GeneratedBatches, n_skipped: int, is_repeated: bool) -> None:
            super().__init__()
            self._generated, self._is_repeated = generated, is_repeated
            self._batches = generated.batches(n_skipped)
            self._kept: list[Batch] = []
            self._n_released = 0
            self._lock = threading.Lock()

        def __len__(self) -> int:
            return self._generated.steps

        def __getitem__(self, index: int) -> Batch:
            with self._lock:  # threads may ask for several batches at once
                place = max(index - self._n_released, 0)
                while len(self._kept) <= place:
                    self._kept.append(next(self._batches))
                return self._kept[place]

        def release(self, number: int) -> None:
            with self._lock:
                del self._kept[: number - self._n_released]
                self._n_released = number

        def on_epoch_end(self) -> None:
            with self._lock:
                if not self._n_released:
                    return  # Keras calls this before the first epoch too
                self._kept.clear()
                self._n_released = 0
                if self._is_repeated:
                    self._batches.close()
                    self._batches = self._generated.batches()

    return Stream
