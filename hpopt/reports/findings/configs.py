"""Configs from what was read of them: as people write them, and as the space has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hpopt.reports.columns import Column
from hpopt.reports.data import StudyData
from hpopt.space.choice import Listed
from hpopt.space.flat import MOST_ENTRIES
from hpopt.space.parameter import Parameter


def labels(data: StudyData, row: int) -> dict[str, str]:
    """Return the active parameters of a trial as people write them."""
    return {
        each.name: each.label(each.values[row])
        for each in data.columns
        if not np.isnan(each.values[row])
    }


def config_of(data: StudyData, row: int) -> dict[str, Any] | None:
    """Return a trial's config; None where not all of it is in columns."""
    cells = {each.name: each.values[row] for each in data.columns}
    try:
        return _config(data.space, "", cells)
    except KeyError:  # a long vector, or more parameters than are read
        return None


def long_vectors(space: Mapping[str, Any]) -> dict[str, int]:
    """Return the lengths of vectors of which not all entries are in columns."""
    return {
        name: each.length
        for name, each in space.items()
        if each.kind == "vector" and each.length > MOST_ENTRIES
    }


def same_config(columns: tuple[Column, ...], one: int, other: int) -> bool:
    """Return whether two trials have the same config."""
    return all(
        np.array_equal(each.values[one], each.values[other], equal_nan=True) for each in columns
    )


def _config(
    space: Mapping[str, Parameter], prefix: str, cells: Mapping[str, float]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, parameter in space.items():
        name = f"{prefix}{key}"
        value = _value(parameter, name, cells)
        if value is not None:
            found[key] = value[0]
    return found


def _value(parameter: Any, name: str, cells: Mapping[str, float]) -> tuple[Any] | None:
    """Return a value in a tuple; None where it is inactive."""
    if parameter.kind == "sequence":
        n = cells[f"len({name})"]
        if np.isnan(n):
            return None
        return ([_config(parameter.layer, f"{name}[{k}].", cells) for k in range(int(n))],)
    if parameter.kind == "vector":
        if parameter.length > MOST_ENTRIES:
            raise KeyError(name)
        entries = [float(cells[f"{name}[{k}]"]) for k in range(parameter.length)]
        return None if np.isnan(entries[0]) else (entries,)
    cell = cells[name]
    if np.isnan(cell):
        return None
    if isinstance(parameter, Listed):
        return (getattr(parameter, parameter.noun)[int(cell)],)
    return (int(cell) if parameter.kind == "int" else float(cell),)
