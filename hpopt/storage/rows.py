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
    curve       TEXT,                    -- JSON: [[step, value], ...]
    traceback   TEXT,
    output      TEXT,                    -- the end of what it printed
    info        TEXT                     -- JSON: what was returned beside the numbers, by name
);
COMMIT;
"""

ADD_INFO = "ALTER TABLE trials ADD COLUMN info TEXT"
VIEW_WITH_INFO = "CREATE TEMP VIEW trials AS SELECT *, NULL AS info FROM main.trials"
"""For a file of hpopt 0.1.0, which has no such column: to write it, and only to read it."""

SOLUTION_COLUMNS = "number, config, point, seed, fidelity"
OUTCOME_COLUMNS = "status, metrics, started, seconds, memory, error, curve, traceback, info"

INSERT_SOLUTION = (
    f"INSERT INTO trials ({SOLUTION_COLUMNS}, asked_after, started) VALUES (?,?,?,?,?,?,?)"
)
FINISH_SOLUTION = (
    f"UPDATE trials SET ({OUTCOME_COLUMNS}, told, output) = (?,?,?,?,?,?,?,?,?,?,?) "
    "WHERE number = ? AND status IS NULL"
)
REOPEN = (
    f"UPDATE trials SET ({OUTCOME_COLUMNS}, told, output, asked_after) = "
    f"({', '.join('?' if name == 'started' else 'NULL' for name in OUTCOME_COLUMNS.split(', '))}, "
    "NULL, NULL, 0) WHERE number = ? AND status IS NOT NULL"
)
INSERT_TRIAL = (
    f"INSERT OR IGNORE INTO trials ({OUTCOME_COLUMNS}, told, output, {SOLUTION_COLUMNS}) "
    "VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
)

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
        _encoded_curve(outcome.curve) if outcome.curve else None,
        _storable(outcome.traceback),
        encode(dict(outcome.info)) if outcome.info else None,
    )


def _encoded_curve(curve: Curve) -> str:
    return encode(curve[:: -(-len(curve) // MOST_REPORTS)])


def kept_output(output: str) -> str | None:
    """Return the end of what a trial printed, as it is stored."""
    return _storable(output[-OUTPUT_CHARACTERS:]) if output else None


def length_of_row(row: Row) -> int:
    """Return at most how many bytes of the file a row takes, of its texts and blobs."""
    return sum([len(cell) for cell in row if isinstance(cell, str | bytes)])


def solution_of_row(row: Row) -> Solution:
    """Make a solution of its SOLUTION_COLUMNS; raise StudyFileError for a damaged row."""
    number, config, point, seed, fidelity = row
    try:
        _check(number, int, "number")
        _check(seed, int, "seed")
        _check(point, bytes, "point")
        if number < 0:
            raise ValueError("its number is negative")
        if fidelity is not None:
            _check_finite(fidelity, "fidelity")
        config = decode(config)
        _check(config, dict, "config")
        return Solution(number, config, np.frombuffer(point, FLOATS), seed, fidelity)
    except (ValueError, TypeError) as error:
        raise damaged_trial(number, error) from None


def pending_of_row(row: Row) -> Pending:
    """Make a pending solution of SOLUTION_COLUMNS, asked_after and started; raise as before."""
    solution = solution_of_row(row[:5])
    asked_after, since = row[5:]
    try:
        if asked_after is not None:
            _check(asked_after, int, "asked_after")
        if since is not None:
            _check_finite(since, "started")
    except (ValueError, TypeError) as error:
        raise damaged_trial(solution.number, error) from None
    return Pending(solution, asked_after or 0, since)


def trial_of_row(row: Row) -> Trial:
    """Make a trial of its SOLUTION_COLUMNS and OUTCOME_COLUMNS; raise as before."""
    solution = solution_of_row(row[:5])
    status, metrics, started, seconds, memory, error, curve, traceback, info = row[5:14]
    try:
        if status not in STATUSES:
            raise ValueError(f"its status is {status!r:.80}")
        _check_finite(started, "started")
        _check_finite(seconds, "seconds")
        if memory is not None:
            _check(memory, int, "memory")
        for name, text in (("error", error), ("traceback", traceback)):
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
