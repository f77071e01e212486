"""Where the examples of a trial come from: arrays, datasets, a series, a function of a config."""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

from hpopt.core.solution import Config
from hpopt.errors import SettingError
from hpopt.problems.keras.batches import batches
from hpopt.problems.keras.data import (
    SPLIT_SEED,
    Rows,
    checked_rows,
    training_and_validation,
)
from hpopt.problems.time_series import TimeSeries
from hpopt.space import Space

Examples = Any
"""Rows, or a dataset that Keras takes as it is."""


class Split(NamedTuple):
    """What a network is trained and validated on."""

    training: Examples
    validation: Examples | None


class Source(ABC):
    """Where the examples of a trial come from."""

    n_splits = 1

    @property
    @abstractmethod
    def is_validated(self) -> bool:
        """Whether there is something to validate on."""

    @abstractmethod
    def split(self, config: Config, number: int) -> Split:
        """Give the examples of a config, of split number `number`."""


class ArraySource(Source):
    """The same arrays for every config, split once or in folds."""

    def __init__(self, splits: list[tuple[Rows, Rows | None]]) -> None:
        self.splits = splits
        self.n_splits = len(splits)

    @property
    def everything(self) -> Rows:
        """What networks are trained on, in any of the splits."""
        training = self.splits[0][0]
        return training if self.n_splits == 1 else Rows(training.x, training.y)

    @property
    def is_validated(self) -> bool:
        """Whether there is something to validate on."""
        return self.splits[0][1] is not None

    def split(self, config: Config, number: int) -> Split:
        """Give the examples of a split."""
        return Split(*self.splits[number])


class DatasetSource(Source):
    """Datasets that give batches by themselves."""

    def __init__(self, training: Any, validation: Any) -> None:
        self.training, self.validation = training, validation

    @property
    def is_validated(self) -> bool:
        """Whether there is something to validate on."""
        return self.validation is not None

    def split(self, config: Config, number: int) -> Split:
        """Give the datasets, each trial its own where they can be copied."""
        return Split(_copied(self.training), _copied(self.validation))


class FunctionSource(Source):
    """What functions of a config give: (x, y) or a dataset."""

    def __init__(
        self, training: Callable[[Config], Any], validation: Callable[[Config], Any] | None
    ) -> None:
        self.training, self.validation = training, validation

    @property
    def is_validated(self) -> bool:
        """Whether there is something to validate on."""
        return self.validation is not None

    def split(self, config: Config, number: int) -> Split:
        """Give what the functions give for a config, checked."""
        validation = None if self.validation is None else self.validation(config)
        return Split(
            _examples(self.training(config), "x"),
            None if validation is None else _examples(validation, "validation"),
        )


class SeriesSource(Source):
    """The windows of a series, by the look-back of a config."""

    def __init__(self, series: TimeSeries, space: Space) -> None:
        self.series = series
        start, stop = series.parts["validation"]
        self._is_validated = stop > start
        if "look_back" not in space:
            raise SettingError(
                "the windows of a TimeSeries need a look-back, but the space has no parameter "
                "'look_back': give it one, or give x, y = series.windows(look_back)"
            )
        high = getattr(space["look_back"], "high", None)
        if high is not None:
            self.split({"look_back": high}, 0)  # says at once that it is longer than the series

    @property
    def is_validated(self) -> bool:
        """Whether there is something to validate on."""
        return self._is_validated

    def split(self, config: Config, number: int) -> Split:
        """Give the windows of a config's look-back."""
        look_back = config["look_back"]
        training = Rows(*self.series.windows(look_back, "train"))
        if not self._is_validated:
            return Split(training, None)
        return Split(training, Rows(*self.series.windows(look_back, "validation")))


def source_of(
    x: Any,
    y: Any,
    space: Space,
    *,
    validation_data: Any = None,
    validation_split: float = 0.2,
    folds: int | None = None,
) -> Source:
    """Make the source of what a user gave, checked.

    Raises
    ------
    SettingError
        Something is wrong with the data; the message says what.
    """
    by_itself = callable(x) or isinstance(x, TimeSeries) or is_dataset(x)
    if not by_itself:
        if folds is None:
            pair = training_and_validation(x, y, validation_data, validation_split)
            return ArraySource([pair])
        if validation_data is not None:
            raise SettingError(
                "folds and validation_data exclude one another, but got both: each fold is what "
                "the others are validated on"
            )
        return ArraySource(list(checked_rows(x, y).folds(folds, SPLIT_SEED)))
    if y is not None:
        raise SettingError(
            f"y must be left out where x is a {type(x).__name__}, which has the targets too, but "
            f"got {type(y).__name__}"
        )
    if folds is not None:
        raise SettingError(
            f"folds needs arrays x and y, which can be split, but x is a {type(x).__name__}"
        )
    if isinstance(x, TimeSeries):
        return SeriesSource(x, space)
    if callable(x) and not is_dataset(x):
        return FunctionSource(x, _function(validation_data))
    return DatasetSource(x, _validation(validation_data))


def is_dataset(data: Any) -> bool:
    """Say whether this is a keras.utils.PyDataset or a tf.data.Dataset, without importing them."""
    return hasattr(data, "element_spec") or any(
        kind.__name__ == "PyDataset" for kind in type(data).__mro__
    )


def first_batch(data: Examples) -> tuple[Any, Any] | None:
    """Give inputs and targets as arrays, where that costs next to nothing; else None."""
    if isinstance(data, Rows):
        return data.x, data.y
    if hasattr(data, "element_spec") or not len_of(data):
        return None
    batch = data[0]
    if not isinstance(batch, tuple | list) or len(batch) < 2:
        raise SettingError(
            "a dataset must give pairs of inputs and targets, but its first batch is a "
            f"{type(batch).__name__}"
        )
    if any(isinstance(part, dict | list | tuple) for part in batch[:2]):
        return None
    rows = checked_rows(batch[0], batch[1], ("the inputs of a batch", "the targets of a batch"))
    return rows.x, rows.y


def first_input(data: Examples) -> Any:
    """Give some inputs, with which a model that is not built yet can be."""
    if isinstance(data, Rows):
        return data.take(slice(0, 1))[0]
    return data[0][0] if hasattr(data, "num_batches") else next(iter(data))[0]


def fed(data: Examples, size: int, *, seed: int | None = None, epoch: int = 0) -> Any:
    """Give examples as ``fit`` takes them: rows in batches, datasets as they are."""
    return batches(data, size, seed=seed, epoch=epoch) if isinstance(data, Rows) else data


def n_batches(data: Examples, size: int) -> int:
    """Say how many steps an epoch has.

    Raises
    ------
    SettingError
        A dataset does not know it.
    """
    if isinstance(data, Rows):
        return math.ceil(len(data) / size)
    length = len_of(data)
    if length is None:
        raise SettingError(
            "a learning-rate schedule needs the number of batches, but the dataset does not know "
            "its own: write dataset.apply(tf.data.experimental.assert_cardinality(n))"
        )
    return length


def len_of(data: Any) -> int | None:
    """Give how many batches a dataset has, or None where it does not know."""
    try:
        number = getattr(data, "num_batches", None)
        return len(data) if number is None else int(number)
    except (TypeError, NotImplementedError):
        return None


def _copied(data: Any) -> Any:
    """Copy a PyDataset, so that a trial finds it as it was, not as the last one left it."""
    return copy.deepcopy(data) if is_dataset(data) and not hasattr(data, "element_spec") else data


def _examples(given: Any, name: str) -> Examples:
    if is_dataset(given):
        return given
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise SettingError(
            f"the function of a config for {name} must give a pair of arrays (x, y) or a dataset, "
            f"but gave {type(given).__name__}"
        )
    return checked_rows(*given)


def _function(validation: Any) -> Callable[[Config], Any] | None:
    if validation is None or (callable(validation) and not is_dataset(validation)):
        return validation  # type: ignore[no-any-return]
    return lambda config: validation


def _validation(validation: Any) -> Any:
    if validation is None or is_dataset(validation):
        return validation
    if not isinstance(validation, tuple | list) or len(validation) != 2:
        raise SettingError(
            "validation_data must be a pair of arrays (x, y) or a dataset, but got "
            f"{type(validation).__name__}"
        )
    x, y = validation
    return checked_rows(x, y, ("validation x", "validation y"))
