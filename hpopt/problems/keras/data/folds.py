"""Folds of examples: a number of them, scikit-learn's splitters, or the rows themselves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpopt.checks import whole
from hpopt.errors import SettingError
from hpopt.problems.keras.data.rows import SPLIT_SEED, Rows, strata_labels
from hpopt.problems.keras.data.structures import as_array, describe, is_text

Pair = tuple[NDArray[np.int64], NDArray[np.int64]]


def split_into_folds(rows: Rows, folds: Any, groups: Any = None) -> list[tuple[Rows, Rows]]:
    """Return the rows of each fold: those to train on, and those to validate on.

    Parameters
    ----------
    folds : int, splitter, or iterable of (training rows, validation rows)
        A splitter has ``split(x, y, groups)``, as those of scikit-learn.
    groups : array-like (n,), optional
        The group of each row, for a splitter.

    Raises
    ------
    SettingError
        Folds or groups are not valid, or the folds differ from call to call.
    """
    is_number = not (hasattr(folds, "split") or isinstance(folds, Iterable))
    if isinstance(folds, str) or is_number:
        whole("folds", folds, 2)
        if groups is not None:
            raise SettingError(
                f"groups needs folds that use them, but got folds={folds}: write "
                f"folds=sklearn.model_selection.GroupKFold({folds})"
            )
        return rows.folds(folds, SPLIT_SEED)
    n = len(rows)
    if isinstance(folds, type):
        raise SettingError(
            f"folds must be an instance, but got the class {folds.__name__}: write "
            f"{folds.__name__}(...)"
        )
    if hasattr(folds, "split"):
        pairs = _split(rows, folds, _checked_groups(groups, n))
    else:
        if groups is not None:
            raise SettingError("groups needs folds that are a splitter, but got pairs of rows")
        pairs = _listed(folds)
    if not pairs:
        raise SettingError(f"folds must hold at least one split, but {_name(folds)} gave none")
    return [rows.row_pair(*(_checked_rows(part, n, folds) for part in pair)) for pair in pairs]


def _split(rows: Rows, splitter: Any, groups: Any) -> list[tuple[Any, Any]]:
    name = _name(splitter)
    is_plain = isinstance(rows.x, np.ndarray) and not is_text(rows.x)
    # Several inputs have no one array: a splitter needs their number only.
    x, y = rows.x if is_plain else np.arange(len(rows)), strata_labels(rows.y)

    def pairs() -> list[tuple[Any, Any]]:
        return _listed(splitter.split(x, y, groups))

    try:
        first, again = pairs(), pairs()  # twice: a random splitter must be noticed
    except SettingError:
        raise
    except Exception as error:
        needs = "" if groups is not None else "; groups=[...] gives it the group of each example"
        raise SettingError(
            f"folds={name} could not split the {len(rows)} examples: {type(error).__name__}: "
            f"{str(error)[:300]}{needs}"
        ) from error
    same = len(first) == len(again) and all(
        np.array_equal(one, other)
        for pair, repeated in zip(first, again, strict=True)
        for one, other in zip(pair, repeated, strict=True)
    )
    if not same:
        raise SettingError(
            f"folds must be the same for every trial, but {name} splits otherwise each time: give "
            "it a random_state"
        )
    return first


def _listed(pairs: Any) -> list[tuple[Any, Any]]:
    listed = list(pairs)
    for pair in listed:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise SettingError(
                "folds must be a number, a splitter, or pairs of rows to train and to validate on, "
                f"but got {describe(pair)} in place of a pair"
            )
    return [(pair[0], pair[1]) for pair in listed]


def _checked_groups(groups: Any, n: int) -> Any:
    if groups is None:
        return None
    array = as_array(groups, "groups")
    if array.shape != (n,):
        raise SettingError(
            f"groups must hold the group of each of the {n} examples, but its shape is "
            f"{array.shape}"
        )
    return array


def _checked_rows(part: Any, n: int, folds: Any) -> NDArray[np.int64]:
    numbers = np.asarray(part)
    # Masks of rows, as some splitters of users return them.
    if numbers.dtype == bool and numbers.shape == (n,):
        numbers = np.flatnonzero(numbers)
    if numbers.ndim != 1 or not numbers.size or numbers.dtype.kind not in "ui":
        raise SettingError(
            "each part of a fold must be the numbers of its rows, at least one, but "
            f"{_name(folds)} gave {describe(numbers)}"
        )
    if numbers.min() < 0 or numbers.max() >= n:
        raise SettingError(
            f"the rows of a fold must be from 0 to {n - 1}, but {_name(folds)} gave "
            f"{numbers.min()} to {numbers.max()}"
        )
    return numbers.astype(np.int64)


def _name(folds: Any) -> str:
    return type(folds).__name__
