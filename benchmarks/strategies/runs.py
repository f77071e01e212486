"""The runs to compare: which there must be, which there are, and how the missing ones are made.

Each strategy has a CSV file of its own, to which a run is added as soon as it is done, so that a
measurement that was cut off goes on where it was.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from environments import ensure
from numpy.typing import NDArray
from sides import RESULTS, Side

HERE = Path(__file__).resolve().parent
COLUMNS = ["version", "budget", "table", "seed", "evaluation", "different", "loss"]
PEERS = {"deap": "deap", "optuna": "optuna", "nevergrad": "nevergrad"}
"""The peers' strategies, and the environment of each."""

LEAST = 16
"""So few runs are not worth a process of their own."""

Run = NDArray[np.float64]
"""Rows of evaluation, different configs so far, best loss so far; the last is where it ended."""


_folder = [RESULTS / "strategies"]


@contextmanager
def kept_in(name: str) -> Iterator[None]:
    """Keep runs in this folder of benchmarks/results/ in the meantime."""
    _folder.append(RESULTS / name)
    try:
        yield
    finally:
        _folder.pop()


@dataclass(frozen=True)
class Wanted:
    """A strategy to run: whose it is, its name, a hash of its settings, what makes it."""

    side: Side
    name: str
    version: str
    made: dict[str, Any] | None = None

    @property
    def path(self) -> Path:
        return path_of(self.name)


def path_of(name: str) -> Path:
    """Return where the runs of a strategy are kept."""
    return _folder[-1] / f"{name.replace(', ', '-').replace(' ', '_')}.csv"


def side_of(name: str) -> Side:
    """Give who runs a strategy, in an environment of its own."""
    if name not in PEERS:
        return Side("hpopt", Path(sys.executable), HERE / "by_hpopt.py")
    return Side(PEERS[name], ensure(PEERS[name]), HERE / f"by_{PEERS[name]}.py")


def named(names: Sequence[str], side_of: Callable[[str], Side] = side_of) -> list[Wanted]:
    """Give strategies by their names, with their settings of today."""
    found = {}
    for side in dict.fromkeys(side_of(name) for name in names):
        mine = [name for name in names if side_of(name) == side]
        settings = side.call("settings", strategies=mine)
        found |= {
            name: Wanted(side, name, hashed(each))
            for name, each in zip(mine, settings, strict=True)
        }
    return [found[name] for name in names]


def candidate(name: str, made: dict[str, Any]) -> Wanted:
    """Give one of hpopt's strategies with settings to try."""
    return Wanted(side_of(""), name, hashed(made), made)


def hashed(settings: Any) -> str:
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]


def measure(
    strategies: Sequence[Wanted],
    tables: Sequence[str],
    seeds: Iterable[int],
    budget: int,
    *,
    processes: int,
) -> None:
    """Make the runs that are missing; seed by seed, so that what there is compares fairly."""
    _folder[-1].mkdir(parents=True, exist_ok=True)
    done = {strategy.name: present(strategy, budget) for strategy in strategies}
    with ThreadPoolExecutor(processes) as pool:
        pending = []
        for side in dict.fromkeys(strategy.side for strategy in strategies):
            mine = {strategy.name: strategy for strategy in strategies if strategy.side == side}
            missing = [
                (name, table, seed)
                for seed in seeds
                for table in tables
                for name in mine
                if (table, seed) not in done[name]
            ]
            n = min(processes, -(-len(missing) // LEAST))
            pending += [pool.submit(_make, mine, missing[k::n], budget) for k in range(n)]
        try:
            for future in pending:
                future.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _make(
    strategies: Mapping[str, Wanted], missing: Sequence[tuple[str, str, int]], budget: int
) -> None:
    """Make runs of one side in one process."""
    names = dict.fromkeys(name for name, _, _ in missing)
    print(f"{len(missing)} runs of {', '.join(names)}", file=sys.stderr, flush=True)
    made = {name: strategies[name].made for name in names if strategies[name].made is not None}
    also = {"candidates": made} if made else {}
    side = strategies[missing[0][0]].side
    for name, table, seed, rows in side.lines("runs", wanted=missing, budget=budget, **also):
        strategy = strategies[name]
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows([strategy.version, budget, table, seed, *row] for row in rows)
        writer.writerow([strategy.version, budget, table, seed, "end", "", ""])
        with os.fdopen(os.open(strategy.path, os.O_APPEND | os.O_CREAT | os.O_WRONLY), "wb") as f:
            f.write(text.getvalue().encode())


def present(strategy: Wanted, budget: int) -> dict[tuple[str, int], Run]:
    """Give the whole runs that there are, by table and seed; the newest of each."""
    found: dict[tuple[str, int], Run] = {}
    if not strategy.path.exists():
        return found
    rows: dict[tuple[str, int], list[list[str]]] = defaultdict(list)
    with strategy.path.open(newline="", encoding="utf-8") as file:
        for row in csv.reader(file):
            if len(row) != len(COLUMNS) or row[0] != strategy.version or int(row[1]) < budget:
                continue
            place = row[2], int(row[3])
            if row[4] != "end":
                rows[place].append(row[4:])
            elif place in rows:
                found[place] = np.array(rows.pop(place), dtype=np.float64)
    return found


def forget(strategy: Wanted) -> None:
    """Throw the runs of a strategy away, because its code has changed."""
    strategy.path.unlink(missing_ok=True)
