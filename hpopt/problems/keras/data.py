"""Arrays of examples: checked, and split by the numbers of their rows, never copied."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpopt.errors import SettingError

Array = NDArray[Any]
SPLIT_SEED = 0


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of two arrays that belong together.

    Rows are chosen by number, so that processes may share the arrays as memory maps: only
    batches are ever copied.

    Attributes
    ----------
    x, y : ndarray (n, ...)
        Inputs and targets.
    numbers : ndarray (m,) of int, or None
        The numbers of the rows that are meant; None for all.
    """

    x: Array
    y: Array
    numbers: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.x) if self.numbers is None else len(self.numbers)

    def take(self, places: NDArray[np.int64] | slice) -> tuple[Array, Array]:
        """Give the inputs and targets at places among these rows."""
        chosen = places if self.numbers is None else self.numbers[places]
        return self.x[chosen], self.y[chosen]

    def split(self, fraction: float, seed: int) -> tuple[Rows, Rows]:
        """Put a fraction of the rows aside, stratified by class (or by the size of a number).

        Rows are sorted by their target, equal ones shuffled, and evenly spaced ones put aside:
        each class gives its share up to one row, and the total is exact.

        Parameters
        ----------
        fraction : float, in (0, 1)
        seed : int

        Returns
        -------
        (Rows, Rows)
            The rest, and what was put aside; each has at least one row.
        """
        n = len(self)
        if n < 2:
            raise SettingError(
                f"validation_split needs at least 2 examples, but got {n}: give validation_data"
            )
        n_aside = min(max(round(n * fraction), 1), n - 1)
        rng = np.random.default_rng(seed)
        order = self._by_stratum(rng)
        first = rng.random()
        aside = np.zeros(n, dtype=bool)
        aside[order[np.floor((np.arange(n_aside) + first) * (n / n_aside)).astype(np.int64)]] = True
        return self._parted(aside)

    def folds(self, k: int, seed: int) -> list[tuple[Rows, Rows]]:
        """Part the rows into k folds, stratified in the same way, and leave each out once.

        Returns
        -------
        list of (Rows, Rows)
            The rest, and the fold that is left out.
        """
        n = len(self)
        if n < k:
            raise SettingError(f"folds must be at most the number of examples, {n}, but got {k}")
        fold = np.empty(n, dtype=np.int64)
        fold[self._by_stratum(np.random.default_rng(seed))] = np.arange(n) % k
        return [self._parted(fold == left_out) for left_out in range(k)]

    def _by_stratum(self, rng: np.random.Generator) -> NDArray[np.int64]:
        return np.lexsort((rng.random(len(self)), _strata(self.y)))

    def _parted(self, aside: NDArray[np.bool_]) -> tuple[Rows, Rows]:
        return (
            Rows(self.x, self.y, np.flatnonzero(~aside)),
            Rows(self.x, self.y, np.flatnonzero(aside)),
        )


def _strata(y: Array) -> NDArray[np.int64]:
    """Give a number for each row by which a split is to be even."""
    flat = y.reshape(len(y), -1) if y.ndim > 1 else y[:, None]
    if flat.shape[1] == 1:
        return np.unique(flat[:, 0], return_inverse=True)[1].ravel()
    if y.ndim == 2:
        return np.asarray(flat.argmax(axis=1))
    return np.zeros(len(y), dtype=np.int64)


def training_and_validation(
    x: Any, y: Any, validation_data: tuple[Any, Any] | None, validation_split: float
) -> tuple[Rows, Rows | None]:
    """Check the data of a problem, and give the rows to train on and those to validate on.

    Raises
    ------
    SettingError
        Something is wrong with them; the message says what.
    """
    rows = checked_rows(x, y)
    if validation_data is not None:
        if not isinstance(validation_data, tuple | list) or len(validation_data) != 2:
            raise SettingError(
                "validation_data must be a pair of arrays (x, y), but got "
                f"{type(validation_data).__name__}"
            )
        validation = checked_rows(*validation_data, names=("validation x", "validation y"))
        for name, mine, theirs in (("x", rows.x, validation.x), ("y", rows.y, validation.y)):
            if mine.shape[1:] != theirs.shape[1:]:
                raise SettingError(
                    f"validation data must have the shape of the training data, but its {name} "
                    f"has {theirs.shape} where that of training has {mine.shape}"
                )
        return rows, validation
    is_number = isinstance(validation_split, int | float) and not isinstance(validation_split, bool)
    if not is_number or not 0 <= validation_split < 1:
        raise SettingError(
            f"0 <= validation_split < 1 must hold, but got {validation_split!r}: it is a part of "
            "the examples"
        )
    return rows.split(validation_split, SPLIT_SEED) if validation_split else (rows, None)


def checked_rows(x: Any, y: Any, names: tuple[str, str] = ("x", "y")) -> Rows:
    """Give arrays as rows, or say what is wrong with them.

    Raises
    ------
    SettingError
        They are empty, of different lengths, not numbers, or hold nan or inf.
    """
    rows = Rows(checked_array(x, names[0]), checked_array(y, names[1]))
    if len(rows.x) != len(rows.y):
        raise SettingError(
            f"{names[0]} and {names[1]} must be of the same length, but got {len(rows.x)} and "
            f"{len(rows.y)}"
        )
    return rows


def checked_array(values: Any, name: str) -> Array:
    """Give an array of finite numbers, without a copy where it is one."""
    array = as_array(values, name)
    if array.dtype.kind not in "buif":
        raise SettingError(
            f"{name} must be an array of numbers, but its dtype is {array.dtype}: encode names as "
            "numbers first"
        )
    # The extremes tell of nan and inf, and need no second array of the same size.
    if array.dtype.kind == "f" and not all(map(math.isfinite, (array.min(), array.max()))):
        n_bad = sum(int((~np.isfinite(row)).any()) for row in array)
        raise SettingError(
            f"{name} must be finite, but {n_bad} of its {len(array)} rows hold nan or inf: leave "
            "them out or fill them in"
        )
    return array


def as_array(values: Any, name: str) -> Array:
    """Give a non-empty array, of whatever it holds."""
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise SettingError(
            f"{name} must be an array, but its rows differ in shape: {error}"
        ) from None
    if array.ndim == 0:
        raise SettingError(f"{name} must be an array of examples, but got {values!r}")
    if not array.size:
        raise SettingError(f"{name} must not be empty, but its shape is {array.shape}")
    return array
