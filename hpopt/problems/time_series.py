"""Series of numbers: read, split in time, scaled, and cut into windows."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hpopt.checks import fraction, whole
from hpopt.errors import SettingError
from hpopt.problems.csv_table import Columns, place_of, read_csv

Floats = NDArray[np.float64]
Part = Literal["train", "validation", "test"]
PARTS = ("train", "validation", "test")
SCALINGS = ("standard", "minmax", None)


class Windows(NamedTuple):
    """The windows of a series, as examples.

    Attributes
    ----------
    x : ndarray (n, look_back, n_features)
    y : ndarray (n, n_targets), or (n, horizon, n_targets) where the horizon is above 1
    """

    x: Floats
    y: Floats


@dataclass(frozen=True)
class Scaling:
    """Scaling by (value - offset) / scale, column by column."""

    offset: Floats
    scale: Floats

    @classmethod
    def fitted(cls, values: Floats, kind: str | None) -> Scaling:
        """Fit to values (n, c): "standard" by mean and deviation, "minmax" by their range."""
        if kind == "standard":
            offset, scale = values.mean(axis=0), values.std(axis=0)
        elif kind == "minmax":
            offset = values.min(axis=0)
            scale = values.max(axis=0) - offset
        else:
            offset, scale = np.zeros(values.shape[1]), np.ones(values.shape[1])
        # A constant column is only shifted: no division by 0.
        return cls(offset, np.where(scale > 0, scale, 1.0))

    def scaled(self, values: Floats) -> Floats:
        """Scale values (..., c)."""
        return np.asarray((values - self.offset) / self.scale)


class TimeSeries:
    """A table of numbers in the order of time, one row for each step.

    Its last steps are the test part, those before them the validation part, the rest is for
    training. Scaling is fitted to the training part only, so it knows nothing of the future.

    Parameters
    ----------
    values : array-like (n_steps, n_columns), or (n_steps,), or mapping of str to (n_steps,)
        Finite numbers.
    names : sequence of str, optional
        Of the columns; by default their numbers.
    features, targets : names or numbers of columns, optional
        The columns of inputs, and those to predict; by default all columns for both.
    horizon : int, at least 1
        The number of steps to predict.
    validation, test : float, in [0, 1)
        The shares of the steps in these parts.
    scaling : {"standard", "minmax", None}
        To mean 0 and deviation 1, or to [0, 1], by the training part.

    Raises
    ------
    SettingError
        The values are not finite numbers, or a setting is out of its range.
    UnknownNameError
        There is no such column; suggests the nearest.

    Examples
    --------
    >>> series = TimeSeries.from_csv("parking.csv", targets="Bull Ring", test=0.1)
    >>> x, y = series.windows(look_back=12)
    >>> series.unscaled(model.predict(series.windows(12, "test").x))
    """

    def __init__(
        self,
        values: Any,
        *,
        names: Sequence[str] | None = None,
        features: Columns = None,
        targets: Columns = None,
        horizon: int = 1,
        validation: float = 0.1,
        test: float = 0.2,
        scaling: Literal["standard", "minmax"] | None = "standard",
    ) -> None:
        if isinstance(values, Mapping):
            names = list(values) if names is None else names
            values = _side_by_side(values)
        self.values = _checked_values(values)
        self.names = _checked_names(names, self.values.shape[1])
        _check_finite(self.values, self.names)
        self.features = self._places(features, "features")
        self.targets = self._places(targets, "targets")
        whole("horizon", horizon, 1)
        self.horizon = horizon
        self.parts = _parts(len(self.values), validation, test)
        if scaling not in SCALINGS:
            raise SettingError(f"scaling must be 'standard', 'minmax' or None, but got {scaling!r}")
        self.scaling = Scaling.fitted(self.values[slice(*self.parts["train"])], scaling)
        self._scaled = self.scaling.scaled(self.values)

    @classmethod
    def from_csv(
        cls,
        path: str | os.PathLike[str],
        *,
        columns: Columns = None,
        delimiter: str = ",",
        **settings: Any,
    ) -> TimeSeries:
        """Read a series from a text file: a row a step, the oldest first.

        Parameters
        ----------
        path : path
        columns : names or numbers, optional
            By default all columns whose first value is a number.
        delimiter : str
        **settings
            As for `TimeSeries`.

        Raises
        ------
        SettingError
            A value is missing or not a number; the message has its line and column.
        UnknownNameError
            There is no such column.
        """
        names, values = read_csv(path, columns=columns, delimiter=delimiter)
        return cls(values, names=names, **settings)

    def __len__(self) -> int:
        return len(self.values)

    def windows(self, look_back: int, part: Part = "train", *, reach_back: bool = True) -> Windows:
        """Cut a part into windows of past steps, and the steps that followed.

        Parameters
        ----------
        look_back : int, at least 1
            The number of past steps.
        part : {"train", "validation", "test"}
            The part with the steps to predict.
        reach_back : bool
            Whether past steps may lie before the part, as they are known by then. So all
            look-backs predict the same steps of validation and test.

        Returns
        -------
        Windows
            ``x``, ``y``, scaled.

        Raises
        ------
        SettingError
            The part, with the steps before it, is shorter than look-back and horizon.
        """
        whole("look_back", look_back, 1)
        if part not in self.parts:
            raise SettingError(f"part must be one of {', '.join(PARTS)}, but got {part!r}")
        start, stop = self.parts[part]
        # The first step to predict: with look_back steps before it, in the part if need be.
        first = max(start, look_back) if reach_back else start + look_back
        n = stop - first - self.horizon + 1
        if n < 1:
            reach = f" and the {start} before them" if reach_back and start else ""
            raise SettingError(
                f"look_back + horizon must fit into the {stop - start} steps for {part}{reach}, "
                f"but got look_back={look_back}, horizon={self.horizon}: take fewer, or give "
                "the part a larger share"
            )
        seen = _cut(self._scaled[first - look_back : first + n - 1, self.features], look_back)
        ahead = _cut(self._scaled[first:stop, self.targets], self.horizon)
        return Windows(seen, ahead[:, 0] if self.horizon == 1 else ahead)

    def unscaled(self, y: Any) -> Floats:
        """Return targets or predictions (..., n_targets) in the units of the series."""
        y = np.asarray(y, np.float64)
        if not y.ndim or y.shape[-1] != len(self.targets):
            raise SettingError(
                f"y must have {len(self.targets)} targets along its last axis, but got {y.shape}"
            )
        return np.asarray(y * self.scaling.scale[self.targets] + self.scaling.offset[self.targets])

    def _places(self, columns: Columns, what: str) -> list[int]:
        if columns is None:
            return list(range(len(self.names)))
        chosen = [columns] if isinstance(columns, str | int) else list(columns)
        if not chosen:
            raise SettingError(f"{what} must name at least one column, but got none")
        return [place_of(column, self.names) for column in chosen]


def _cut(values: Floats, length: int) -> Floats:
    """Return all contiguous blocks of a length, (n, length, c), of values (m, c)."""
    stretches = np.lib.stride_tricks.sliding_window_view(values, length, axis=0)
    # The view repeats each step `length` times; a copy is what Keras reads fast.
    return np.ascontiguousarray(stretches.transpose(0, 2, 1))


def _side_by_side(values: Mapping[str, Any]) -> Floats:
    columns = [np.asarray(column) for column in values.values()]
    shapes = {name: column.shape for name, column in zip(values, columns, strict=True)}
    if not columns or any(column.ndim != 1 or len(column) != len(columns[0]) for column in columns):
        raise SettingError(f"columns must be of one length, but their shapes are {shapes}")
    return np.stack(columns, axis=1)


def _checked_values(values: Any) -> Floats:
    try:
        array = np.asarray(values)
        array = array if array.dtype.kind == "f" else array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise SettingError(f"a series must be a table of numbers, but: {error}") from None
    array = array[:, None] if array.ndim == 1 else array
    if array.ndim != 2 or not array.size:
        raise SettingError(
            f"a series must have the shape (n_steps, n_columns), but got {array.shape}"
        )
    return array.astype(np.float64)


def _check_finite(values: Floats, names: Sequence[str]) -> None:
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        step, column = bad[0]
        raise SettingError(
            f"a series must be finite, but {len(bad)} of its values are not: the first is "
            f"{values[step, column]} at step {step} of column {names[column]!r}. Fill them in, "
            "or leave these steps out"
        )


def _checked_names(names: Sequence[str] | None, n_columns: int) -> list[str]:
    if names is None:
        return [str(place) for place in range(n_columns)]
    found = [str(name) for name in names]
    if len(found) != n_columns or len(set(found)) < len(found):
        raise SettingError(f"names must be {n_columns} different names, but got {found}")
    return found


def _parts(n: int, validation: float, test: float) -> dict[str, tuple[int, int]]:
    """Return the first step of each part, and the one behind its last."""
    for name, share in (("validation", validation), ("test", test)):
        fraction(name, share)
    # Both are rounded, and training gets the rest: no step is lost.
    n_test, n_validation = round(n * test), round(n * validation)
    n_train = n - n_test - n_validation
    if n_train < 1:
        raise SettingError(
            f"validation and test must leave steps to train on, but got {validation} and {test} "
            f"of {n} steps"
        )
    first_test = n_train + n_validation
    return {"train": (0, n_train), "validation": (n_train, first_test), "test": (first_test, n)}
