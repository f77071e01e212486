"""Read columns of numbers from a text file."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hpopt.checks import expanded, integer
from hpopt.errors import SettingError, UnknownNameError

Floats = NDArray[np.float64]
Columns = Sequence[str | int] | str | int | None


def read_csv(
    path: str | os.PathLike[str], *, columns: Columns = None, delimiter: str = ","
) -> tuple[list[str], Floats]:
    """Return the names and the columns of numbers (n_rows, n_columns) of a text file.

    The first row holds names if none of its entries is a number. By default all columns are read
    whose first value is a number, so dates are left out.

    Raises
    ------
    SettingError
        There is nothing to read, or a value is missing or no number.
    UnknownNameError
        There is no such column.
    """
    rows = _rows(path, delimiter)
    # A row of names has no number; a first row with one is data.
    header = None if any(_number(entry) is not None for entry in rows[0][1]) else rows.pop(0)[1]
    if not rows:
        raise SettingError(f"{os.fspath(path)} must have rows of numbers, but has names only")
    first = rows[0][1]
    names = [str(k) for k in range(len(first))] if header is None else [n.strip() for n in header]
    if columns is None:
        places = [k for k, entry in enumerate(first[: len(names)]) if _number(entry) is not None]
    else:
        chosen = [columns] if isinstance(columns, str | int) else list(columns)
        places = [place_of(column, names) for column in chosen]
    if not places:
        raise SettingError(
            f"{os.fspath(path)} must have columns of numbers, but its first row is {first}: "
            f"is {delimiter!r} the delimiter?"
        )
    values = np.empty((len(rows), len(places)))
    for at, (line, row) in enumerate(rows):
        for column, place in enumerate(places):
            number = _number(row[place]) if place < len(row) else None
            if number is None or not math.isfinite(number):
                got = repr(row[place]) if place < len(row) else "nothing"
                raise SettingError(
                    f"{os.fspath(path)}, line {line}: column {names[place]!r} must be a finite "
                    f"number, but is {got}: fill it in, or choose other columns"
                )
            values[at, column] = number
    return [names[place] for place in places], values


def _rows(path: str | os.PathLike[str], delimiter: str) -> list[tuple[int, list[str]]]:
    """Return the rows that are not empty, with the numbers of their lines."""
    # "utf-8-sig": Excel begins its files with a byte-order mark.
    with Path(expanded(path)).open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file, delimiter=delimiter)
        rows = [(reader.line_num, row) for row in reader if row]
    if not rows:
        raise SettingError(f"{os.fspath(path)} must have rows, but is empty")
    return rows


def _number(entry: str) -> float | None:
    try:
        return float(entry)
    except ValueError:
        return None


def place_of(column: str | int, names: Sequence[str]) -> int:
    """Return the number of a column, from 0."""
    place = integer(column)
    if place is not None:
        if not -len(names) <= place < len(names):
            raise SettingError(f"a column must be below {len(names)}, but got {column}")
        return place % len(names)
    if column not in names:
        raise UnknownNameError("column", str(column), names)
    return list(names).index(str(column))
