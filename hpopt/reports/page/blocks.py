"""What a page says, as plain data: Python writes it as HTML, and a live page as elements.

A block is a dict with its ``kind`` and texts. Texts are never taken for HTML: `to_html` escapes
them, and `hpopt.write` in a browser sets them as text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any

from hpopt.terminal import printable

Block = dict[str, Any]

MOST_CHARACTERS = 10_000
"""Of one text: five pages, more than anybody reads in a report."""

NUMBER = re.compile(r"|[-+−±]?\d[\d.,]*(e[-+]?\d+)?( ?(%|[a-zA-Z]+))?")
"""What is aligned at its right: also nothing, and a number with its unit."""

LONGEST_CELL = (
    300  # characters of a name or a cell: longer ones would push all else from the screen
)

LONG = 28  # characters of a cell, from which on it has lines


def paragraph(text: str, *, tone: str = "") -> Block:
    """Return a sentence or several; ``tone`` is empty, "lead", "note" or "warning"."""
    return {"kind": "paragraph", "text": _kept_together(text), "tone": tone}


def heading(text: str) -> Block:
    """Return a heading below that of the section."""
    return {"kind": "heading", "text": text}


def listing(items: Iterable[str]) -> Block:
    """Return a list of sentences."""
    return {"kind": "listing", "items": [_kept_together(each) for each in items]}


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, caption: str = "") -> Block:
    """Return a table of texts; columns of numbers are aligned by what they look like."""
    return {
        "kind": "table",
        "head": _cells(head),
        "rows": [_cells(row) for row in rows],
        "caption": caption,
    }


def facts(pairs: Iterable[tuple[str, str]]) -> Block:
    """Return names and what they are."""
    return {"kind": "facts", "pairs": [_cells(pair) for pair in pairs]}


def figures(pairs: Iterable[tuple[str, str]]) -> Block:
    """Return a few numbers in large type, each with what it is of: number first."""
    return {"kind": "figures", "pairs": [list(pair) for pair in pairs]}


def code(text: str, *, title: str = "", is_folded: bool = False) -> Block:
    """Return text as it is, to be copied; folded under its title where it is long."""
    return {"kind": "code", "text": text, "title": title, "folded": is_folded}


def chart(what: str, caption: str, *, sketch: str = "") -> Block:
    """Return a place for a chart of `hpopt.charts`.

    Without JavaScript there is none, but the sketch: an SVG, with all texts escaped.
    """
    return {"kind": "chart", "what": what, "caption": caption, "sketch": sketch}


def to_html(block: Block) -> str:
    """Write a block as HTML."""
    return _WRITERS[block["kind"]](block)


def _cells(texts: Iterable[str]) -> list[str]:
    return [each if len(each) <= LONGEST_CELL else f"{each[:LONGEST_CELL]}…" for each in texts]


def _kept_together(text: str) -> str:
    """Let no line end between a number and its percent sign."""
    return text.replace(" %", "\u00a0%")


def text_of(text: str) -> str:
    """Write text as HTML: legible, harmless, and not without end."""
    if len(text) > MOST_CHARACTERS:
        text = f"{text[:MOST_CHARACTERS]} … ({len(text)} characters)"
    return escape(printable(text))


def _paragraph(block: Block) -> str:
    tone = f' class="{escape(block["tone"])}"' if block["tone"] else ""
    return f"<p{tone}>{text_of(block['text'])}</p>"


def _heading(block: Block) -> str:
    return f"<h3>{text_of(block['text'])}</h3>"


def _listing(block: Block) -> str:
    items = "".join(f"<li>{text_of(each)}</li>" for each in block["items"])
    return f"<ul>{items}</ul>"


def _table(block: Block) -> str:
    caption = f"<caption>{text_of(block['caption'])}</caption>" if block["caption"] else ""
    columns = zip(*block["rows"], strict=True)
    classes = [' class="number"' if _are_numbers(column) else "" for column in columns]
    classes = classes or [""] * len(block["head"])
    head = "".join(
        f'<th scope="col"{kind}>{text_of(each)}</th>'
        for each, kind in zip(block["head"], classes, strict=True)
    )
    rows = "".join(
        "<tr>"
        + "".join(
            f"<td{kind or _cell_class(each)}>{text_of(each)}</td>"
            for each, kind in zip(row, classes, strict=True)
        )
        + "</tr>"
        for row in block["rows"]
    )
    return (
        '<div class="wide" tabindex="0" role="region" aria-label="table">'
        f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _are_numbers(column: Iterable[str]) -> bool:
    return all(NUMBER.fullmatch(each) for each in column)


def _cell_class(text: str) -> str:
    return ' class="long"' if len(text) > LONG else ""


def _pairs(name: str) -> Callable[[Block], str]:
    def write(block: Block) -> str:
        rows = "".join(
            f"<div><dt>{text_of(term)}</dt><dd>{text_of(what)}</dd></div>"
            for term, what in block["pairs"]
        )
        return f'<dl class="{name}">{rows}</dl>'

    return write


def _code(block: Block) -> str:
    inner = f"<pre><code>{text_of(block['text'])}</code></pre>"
    title = text_of(block["title"])
    if block["folded"]:
        return f'<details class="code"><summary>{title}</summary>{inner}</details>'
    heading = f'<p class="title">{title}</p>' if title else ""
    return f'<div class="code">{heading}{inner}</div>'


def _chart(block: Block) -> str:
    what, caption = escape(block["what"]), text_of(block["caption"])
    kind = "sketched" if block["sketch"] else "chart"
    return (
        f'<figure class="{kind}" data-chart="{what}"><figcaption>{caption}</figcaption>'
        f"{block['sketch']}</figure>"
    )


_WRITERS: dict[str, Callable[[Block], str]] = {
    "paragraph": _paragraph,
    "heading": _heading,
    "listing": _listing,
    "table": _table,
    "facts": _pairs("facts"),
    "figures": _pairs("figures"),
    "code": _code,
    "chart": _chart,
}
