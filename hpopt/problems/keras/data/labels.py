"""Labels of classes, of any kind, as numbers from 0."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hpopt.errors import SettingError
from hpopt.problems.keras.data.structures import as_array

ClassWeight = Mapping[Any, float] | Literal["balanced"]


class Labels:
    """The classes of some data, and their numbers for a network.

    Parameters
    ----------
    y : array-like (n,), (n, 1), or (n, k) one-hot
        Numbers or names of classes.
    classes : sequence, optional
        All classes, if `y` does not hold each of them. By default those in `y`, sorted.
    """

    def __init__(self, y: Any, classes: Sequence[Any] | None = None) -> None:
        found = _flat(y, "y")
        self.classes: list[Any] = np.unique(found).tolist() if classes is None else list(classes)
        if classes is None and _is_one_hot(np.asarray(y)):
            self.classes = list(range(np.asarray(y).shape[1]))
        self._numbers = {label: number for number, label in enumerate(self.classes)}
        if len(self._numbers) < len(self.classes):
            raise SettingError(f"classes must be different, but got {_short(self.classes)}")
        if len(self.classes) < 2:
            raise SettingError(
                f"there must be at least two classes to tell apart, but got {_short(self.classes)}"
            )

    def numbers(self, y: Any, name: str = "y") -> NDArray[np.int32]:
        """Return the numbers of labels, shape (n,); raise SettingError for one of no class."""
        # Each label is looked up once, however many examples have it.
        labels, inverse = np.unique(_flat(y, name), return_inverse=True)
        unknown = [label for label in labels.tolist() if label not in self._numbers]
        if unknown:
            raise SettingError(
                f"the labels in {name} must be among the classes {_short(self.classes)}, but got "
                f"{_short(unknown)}"
            )
        numbers = np.array([self._numbers[label] for label in labels.tolist()], dtype=np.int32)
        return numbers[inverse.ravel()]

    def weights(self, class_weight: ClassWeight | None, y: Any) -> dict[int, float] | None:
        """Return the weight of each class, by its number.

        "balanced" gives all classes the same total weight, however many examples they have.
        """
        if class_weight is None:
            return None
        if isinstance(class_weight, Mapping):
            keys = self.numbers(list(class_weight), "class_weight").tolist()
            return dict(zip(keys, map(float, class_weight.values()), strict=True))
        if class_weight != "balanced":
            raise SettingError(
                "class_weight must be a mapping of classes to numbers or 'balanced', but got "
                f"{class_weight!r}"
            )
        counts = np.bincount(self.numbers(y), minlength=len(self.classes))
        # n / (number of classes * n of the class), as scikit-learn balances.
        shares = counts.sum() / (np.count_nonzero(counts) * np.maximum(counts, 1))
        return {number: float(share) for number, share in enumerate(shares)}


def _flat(y: Any, name: str) -> NDArray[Any]:
    """Return labels as an array (n,); one-hot rows become the places of their ones."""
    array = as_array(y, name)
    if _is_one_hot(array):
        return np.asarray(array.argmax(axis=1))
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise SettingError(
            f"{name} must hold one label for each example, or one-hot rows, but its shape is "
            f"{array.shape}"
        )
    if array.dtype.kind == "f":
        n_whole = np.count_nonzero(np.isfinite(array) & (array == np.rint(array)))
        if n_whole < len(array):
            raise SettingError(
                f"{name} must hold the labels of classes, but {len(array) - n_whole} of its "
                f"{len(array)} numbers are not whole: to predict numbers, use KerasProblem with a "
                "builder"
            )
    return _plain(array, name) if array.dtype.kind == "O" else array


def _plain(array: NDArray[Any], name: str) -> NDArray[Any]:
    """Return an array of objects (from pandas, say) as an array of numbers or of names."""
    listed = array.tolist()
    missing = sum(
        label is None or (isinstance(label, float) and math.isnan(label)) for label in listed
    )
    if missing:
        raise SettingError(
            f"{name} must hold the label of each example, but {missing} of {len(listed)} are "
            "missing: leave these examples out"
        )
    plain = np.array(listed)
    if plain.dtype.kind not in "buifU":
        kinds = sorted({type(label).__name__ for label in listed})
        raise SettingError(
            f"{name} must hold numbers or names, but its labels are of the types "
            f"{', '.join(kinds[:10])}"
        )
    return plain


def _is_one_hot(array: NDArray[Any]) -> bool:
    return (
        array.ndim == 2
        and array.shape[1] > 1
        and array.dtype.kind in "buif"
        and bool(((array == 0) | (array == 1)).all() and (array.sum(axis=1) == 1).all())
    )


def _short(labels: Sequence[Any]) -> str:
    shown = ", ".join(repr(label)[:40] for label in labels[:10])
    return f"[{shown}{', ...' if len(labels) > 10 else ''}]"
