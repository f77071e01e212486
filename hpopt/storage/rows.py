"""The tables of a study file, and how a trial becomes a row of one and comes back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from hpopt.core.handle import Curve
from hpopt.core.trial import STATUSES, Outcome, Solution, Trial
from hpopt.errors import StudyFileError
from hpopt.storage.encoding import decode, encode
from hpopt.storage.storage import OUTPUT_CHARACTERS, Pending

APPLICATION_ID = 0x68706F74
"""Marks an SQLite database as a study: ``hpot`` in ASCII."""

SCHEMA_VERSION = 1
"""Raised whenever an older hpopt could no longer read what is written."""

PAGE_BYTES = 1024
"""A trial writes its page into the log twice, so pages are small: of the length of some trials."""

SCHEMA = f"""
PRAGMA page_size = {PAGE_BYTES};
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
BEGIN;
CREATE TABLE study (
    id          INTEGER PRIMARY KEY CHECK (id = 1),
    header      TEXT NOT NULL            -- JSON: space, objectives, seed, optimizer, versions
);
CREATE TABLE trials (
    number      INTEGER PRIMARY KEY,
    status      TEXT,                    -- NULL while it is pending
    told        INTEGER,                 -- grows in the order of telling
    asked_after INTEGER,                 -- how many trials had been told when it was asked
    config      TEXT NOT NULL,           -- JSON
    point       BLOB NOT NULL,           -- little-endian float64
    seed        INTEGER NOT NULL,
    fidelity    REAL,
    metrics     TEXT,                    -- JSON: objectives and other numbers by name
    started     REAL,                    -- seconds since the epoch; while pending: when asked
    seconds     REAL,
    memory      INTEGER,                 -- bytes
    error       TEXT,
    curve       TEXT,                    -- JSON: [[step, value], ...]; while pending: so far
    traceback   TEXT,
    output      TEXT,                    -- the end of what it printed
    info        TEXT,                    -- JSON: what was returned beside the numbers, by name
    generation  INTEGER,
    parents     TEXT,                    -- JSON: the numbers of the trials that it was made from
    worker      TEXT                     -- where it ran: host:pid, or host:pid/thread
);
COMMIT;
"""

ADDED = {"info": "TEXT", "generation": "INTEGER", "parents": "TEXT", "worker": "TEXT"}
"""Columns that files of earlier versions lack, and their types."""

SOLUTION_COLUMNS = "number, config, point, seed, fidelity, generation, parents"
OUTCOME_COLUMNS = "status, metrics, started, seconds, memory, error, curve, traceback, info, worker"

STATUS = len(SOLUTION_COLUMNS.split(", "))
"""The place of the status in a row of SOLUTION_COLUMNS and OUTCOME_COLUMNS."""

END = STATUS + len(OUTCOME_COLUMNS.split(", "))
"""How many there are of both."""


def places(columns: str) -> str:
    """Return a question mark for each of some columns."""
    return ",".join("?" * len(columns.split(", ")))


_NEW_SOLUTION = f"{SOLUTION_COLUMNS}, asked_after, started"
_NEW_OUTCOME = f"{OUTCOME_COLUMNS}, told, output"
INSERT_SOLUTION = f"INSERT INTO trials ({_NEW_SOLUTION}) VALUES ({places(_NEW_SOLUTION)})"
FINISH_SOLUTION = (
    f"UPDATE trials SET ({_NEW_OUTCOME}) = ({places(_NEW_OUTCOME)}) "
    "WHERE number = ? AND status IS NULL"
)
REOPEN = (
    f"UPDATE trials SET ({OUTCOME_COLUMNS}, told, output, asked_after) = "
    f"({', '.join('?' if name == 'started' else 'NULL' for name in OUTCOME_COLUMNS.split(', '))}, "
    "NULL, NULL, 0) WHERE number = ? AND status IS NOT NULL"
)
INSERT_TRIAL = (
    f"INSERT OR IGNORE INTO trials ({_NEW_OUTCOME}, {SOLUTION_COLUMNS}) "
    f"VALUES ({places(_NEW_OUTCOME)}, {places(SOLUTION_COLUMNS)})"
)

REPORTED = "UPDATE trials SET curve = ? WHERE number = ? AND status IS NULL"

FLOATS = np.dtype("<f8")

MOST_REPORTS = 500_000
"""Of a longer curve every second, third … report is kept: what is written must be readable."""

Row = Sequence[Any]


def row_of_solution(solution: Solution) -> tuple[Any, ...]:
    """Return the SOLUTION_COLUMNS of a solution."""
    return (
        int(solution.number),
        encode(solution.config),
        np.asarray(solution.point, FLOATS).tobytes(),
        int(solution.seed),
        None if solution.fidelity is None else float(solution.fidelity),
        None if solution.generation is None else int(solution.generation),
        encode([int(number) for number in solution.parents]) if solution.parents else None,
    )


def row_of_outcome(outcome: Outcome) -> tuple[Any, ...]:
    """Return the OUTCOME_COLUMNS of an outcome."""
    return (
        outcome.status,
        encode(dict(outcome.values)) if outcome.values else None,
        float(outcome.started),
        float(outcome.seconds),
        None if outcome.memory is None else int(outcome.memory),
        _storable(outcome.error),
        encoded_curve(outcome.curve) if outcome.curve else None,
        _storable(outcome.traceback),
        encode(dict(outcome.info)) if outcome.info else None,
        _storable(outcome.worker),
    )


def encoded_curve(curve: Curve) -> str:
    """Return a curve as it is stored."""
    return encode(curve[:: -(-len(curve) // MOST_REPORTS)])


def kept_output(output: str) -> str | None:
    """Return the end of what a trial printed, as it is stored."""
    return _storable(output[-OUTPUT_CHARACTERS:]) if output else None


def length_of_row(row: Row) -> int:
    """Return at most how many bytes of the file a row takes, of its texts and blobs."""
    return sum([len(cell) for cell in row if isinstance(cell, str | bytes)])


def solution_of_row(row: Row) -> Solution:
    """Make a solution of its SOLUTION_COLUMNS; raise StudyFileError for a damaged row."""
    number, config, point, seed, fidelity, generation, parents = row
    try:
        _check(number, int, "number")
        _check(seed, int, "seed")
        _check(point, bytes, "point")
        if number < 0:
            raise ValueError("its number is negative")
        if fidelity is not None:
            _check_finite(fidelity, "fidelity")
        if generation is not None:
            _check(generation, int, "generation")
            if generation < 0:
                raise ValueError("its generation is negative")
        config = decode(config)
        _check(config, dict, "config")
        made_from = () if parents is None else _parents(parents, number)
        point = np.frombuffer(point, FLOATS)
        return Solution(number, config, point, seed, fidelity, generation, made_from)
    except (ValueError, TypeError) as error:
        raise damaged_trial(number, error) from None


def pending_of_row(row: Row) -> Pending:
    """Make a pending solution of its columns, asked_after, started and curve; raise as before."""
    solution = solution_of_row(row[:STATUS])
    asked_after, since, curve = row[STATUS:]
    try:
        if asked_after is not None:
            _check(asked_after, int, "asked_after")
        if since is not None:
            _check_finite(since, "started")
        reports = _curve(decode(curve)) if curve else ()
    except (ValueError, TypeError, OverflowError) as error:
        raise damaged_trial(solution.number, error) from None
    return Pending(solution, asked_after or 0, since, reports)


def trial_of_row(row: Row) -> Trial:
    """Make a trial of its SOLUTION_COLUMNS and OUTCOME_COLUMNS; raise as before."""
    solution = solution_of_row(row[:STATUS])
    status, metrics, started, seconds, memory, error, curve, traceback, info, worker = row[
        STATUS:END
    ]
    try:
        if status not in STATUSES:
            raise ValueError(f"its status is {status!r:.80}")
        _check_finite(started, "started")
        _check_finite(seconds, "seconds")
        if memory is not None:
            _check(memory, int, "memory")
        for name, text in (("error", error), ("traceback", traceback), ("worker", worker)):
            if text is not None:
                _check(text, str, name)
        outcome = Outcome(
            status=status,
            values=_numbers(decode(metrics)) if metrics else {},
            curve=_curve(decode(curve)) if curve else (),
            error=error,
            traceback=traceback,
            started=started,
            seconds=seconds,
            memory=memory,
            info=dict(decode(info)) if info else {},
            worker=worker,
        )
    except (ValueError, TypeError, OverflowError) as problem:
        raise damaged_trial(solution.number, problem) from None
    return Trial(solution, outcome)


def output_of_cell(number: int, output: Any) -> str:
    """Return what a trial printed, of its cell; raise StudyFileError for a damaged one."""
    if output is not None and not isinstance(output, str):
        raise damaged_trial(number, TypeError(f"its output is of {type(output).__name__}"))
    return output[-OUTPUT_CHARACTERS:] if output else ""


def damaged_trial(number: Any, error: Exception) -> StudyFileError:
    """Make the error for a row that cannot be read."""
    return StudyFileError(
        f"a study file must be whole, but its trial {number} is damaged ({error}): keep a copy of "
        "it as it is, then save the others with hpopt.storage.salvage(path, 'saved.db')"
    )


def _check(value: Any, kind: type, name: str) -> None:
    if type(value) is not kind:
        raise TypeError(f"its {name} is of {type(value).__name__}")


def _check_finite(value: Any, name: str) -> None:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError(f"its {name} is {value!r:.80}")


def _parents(cell: Any, number: int) -> tuple[int, ...]:
    parents = decode(cell)
    _check(parents, list, "parents")
    for parent in parents:
        _check(parent, int, "parent")
        if not 0 <= parent < number:  # so that whoever goes from child to parent comes to an end
            raise ValueError(f"its parent is {parent!r:.80}")
    return tuple(parents)


def _numbers(values: Any) -> dict[str, float]:
    _check(values, dict, "values")
    for value in values.values():
        _as_number(value)
    return dict(values)


def _curve(reports: Any) -> tuple[tuple[float, float | Any], ...]:
    _check(reports, list, "curve")
    curve = tuple([(step, value) for step, value in reports])
    for step, value in curve:
        _as_number(step)
        if type(value) is dict:  # of several objectives
            _numbers(value)
        else:
            _as_number(value)
    return curve


def _as_number(value: Any) -> None:
    if type(value) is not float and type(value) is not int:
        raise TypeError(f"{value!r:.80} stands for a number")
    float(value)  # raises OverflowError for an int that no float can hold


def _storable(text: str | None) -> str | None:
    if text is None or text.isascii():
        return text
    # UTF-8 cannot hold lone surrogates, which stand for bytes of undecodable file names.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
