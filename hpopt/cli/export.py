"""``hpopt export``: write all trials as JSON or CSV, one after the other."""

from __future__ import annotations

import argparse
import contextlib
import csv
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from hpopt.cli.exit_codes import ExitCode
from hpopt.cli.json_output import as_json
from hpopt.errors import SettingError
from hpopt.study import Record, Study
from hpopt.study.columns import Columns, moment

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What begins a formula in a spreadsheet, by OWASP's page "CSV Injection"."""

FORMS = ("", ".csv", ".json", ".txt")
"""Endings of --output that need no option: JSON, but for ``.csv``."""

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def export(arguments: argparse.Namespace) -> ExitCode:
    """Write all finished trials to stdout or a file."""
    as_csv = _is_csv(arguments)
    record = Study.load(arguments.study)
    with _opened(arguments, Path(arguments.study)) as stream:
        if as_csv:
            write_csv(record, stream, raw=arguments.raw)
        else:
            write_json(record, stream)
    return ExitCode.DONE


def _is_csv(arguments: argparse.Namespace) -> bool:
    """Return whether the form is CSV, by option or else by the ending of the file.

    Raises
    ------
    SettingError
        Option and ending, or the form and ``--raw``, contradict each other.
    """
    ending = Path(arguments.output or "").suffix.lower()
    as_csv = arguments.csv or (ending == ".csv" and not arguments.json)
    if ending in (".csv", ".json") and as_csv != (ending == ".csv"):
        option = "--csv" if as_csv else "--json"
        raise SettingError(
            f"the ending of --output must be that of its form, but got {option} and "
            f"{arguments.output!r}: leave the option out, or change the ending"
        )
    if arguments.raw and not as_csv:
        raise SettingError(
            "--raw must go with CSV, but the form is JSON: leave it out, or add --csv"
        )
    return as_csv


def write_json(record: Record, stream: TextIO) -> None:
    """Write a list with one object a trial, one a line; memory does not grow with the trials."""
    separator, marks = "[\n", record.marks()
    for trial in record.iterate():
        stream.write(separator + as_json({**trial.to_dict(), **marks(trial)}))
        separator = ",\n"
    stream.write("[]\n" if separator == "[\n" else "\n]\n")


def write_csv(record: Record, stream: TextIO, *, raw: bool = False) -> None:
    """Write one row a trial. The trials are read twice, first for the names of all columns.

    Parameters
    ----------
    record : Record
    stream : text stream
    raw : bool
        Whether to write text as it is that a spreadsheet takes for a formula. By default it gets
        a ``'`` in front: a study may be anybody's, and a formula can start programs.
    """
    columns = Columns(record)
    cell = _cell if raw else _without_formula
    rows = csv.writer(stream, lineterminator="\n")
    rows.writerow(map(cell, columns.kinds))
    for found in columns.rows():
        found["started"] = moment(found["started"])
        rows.writerow([cell(found.get(name)) for name in columns.kinds])


@contextlib.contextmanager
def _opened(arguments: argparse.Namespace, study: Path) -> Iterator[TextIO]:
    output: str | None = arguments.output
    if output is None:
        yield sys.stdout
        return
    path = Path(output)
    if path.exists() and path.samefile(study):
        raise SettingError(f"--output must be another file than the study, but got {output!r}")
    if path.suffix.lower() not in FORMS and not (arguments.csv or arguments.json):
        raise SettingError(
            "trials are written as JSON or CSV, and the ending of --output says which, but got "
            f"{output!r}: end it in .json or .csv, or add --json or --csv"
        )
    try:
        # Names of undecodable files have no UTF-8: they are written as on standard output.
        stream = path.open("w", encoding="utf-8", errors="backslashreplace", newline="")
    except OSError as error:
        raise SettingError(
            f"--output must be a file that can be written, but {output!r} is not "
            f"({error.strerror}): choose another"
        ) from error
    with stream:
        yield stream


def _cell(value: Any) -> Any:
    return as_json(value) if isinstance(value, list | tuple | dict) else value


def _without_formula(value: Any) -> Any:
    cell = _cell(value)
    is_text = isinstance(cell, str) and NUMBER.fullmatch(cell) is None
    return f"'{cell}" if is_text and cell.startswith(FORMULA) else cell
