"""The source of a trial's examples: arrays, datasets, a series, or a function of a config."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from hpopt.core.trial import Config
from hpopt.errors import ProblemError, SettingError, TransferError
from hpopt.problems.keras.data.batches import GeneratedBatches
from hpopt.problems.keras.data.feeding import Examples, is_dataset, is_endless, is_generator
from hpopt.problems.keras.data.rows import Rows, checked_rows
from hpopt.problems.keras.data.structures import describe
from hpopt.problems.time_series import TimeSeries
from hpopt.space import Space


class Steps(NamedTuple):
    """The number of batches in an epoch, for training and for validation; None for all of them."""

    training: int | None = None
    validation: int | None = None


ALL = Steps()


class Split(NamedTuple):
    """The examples that a network is trained and validated on."""

    training: Examples
    validation: Examples | None
    steps: Steps = ALL


class Source(ABC):
    """The source of the examples of a trial."""

    n_splits = 1
    is_validated: bool
    """Whether there are examples to validate on."""

    @abstractmethod
    def split(self, config: Config, number: int) -> Split:
        """Return the examples of a config in split number `number`."""


class ArraySource(Source):
    """The same arrays for every config, split once or in folds."""

    def __init__(self, splits: list[tuple[Rows, Rows | None]]) -> None:
        self.splits = splits
        self.n_splits = len(splits)
        self.is_validated = splits[0][1] is not None

    @property
    def everything(self) -> Rows:
        """All rows that networks are trained on, in any of the splits."""
        training = self.splits[0][0]
        return training if self.n_splits == 1 else replace(training, numbers=None)

    def split(self, config: Config, number: int) -> Split:
        """Return the examples of a split."""
        return Split(*self.splits[number])


def arrays_of(source: Source) -> ArraySource:
    """Return a source, checked to be one of arrays."""
    if not isinstance(source, ArraySource):
        raise ProblemError(
            "the examples must be arrays, but this problem's depend on the config, or are a dataset"
        )
    return source


class DatasetSource(Source):
    """Datasets, which have batches of their own."""

    def __init__(self, training: Any, validation: Any, steps: Steps = ALL) -> None:
        self.training, self.validation, self.steps = training, validation, steps
        self.is_validated = validation is not None
        _check_ends(training, "x", "steps_per_epoch", steps.training)
        _check_ends(validation, "validation_data", "validation_steps", steps.validation)

    def split(self, config: Config, number: int) -> Split:
        """Return the datasets; a PyDataset is copied for each trial."""
        return Split(_copied(self.training), _copied(self.validation), self.steps)

    def __getstate__(self) -> dict[str, Any]:
        # Here, as it is pickled for worker processes only.
        _check_can_be_sent(self.training, "x")
        _check_can_be_sent(self.validation, "validation_data")
        return self.__dict__


class FunctionSource(Source):
    """A function of a config that returns (x, y), a dataset or a generator.

    Validation data may be such a function, or such data themselves.
    """

    def __init__(
        self, training: Callable[[Config], Any], validation: Any, steps: Steps = ALL
    ) -> None:
        self.training, self.validation, self.steps = training, validation, steps
        self.is_validated = validation is not None

    def split(self, config: Config, number: int) -> Split:
        """Call the functions with a config, and return the examples, checked."""
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
        self.is_validated = stop > start
        if "look_back" not in space:
            raise SettingError(
                "the windows of a TimeSeries need a look-back, but the space has no parameter "
                "'look_back': give it one, or give x, y = series.windows(look_back)"
            )
        # The longest look-back is tried now, not in the trial that first has it.
        high = getattr(space["look_back"], "high", None)
        if high is not None:
            self.split({"look_back": high}, 0)  # raises where it is longer than the series

    def split(self, config: Config, number: int) -> Split:
        """Return the windows of a config's look-back."""
        look_back = config["look_back"]
        training = Rows(*self.series.windows(look_back, "train"))
        if not self.is_validated:
            return Split(training, None)
        return Split(training, Rows(*self.series.windows(look_back, "validation")))


def _copied(data: Any) -> Any:
    # A PyDataset changes at the end of an epoch: each trial gets it as it was given.
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
    """Return the examples of a function of a config, or of data themselves.

    `names` are those of the examples and of the number of their batches, in messages.
    """
    name, of_steps = names
    given = function(config) if is_function(function) else function
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
            given.close()  # this one only told the kind; each trial makes its own
        return GeneratedBatches(partial(function, config), name, steps)
    if not isinstance(given, tuple | list) or not 1 <= len(given) <= 3:
        raise SettingError(
            f"the function of a config for {name} must return a pair of arrays (x, y), or "
            f"(x, y, sample_weight), a dataset or a generator, but returned {describe(given)}"
        )
    check_no_steps(Steps(steps), "arrays", of_steps)
    return checked_rows(*given)


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


def check_no_steps(steps: Steps, kind: str, name: str | None = None) -> None:
    """Raise SettingError if a number of steps is given for arrays or a series."""
    if steps != ALL:
        name = name or ("validation_steps" if steps.training is None else "steps_per_epoch")
        raise SettingError(
            f"{name} is for datasets and generators, but the examples are {kind}, of which an "
            "epoch sees all: leave it out"
        )


def is_function(data: Any) -> bool:
    """Return whether this is a function that makes data from a config."""
    return callable(data) and not is_dataset(data)
