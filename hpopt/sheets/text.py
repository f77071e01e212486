"""Sheets as text, drawn by `rich`."""

from __future__ import annotations

import io
import shutil
from collections.abc import Sequence
from typing import Any

from hpopt.sheets.parts import (
    MOST_CHARACTERS,
    Choice,
    Fields,
    Part,
    Passage,
    Stack,
    Table,
)
from hpopt.terminal import printable, without_styles

GAP = 2  # columns between two of a table
NARROWEST = 20  # columns: below that nothing is legible, and words are cut


def as_text(renderable: Any, width: int | None = None) -> str:
    """Return a sheet as plain lines that fit a width, by default that of the terminal."""
    from rich.console import Console

    if width is None:
        width = shutil.get_terminal_size().columns
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=max(NARROWEST, width),
        color_system=None,
        force_terminal=False,
        force_jupyter=False,
        legacy_windows=False,
    )
    console.print(renderable, highlight=False)
    lines = (line.rstrip() for line in stream.getvalue().split("\n"))
    return "\n".join(lines).rstrip("\n")


def drawn(parts: Sequence[Part], width: int) -> Any:
    """Return parts with a gap between them, as a renderable for so many columns."""
    from rich.console import Group

    found: list[Any] = []
    for part in parts:
        found += [*[""] * bool(found), _drawn(part, width)]
    return Group(*found)


def _drawn(part: Part, width: int) -> Any:
    from rich.console import Group

    if isinstance(part, Choice):
        fitting = (form for form in part.forms if width_of(form) <= width)
        return _drawn(next(fitting, part.forms[-1]), width)
    if isinstance(part, Stack):
        return Group(*(_drawn(each, width) for each in part.parts))
    if isinstance(part, Table):
        return _table(part)
    if isinstance(part, Fields):
        return _fields(part, width)
    if isinstance(part, Passage):
        title = [text_of(part.title, style="bold")] if part.title else []
        return Group(*title, text_of(part.text))
    return text_of(part.text, style="italic" if part.is_title else "")


def width_of(part: Part) -> int:
    """Return how many columns a part takes so that nothing of it goes over several lines."""
    from rich.cells import cell_len

    if isinstance(part, Stack):
        return max(map(width_of, part.parts), default=0)
    if not isinstance(part, Table):
        return 0  # goes over several lines where it must
    rows = [row for row in (part.heads, *part.rows) if row]
    widths = [
        max((cell_len(row[k]) for row in rows if k < len(row)), default=0)
        for k in range(part.n_columns)
    ]
    return sum(widths) + GAP * (len(widths) - 1)


def _table(table: Table) -> Any:
    from rich import table as rich_table

    drawn = rich_table.Table(
        box=None, pad_edge=False, header_style="bold", show_header=bool(table.heads)
    )
    for k in range(table.n_columns):
        folds = table.is_folded(k)
        drawn.add_column(
            text_of(table.heads[k]) if table.heads else "",
            justify="right" if table.is_right(k) else "left",
            no_wrap=not folds,
            overflow="fold" if folds else "ellipsis",
        )
    for row in table.rows:
        drawn.add_row(*map(text_of, row))
    return drawn


def _fields(fields: Fields, width: int) -> Any:
    from rich.table import Table as RichTable

    grid = RichTable.grid(padding=(0, GAP))
    grid.add_column(no_wrap=True, style="bold", max_width=max(NARROWEST, width // 2))
    grid.add_column(overflow="fold")
    taken = min(width // 2, max((len(name) for name, _ in fields.rows), default=0)) + GAP
    for name, what in fields.rows:
        inner = text_of(what) if isinstance(what, str) else _drawn(what, width - taken)
        grid.add_row(text_of(name), inner)
    return grid


def text_of(text: str, style: str = "") -> Any:
    """Make text that somebody's trials and files say: legible, harmless, and not without end."""
    from rich.text import Text

    return Text(legible(text), style=style)


def legible(text: str) -> str:
    """Return text that has no control characters and is not without end."""
    if len(text) > MOST_CHARACTERS:
        text = f"{text[:MOST_CHARACTERS]} … ({len(text)} characters)"
    return printable(without_styles(text))
