"""Trials as a pandas.DataFrame, each column with the type of what it holds."""

from __future__ import annotations

from typing import Any

from hpopt.errors import MissingExtraError
from hpopt.study.columns import Columns, Kind, Readable

NANOSECONDS = 10**9  # in a second
LAST_SECOND = 9.2e9  # since the epoch: in 2261, where the nanoseconds of pandas end


def frame_of(record: Readable) -> Any:
    """Return the trials of a study as a pandas.DataFrame; see `Record.to_pandas`.

    Raises
    ------
    MissingExtraError
        pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError:
        raise MissingExtraError("pandas", "reports", "to_pandas()") from None
    columns = Columns(record)
    cells: dict[str, list[Any]] = {name: [] for name in columns.kinds}
    for row in columns.rows():
        for name, column in cells.items():
            column.append(row.get(name))
    return pd.DataFrame(
        {name: _series(pd, cells[name], kind) for name, kind in columns.kinds.items()}
    )


def _series(pd: Any, cells: list[Any], kind: Kind) -> Any:
    if kind == "time":
        known = (each if each is not None and each < LAST_SECOND else None for each in cells)
        whole = [None if each is None else round(each * NANOSECONDS) for each in known]
        times = pd.to_datetime(pd.Series(whole, dtype="Int64"), unit="ns", utc=True)
        return times.astype("datetime64[ns, UTC]")
    try:
        if kind == "text":
            return pd.Series(cells, dtype=None if any(each is not None for each in cells) else str)
        if kind != "any":
            return pd.Series(cells, dtype=_type_of(kind, has_gaps=None in cells))
    except (ValueError, TypeError, OverflowError):  # a file that somebody has changed
        pass
    return pd.Series(cells, dtype=object)


def _type_of(kind: Kind, *, has_gaps: bool) -> str:
    if kind == "float":
        return "float64"
    if kind == "int":
        return "Int64" if has_gaps else "int64"
    return "boolean" if has_gaps else "bool"
