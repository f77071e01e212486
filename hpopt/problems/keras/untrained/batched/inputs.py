"""The data that goes into networks: one array, or several for models with several inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hpopt.errors import SettingError
from hpopt.problems.keras.data.structures import checked_array


def checked_inputs(x: Any, shapes: Sequence[tuple[int | None, ...]], floatx: str) -> Any:
    """Give inputs in the precision that Keras computes in.

    Parameters
    ----------
    x : array-like (n, ...), or tuple or mapping of several
    shapes : sequence of tuple
        The shape of an example of each input, where a model says it; None for any size.
    floatx : str

    Raises
    ------
    SettingError
        They are not finite numbers, or do not fit the model.
    """
    if isinstance(x, tuple | Mapping):
        arrays = x if isinstance(x, Mapping) else dict(enumerate(x))
        found = {key: _floats(value, f"x[{key!r}]", floatx) for key, value in arrays.items()}
        if len({len(array) for array in found.values()}) != 1:
            lengths = {key: len(array) for key, array in found.items()}
            raise SettingError(f"all inputs must be of the same length, but got {lengths}")
        return found if isinstance(x, Mapping) else tuple(found.values())
    array = _floats(x, "x", floatx)
    if len(shapes) > 1:
        raise SettingError(
            f"the model has {len(shapes)} inputs, but x is one array: give a tuple of arrays"
        )
    for shape in shapes:
        fits = len(shape) == array.ndim - 1 and all(
            wanted in (None, got) for wanted, got in zip(shape, array.shape[1:], strict=True)
        )
        if not fits:
            raise SettingError(
                f"x must have the shape (n, {', '.join(map(str, shape))}), as the model's input, "
                f"but got {array.shape}"
            )
    return array


def n_examples(x: Any) -> int:
    """Say how many examples there are."""
    if isinstance(x, Mapping):
        return len(next(iter(x.values())))
    return len(x[0] if isinstance(x, tuple) else x)


def examples(x: Any, places: slice) -> Any:
    """Give some of the examples."""
    if isinstance(x, Mapping):
        return {key: array[places] for key, array in x.items()}
    return tuple(array[places] for array in x) if isinstance(x, tuple) else x[places]


def _floats(values: Any, name: str, floatx: str) -> Any:
    """Give an array in Keras' precision; whole numbers (of an Embedding) fit into it too."""
    return checked_array(values, name).astype(np.dtype(floatx), copy=False)
