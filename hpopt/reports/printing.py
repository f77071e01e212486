"""Print a renderable: fitted to a terminal, or as plain text that is not cut anywhere else."""

from __future__ import annotations

import io
import sys
from typing import Any, TextIO

WIDEST = 1_000_000
"""Columns where nobody looks on: as if there were no end of the line."""


def write(renderable: Any, stream: TextIO | None = None) -> None:
    """Print a renderable of `rich`.

    On a terminal it has colours and fits the width. Elsewhere it has no escape codes, and each
    row of a table is one line, however long, so that ``grep`` and ``less -S`` are of use.

    Parameters
    ----------
    renderable : renderable of rich
    stream : text stream, optional
        By default stdout.
    """
    from rich.console import Console

    stream = sys.stdout if stream is None else stream
    if stream.isatty():
        Console(file=stream).print(renderable, highlight=False)
        return
    text = io.StringIO()
    plain = Console(
        file=text, width=WIDEST, color_system=None, force_terminal=False, force_jupyter=False
    )
    plain.print(renderable, highlight=False)
    stream.write("\n".join(line.rstrip() for line in text.getvalue().split("\n")))
