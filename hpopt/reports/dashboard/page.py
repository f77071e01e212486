"""The page of a dashboard: that of a report, with what runs now, and a script that asks the server.

The server sends it without data; the script gets them, and what is new.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from importlib.resources import files

from hpopt.reports.dashboard.said import Said, are_comparable
from hpopt.reports.dashboard.watching import Watch
from hpopt.reports.findings import findings
from hpopt.reports.page import blocks
from hpopt.reports.page.document import Section, document, script, security_policy
from hpopt.reports.page.sections import Told, sections

ASK = "connect-src 'self'"
"""What the page may do beside what a report may: ask the server that it came from."""

FRAMES = "frame-ancestors 'none'"  # a policy in a file cannot say so

MOST_NAMED = 4  # objectives in a line

NOW = Section("now", "Now", [blocks.paragraph("The studies are being read.", tone="note")])


def page(watches: Sequence[Watch], said: Said | None) -> tuple[str, str]:
    """Return the page as HTML, and the content security policy that it is sent with."""
    title = " and ".join(watch.path.stem for watch in watches)
    parts = _without_words(watches) if said is None else said.sections
    text = document(title, _lead(watches), [NOW, *parts], policy=ASK, more_script=_live_script())
    return text, f"{security_policy(script() + _live_script(), ASK)}; {FRAMES}"


def _lead(watches: Sequence[Watch]) -> str:
    if len(watches) > 1:
        return f"{len(watches)} studies, live"
    source = watches[0].source
    aims = ", ".join(f"{each.direction} {each.name}" for each in source.objectives[:MOST_NAMED])
    return f"{aims[:1].upper()}{aims[1:]}, by {source.header['optimizer']['name']}, live"


def _without_words(watches: Sequence[Watch]) -> list[Section]:
    told = []
    for watch in watches:
        empty = watch.reader.data([])
        told.append(Told(empty, findings(empty)))
    head_to_head = [Section("compared", "Head to head", [])] if are_comparable(watches) else []
    charts = (
        Section(each.id, each.title, [block for block in each.blocks if block["kind"] == "chart"])
        for each in sections(told, None)
    )
    return [*head_to_head, *charts]


@functools.cache
def _live_script() -> str:
    return (files("hpopt.reports.dashboard") / "assets" / "live.js").read_text(encoding="utf-8")
