"""Batches from a generator for Keras: each made once, in order, whoever reads ahead."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Generator, Iterator
from typing import Any

from hpopt.errors import SettingError
from hpopt.problems.keras.data.batches import as_fit_takes
from hpopt.problems.keras.data.structures import describe
from hpopt.problems.keras.session import import_keras

Batch = tuple[Any, ...]


class GeneratedBatches:
    """Batches from a generator that a function makes: as many as are wanted, made anew at its end.

    Parameters
    ----------
    make : callable
        Returns a generator of batches, from the first one on.
    name : str
        What it is called in messages.
    steps : int, at least 1
        Batches an epoch.
    """

    def __init__(self, make: Callable[[], Iterator[Any]], name: str, steps: int) -> None:
        self._make, self._name, self.steps = make, name, steps

    def batches(self, n_skipped: int = 0) -> Generator[Batch]:
        """Yield batches without an end, those after the first `n_skipped`."""
        number = 0
        while True:
            before = number
            for number, batch in enumerate(self._make(), before + 1):
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

    def stream(self, epoch: int = 0, *, is_repeated: bool = False) -> Any:
        """Return the batches as a keras.utils.PyDataset, from those of an epoch on.

        Parameters
        ----------
        epoch : int
            The number of the first epoch, from 0.
        is_repeated : bool
            Whether each epoch has the same batches, as validation should.
        """
        return _stream_class()(self, epoch * self.steps, is_repeated)


def checked_batch(batch: Any, name: str) -> Batch:
    """Return a batch as a tuple: (x,), (x, y) or (x, y, sample_weight).

    Raises
    ------
    SettingError
        It is anything else.
    """
    if not isinstance(batch, tuple | list) or not 1 <= len(batch) <= 3:
        raise SettingError(
            f"the batches of {name} must be tuples (x, y) or (x, y, sample_weight), but got "
            f"{describe(batch)}"
        )
    return tuple(batch)


def release_callbacks(keras: Any, training: Any, validation: Any) -> list[Any]:
    """Return the callbacks that tell streams which batches are done with."""
    hooks = {}
    for name, data in (("on_train_batch_end", training), ("on_test_batch_end", validation)):
        if hasattr(data, "release"):
            hooks[name] = lambda batch, logs=None, data=data: data.release(batch + 1)
    return [keras.callbacks.LambdaCallback(**hooks)] if hooks else []


@functools.cache
def _stream_class() -> Any:
    """Make the class when Keras, of which it is a subclass, is there."""
    keras = import_keras()

    class Stream(keras.utils.PyDataset):  # type: ignore[misc, name-defined]
        """An epoch of batches, by number.

        Keras looks at the first batches before an epoch, and some backends read ahead in threads
        that they leave. So batches are kept from when they are made until they are trained on.
        """

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
            with self._lock:
                place = max(index - self._n_released, 0)
                while len(self._kept) <= place:
                    self._kept.append(next(self._batches))
                return self._kept[place]

        def release(self, number: int) -> None:
            """Keep no batch before this number."""
            with self._lock:
                del self._kept[: number - self._n_released]
                self._n_released = number

        def on_epoch_end(self) -> None:
            with self._lock:
                if not self._n_released:
                    return  # Keras says so before the first epoch too
                self._kept.clear()
                self._n_released = 0
                if self._is_repeated:
                    self._batches.close()
                    self._batches = self._generated.batches()

    return Stream
