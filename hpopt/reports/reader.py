"""Read a study into arrays: all of it, or what has changed since the last time."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpopt.core import STATUSES, Trial
from hpopt.reports.columns import coder_of, column_of
from hpopt.reports.data import Cause, StudyData
from hpopt.reports.source import Source
from hpopt.space.flat import flattened, places_of

MOST_COLUMNS = 400
"""Of a space: a picture or a model of more parameters helps nobody, and each takes memory."""

MOST_METRICS = (
    40  # beside objectives and constraints: in a study of anybody's each trial has others
)
MOST_CAUSES = 200  # kinds of errors that are told apart
MOST_OF_AN_ERROR = 300  # characters that are compared
CHANGING = re.compile(r"0x[0-9a-fA-F]+|\d+(?:\.\d+)?")
KNOWN = ("started", "seconds", "memory", "fidelities", "reached", "worth")


def read_data(source: Source) -> StudyData:
    """Read a study once; nothing of the study's own code is run."""
    reader = Reader(source)
    reader.update()
    return reader.data()


class Reader:
    """Read a study, and later what has changed in it, without reading all of it again.

    Parameters
    ----------
    source : Source

    Attributes
    ----------
    highest : int
        The largest number of a trial that has been read; -1 before the first.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._ranking, self._space = source.ranking, source.space
        places = places_of(source.space)[:MOST_COLUMNS]
        self._columns = [column_of(place) for place in places]
        self._codes = {place.name: (k, coder_of(place)) for k, place in enumerate(places)}
        self._is_flat = all(place.name in source.space for place in places)
        self._cells = [array("d") for _ in places]
        self._rows: dict[int, int] = {}
        self._numbers, self._status = array("q"), array("q")
        self._known = {name: array("d") for name in KNOWN}
        self._feasible = array("b")
        self._generations, self._workers, self._cause = array("q"), array("q"), array("q")
        self._parents: dict[int, tuple[int, ...]] = {}
        self._worker_places: dict[str, int] = {}
        self._causes: dict[tuple[str, str], tuple[int, Cause]] = {}
        self._values = {each.name: array("d") for each in source.objectives}
        self._values |= {each.name: array("d") for each in source.constraints}
        self._most = len(self._values) + MOST_METRICS
        self.highest = -1  # number of a trial that has been read
        self._place = self._newest = -1  # up to where all is known, and the newest that is
        self._beyond: set[int] = set()  # what is known after that place

    def __len__(self) -> int:
        return len(self._numbers)

    def update(self, first: int = 0) -> list[int]:
        """Read what has finished since the last time; return the numbers of those trials.

        Parameters
        ----------
        first : int
            The least number that is looked for: in a long study, this is much quicker. What has a
            smaller one is read by the next call without it.
        """
        changed = []
        known = self._place if first == 0 else self._newest
        for place, trial in self._source.changes(known, first):
            if place in self._beyond:
                continue
            if first and place >= 0:  # a storage may have no places
                self._beyond.add(place)
            self._newest = max(self._newest, place)
            self._add(trial)
            changed.append(trial.number)
        if first == 0:
            self._place = self._newest
            self._beyond.clear()
        return changed

    def data(self, numbers: Iterable[int] | None = None) -> StudyData:
        """Return what has been read so far; of all trials, or of some.

        Parameters
        ----------
        numbers : iterable of int, optional
            Which trials; those that have not been read are left out.
        """
        source, path = self._source, self._source.path
        if numbers is None:
            order = np.argsort(_cells(self._numbers))
            parents = dict(self._parents)
        else:
            some = sorted(self._rows.keys() & set(numbers))
            order = np.array([self._rows[number] for number in some], dtype=np.int64)
            parents = {n: self._parents[n] for n in some if n in self._parents}
        known = {name: _cells(cells)[order] for name, cells in self._known.items()}
        columns = [
            column.taking(_cells(cells)[order])
            for column, cells in zip(self._columns, self._cells, strict=True)
        ]
        return StudyData(
            "study" if path is None else path.stem,
            source.header,
            source.objectives,
            source.constraints,
            source.fidelity,
            source.space,
            numbers=_cells(self._numbers)[order],
            status=_cells(self._status)[order],
            generations=_cells(self._generations)[order],
            parents=parents,
            workers=_cells(self._workers)[order],
            worker_names=tuple(self._worker_places),
            values={name: _cells(cells)[order] for name, cells in self._values.items()},
            columns=tuple(columns),
            causes=tuple(cause for _, cause in self._causes.values()),
            cause=_cells(self._cause)[order],
            is_feasible=_cells(self._feasible)[order].astype(bool),
            **known,
        )

    def _add(self, trial: Trial) -> None:
        outcome, solution = trial.outcome, trial.solution
        row = self._rows.setdefault(trial.number, len(self._numbers))
        if row == len(self._numbers):
            self._grow()
        key = (True, 0.0, np.inf, 0) if outcome.is_failure else self._ranking.key(trial)
        reached = trial.reached
        known = {
            "started": outcome.started,
            "seconds": outcome.seconds,
            "memory": np.nan if outcome.memory is None else float(outcome.memory),
            "fidelities": np.nan if solution.fidelity is None else solution.fidelity,
            "reached": np.nan if reached is None else reached,
            "worth": key[2],
        }
        for name, value in known.items():
            self._known[name][row] = value
        self._numbers[row] = trial.number
        self.highest = max(self.highest, trial.number)
        self._status[row] = STATUSES.index(outcome.status)
        self._feasible[row] = not key[0]
        self._generations[row] = _or_none(solution.generation)
        worker = outcome.worker
        self._workers[row] = -1 if worker is None else self._place_of_worker(worker)
        if solution.parents:
            self._parents[trial.number] = solution.parents
        self._cause[row] = -1 if outcome.error is None else self._place_of_cause(trial)
        self._add_values(row, outcome.values)
        self._add_config(row, solution.config)

    def _grow(self) -> None:
        for cells in (*self._known.values(), *self._values.values(), *self._cells):
            cells.append(np.nan)
        for whole in (self._numbers, self._status, self._generations, self._workers, self._cause):
            whole.append(-1)
        self._feasible.append(False)

    def _add_values(self, row: int, values: Mapping[str, float]) -> None:
        for name in values:
            if name not in self._values and len(self._values) < self._most:
                self._values[name] = array("d", [np.nan]) * len(self._numbers)
        for name, cells in self._values.items():
            cells[row] = values.get(name, np.nan)

    def _add_config(self, row: int, config: Mapping[str, Any]) -> None:
        flat = config if self._is_flat else flattened(config, self._space)
        for cells in self._cells:
            cells[row] = np.nan
        for name, value in flat.items():
            found = self._codes.get(name)
            if found is not None:
                place, code = found
                self._cells[place][row] = code(value)

    def _place_of_worker(self, name: str) -> int:
        return self._worker_places.setdefault(name, len(self._worker_places))

    def _place_of_cause(self, trial: Trial) -> int:
        error = trial.outcome.error or ""
        key = (trial.status, CHANGING.sub("#", error[:MOST_OF_AN_ERROR]))
        found = self._causes.get(key)
        if found is None and len(self._causes) >= MOST_CAUSES:
            key = (trial.status, "")
            found = self._causes.get(key)
        if found is None:
            found = (len(self._causes), Cause(trial.status, error, trial.number))
            self._causes[key] = found
        return found[0]


def _cells(cells: array[Any]) -> NDArray[Any]:
    # A view, to be copied from at once: while there is one, the cells cannot grow.
    return np.asarray(memoryview(cells))


def _or_none(value: int | None) -> int:
    return -1 if value is None else value
