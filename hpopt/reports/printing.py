"""Print a sheet: fitted to a terminal, or as plain text that is not cut anywhere else."""

from __future__ import annotations

import sys
from typing import TextIO

from hpopt.sheets import Sheet
from hpopt.sheets.text import as_text

WIDEST = 1_000_000
"""Columns where nobody looks on: as if there were no end of the line."""


def write(sheet: Sheet, stream: TextIO | None = None) -> None:
    """Print a sheet.

    On a terminal it has colours and fits the width. Elsewhere it has no escape codes, and each
    row of a table is one line, with the config at its end as JSON, so that ``grep``, ``cut`` and
    ``less -S`` are of use.

    Parameters
    ----------
    sheet : Sheet
    stream : text stream, optional
        By default stdout.
    """
    stream = sys.stdout if stream is None else stream
    if stream.isatty():
        from rich.console import Console

        Console(file=stream).print(sheet, highlight=False)
        return
    stream.write(as_text(sheet.plain(), WIDEST) + "\n")
