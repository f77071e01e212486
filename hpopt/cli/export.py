"""``hpopt export``: write all trials as JSON or CSV, one after the other."""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from hpopt.cli.exit_codes import ExitCode
from hpopt.errors import SettingError
from hpopt.study import Record, Study
from hpopt.study.record import in_columns


def export(arguments: argparse.Namespace) -> ExitCode:
    """Write all finished trials to stdout or a file."""
    record = Study.load(arguments.study)
    with _opened(arguments.output, Path(arguments.study)) as stream:
        (write_csv if arguments.csv else write_json)(record, stream)
    return ExitCode.DONE


def write_json(record: Record, stream: TextIO) -> None:
    """Write a list with one object a trial, one a line; memory does not grow with the trials."""
    separator = "[\n"
    for trial in record.iterate():
        stream.write(separator + _json(trial.to_dict()))
        separator = ",\n"
    stream.write("[]\n" if separator == "[\n" else "\n]\n")


def write_csv(record: Record, stream: TextIO) -> None:
    """Write one row a trial. The trials are read twice, first for the names of all columns."""
    columns: dict[str, None] = dict.fromkeys(("number", "status"))
    columns |= dict.fromkeys(objective.name for objective in record.objectives)
    for trial in record.iterate():
        columns |= dict.fromkeys(in_columns(trial))
    parameters = [f"config.{name}" for name in record.space]
    last = ("seconds", "memory", "error")
    values = [name for name in columns if name not in (*parameters, *last)]
    # A trial that ends between the two readings may have a value that no other one has.
    rows = csv.DictWriter(
        stream, [*values, *parameters, *last], extrasaction="ignore", lineterminator="\n"
    )
    rows.writeheader()
    for trial in record.iterate():
        rows.writerow({name: _cell(value) for name, value in in_columns(trial).items()})


@contextlib.contextmanager
def _opened(output: str | None, study: Path) -> Iterator[TextIO]:
    if output is None:
        yield sys.stdout
        return
    path = Path(output)
    if path.exists() and path.samefile(study):
        raise SettingError(f"--output must be another file than the study, but got {output!r}")
    try:
        stream = path.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise SettingError(
            f"--output must be a file that can be written, but {output!r} is not "
            f"({error.strerror}): choose another"
        ) from error
    with stream:
        yield stream


def _cell(value: Any) -> Any:
    return _json(value) if isinstance(value, list | tuple | dict) else value


def _json(data: Any) -> str:
    try:
        return json.dumps(data, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(data), allow_nan=False)


def _finite(data: Any) -> Any:
    """Put None in the place of numbers that JSON does not have."""
    if isinstance(data, float) and not math.isfinite(data):
        return None
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(value) for value in data]
    return data
