"""Compare hpopt's model-based strategies and `auto` with the peers', evaluation by evaluation.

python benchmarks/efficiency                      # goes on where it was cut off
python benchmarks/efficiency --only auto optuna   # make the runs of these only
python benchmarks/efficiency --budget 200 --only auto optuna nevergrad random
python benchmarks/efficiency --no-runs --page     # write the page of what there is
python benchmarks/efficiency --on first           # on the judging problems with all peers
python benchmarks/efficiency --on choosing        # on the problems that defaults are chosen by
python benchmarks/efficiency --again auto         # its code has changed: run it anew
python benchmarks/efficiency --no-peers --quick   # does it still run? no figures
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
sys.path.append(str(Path(__file__).resolve().parents[1] / "strategies"))

from contests import SETS
from options import has_data, options
from page import HEADINGS, TITLES, Part, write
from printing import drawn, keep, load, machine, markdown
from report import BASE, Comparison, Runs
from runs import forget, kept_in
from strategies import FOLDER, NAMES, PEERS, Measured, named

SHORT, LONG = 100, 200
QUICK = ("cv:ridge:diabetes", "bbob:1:5:2")


def main() -> int:
    arguments = parsed()
    if not has_data(arguments):
        return 2
    problems = SETS[arguments.on]
    folder, seeds, budget = FOLDER, arguments.seeds, arguments.budget
    if arguments.quick:
        problems, folder, seeds, budget = QUICK, "quick-efficiency", 2, 12
    if budget > SHORT:  # some peers do other things where they may do more
        folder = f"{folder}-{budget}"
    budgets = [n for n in (12, 50, 100, 200) if n <= budget and (arguments.quick or n > 12)]
    peers = [] if arguments.no_peers else list(PEERS)
    measured = Measured(problems, budget, peers, folder)
    with kept_in(folder):
        for strategy in named(arguments.again):
            forget(strategy)
    if not arguments.no_runs:
        wanted = arguments.only or measured.names
        some = Measured(arguments.problems or problems, budget, peers, folder)
        some.make(wanted, range(seeds), processes=arguments.processes)
    measured.read(measured.names)
    return compared(measured, seeds, budgets or [budget], arguments)


def compared(
    measured: Measured, seeds: int, budgets: list[int], arguments: argparse.Namespace
) -> int:
    """Print what the runs say, and keep it."""
    began = time.monotonic()
    comparison = Comparison(measured.runs, measured.problems, seeds, budgets)
    if BASE not in comparison.names:
        print(
            f"{BASE} must have runs of all {len(measured.problems)} problems by "
            f"{comparison.fewest} seeds, but has {len(comparison.seeds[BASE])}: make them "
            f"(--only {BASE}), or give fewer --seeds"
        )
        return 1
    about = (
        f"{measured.version}; {machine()}; {len(measured.problems)} problems ({arguments.on}), "
        f"{comparison.span}, {budgets[-1]} evaluations"
    )
    print(about, flush=True)
    lines = comparison.lines()
    text = "\n\n".join(
        [
            drawn(lines, HEADINGS) if lines else "",
            comparison.tables(),
            comparison.of_others(),
            comparison.by_problem(budgets[-1]),
            counts(measured),
            f"load at the end {load()}; it took {time.monotonic() - began:.0f} s",
        ]
    )
    print(text)
    if not arguments.quick:
        keep("efficiency", about, lines, text)
    if arguments.page:
        write(parts_of(measured, seeds, budgets), about)
    return 0


def parts_of(measured: Measured, seeds: int, budgets: list[int]) -> list[Part]:
    """Give what the page says of each set of problems, with the longer runs that there are."""
    long = Measured(measured.problems, LONG, list(PEERS), f"{FOLDER}-{LONG}")
    long.read(long.names)
    parts = []
    for on in TITLES:
        comparison = of_runs(measured.runs, SETS[on], seeds, budgets)
        if comparison is not None:
            parts.append(Part(on, comparison, of_runs(long.runs, SETS[on], seeds, [LONG])))
    return parts


def of_runs(
    runs: Runs, problems: Sequence[str], seeds: int, budgets: list[int]
) -> Comparison | None:
    """Give the comparison of the runs that there are; None where "auto" or random has too few."""
    made = {name: found for name, found in runs.items() if found}
    comparison = Comparison(made, problems, seeds, budgets)
    return comparison if {"auto", BASE} <= {*comparison.names} else None


def counts(measured: Measured) -> str:
    """Say how many runs there are of each."""
    cells = [["runs", "on judged problems"]]
    for name, found in measured.runs.items():
        n = sum(problem in measured.problems for problem, _ in found)
        cells.append([NAMES.get(name, name), str(n)])
    return markdown(cells)


def parsed() -> argparse.Namespace:
    parser = options(__doc__)
    parser.add_argument("--on", choices=SETS, default="judging", help="which problems")
    parser.add_argument("--only", nargs="+", default=[], help="make the runs of these only")
    parser.add_argument("--problems", nargs="+", default=[], help="make runs on these only")
    parser.add_argument("--no-peers", action="store_true", help="compare hpopt's own only")
    parser.add_argument("--seeds", type=int, default=10, help="how many seeds")
    parser.add_argument("--budget", type=int, default=100, help="evaluations of each run")
    parser.add_argument("--page", action="store_true", help="write docs/efficiency.md, RESULTS.md")
    arguments = parser.parse_args()
    if arguments.page and (arguments.quick or arguments.on != "judging"):
        parser.error("--page is of the whole comparison --on judging; it has the others beside it")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
