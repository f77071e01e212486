"""Compare hpopt's strategies with each other and with the peers' on recorded tables.

python benchmarks/strategies                         # goes on where it was cut off
python benchmarks/strategies --rows ranks random
python benchmarks/strategies --again genetic         # its code has changed: run it anew
python benchmarks/strategies --no-peers --quick      # does it still run? no figures
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

import recorded
from comparisons import COMPARISONS, Effort, Measured
from options import has_data, options
from printing import drawn, keep, load, machine
from rows import Line
from runs import PEERS, forget, kept_in, named

HEADINGS = Line("what", "hpopt", "beside", "ratio", "target", None)


def main() -> int:
    arguments = parsed()
    if not has_data(arguments):
        return 2
    effort = effort_of(arguments)
    peers = [] if arguments.no_peers else list(PEERS)
    with kept_in("quick" if arguments.quick else "strategies"):
        for strategy in named(arguments.again):
            forget(strategy)
        return compared(Measured(effort, peers, make=not arguments.no_runs), arguments)


def compared(measured: Measured, arguments: argparse.Namespace) -> int:
    """Go through the rows, print them and keep them."""
    e = measured.effort
    about = (
        f"{measured.version}; {machine()}; {len(e.tables)} tables, {e.seeds} seeds, "
        f"{e.budget} evaluations"
    )
    print(about, flush=True)
    began = time.monotonic()
    lines: list[Line] = []
    texts: list[str] = []
    failed = False
    if not arguments.rows:
        measured.need(["genetic", "random", *measured.peers])
    for name in arguments.rows or COMPARISONS:
        print(f"comparing {name} ({time.monotonic() - began:.0f} s)", file=sys.stderr, flush=True)
        try:
            more, text = COMPARISONS[name](measured)
        except Exception as error:
            failed = True
            more, text = [Line(name, f"failed: {error!r}")], ""
        lines += more
        texts += [text] if text else []
    ended = f"load at the end {load()}; it took {time.monotonic() - began:.0f} s"
    printed = "\n\n".join([drawn(lines, HEADINGS), *texts, ended])
    print(printed)
    if not arguments.quick:
        keep("strategies", about, lines, printed)
    return 1 if failed else 0


def parsed() -> argparse.Namespace:
    parser = options(__doc__, processes=2)
    parser.add_argument("--rows", nargs="+", choices=list(COMPARISONS), help="compare only these")
    parser.add_argument("--no-peers", action="store_true", help="compare hpopt's own only")
    return parser.parse_args()


def effort_of(arguments: argparse.Namespace) -> Effort:
    tables = tuple(recorded.names())
    if not arguments.quick:
        return Effort(tables, processes=arguments.processes)
    few = tuple(dict.fromkeys([*recorded.five_dimensional()[:1], tables[-1]]))
    return Effort(
        few,
        seeds=2,
        budget=40,
        budgets=(20, 40),
        middle=20,
        simulated=2,
        evaluations=40,
        workers=4,
        generation=20,
        repeats=2,
        processes=1,
    )


if __name__ == "__main__":
    sys.exit(main())
