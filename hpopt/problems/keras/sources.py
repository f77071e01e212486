"""Where the examples of a trial come from: arrays, datasets, a series, a function of a config."""

from __future__ import annotations

import copy
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from hpopt.checks import whole
from hpopt.core.solution import Config
from hpopt.errors import SettingError, TransferError
from hpopt.problems.keras.data import (
    Rows,
    checked_rows,
    training_and_validation,
    validation_rows,
)
from hpopt.problems.keras.feeding import (
    Examples,
    is_dataset,
    is_endless,
    is_generator,
)
from hpopt.problems.keras.folds import folded
from hpopt.problems.keras.streams import Generated
from hpopt.problems.keras.structures import described
from hpopt.problems.time_series import TimeSeries
from hpopt.space import Space


class Steps(NamedTuple):
    """How many batches an epoch has, for training and for validation; None for all there are."""

    training: int | None = None
    validation: int | None = None


ALL = Steps()


class Split(NamedTuple):
    """What a network is trained and validated on."""

    training: Examples
    validation: Examples | None
    steps: Steps = ALL


class Source(ABC):
    """Where the examples of a trial come from."""

    n_splits = 1

    @property
    @abstractmethod
    def is_validated(self) -> bool:
        """Whether there is something to validate on."""

    @abstractmethod
    def split(self, config: Config, number: int) -> Split:
        """Return the examples of a config, of split number `number`."""


class ArraySource(Source):
    """The same arrays for every config, split once or in folds."""

    def __init__(self, splits: list[tuple[Rows, Rows | None]]) -> None:
        self.splits = splits
        self.n_splits = len(splits)

    @property
    def everything(self) -> Rows:
        """What networks are trained on, in any of the splits."""
        training = self.splits[0][0]
        return training if self.n_splits == 1 else replace(training, numbers=None)

    @property
    def is_validated(self) -> bool:
        """Whether there is something to validate on."""
        return self.splits[0][1] is not None

    def split(self, config: Config, number: int) -> Split:
        """Return the examples of a split."""
        return Split(*self.splits[number])


class DatasetSource(Source):
    """Datasets that bring their own batches."""

    def __init__(self, training: Any, validation: Any, steps: Steps = ALL) -> None:
        self.training, self.validation, self.steps = training, validation, steps
        _check_ends(training, "x", "steps_per_epoch", steps.training)
        _check_ends(validation, "validation_data", "validation_steps", steps.validation)

    @property
    def is_validated(self) -> bool:
        """Whether there is something to validate on."""
        return self.validation is not None

    def split(self, config: Config, number: int) -> Split:
        """Return the datasets, each trial its own where they can be copied."""
        return Split(_copied(self.training), _copied(self.validation), self.steps)

    def __getstate__(self) -> dict[str, Any]:
        _check_can_be_sent(self.training, "x")
        _check_can_be_sent(self.validation, "validation_data")
        return self.__dict__


class FunctionSource(Source):
    """What functions of a config return: (x, y), a dataset or a generator.

    Validation data may also be one of these themselves.
    """

    def __init__(
        self, training: Callable[[Config], Any], validation: Any, steps: Steps = ALL
    ) -> None:
        self.training, self.validation, self.steps = training, validation, steps

    @property
    def is_validated(self) -> bool:
        """Whether there is something to validate on."""
        return self.validation is not None

    def split(self, config: Config, number: int) -> Split:
        """Return what the functions return for a config, checked."""
        validation = None
        if self.validation is not None:
            validation = _examples(
                self.validation,
                config,
                ("validation_data", "validation_steps"),
                self.steps.validation,
            )
        training = _examples(self.training, config, ("x", "steps_per_epoch"), self.steps.training)
        return Split(training, validation, self.steps)

    def __getstate__(self) -> dict[str, Any]:
        _check_can_be_sent(self.validation, "validation_data")
        return self.__dict__


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
            self.split({"look_back": high}, 0)  # raises where it is longer than the series

    @property
    def is_validated(self) -> bool:
        """Whether there is something to validate on."""
        return self._is_validated

    def split(self, config: Config, number: int) -> Split:
        """Return the windows of a config's look-back."""
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
    folds: Any = None,
    groups: Any = None,
    sample_weight: Any = None,
    steps: Steps = ALL,
) -> Source:
    """Make the source of what a user gave, checked.

    Raises
    ------
    SettingError
        Something is wrong with the data; the message says what.
    """
    for count, name in (
        (steps.training, "steps_per_epoch"),
        (steps.validation, "validation_steps"),
    ):
        if count is not None:
            whole(name, count, 1)
    if is_generator(x) or is_generator(validation_data):
        name = "x" if is_generator(x) else "validation_data"
        raise SettingError(
            f"{name} must be a function that makes the generator, as each trial needs one from the "
            f"start, but got a {type(x if name == 'x' else validation_data).__name__}: write "
            f"{name}=lambda config: batches()"
        )
    if not (callable(x) or isinstance(x, TimeSeries) or is_dataset(x)):
        _check_no_steps(steps, "arrays")
        if folds is not None or groups is not None:
            _check_folds(folds, validation_data)
            rows = checked_rows(x, y, weights=sample_weight)
            return ArraySource([*folded(rows, folds, groups)])
        pair = training_and_validation(x, y, validation_data, validation_split, sample_weight)
        return ArraySource([pair])
    kind = "function" if _is_function(x) else type(x).__name__
    if y is not None:
        raise SettingError(
            f"y must be left out where x is a {kind}, which has the targets too, but got "
            f"{described(y)}"
        )
    for given, of in ((folds, "folds"), (groups, "groups"), (sample_weight, "sample_weight")):
        if given is not None:
            raise SettingError(
                f"{of} needs arrays x and y, but x is a {kind}: its batches may be "
                "(x, y, sample_weight), and validation_data is what it is validated on"
            )
    if isinstance(x, TimeSeries):
        _check_no_steps(steps, "a TimeSeries")
        return SeriesSource(x, space)
    if kind == "function":
        _check_takes_config(x, "x")
        if _is_function(validation_data):
            _check_takes_config(validation_data, "validation_data")
        return FunctionSource(x, validation_data, steps)
    if "batch_size" in space:
        raise SettingError(
            f"batch_size is a parameter of the space, but x is a {kind}, which has batches of its "
            "own: leave the parameter out, or give a function of a config that makes the dataset"
        )
    return DatasetSource(x, _validation(validation_data), steps)


def _check_folds(folds: Any, validation_data: Any) -> None:
    if folds is None:
        raise SettingError(
            "groups needs folds that heed them, but got none: write "
            "folds=sklearn.model_selection.GroupKFold(5)"
        )
    if validation_data is not None:
        raise SettingError(
            "folds and validation_data exclude one another, but got both: each fold is what "
            "the others are validated on"
        )


def tried_split(source: Source, config: Config) -> Split:
    """Return the first split of a config, before any trial.

    Raises
    ------
    SettingError
        The batches of a function are always the same, while their size is to be searched.
    """
    watched = _Watched(config)
    split = source.split(watched, 0)
    if "batch_size" not in config or not isinstance(source, FunctionSource):
        return split
    if isinstance(split.training, Generated):
        split.training.first()  # a generator reads its config when it begins
    if not isinstance(split.training, Rows) and not watched.is_read:
        raise SettingError(
            "batch_size is a parameter of the space, but the function for x does not read it, and "
            "its batches are its own: use config['batch_size'], or leave the parameter out"
        )
    return split


class _Watched(dict[str, Any]):
    """A config that knows whether its batch size is read."""

    is_read = False

    def __getitem__(self, name: str) -> Any:
        self.is_read = self.is_read or name == "batch_size"
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        """Return an entry as ``config[name]`` does it."""
        self.is_read = self.is_read or name == "batch_size"
        return super().get(name, default)

    def __iter__(self) -> Iterator[str]:
        self.is_read = True  # whoever lists the names may read all
        return super().__iter__()

    def items(self) -> Any:
        """Return the entries, all read."""
        self.is_read = True
        return super().items()


def _copied(data: Any) -> Any:
    """Copy a PyDataset, so that a trial finds it as it was, not as the last one left it."""
    if not is_dataset(data) or hasattr(data, "element_spec"):
        return data
    try:
        return copy.deepcopy(data)
    except TypeError as error:
        raise SettingError(
            f"a {type(data).__name__} must be copied for each trial, but cannot be ({error}): give "
            "a function of a config that makes it, x=lambda config: dataset()"
        ) from error


def _examples(function: Any, config: Config, names: tuple[str, str], steps: int | None) -> Examples:
    """Return what a function of a config returns as examples.

    Parameters
    ----------
    function : callable, or the examples themselves
    config : dict
    names : (str, str)
        What the examples and the number of their batches are called in messages.
    steps : int or None
        How many batches an epoch has.
    """
    name, of_steps = names
    given = function(config) if _is_function(function) else function
    if is_dataset(given):
        _check_ends(given, name, of_steps, steps)
        return given
    if is_generator(given):
        if steps is None:
            raise SettingError(
                f"{of_steps} must be given where the function for {name} returns a generator, "
                "whose batches cannot be counted"
            )
        if hasattr(given, "close"):
            given.close()
        return Generated(partial(function, config), name, steps)
    if not isinstance(given, tuple | list) or not 1 <= len(given) <= 3:
        raise SettingError(
            f"the function of a config for {name} must give a pair of arrays (x, y), or "
            f"(x, y, sample_weight), a dataset or a generator, but gave {described(given)}"
        )
    _check_no_steps(Steps(steps), "arrays", of_steps)
    x, y, weights = (*given, None, None)[:3]
    return checked_rows(x, y, weights=weights)


def _check_ends(data: Any, name: str, of_steps: str, steps: int | None) -> None:
    if steps is None and data is not None and is_endless(data):
        raise SettingError(
            f"{of_steps} must be given where {name} is a dataset that repeats for ever"
        )


def _check_can_be_sent(data: Any, name: str) -> None:
    if hasattr(data, "element_spec"):
        raise TransferError(
            f"{name} must be data that can be sent to worker processes, but a tf.data.Dataset "
            f"cannot: give a function of a config that makes it, {name}=lambda config: dataset(), "
            "or use one worker"
        )


def _check_no_steps(steps: Steps, kind: str, name: str | None = None) -> None:
    if steps != ALL:
        name = name or ("validation_steps" if steps.training is None else "steps_per_epoch")
        raise SettingError(
            f"{name} is for datasets and generators, but the examples are {kind}, of which an "
            "epoch sees all: leave it out"
        )


def _check_takes_config(function: Callable[..., Any], name: str) -> None:
    try:
        inspect.signature(function).bind({})
    except TypeError:
        called = getattr(function, "__name__", type(function).__name__)
        raise SettingError(
            f"{name} must be a function of a config, but {called} cannot be called with one "
            f"argument: write {name}=lambda config: ..."
        ) from None
    except ValueError:  # a built-in without a signature
        return


def _is_function(data: Any) -> bool:
    return callable(data) and not is_dataset(data)


def _validation(validation: Any) -> Any:
    if validation is None or is_dataset(validation):
        return validation
    return validation_rows(validation, "arrays (x, y) or a dataset")
