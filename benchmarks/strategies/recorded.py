"""The recorded tables as problems: what may be chosen, and what each config gave. numpy only."""

from __future__ import annotations

import json
import os
import runpy
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Parameter:
    """One column of a table: listed values with or without an order, or a range of numbers.

    A logarithmic range is spread evenly in the logarithm. One with `when` exists only where its
    parents have one of these values.
    """

    name: str
    kind: str  # categorical, ordinal, float or int
    values: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    when: tuple[tuple[str, tuple[Any, ...]], ...] = ()


def existing(parameters: Sequence[Parameter], config: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out of a config what does not exist where others are as they are."""
    kept: dict[str, Any] = {}
    for parameter in parameters:
        if all(kept.get(parent) in values for parent, values in parameter.when):
            kept[parameter.name] = config[parameter.name]
    return kept


class Recorded:
    """A recorded table with one objective, as a loss to minimise.

    A grid gives the mean over its recorded seeds, so that every evaluation of a config gives the
    same. Recorded points give the value of the nearest one, in ranges scaled to one.

    Attributes
    ----------
    best, typical : float
        The least loss and the median loss of the table.
    """

    def __init__(self, name: str, table: Any) -> None:
        self.name, self._table = name, table
        sign = -1.0 if table.goal == "max" else 1.0
        metric = table.meta["metrics"][0]
        if table.kind == "grid":
            self.parameters = tuple(
                Parameter(name, "categorical" if p["type"] == "cat" else "ordinal", (*p["values"],))
                for name, p in table.space.items()
            )
            self._losses = sign * table._mean[metric]
            self._places = [table._ix[parameter.name] for parameter in self.parameters]
        else:
            whole = table.meta["int_columns"]
            self.parameters = tuple(
                Parameter(
                    name, "int" if name in whole else "float", (), *table.meta["ranges"][name]
                )
                for name in table.meta["columns"]
            )
            self._losses = sign * table.arr[metric].astype(np.float64)
            self._scaled = (table.X - table._lo) / table._w
            self._squares = (self._scaled**2).sum(1)
        self._names = [parameter.name for parameter in self.parameters]
        self.best, self.typical = float(self._losses.min()), float(np.median(self._losses))

    @property
    def is_grid(self) -> bool:
        return bool(self._table.kind == "grid")

    def loss(self, config: Mapping[str, Any]) -> float:
        """Give the loss of one config; KeyError where it is off the grid."""
        if self.is_grid:
            return float(self._losses[self._row(config)])
        at = np.array([config[name] for name in self._names], dtype=np.float64)
        at = (at - self._table._lo) / self._table._w
        return float(self._losses[(self._squares - 2 * (self._scaled @ at)).argmin()])

    def seconds(self, config: Mapping[str, Any]) -> float:
        """Return how long one config took, in a grid that has it."""
        return float(self._table._mean["time"][self._row(config)])

    def _row(self, config: Mapping[str, Any]) -> tuple[int, ...]:
        return tuple(
            places[config[name]] for places, name in zip(self._places, self._names, strict=True)
        )


class Trace:
    """Record one run: the best loss so far after each evaluation that improved it.

    Every evaluation counts, whether or not its config was evaluated before: that is what a user
    pays. How many of them were different is kept beside it.

    Attributes
    ----------
    rows : list of (evaluation, different, loss)
        From 1; the last row is that of the last evaluation.
    """

    def __init__(self, table: Recorded, budget: int) -> None:
        self.rows: list[tuple[int, int, float]] = []
        self._table, self._budget = table, budget
        self._seen: set[tuple[Any, ...]] = set()
        self._best = np.inf
        self._n = 0

    @property
    def full(self) -> bool:
        """Whether the budget is spent."""
        return self._n >= self._budget

    def evaluate(self, config: Mapping[str, Any]) -> float:
        """Evaluate a config and count it; beyond the budget nothing is recorded."""
        loss = self._table.loss(config)
        if self.full:
            return loss
        self._n += 1
        self._seen.add(tuple(config.get(parameter.name) for parameter in self._table.parameters))
        if loss < self._best:
            self._best = loss
            self.rows.append((self._n, len(self._seen), loss))
        return loss

    def finished(self) -> list[tuple[int, int, float]]:
        """Give the rows, the last evaluation's with them."""
        if self._n and self.rows[-1][0] < self._n:
            self.rows.append((self._n, len(self._seen), self._best))
        return self.rows


def folder() -> Path:
    """Give the folder of the tables: under HPOPT_DATA, by default beside the working tree."""
    data = Path(os.environ.get("HPOPT_DATA") or ROOT.parent / "shared" / "data")
    return data / "benchmarks" / "tables"


def names() -> list[str]:
    """Give the names of the tables with one objective."""
    meta = json.loads((folder() / "meta.json").read_text(encoding="utf-8"))
    usable = ("grid", "points")
    return [
        name
        for name, about in meta.items()
        if about["kind"] in usable
        and about["goal"] in ("min", "max")
        and (folder() / f"{name}.npz").exists()
    ]


def five_dimensional() -> list[str]:
    """Give the names of the five-dimensional grids: those of networks like Mahto & Chauhan's."""
    return [name for name in names() if load(name).is_grid and len(load(name).parameters) == 5]


@cache
def load(name: str) -> Recorded:
    """Read a table, once a process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # query.py leaves files to be collected
        return Recorded(name, _query()["Table"](name))


@cache
def _query() -> dict[str, Any]:
    return runpy.run_path(str(folder() / "query.py"))


def each_run(
    run: Callable[[str, Any, int], Any],
    wanted: Sequence[tuple[str, str, int]],
    load: Callable[[str], Any] = load,
) -> Iterator[tuple[str, str, int, list[tuple[int, int, float]]]]:
    """Run each wanted strategy, table and seed, and give each run as soon as it is done.

    A table, or what else is searched, is loaded by its name; a run gives its `Trace`.
    """
    for strategy, table, seed in wanted:
        yield strategy, table, seed, run(strategy, load(table), seed).finished()
