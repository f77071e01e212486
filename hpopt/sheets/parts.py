"""The parts of a sheet: tables, named fields, passages of text, and a choice among them."""

from __future__ import annotations

from dataclasses import dataclass

MOST_CHARACTERS = 20_000  # of one text, as much as is kept of a trial's output


@dataclass(frozen=True)
class Table:
    """Rows of texts under heads.

    Attributes
    ----------
    heads : tuple of str
        One a column; empty for none.
    rows : tuple of tuple of str
    right : tuple of bool
        Which columns are numbers, which stand at the right; empty for none.
    folds : tuple of bool
        Which columns may go over several lines; empty for none.
    """

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: tuple[bool, ...] = ()
    folds: tuple[bool, ...] = ()

    @property
    def n_columns(self) -> int:
        """How many columns there are."""
        return max(map(len, (self.heads, *self.rows)))

    def is_right(self, column: int) -> bool:
        """Return whether a column stands at the right."""
        return column < len(self.right) and self.right[column]

    def is_folded(self, column: int) -> bool:
        """Return whether a column may go over several lines."""
        return column < len(self.folds) and self.folds[column]


@dataclass(frozen=True)
class Fields:
    """Names and what they are, one a line; what they are may have fields or a table itself."""

    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Passage:
    """Lines of text as they are, such as a traceback, under a title or without one."""

    text: str
    title: str = ""


@dataclass(frozen=True)
class Line:
    """A sentence; it goes over several lines, between words, where it must."""

    text: str
    is_title: bool = False


@dataclass(frozen=True)
class Stack:
    """Parts one below the other, without a gap."""

    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Choice:
    """The same in several forms: on a terminal the first that fits it is shown, else the last.

    Attributes
    ----------
    forms : tuple of Part
    plain : Part
        The form for where nobody looks on, whose lines may be of any length.
    html : Part
        The form for notebooks.
    """

    forms: tuple[Part, ...]
    plain: Part
    html: Part


Part = Table | Fields | Passage | Line | Stack | Choice
Row = tuple[str, str | Part]
