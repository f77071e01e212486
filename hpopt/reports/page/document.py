"""One HTML file of static text, styles, scripts and packed data, that may ask no network."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from importlib.resources import files
from typing import Any

from hpopt.reports.page.blocks import Block, text_of, to_html
from hpopt.reports.palette import DARK, LIGHT, Palette

SCRIPTS = (
    "dom.js", "unpack.js", "study.js", "state.js", "scale.js", "blocks.js", "pen.js", "plot.js",
    "progress.js", "parallel.js", "marginals.js", "pair.js", "bars.js", "front.js", "timeline.js",
    "curves.js", "filters.js", "details.js", "table.js", "page.js",
)  # fmt: skip
"""In this order: each may use those before it."""

NO_SCRIPT = "Charts, the table of trials and filters need JavaScript; the text is all here."

ESCAPED = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
"""What must not stand in a script element: the end of it, the start of a comment, and ends of
lines of JavaScript; JSON reads the same from these."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page.

    Attributes
    ----------
    id : str
        Its anchor: letters and hyphens.
    title : str
    blocks : sequence of Block
        What it says of a study.
    """

    id: str
    title: str
    blocks: Sequence[Block]


def document(
    title: str,
    lead: str,
    sections: Sequence[Section],
    *,
    packed: dict[str, Any] | None = None,
    policy: str = "",
    more_script: str = "",
) -> str:
    """Return a page as HTML.

    Parameters
    ----------
    title, lead : str
        The heading, and a line below it.
    sections : sequence of Section
    packed : dict, optional
        What `hpopt.show` takes. Without it the page has no data until `more_script` gets them.
    policy : str
        More of the content security policy, as ``connect-src 'self'``.
    more_script : str
        JavaScript that runs last.
    """
    code = script() + more_script
    data = (
        "" if packed is None else f'<script type="application/json" id="data">{in_script(packed)}'
    )
    data += "</script>\n" if data else ""
    links = "".join(f'<li><a href="#{each.id}">{text_of(each.title)}</a></li>' for each in sections)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{security_policy(code, policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{text_of(title)}</title>
<style>{style()}</style>
</head>
<body>
<a class="skip" href="#answer">Skip to the answer</a>
<header><h1>{text_of(title)}</h1><p>{text_of(lead)}</p></header>
<nav aria-label="Sections"><div><ul>{links}</ul></div></nav>
<main>
{"".join(map(_section, sections))}
</main>
<noscript><p class="note">{NO_SCRIPT}</p></noscript>
{data}<script>{code}</script>
</body>
</html>
"""


def security_policy(code: str, more: str = "") -> str:
    """Return what the page may do: run this script, use its style, and nothing of any network."""
    parts = (
        "default-src 'none'",
        f"script-src '{_hash(code)}'",
        f"style-src '{_hash(style())}'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",  # text that is set as HTML would be an error
        "trusted-types 'none'",
    )
    return "; ".join((*parts, more) if more else parts)


def in_script(data: Any) -> str:
    """Write data as JSON that can stand in a script element, whatever its texts say."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character, escape in ESCAPED.items():
        text = text.replace(character, escape)
    # Lone surrogates, as of names of files that are no UTF-8, cannot be written.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


@functools.cache
def style() -> str:
    """Return the style sheet, with the colours of the palette."""
    return (
        f":root{{{_variables(LIGHT)}}}\n"
        f"@media (prefers-color-scheme: dark){{:root{{{_variables(DARK)}}}}}\n"
        f"@media print{{:root{{{_variables(LIGHT)}}}}}\n{_asset('page.css')}"
    )


@functools.cache
def script() -> str:
    """Return the script: ``hpopt.show(packed)`` and ``hpopt.update(packed)``."""
    return "\n".join(map(_asset, SCRIPTS))


def _section(section: Section) -> str:
    inner = "\n".join(map(to_html, section.blocks))
    return (
        f'<section id="{section.id}" aria-labelledby="{section.id}-title">'
        f'<h2 id="{section.id}-title">{text_of(section.title)}</h2>\n'
        f'<div class="blocks">{inner}</div></section>\n'
    )


def _asset(name: str) -> str:
    return (files("hpopt.reports.page") / "assets" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def _variables(palette: Palette) -> str:
    named = {each.name: getattr(palette, each.name) for each in fields(palette)}
    series = {f"series-{k}": colour for k, colour in enumerate(named.pop("series"))}
    del named["ramp"]  # scale.js has it
    return "".join(f"--{name}:{colour};" for name, colour in (named | series).items())
