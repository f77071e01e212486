"""Choose the source for the data of a user, and try it before the first trial."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from hpopt.checks import refusal, whole
from hpopt.core.trial import Config
from hpopt.errors import SettingError
from hpopt.problems.keras.data.batches import GeneratedBatches
from hpopt.problems.keras.data.feeding import is_dataset, is_generator
from hpopt.problems.keras.data.folds import split_into_folds
from hpopt.problems.keras.data.rows import (
    Rows,
    checked_rows,
    training_and_validation,
    validation_rows,
)
from hpopt.problems.keras.data.sources import (
    ALL,
    ArraySource,
    DatasetSource,
    FunctionSource,
    SeriesSource,
    Source,
    Split,
    Steps,
    check_no_steps,
    is_function,
)
from hpopt.problems.keras.data.structures import describe
from hpopt.problems.time_series import TimeSeries
from hpopt.space import Space


def make_source(
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
    """Return the source for the data of a `KerasProblem`, checked; see its parameters."""
    if steps.training is not None:
        whole("steps_per_epoch", steps.training, 1)
    if steps.validation is not None:
        whole("validation_steps", steps.validation, 1)
    if is_generator(x) or is_generator(validation_data):
        name = "x" if is_generator(x) else "validation_data"
        raise SettingError(
            f"{name} must be a function that makes the generator, as each trial needs one from the "
            f"start, but got a {type(x if name == 'x' else validation_data).__name__}: write "
            f"{name}=lambda config: batches()"
        )
    if not (callable(x) or isinstance(x, TimeSeries) or is_dataset(x)):
        check_no_steps(steps, "arrays")
        if folds is not None or groups is not None:
            _check_folds(folds, validation_data)
            rows = checked_rows(x, y, sample_weight)
            return ArraySource([*split_into_folds(rows, folds, groups)])
        pair = training_and_validation(x, y, validation_data, validation_split, sample_weight)
        return ArraySource([pair])
    kind = "function" if is_function(x) else type(x).__name__
    if y is not None:
        raise SettingError(
            f"y must be left out where x is a {kind}, which has the targets too, but got "
            f"{describe(y)}"
        )
    for given, of in ((folds, "folds"), (groups, "groups"), (sample_weight, "sample_weight")):
        if given is not None:
            raise SettingError(
                f"{of} needs arrays x and y, but x is a {kind}: its batches may be "
                "(x, y, sample_weight), and validation_data is what it is validated on"
            )
    if isinstance(x, TimeSeries):
        check_no_steps(steps, "a TimeSeries")
        return SeriesSource(x, space)
    if kind == "function":
        _check_takes_config(x, "x")
        if is_function(validation_data):
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
            "groups needs folds that use them, but got none: write "
            "folds=sklearn.model_selection.GroupKFold(5)"
        )
    if validation_data is not None:
        raise SettingError(
            "folds and validation_data exclude one another, but got both: the folds are "
            "validated on in turn"
        )


def checked_split(source: Source, config: Config) -> Split:
    """Return the first split of a config, checked before any trial."""
    watched = _WatchedConfig(config)
    # Which entries of the config the function reads is only known by calling it.
    split = source.split(watched, 0)
    if "batch_size" not in config or not isinstance(source, FunctionSource):
        return split
    if isinstance(split.training, GeneratedBatches):
        split.training.first()  # a generator reads its config when it begins
    if not isinstance(split.training, Rows) and not watched.is_read:
        raise SettingError(
            "batch_size is a parameter of the space, but the function for x does not read it, and "
            "its batches are its own: use config['batch_size'], or leave the parameter out"
        )
    return split


class _WatchedConfig(dict[str, Any]):
    """A config that records whether its batch size is read."""

    is_read = False

    def __getitem__(self, name: str) -> Any:
        self.is_read = self.is_read or name == "batch_size"
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.is_read = self.is_read or name == "batch_size"
        return super().get(name, default)

    def __iter__(self) -> Iterator[str]:
        self.is_read = True  # the caller may read all entries
        return super().__iter__()

    def items(self) -> Any:
        self.is_read = True
        return super().items()


def _check_takes_config(function: Callable[..., Any], name: str) -> None:
    # A function without parameters is a common mistake: it would fail in every trial.
    refused = refusal(function, {})
    if refused is not None:
        called, _, _ = refused
        raise SettingError(
            f"{name} must be a function of a config, but {called} cannot be called with one "
            f"argument: write {name}=lambda config: ..."
        )


def _validation(validation: Any) -> Any:
    if validation is None or is_dataset(validation):
        return validation
    return validation_rows(validation, "arrays (x, y) or a dataset")
