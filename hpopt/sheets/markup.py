"""Sheets as HTML for notebooks: all text escaped, colours left to the page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from hpopt.sheets.parts import Choice, Fields, Part, Passage, Stack, Table
from hpopt.sheets.text import legible

# Colours, fonts and lines are the page's, light or dark.
NUMBERS = "text-align:right;font-variant-numeric:tabular-nums;vertical-align:top"
WORDS = "text-align:left;vertical-align:top"
NAMES = f"{WORDS};white-space:nowrap;font-weight:bold"
FOLDED = "white-space:pre-wrap"
BELOW = "margin-bottom:0.7em"
TITLE = "margin:0.3em 0"


def as_html(parts: Sequence[Part]) -> str:
    """Return parts one below the other in a block."""
    blocks = (f'<div style="{BELOW}">{_part(part)}</div>' for part in parts)
    return f"<div>{''.join(blocks)}</div>"


def escaped(text: str) -> str:
    """Return text that is shown as it is, whatever stands in it."""
    return escape(legible(text))


def _part(part: Part) -> str:
    if isinstance(part, Choice):
        return _part(part.html)
    if isinstance(part, Stack):
        return "".join(map(_part, part.parts))
    if isinstance(part, Table):
        return _table(part)
    if isinstance(part, Fields):
        return _fields(part)
    if isinstance(part, Passage):
        text = f'<pre style="{FOLDED}">{escaped(part.text)}</pre>'
        name = f"<summary>{escaped(part.title)}</summary>"
        return f"<details>{name}{text}</details>" if part.title else text
    said = f"<b>{escaped(part.text)}</b>" if part.is_title else escaped(part.text)
    return f'<div style="{TITLE}">{said}</div>'


def _table(table: Table) -> str:
    styles = [NUMBERS if table.is_right(k) else WORDS for k in range(table.n_columns)]
    heads = _row("th", table.heads, styles)
    rows = "".join(_row("td", row, styles) for row in table.rows)
    head = f"<thead>{heads}</thead>" if table.heads else ""
    return f"<table>{head}<tbody>{rows}</tbody></table>"


def _row(kind: str, cells: Sequence[str], styles: Sequence[str]) -> str:
    inside = (_cell(kind, cell, style) for cell, style in zip(cells, styles, strict=False))
    return f"<tr>{''.join(inside)}</tr>"


def _fields(fields: Fields) -> str:
    rows = "".join(
        f"<tr>{_cell('th', name, NAMES)}"
        f'<td style="{WORDS}">{escaped(what) if isinstance(what, str) else _part(what)}</td></tr>'
        for name, what in fields.rows
    )
    return f"<table><tbody>{rows}</tbody></table>"


def _cell(kind: str, text: str, style: str) -> str:
    # Spaces in front are an indent, which HTML would drop.
    stripped = text.lstrip(" ")
    indent = "&nbsp;" * (len(text) - len(stripped))
    return f'<{kind} style="{style}">{indent}{escaped(stripped)}</{kind}>'
