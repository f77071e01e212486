"""Examples in arrays: checked, and split by the numbers of their rows, without copies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpopt.checks import fraction
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

SPLIT_SEED = 0  # fixed, so that all trials and studies of the same data validate on the same rows
# Examples whose statistics are taken at a time: any number does that fits in memory as float64.
BLOCK = 1024


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of arrays (n, ...) that belong together, or of tuples or dicts of arrays.

    Rows are chosen by number, so that processes can share the arrays as memory maps: only
    batches are copied.
    """

    x: Structure
    y: Structure  # None where the model computes its loss from inputs alone
    numbers: NDArray[np.int64] | None = None  # of the rows; None for all of the arrays
    weights: Structure | None = None  # of each row in the loss

    def __len__(self) -> int:
        return len(first_leaf(self.x)) if self.numbers is None else len(self.numbers)

    def take(self, places: NDArray[np.int64] | slice) -> tuple[Any, Any]:
        """Return the inputs and targets at these places among the rows."""
        return self._of(self.x, places), self._of(self.y, places)

    def batch(self, places: NDArray[np.int64] | slice) -> tuple[Any, ...]:
        """Return a batch as ``fit`` takes it: (x,), (x, y) or (x, y, weights)."""
        x, y = self.take(places)
        if y is None:
            return (x,)
        return (x, y) if self.weights is None else (x, y, self._of(self.weights, places))

    def split(self, fraction: float, seed: int) -> tuple[Rows, Rows]:
        """Put a fraction of the rows aside, stratified by class (or by the size of a number).

        Rows are sorted by their target, equal ones shuffled, and evenly spaced ones put aside: so
        each class has its share up to one row. Both parts have at least one row.
        """
        n = len(self)
        if n < 2:
            raise SettingError(
                f"validation_split needs at least 2 examples, but got {n}: give validation_data"
            )
        # Both parts have at least one row.
        n_aside = min(max(round(n * fraction), 1), n - 1)
        rng = np.random.default_rng(seed)
        order = self._by_stratum(rng)
        first = rng.random()
        aside = np.zeros(n, dtype=bool)
        # Evenly spaced places in the sorted order, from a random first one.
        aside[order[np.floor((np.arange(n_aside) + first) * (n / n_aside)).astype(np.int64)]] = True
        return self.row_pair(np.flatnonzero(~aside), np.flatnonzero(aside))

    def folds(self, k: int, seed: int) -> list[tuple[Rows, Rows]]:
        """Divide the rows into k folds, stratified like `split`: of each the rest, and the fold."""
        n = len(self)
        if n < k:
            raise SettingError(f"folds must be at most the number of examples, {n}, but got {k}")
        fold = np.empty(n, dtype=np.int64)
        fold[self._by_stratum(np.random.default_rng(seed))] = np.arange(n) % k
        return [
            self.row_pair(np.flatnonzero(fold != left_out), np.flatnonzero(fold == left_out))
            for left_out in range(k)
        ]

    def subset(self, n: int) -> Rows:
        """Return n of the rows in their order, stratified by class; a larger subset has them all.

        Of targets that all differ, evenly spaced ones are taken, by their size.
        """
        if n >= len(self):
            return self
        rng = np.random.default_rng(SPLIT_SEED)
        order = self._by_stratum(rng)
        stratum = self._strata()[order]
        sizes, firsts = np.bincount(stratum), np.searchsorted(stratum, np.arange(stratum[-1] + 1))
        # The k-th row of a class is wanted when its class has the share (k + 1/2) / size.
        share = (np.arange(len(order)) - firsts[stratum] + 0.5) / sizes[stratum]
        chosen = np.sort(order[np.lexsort((_radical_inverse(stratum), share))[:n]])
        numbers = chosen if self.numbers is None else self.numbers[chosen]
        return replace(self, numbers=numbers)

    def mean_and_variance(self, n_channels: int) -> tuple[list[float], list[float]]:
        """Return the mean and variance of each channel of the inputs.

        Channels are along the last axis of the inputs; with one, all numbers are of it.
        """
        # In two passes: the difference of large sums would lose the digits of a small variance.
        count = sum(len(block) for block in self._blocks(n_channels))
        mean = sum(block.sum(axis=0) for block in self._blocks(n_channels)) / count
        squares = sum(((block - mean) ** 2).sum(axis=0) for block in self._blocks(n_channels))
        return mean.tolist(), (squares / count).tolist()

    def row_pair(
        self, training: NDArray[np.int64], validation: NDArray[np.int64]
    ) -> tuple[Rows, Rows]:
        """Return the rows of these numbers: those to train on, those to validate on."""
        return (
            Rows(self.x, self.y, training, self.weights),
            Rows(self.x, self.y, validation, self.weights),
        )

    def _blocks(self, n_channels: int) -> Iterator[Array]:
        """Yield the inputs as numbers by channel, shape (m, n_channels), a block at a time."""
        for start in range(0, len(self), BLOCK):
            x, _ = self.take(slice(start, start + BLOCK))
            yield x.astype(np.float64).reshape(-1, n_channels)

    def _of(self, data: Structure | None, places: NDArray[np.int64] | slice) -> Any:
        if data is None:
            return None
        # An array is indexed once: of a memory map only these rows are read.
        chosen = places if self.numbers is None else self.numbers[places]
        return map_arrays(lambda array: array[chosen], data)

    def _by_stratum(self, rng: np.random.Generator) -> NDArray[np.int64]:
        # Sorted by stratum; the random numbers shuffle each of them.
        return np.lexsort((rng.random(len(self)), self._strata()))

    def _strata(self) -> NDArray[np.int64]:
        labels = strata_labels(self.y)
        if labels is None:
            return np.zeros(len(self), dtype=np.int64)
        chosen = labels if self.numbers is None else labels[self.numbers]
        return np.unique(chosen, return_inverse=True)[1].ravel()


def strata_labels(y: Structure | None) -> Array | None:
    """Return one number for each row to stratify by, of the first of the targets.

    None where there are no targets, or they are images, say.
    """
    if y is None:
        return None
    first: Array = first_leaf(y)
    flat = first.reshape(len(first), -1) if first.ndim > 1 else first[:, None]
    if flat.shape[1] == 1:
        return flat[:, 0]
    return np.asarray(flat.argmax(axis=1)) if first.ndim == 2 else None


def _radical_inverse(numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return van der Corput's sequence (base 2) at these places: its order spreads them evenly."""
    inverse, weight = np.zeros(len(numbers)), 0.5
    while numbers.any():
        inverse += weight * (numbers & 1)
        numbers, weight = numbers >> 1, weight / 2
    return inverse


def training_and_validation(
    x: Any,
    y: Any,
    validation_data: Any,
    validation_split: float,
    sample_weight: Any = None,
) -> tuple[Rows, Rows | None]:
    """Check the data of a problem, and return the rows to train on and those to validate on."""
    rows = checked_rows(x, y, sample_weight)
    if validation_data is not None:
        validation = validation_rows(validation_data, "arrays (x, y)", y is None)
        for name, mine, theirs in (("x", rows.x, validation.x), ("y", rows.y, validation.y)):
            if _form(mine) != _form(theirs):
                raise SettingError(
                    f"validation data must have the shape of the training data, but its {name} "
                    f"has {shapes_of(theirs)} where that of training has {shapes_of(mine)}"
                )
        return rows, validation
    part = fraction("validation_split", validation_split)
    return rows.split(part, SPLIT_SEED) if part else (rows, None)


def validation_rows(data: Any, wanted: str, is_x_alone: bool = False) -> Rows:
    """Return validation data, (x, y) or (x, y, sample_weight), as rows."""
    if is_x_alone and not isinstance(data, tuple | list):
        data = (data,)
    if not isinstance(data, tuple | list) or len(data) not in ((1, 2, 3) if is_x_alone else (2, 3)):
        raise SettingError(
            f"validation_data must be a pair of {wanted}, or (x, y, sample_weight), but got "
            f"{describe(data)}"
        )
    return checked_rows(*data, names=("validation x", "validation y"))


def checked_rows(
    x: Any, y: Any = None, weights: Any = None, *, names: tuple[str, str] = ("x", "y")
) -> Rows:
    """Return arrays as rows, checked; `names` are those of `x` and `y` in messages.

    Raises
    ------
    SettingError
        They are empty, of different lengths, or not finite numbers (`x` may be texts).
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
    return None if data is None else map_arrays(lambda array: array.shape[1:], data)
