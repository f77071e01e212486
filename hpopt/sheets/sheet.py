"""What people look at, as data: printed it fits the terminal, in a notebook it is HTML."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from hpopt.sheets.parts import Choice, Fields, Part, Row, Stack

MOST_ROWS = 1000  # of one list of names: a space from anybody's file may have millions


@dataclass(frozen=True, repr=False)
class Sheet:
    """Tables and texts one below the other; print it, or let a notebook show it.

    ``str`` is fitted to the width of the terminal (of 80 columns where there is none).
    """

    parts: tuple[Part, ...] = field(default=())

    # What draws is imported when something is looked at: `import hpopt` is to be light.

    def __str__(self) -> str:
        from hpopt.sheets.text import as_text

        return as_text(self)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        from hpopt.sheets.markup import as_html

        return as_html(self.parts)

    def __rich_console__(self, console: Any, options: Any) -> Iterable[Any]:
        from hpopt.sheets.text import drawn

        yield drawn(self.parts, options.max_width)

    def plain(self) -> Sheet:
        """Return it as it is written where nobody looks on: a row of a table is one line."""
        return replace(self, parts=tuple(_plain(part) for part in self.parts))


def fields(rows: Iterable[Row]) -> Fields:
    """Return names and what they are, so many of them as somebody may read."""
    shown = iter(rows)
    some = list(islice(shown, MOST_ROWS))
    n_more = sum(1 for _ in shown)
    return Fields((*some, *[("…", f"and {n_more} more")] * bool(n_more)))


def _plain(part: Part) -> Part:
    if isinstance(part, Choice):
        return _plain(part.plain)
    if isinstance(part, Stack):
        return Stack(tuple(map(_plain, part.parts)))
    if isinstance(part, Fields):
        return Fields(tuple((k, w if isinstance(w, str) else _plain(w)) for k, w in part.rows))
    return part
