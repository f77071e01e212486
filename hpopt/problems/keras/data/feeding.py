"""Convert examples for Keras: rows into batches, generators into streams, datasets as they are."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from hpopt.errors import SettingError
from hpopt.problems.keras.data.batches import GeneratedBatches, as_fit_takes, batches, checked_batch
from hpopt.problems.keras.data.rows import Rows, checked_rows
from hpopt.problems.keras.session import import_keras

Examples = Any
"""Rows, batches from a generator, or a dataset that Keras takes as it is."""


def is_dataset(data: Any) -> bool:
    """Return whether this is a keras.utils.PyDataset or a tf.data.Dataset."""
    # By name and attribute, as neither may be imported yet.
    return hasattr(data, "element_spec") or any(
        kind.__name__ == "PyDataset" for kind in type(data).__mro__
    )


def is_generator(data: Any) -> bool:
    """Return whether this is a generator or another iterator, which yields its batches once."""
    return hasattr(data, "__next__") and not is_dataset(data)


def small_batch(data: Examples) -> tuple[Any, ...] | None:
    """Return a batch of few examples if that is cheap; else None.

    For a tf.data.Dataset, whose first batch may take a minute of shuffling, it holds zeros.
    """
    if isinstance(data, Rows):
        return as_fit_takes(data.batch(slice(0, 2)))
    if isinstance(data, GeneratedBatches):
        return data.first()
    if hasattr(data, "element_spec"):
        return _zeros(data.element_spec)
    return as_fit_takes(checked_batch(data[0], "a dataset")) if len_of(data) else None


def first_batch(data: Examples) -> Rows | None:
    """Return rows that can be checked if that is cheap; else None."""
    if isinstance(data, Rows):
        return data
    if hasattr(data, "element_spec") or isinstance(data, GeneratedBatches) or not len_of(data):
        return None
    names = ("the inputs of a batch", "the targets of a batch")
    return checked_rows(*checked_batch(data[0], "a dataset"), names=names)


def first_input(data: Examples) -> Any:
    """Return some inputs, to build a model with."""
    if isinstance(data, Rows):
        return as_fit_takes(data.batch(slice(0, 1)))[0]
    if isinstance(data, GeneratedBatches):
        return data.first()[0]
    return data[0][0] if hasattr(data, "num_batches") else next(iter(data))[0]


def input_batch(data: Examples, n: int) -> Any:
    """Return the inputs of a batch of n examples: the first ones, again and again if need be."""
    places = np.arange(n)
    if isinstance(data, Rows):
        return as_fit_takes(data.batch(places % len(data)))[0]
    # Of tensors numpy makes arrays, whichever backend they are of.
    return import_keras().tree.map_structure(
        lambda part: np.asarray(part)[places % len(part)], first_input(data)
    )


def as_fit_input(data: Examples, size: int, *, seed: int | None = None, epoch: int = 0) -> Any:
    """Return examples as ``fit`` takes them, from an epoch on; without a seed for validation."""
    if isinstance(data, GeneratedBatches):
        return data.stream(epoch, is_repeated=seed is None)
    if isinstance(data, Rows):
        return batches(data, size, seed=seed, epoch=epoch)
    if hasattr(data, "on_epoch_end"):  # a PyDataset, which may shuffle there
        for _ in range(epoch):
            data.on_epoch_end()
    return data


def in_order_of_outputs(data: Examples, model: Any) -> Examples:
    """Return examples whose sample weights are in the order of a model's outputs."""
    # Keras takes a dict of targets for a list of outputs, but not a dict of their weights.
    names = getattr(model, "output_names", None)
    if not isinstance(data, Rows) or not isinstance(data.weights, dict) or not names:
        return data
    # Outputs by name take the dict as it is.
    if isinstance(model.output, dict) or set(data.weights) != set(names):
        return data
    return replace(data, weights=tuple(data.weights[name] for name in names))


def n_batches(data: Examples, size: int, steps: int | None = None) -> int:
    """Return how many steps an epoch has; raise SettingError if a dataset does not know it."""
    if steps is not None:
        return steps
    if isinstance(data, Rows):
        return math.ceil(len(data) / size)
    length = len_of(data)
    if length is None:
        raise SettingError(
            "a learning-rate schedule needs the number of batches, but the dataset does not know "
            "its own: give steps_per_epoch"
        )
    return length


def len_of(data: Any) -> int | None:
    """Return how many batches a dataset has, or None where it does not know."""
    try:
        number = getattr(data, "num_batches", None)
        return len(data) if number is None else int(number)
    except (TypeError, NotImplementedError):
        return None


def is_endless(data: Any) -> bool:
    """Return whether a tf.data.Dataset repeats for ever."""
    return hasattr(data, "element_spec") and int(data.cardinality()) == -1


def _zeros(spec: Any) -> tuple[Any, ...] | None:
    # None for ragged and sparse tensors, and for tensors of unknown rank.
    import tensorflow as tf

    parts = tf.nest.flatten(spec)
    if not isinstance(spec, tuple) or not all(
        isinstance(part, tf.TensorSpec) and part.shape.rank for part in parts
    ):
        return None
    return tf.nest.map_structure(  # type: ignore[no-any-return]
        lambda part: tf.zeros([side or 1 for side in part.shape], part.dtype), spec
    )
