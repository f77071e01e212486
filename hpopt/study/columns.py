"""Trials as flat rows: the columns of `to_pandas` and of CSV, and what each holds."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol

from hpopt.core import Constraint, Fidelity, Objective, Trial
from hpopt.space import Space
from hpopt.space.choice import Listed
from hpopt.space.flat import Place, flattened, places_of

LAST = ("started", "seconds", "memory", "worker", "generation", "parents", "error")
PREFIXES = ("info.", "config.")
LATEST = 253402300799.0  # seconds since the epoch: the end of the year 9999, as ISO 8601 has it

Marks = Mapping[str, bool]
"""What a study says of a trial by name, as `Record.marks` returns it."""

Kind = Literal["int", "float", "bool", "text", "time", "any"]
KINDS: dict[str, Kind] = {
    "number": "int",
    "status": "text",
    "fidelity": "float",
    "feasible": "bool",
    "on_front": "bool",
    "started": "time",
    "seconds": "float",
    "memory": "int",
    "worker": "text",
    "generation": "int",
    "parents": "any",
    "error": "text",
}


class Readable(Protocol):
    """What is needed of a study; `hpopt.study.Record` has it."""

    space: Space

    @property
    def objectives(self) -> tuple[Objective, ...]: ...  # noqa: D102
    @property
    def constraints(self) -> tuple[Constraint, ...]: ...  # noqa: D102
    @property
    def fidelity(self) -> Fidelity | None: ...  # noqa: D102
    def iterate(self) -> Iterator[Trial]: ...  # noqa: D102
    def marks(self) -> Callable[[Trial], Marks]: ...  # noqa: D102


class Columns:
    """All columns of a study's trials; the trials are read once for their names.

    Parameters
    ----------
    record : Record

    Attributes
    ----------
    kinds : dict of str to str
        What each column holds, in order: ``int``, ``float``, ``bool``, ``text``, ``time`` (seconds
        since the epoch) or ``any``. A cell may be None in all.
    """

    def __init__(self, record: Readable) -> None:
        self._record, self._marks = record, record.marks()
        self.kinds: dict[str, Kind] = {}
        several = len(record.objectives) > 1
        self._add(("number", "status", *["fidelity"] * (record.fidelity is not None)))
        self._add((*["feasible"] * bool(record.constraints), *["on_front"] * several))
        self._add((each.name for each in record.objectives), "float")
        infos, found = dict[str, None](), set[str]()
        for row in self.rows():
            for name in row:
                if name.startswith("config."):
                    found.add(name)
                elif name.startswith("info."):
                    infos[name] = None
                elif name not in KINDS:
                    self._add((name,), "float")
        self._add(infos, "any")
        for place in places_of(record.space, whole=True):
            name = f"config.{place.name}"
            # Of a list that may be long only as many layers as some config has.
            if place.name in record.space or name in found:
                self._add((name,), kind_of(place))
        self._add(LAST)

    def _add(self, names: Iterable[str], kind: Kind | None = None) -> None:
        for name in names:
            self.kinds.setdefault(name, kind or KINDS[name])

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield each finished trial by number as a row; what it lacks is absent or None.

        A trial that ends between two readings may have a value that no other one has.
        """
        for trial in self._record.iterate():
            yield in_columns(trial, self._marks(trial), self._record.space)


def in_columns(trial: Trial, marks: Marks, space: Space) -> dict[str, Any]:
    """Return a trial as one flat row; a value named as another column is ``values.<name>``."""
    solution, outcome = trial.solution, trial.outcome
    config = flattened(solution.config, space, whole=True)
    return {
        "number": trial.number,
        "status": trial.status,
        **({} if solution.fidelity is None else {"fidelity": solution.fidelity}),
        **marks,
        **{
            f"values.{name}" if name in KINDS or name.startswith(PREFIXES) else name: value
            for name, value in outcome.values.items()
        },
        **{f"info.{name}": value for name, value in outcome.info.items()},
        **{f"config.{name}": value for name, value in config.items()},
        "started": outcome.started if 0 < outcome.started <= LATEST else None,
        "seconds": outcome.seconds,
        "memory": outcome.memory,
        "worker": outcome.worker,
        "generation": solution.generation,
        "parents": list(solution.parents) or None,
        "error": outcome.error,
    }


def kind_of(place: Place) -> Kind:
    """Return what the values of a place in configs are."""
    parameter = place.parameter
    if place.kind == "length":
        return "int"
    if place.kind == "entry" or parameter.kind == "float":
        return "float"
    if isinstance(parameter, Listed):
        return _kind_of_all(getattr(parameter, parameter.noun))
    return "int" if parameter.kind == "int" else "any"


def _kind_of_all(values: Sequence[Any]) -> Kind:
    kinds = {type(value) for value in values}
    if kinds == {bool}:
        return "bool"
    if kinds == {str}:
        return "text"
    if kinds and kinds <= {int, float}:
        return "int" if kinds == {int} else "float"
    return "any"


def moment(seconds: float | None) -> str:
    """Return a time since the epoch in ISO 8601, in UTC and with all digits; empty for None."""
    if seconds is None:
        return ""
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).isoformat()
