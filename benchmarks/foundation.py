"""Measure the figures that hpopt promises, beside Optuna in the same run, and print one table.

python benchmarks/foundation.py                     # everything: some 20 minutes
python benchmarks/foundation.py --rows random resume
python benchmarks/foundation.py --no-peers          # hpopt alone
python benchmarks/foundation.py --quick --no-peers  # does it still run? no figures
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace

from printing import drawn, keep, load, machine
from rows import QUICK, ROWS, Budget, Line
from sides import Side, optuna, ours

HEADINGS = Line("what", "hpopt", "Optuna", "hpopt/Optuna", "target", None)


def main() -> int:
    arguments = parsed()
    mine, theirs = ours(), None if arguments.no_peers else optuna()
    budget = QUICK if arguments.quick else Budget()
    if arguments.rounds:
        budget = replace(budget, rounds=arguments.rounds)
    about = described(mine, theirs)
    print(about, flush=True)
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
    table = drawn(lines, HEADINGS)
    print(table)
    ended = f"load at the end {load()}; it took {time.monotonic() - began:.0f} s"
    print(ended)
    if not arguments.quick:
        keep("foundation", about, lines, f"{table}\n\n{ended}")
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
    return f"{', '.join(versions)}; {machine()}"


if __name__ == "__main__":
    sys.exit(main())
