"""What a benchmark prints and keeps: Markdown tables, the machine, the load."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict

from rows import Line
from sides import RESULTS

VERDICTS = {None: "", True: "met", False: "MISSED"}


def machine() -> str:
    """Say on what machine this runs, and how loaded it is."""
    return (
        f"Python {platform.python_version()}, {os.cpu_count()} cores, "
        f"{platform.system()} {platform.machine()}, load {load()}"
    )


def load() -> str:
    """Say how many processes wanted a core in the last minute."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def drawn(lines: Sequence[Line], headings: Line) -> str:
    """Draw lines as a Markdown table."""
    cells = [[*texts(headings), "verdict"]]
    return markdown(cells + [[*texts(line), VERDICTS[line.met]] for line in lines])


def texts(line: Line) -> list[str]:
    return [line.what, line.ours, line.theirs, line.ratio, line.target]


def markdown(cells: Sequence[Sequence[str]]) -> str:
    """Draw rows of cells as a Markdown table; the first row is its head."""
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    rule = ["-" * width for width in widths]
    return "\n".join(
        "| " + " | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) + " |"
        for row in [cells[0], rule, *cells[1:]]
    )


def keep(name: str, about: str, lines: Sequence[Line], text: str) -> None:
    """Write what was printed, and the lines as JSON, to benchmarks/results/."""
    RESULTS.mkdir(exist_ok=True)
    stem = RESULTS / time.strftime(f"{name}-%Y%m%d-%H%M%S")
    stem.with_suffix(".md").write_text(f"{about}\n\n{text}\n", encoding="utf-8")
    document = {"machine": about, "lines": [asdict(line) for line in lines]}
    stem.with_suffix(".json").write_text(
        json.dumps(document, indent=1, ensure_ascii=False), encoding="utf-8"
    )
