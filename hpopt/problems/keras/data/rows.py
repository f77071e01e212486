"""Examples in arrays: checked, and split by the numbers of their rows, never copied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpopt.checks import real
from hpopt.errors import SettingError
from hpopt.problems.keras.data.structures import (
    Array,
    Structure,
    checked_structure,
    describe,
    first_leaf,
    leaves,
    lengths_of,
    map_arrays,
    shapes_of,
)

SPLIT_SEED = 0


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of arrays that belong together.

    Rows are chosen by number, so that processes may share the arrays as memory maps: only
    batches are ever copied.

    Attributes
    ----------
    x, y : ndarray (n, ...), or a tuple or dict of them
        Inputs and targets; no targets (None) where the model computes its loss from inputs alone.
    numbers : ndarray (m,) of int, or None
        The numbers of the rows that are meant; None for all.
    weights : ndarray (n, ...), or a tuple or dict of them, or None
        How much each row counts in the loss.
    """

    x: Structure
    y: Structure
    numbers: NDArray[np.int64] | None = None
    weights: Structure | None = None

    def __len__(self) -> int:
        return len(first_leaf(self.x)) if self.numbers is None else len(self.numbers)

    def take(self, places: NDArray[np.int64] | slice) -> tuple[Any, Any]:
        """Return the inputs and targets at places among these rows."""
        return self._of(self.x, places), self._of(self.y, places)

    def batch(self, places: NDArray[np.int64] | slice) -> tuple[Any, ...]:
        """Return what ``fit`` takes of these places: inputs, targets and weights, those there are.

        It is a tuple of one, two or three.
        """
        x, y = self.take(places)
        if y is None:
            return (x,)
        return (x, y) if self.weights is None else (x, y, self._of(self.weights, places))

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
        return self.row_pair(np.flatnonzero(~aside), np.flatnonzero(aside))

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
        return [
            self.row_pair(np.flatnonzero(fold != left_out), np.flatnonzero(fold == left_out))
            for left_out in range(k)
        ]

    def row_pair(
        self, training: NDArray[np.int64], validation: NDArray[np.int64]
    ) -> tuple[Rows, Rows]:
        """Return the rows of these numbers: some to train on, some to validate on."""
        return (
            Rows(self.x, self.y, training, self.weights),
            Rows(self.x, self.y, validation, self.weights),
        )

    def _of(self, data: Structure | None, places: NDArray[np.int64] | slice) -> Any:
        if data is None:
            return None
        chosen = places if self.numbers is None else self.numbers[places]
        return map_arrays(lambda array: array[chosen], data)

    def _by_stratum(self, rng: np.random.Generator) -> NDArray[np.int64]:
        return np.lexsort((rng.random(len(self)), _strata(self.y, len(self))))


def strata_labels(y: Structure | None) -> Array | None:
    """Return one number for each row by which a split can be even, of the first of the targets.

    None where the targets have no such number: there are none, or they are images, say.
    """
    if y is None:
        return None
    first: Array = first_leaf(y)
    flat = first.reshape(len(first), -1) if first.ndim > 1 else first[:, None]
    if flat.shape[1] == 1:
        return flat[:, 0]
    return np.asarray(flat.argmax(axis=1)) if first.ndim == 2 else None


def _strata(y: Structure | None, n: int) -> NDArray[np.int64]:
    labels = strata_labels(y)
    if labels is None:
        return np.zeros(n, dtype=np.int64)
    return np.unique(labels, return_inverse=True)[1].ravel()


def training_and_validation(
    x: Any,
    y: Any,
    validation_data: Any,
    validation_split: float,
    sample_weight: Any = None,
) -> tuple[Rows, Rows | None]:
    """Check the data of a problem, and return the rows to train on and those to validate on.

    Raises
    ------
    SettingError
        Something is wrong with them; the message says what.
    """
    rows = checked_rows(x, y, weights=sample_weight)
    if validation_data is not None:
        validation = validation_rows(validation_data, "arrays (x, y)", y is None)
        for name, mine, theirs in (("x", rows.x, validation.x), ("y", rows.y, validation.y)):
            if _form(mine) != _form(theirs):
                raise SettingError(
                    f"validation data must have the shape of the training data, but its {name} "
                    f"has {shapes_of(theirs)} where that of training has {shapes_of(mine)}"
                )
        return rows, validation
    part = real(validation_split)
    if part is None or not 0 <= part < 1:
        raise SettingError(
            f"0 <= validation_split < 1 must hold, but got {validation_split!r}: it is a part of "
            "the examples"
        )
    return rows.split(part, SPLIT_SEED) if part else (rows, None)


def validation_rows(data: Any, wanted: str, is_x_alone: bool = False) -> Rows:
    """Return validation data, (x, y) or (x, y, sample_weight), as rows; (x,) where there is no y.

    Raises
    ------
    SettingError
        They are not what was `wanted`, or something is wrong with the arrays.
    """
    if is_x_alone and not isinstance(data, tuple | list):
        data = (data,)
    if not isinstance(data, tuple | list) or len(data) not in ((1, 2, 3) if is_x_alone else (2, 3)):
        raise SettingError(
            f"validation_data must be a pair of {wanted}, or (x, y, sample_weight), but got "
            f"{describe(data)}"
        )
    x, y, weights = (*data, None, None)[:3]
    return checked_rows(x, y, ("validation x", "validation y"), weights)


def checked_rows(x: Any, y: Any, names: tuple[str, str] = ("x", "y"), weights: Any = None) -> Rows:
    """Return arrays as rows, or raise an error that says what is wrong with them.

    Parameters
    ----------
    x, y : array-like, or a list, tuple or dict of them
        Inputs, numbers or texts; targets, numbers, or None.
    names : (str, str)
        What they are called in messages.
    weights : array-like, or a list, tuple or dict of them, optional
        How much each row counts.

    Raises
    ------
    SettingError
        They are empty, of different lengths, not numbers, or hold nan or inf.
    """
    checked_x = checked_structure(x, names[0], lengths=lengths_of(y), text=True)
    checked_y = None if y is None else checked_structure(y, names[1], lengths=lengths_of(x))
    checked_weights = None
    first, n = next((name, len(array)) for name, array in leaves(checked_x, names[0]))
    if weights is not None:
        if y is None:
            raise SettingError(
                "sample_weight needs targets y whose loss it weights, but there are none"
            )
        checked_weights = checked_structure(weights, "sample_weight", lengths=frozenset([n]))
    parts = ((checked_x, names[0]), (checked_y, names[1]), (checked_weights, "sample_weight"))
    for data, of in parts:
        for name, array in leaves(data, of) if data is not None else ():
            if len(array) != n:
                raise SettingError(
                    f"{first} and {name} must be of the same length, but got {n} and {len(array)}"
                )
    return Rows(checked_x, checked_y, weights=checked_weights)


def _form(data: Structure | None) -> Any:
    """Return what training and validation data must have in common: all but their lengths."""
    return None if data is None else map_arrays(lambda array: array.shape[1:], data)
