"""Data as ``fit`` takes it: one array, or several in a list, a tuple or a dict."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpopt.errors import SettingError

Array = NDArray[Any]
Structure = Any
"""An array, or a tuple or dict of structures: lists become tuples, as Keras' own datasets do it."""

LONGEST = 300  # characters of a description in a message: three lines of a terminal


def map_arrays(function: Callable[[Any], Any], data: Structure) -> Structure:
    """Apply a function to each array, and return the results in the same structure."""
    if isinstance(data, Mapping):
        return {name: map_arrays(function, part) for name, part in data.items()}
    if isinstance(data, tuple | list):
        return tuple(map_arrays(function, part) for part in data)
    return function(data)


def leaves(data: Structure, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each array after its name: ``x``, ``x['image']``, ``x[0]``."""
    if isinstance(data, Mapping):
        for key, part in data.items():
            yield from leaves(part, f"{name}[{str(key)[:40]!r}]")
    elif isinstance(data, tuple | list):
        for place, part in enumerate(data):
            yield from leaves(part, f"{name}[{place}]")
    else:
        yield name, data


def fits_shape(wanted: Sequence[int | None], shape: Sequence[int]) -> bool:
    """Return whether an array of a shape goes where one is wanted; None is any size."""
    return len(wanted) == len(shape) and all(
        size in (None, got) for size, got in zip(wanted, shape, strict=True)
    )


def first_leaf(data: Structure) -> Any:
    """Return the first array of a structure."""
    return next(leaves(data))[1]


def is_text(array: Any) -> bool:
    """Return whether an array holds texts."""
    return getattr(array.dtype, "kind", None) in ("U", "S", "O")


def describe(data: Any) -> str:
    """Describe data by shapes and dtypes, never by values: these may be private."""
    if isinstance(data, Mapping):
        parts = ", ".join(f"{str(key)[:40]!r}: {describe(part)}" for key, part in data.items())
        return _shortened(f"{{{parts}}}")
    if isinstance(data, tuple) or (isinstance(data, list) and data and _is_array(data[0])):
        return _shortened(f"({', '.join(map(describe, data))})")
    if hasattr(data, "shape") and hasattr(data, "dtype"):
        return f"{type(data).__name__} {tuple(data.shape)} of {data.dtype}"
    return "None" if data is None else type(data).__name__


def shapes_of(data: Structure) -> str:
    """Return the shape of an array, or those of a structure, as text."""
    if isinstance(data, Mapping):
        parts = ", ".join(f"{str(key)[:40]!r}: {shapes_of(part)}" for key, part in data.items())
        return _shortened(f"{{{parts}}}")
    if isinstance(data, tuple):
        return _shortened(f"[{', '.join(map(shapes_of, data))}]")
    return "None" if data is None else str(tuple(data.shape))


def checked_structure(
    values: Any, name: str, *, lengths: frozenset[int] = frozenset(), text: bool = False
) -> Structure:
    """Return arrays of finite numbers (or of texts), checked, without copies.

    Parameters
    ----------
    values : array-like, or a list, tuple or dict of them
    name : str
        Its name in messages.
    lengths : frozenset of int
        The possible numbers of examples, by other data: they decide whether a list of arrays is a
        list of inputs or a list of examples.
    text : bool
        Whether arrays of texts are accepted.
    """
    if isinstance(values, Mapping) or _is_several(values, lengths):
        if not values:
            raise SettingError(f"{name} must not be empty, but got {type(values).__name__}()")
        if isinstance(values, Mapping):
            return {
                key: checked_structure(
                    part, f"{name}[{str(key)[:40]!r}]", lengths=lengths, text=text
                )
                for key, part in values.items()
            }
        return tuple(
            checked_structure(part, f"{name}[{place}]", lengths=lengths, text=text)
            for place, part in enumerate(values)
        )
    return checked_array(values, name, text=text)


def lengths_of(values: Any) -> frozenset[int]:
    """Return the possible numbers of examples: several for a list of arrays."""
    if values is None:
        return frozenset()
    if isinstance(values, Mapping):
        return frozenset().union(*map(lengths_of, values.values()))
    found = {len(values)} if hasattr(values, "__len__") else set()
    if isinstance(values, list | tuple) and values and _is_array(values[0]):
        found.add(len(values[0]))
    return frozenset(found)


def checked_array(values: Any, name: str, *, text: bool = False) -> Array:
    """Return an array of finite numbers (or of texts), without a copy where it is one."""
    array = as_array(values, name)
    if text and is_text(array) and _is_all_text(array, name):
        return array
    if array.dtype.kind not in "buif":
        raise SettingError(
            f"{name} must be an array of numbers, but its dtype is {array.dtype}: encode names as "
            "numbers first"
        )
    # The extremes are nan or inf if any number is: no second array of this size is needed.
    if array.dtype.kind == "f" and not all(map(math.isfinite, (array.min(), array.max()))):
        # Row by row: a mask of the whole array may not fit in memory.
        n_bad = sum(int((~np.isfinite(row)).any()) for row in array)
        raise SettingError(
            f"{name} must be finite, but {n_bad} of its {len(array)} rows hold nan or inf: leave "
            "them out or fill them in"
        )
    return array


def as_array(values: Any, name: str) -> Array:
    """Return a non-empty array of any dtype."""
    try:
        # No copy of what is an array, a memory map too.
        array = np.asarray(values)
    except ValueError as error:
        raise SettingError(
            f"{name} must be an array, but its rows differ in shape: {str(error)[:LONGEST]}"
        ) from None
    except (TypeError, RuntimeError) as error:  # a tensor on a GPU, one that needs a gradient …
        raise SettingError(
            f"{name} must be an array, but {describe(values)} cannot become one: "
            f"{str(error)[:LONGEST]}"
        ) from error
    if array.ndim == 0:
        hint = ": give its toarray()" if hasattr(values, "toarray") else ""
        raise SettingError(f"{name} must be an array of examples, but got {describe(values)}{hint}")
    if not array.size:
        raise SettingError(f"{name} must not be empty, but its shape is {array.shape}")
    return array


def _is_several(values: Any, lengths: frozenset[int]) -> bool:
    """Return whether a list holds one array for each input, as ``fit`` takes it."""
    if not isinstance(values, list | tuple) or not values:
        return False
    if not all(isinstance(part, Mapping) or _is_array(part) for part in values):
        return False
    # As many arrays as there are examples are the examples, unless each is as long as the data.
    if any(isinstance(part, Mapping) for part in values) or len(values) not in lengths:
        return True
    return all(len(part) in lengths for part in values)


def _is_array(part: Any) -> bool:
    return len(getattr(part, "shape", ())) > 0


def _is_all_text(array: Array, name: str) -> bool:
    if array.dtype.kind in "US":
        return True
    n_bad = sum(not isinstance(each, str | bytes) for each in array.ravel().tolist())
    if 0 < n_bad < array.size:
        raise SettingError(
            f"{name} must hold texts or numbers alone, but of its {array.size} values of dtype "
            f"object {n_bad} are no text: fill in what is missing, and give texts and numbers as "
            "arrays of their own, in a dict"
        )
    return n_bad == 0


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
