"""Measure the figures that hpopt promises, beside Optuna in the same run, and print one table.

python benchmarks/foundation.py                     # everything: some 20 minutes
python benchmarks/foundation.py --rows random resume
python benchmarks/foundation.py --no-peers          # hpopt alone
python benchmarks/foundation.py --quick --no-peers  # does it still run? no figures
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, replace

from rows import QUICK, ROWS, Budget, Line
from sides import RESULTS, Side, optuna, ours

HEADINGS = Line("what", "hpopt", "Optuna", "hpopt/Optuna", "target", None)


def main() -> int:
    arguments = parsed()
    mine, theirs = ours(), None if arguments.no_peers else optuna()
    budget = QUICK if arguments.quick else Budget()
    if arguments.rounds:
        budget = replace(budget, rounds=arguments.rounds)
    machine = described(mine, theirs)
    print(machine, flush=True)
    began = time.monotonic()
    lines: list[Line] = []
    failed = []
    for name in arguments.rows or ROWS:
        print(f"measuring {name} ({time.monotonic() - began:.0f} s)", file=sys.stderr)
        try:
            lines += ROWS[name](mine, theirs, budget)
        except Exception as error:
            failed.append(name)
            lines.append(Line(name, f"failed: {error}"))
    table = drawn(lines)
    print(table)
    ended = f"load at the end {load()}; it took {time.monotonic() - began:.0f} s"
    print(ended)
    if not arguments.quick:
        keep(machine, lines, table, ended)
    return 1 if failed else 0


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), help="measure only these")
    parser.add_argument("--rounds", type=int, help="how often each measurement is repeated")
    parser.add_argument("--no-peers", action="store_true", help="measure hpopt alone")
    parser.add_argument("--quick", action="store_true", help="tiny budgets: only see that it runs")
    return parser.parse_args()


def described(mine: Side, theirs: Side | None) -> str:
    """Say what was measured on what machine."""
    versions = [side.call("versions")["name"] for side in (mine, theirs) if side is not None]
    return (
        f"{', '.join(versions)}; Python {platform.python_version()}, {os.cpu_count()} cores, "
        f"{platform.system()} {platform.machine()}, load {load()}"
    )


def load() -> str:
    """Say how many processes wanted a core in the last minute."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def drawn(lines: Sequence[Line]) -> str:
    """Draw the table as Markdown."""
    verdicts = {None: "", True: "met", False: "MISSED"}
    cells = [[*texts(HEADINGS), "verdict"]]
    cells += [[*texts(line), verdicts[line.met]] for line in lines]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    rule = ["-" * width for width in widths]
    return "\n".join(
        "| " + " | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) + " |"
        for row in [cells[0], rule, *cells[1:]]
    )


def texts(line: Line) -> list[str]:
    return [line.what, line.ours, line.theirs, line.ratio, line.target]


def keep(machine: str, lines: Sequence[Line], table: str, ended: str) -> None:
    """Write the table and its lines to benchmarks/results/."""
    RESULTS.mkdir(exist_ok=True)
    stem = RESULTS / time.strftime("foundation-%Y%m%d-%H%M%S")
    stem.with_suffix(".md").write_text(f"{machine}\n\n{table}\n\n{ended}\n", encoding="utf-8")
    document = {"machine": machine, "lines": [asdict(line) for line in lines]}
    text = json.dumps(document, indent=1, ensure_ascii=False)
    stem.with_suffix(".json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
