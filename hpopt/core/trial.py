"""A proposed solution, what its evaluation gave, and the record of both."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from hpopt.checks import real
from hpopt.digits import in_digits
from hpopt.errors import SettingError
from hpopt.sheets import Passage, Row, Sheet, fields, in_short

Config = dict[str, Any]
Point = NDArray[np.float64]

Status = Literal[
    "complete", "stopped", "infeasible", "failed", "timeout", "out_of_memory", "invalid", "lost"
]
STATUSES: tuple[Status, ...] = get_args(Status)
REACHED = "reached"
"""The key of `Outcome.info` for the fidelity that values are of, where it is not the trial's."""

OUTPUT_FILE = "output.txt"
"""In the folder of a trial: what it printed, where its problem keeps that there."""

WITH_VALUES = ("complete", "stopped")


def copy_data(data: Any) -> Any:
    """Return a deep copy of plain data."""
    # Dicts and lists only: nothing else in it can be changed.
    if isinstance(data, dict):
        return {key: copy_data(value) for key, value in data.items()}
    return [copy_data(value) for value in data] if isinstance(data, list) else data


@dataclass(frozen=True, slots=True)
class Solution:
    """One proposed configuration.

    Attributes
    ----------
    number : int
        Its place in the study, from 0. It never changes, not even across a crash.
    config : dict
        The configuration as a user sees it: active parameters only, plain Python values.
    point : ndarray (d,), in [0, 1]
        The same as coordinates; inactive ones keep their value. Read-only.
    seed : int, in [0, 2**32)
        For everything random in this evaluation; follows from the study's seed and `number`. Where
        the problem declares a fidelity it follows from the lowest number of this config, so that
        all its evaluations have the same.
    fidelity : float or None
        The resource this evaluation may spend, where the problem declares one. What an earlier one
        of the same config has spent is part of it.
    generation : int or None
        The generation that it belongs to, from 0, where the strategy has generations.
    parents : tuple of int
        The numbers of the trials that it was made from, all lower than its own: those that were
        crossed and mutated, the one that it is a neighbour of, or the earlier trial of its config
        that it goes on from. A config that was drawn, or found by a model, has none.
    """

    number: int
    config: Config
    point: Point = field(compare=False, repr=False)
    seed: int
    fidelity: float | None = None
    generation: int | None = None
    parents: tuple[int, ...] = ()

    def _repr_html_(self) -> str:
        rows: list[Row] = [("solution", str(self.number))]
        rows.append(("config", fields(_in_short(self.config))))
        if self.fidelity is not None:
            rows.append(("fidelity", in_digits(self.fidelity)))
        return Sheet((fields([*rows, ("seed", str(self.seed))]),))._repr_html_()


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one evaluation.

    Attributes
    ----------
    status : str
        ``complete``; ``stopped`` (early, with the values so far); ``infeasible`` (it broke a
        constraint before its objectives were known, and ended there); ``failed`` (an error);
        ``timeout``; ``out_of_memory``; ``invalid`` (nan or infinite); ``lost`` (worker gone).
    values : mapping of str to float
        Objectives and extra metrics by name, as the problem gave them (not negated).
        Empty unless the status is ``complete`` or ``stopped``; of an ``infeasible`` trial what is
        known of it, not all objectives.
    curve : tuple of (step, value)
        What the evaluation reported while it ran, in the order of the reports: numbers, or of
        several objectives mappings of names to numbers.
    error, traceback : str or None
        Why there are no values, in one line, and where it happened; or what was raised after
        the evaluation was told to stop.
    started : float
        When the evaluation began, in seconds since the epoch.
    seconds : float
        How long it took.
    memory : int or None
        Peak resident memory of the process that ran it, in bytes, where it is known.
    info : mapping of str to JSON data
        Whatever else than numbers the problem returned: texts, lists, dicts.
    worker : str or None
        Where it ran, where that is known: the machine and its process, ``host:4711``, and the
        thread unless it was the main one, ``host:4711/hpopt-thread_2``.
    """

    status: Status
    values: Mapping[str, float] = field(default_factory=dict)
    curve: tuple[tuple[float, float | Any], ...] = ()
    error: str | None = None
    traceback: str | None = None
    started: float = 0.0
    seconds: float = 0.0
    memory: int | None = None
    info: Mapping[str, Any] = field(default_factory=dict)
    worker: str | None = None

    @property
    def ok(self) -> bool:
        """Whether there are values to learn from."""
        return self.status in WITH_VALUES

    @property
    def is_failure(self) -> bool:
        """Whether it was to have values and has none."""
        return not self.ok and self.status != "infeasible"


def _in_short(named: Mapping[str, Any]) -> Iterator[Row]:
    return ((name, in_short(value)) for name, value in named.items())


def failed(why: str, *, status: Status = "failed") -> Outcome:
    """Return the outcome of a failed evaluation: for ``study.tell``, or to return from `evaluate`.

    Parameters
    ----------
    why : str
        The reason, as it will stand in ``trial.error``.
    status : str
        One of the statuses without values.

    Raises
    ------
    SettingError
        The status has values, or does not exist.
    """
    without = [known for known in STATUSES if known not in (*WITH_VALUES, "infeasible")]
    if status not in without:
        raise SettingError(
            f"the status of a failure must be one of {', '.join(without)}, but got {status!r}"
        )
    return Outcome(status=status, error=why)


@dataclass(frozen=True, slots=True, repr=False)
class Trial:
    """The record of a solution with its outcome.

    The attributes of both are at hand here: ``trial.number``, ``trial.config``,
    ``trial.status``, ``trial.values``, ``trial.seconds``, ``trial.error`` …
    """

    solution: Solution
    outcome: Outcome

    def __repr__(self) -> str:
        found = ", ".join(
            f"{name} {in_digits(value)}" for name, value in self.outcome.values.items()
        )
        what = found or self.outcome.error or "no values"
        return f"<Trial {self.number}: {self.status}, {what} at {self.solution.config}>"

    @property
    def number(self) -> int:
        """The solution's number."""
        return self.solution.number

    @property
    def config(self) -> Config:
        """A copy of the solution's config, yours to change."""
        copy: Config = copy_data(self.solution.config)
        return copy

    @property
    def status(self) -> Status:
        """The outcome's status."""
        return self.outcome.status

    @property
    def ok(self) -> bool:
        """Whether there are values to learn from."""
        return self.outcome.ok

    @property
    def reached(self) -> float | None:
        """The fidelity that its values are of: its own, or the highest where it came to an end.

        See `TrialHandle.is_final`.
        """
        own, found = self.solution.fidelity, real(self.outcome.info.get(REACHED))
        if own is None or found is None or not own < found < math.inf:
            return own
        return found

    @property
    def values(self) -> Mapping[str, float]:
        """A copy of the outcome's values by name."""
        return dict(self.outcome.values)

    @property
    def info(self) -> Mapping[str, Any]:
        """Whatever else than numbers the problem returned, as JSON data."""
        copy: dict[str, Any] = copy_data(dict(self.outcome.info))
        return copy

    @property
    def curve(self) -> tuple[tuple[float, float | Any], ...]:
        """What was reported while it ran, as (step, value); see `Outcome`.

        Of a trial that goes on where an earlier one of its config ended, it is the whole curve.
        """
        return self.outcome.curve

    @property
    def error(self) -> str | None:
        """Why there are no values, in one line."""
        return self.outcome.error

    @property
    def traceback(self) -> str | None:
        """Where the error happened."""
        return self.outcome.traceback

    @property
    def started(self) -> float:
        """When the evaluation began, in seconds since the epoch."""
        return self.outcome.started

    @property
    def seconds(self) -> float:
        """How long the evaluation took."""
        return self.outcome.seconds

    @property
    def memory(self) -> int | None:
        """Peak resident memory of its process, in bytes, where it is known."""
        return self.outcome.memory

    @property
    def generation(self) -> int | None:
        """The generation that it belongs to, where the strategy has generations."""
        return self.solution.generation

    @property
    def parents(self) -> tuple[int, ...]:
        """The numbers of the trials that it was made from; see `Solution`."""
        return self.solution.parents

    @property
    def worker(self) -> str | None:
        """Where it ran, where that is known; see `Outcome`."""
        return self.outcome.worker

    def _repr_html_(self) -> str:
        outcome, solution = self.outcome, self.solution
        rows: list[Row] = [("trial", str(self.number)), ("status", self.status)]
        rows += [(name, in_digits(value)) for name, value in outcome.values.items()]
        rows += [("error", outcome.error)] if outcome.error else []
        rows.append(("config", fields(_in_short(solution.config))))
        rows += [("info", fields(_in_short(outcome.info)))] if outcome.info else []
        if solution.fidelity is not None:
            rows.append(("fidelity", in_digits(solution.fidelity)))
        rows.append(("seconds", f"{self.seconds:.3f}"))
        where = [Passage(outcome.traceback, "traceback")] if outcome.traceback else []
        return Sheet((fields(rows), *where))._repr_html_()

    def without_texts(self) -> Trial:
        """Return it without curve, traceback and info: to keep many in memory."""
        outcome = self.outcome
        if not (outcome.curve or outcome.traceback or outcome.info):
            return self
        info = {name: value for name, value in outcome.info.items() if name == REACHED}
        return replace(self, outcome=replace(outcome, curve=(), traceback=None, info=info))

    def to_dict(self) -> dict[str, Any]:
        """Return the trial as plain data: what ``hpopt export --json`` prints."""
        return {
            "number": self.number,
            "config": self.config,
            "status": self.status,
            "values": dict(self.values),
            "info": dict(self.info),
            "seconds": self.seconds,
            "error": self.error,
            "seed": self.solution.seed,
            "fidelity": self.solution.fidelity,
            "started": self.started,
            "memory": self.memory,
            "worker": self.worker,
            "generation": self.generation,
            "parents": list(self.parents),
            "curve": [list(pair) for pair in self.curve],
        }
