"""Compare what is found of the front of several objectives, evaluation by evaluation.

python benchmarks/objectives                        # hpopt's strategies on the choosing problems
python benchmarks/objectives --only auto            # make the runs of this one only
python benchmarks/objectives --problems zdt:1       # on this one only
python benchmarks/objectives --again auto           # its code has changed: run it anew
python benchmarks/objectives --no-runs              # compare what there is
python benchmarks/objectives --on judging           # what is reported; no default is chosen by it
python benchmarks/objectives --quick                # does it still run? no figures
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
sys.path.append(str(Path(__file__).resolve().parents[1] / "strategies"))

import recorded
from environments import ensure
from figures import Interval, beats, bests, interval
from fronts import SETS
from printing import keep, load, machine, markdown
from runs import Run, Wanted, forget, hashed, kept_in, measure, present
from sides import Side

HERE = Path(__file__).resolve().parent
PEERS: dict[str, str] = {}
"""The peers' strategies, and the environment of each."""
BASE = "auto"
"""Whom the others are compared with."""
BUDGETS = (50, 100, 200)
QUICK = ("zdt:1", "dtlz2:3")

Runs = Mapping[tuple[str, int], Run]


def side_of(name: str) -> Side:
    """Give who runs a strategy, in an environment of its own."""
    peer = PEERS.get(name, "hpopt")
    return Side(peer, ensure(peer), HERE / f"with_{peer}.py")


def named(names: Sequence[str]) -> list[Wanted]:
    """Give strategies by their names, with their settings of today."""
    found = {}
    for side in dict.fromkeys(side_of(name) for name in names):
        mine = [name for name in names if side_of(name) == side]
        settings = side.call("settings", strategies=mine)
        found |= {
            name: Wanted(side, name, hashed(each))
            for name, each in zip(mine, settings, strict=True)
        }
    return [found[name] for name in names]


def shares(runs: Mapping[str, Runs], problems: Sequence[str], seeds: int, n: int) -> str:
    """Draw the mean share of each problem's front after n evaluations, a strategy a column."""
    columns = {
        name: found
        for name, found in runs.items()
        if all((problem, seed) in found for problem in problems for seed in range(seeds))
    }
    cells = [[f"share after {n}", *columns]]
    found = {name: -bests(each, problems, range(seeds), n) for name, each in columns.items()}
    for row, problem in enumerate(problems):
        cells.append([problem, *(f"{each[row].mean():.3f}" for each in found.values())])
    cells.append(["mean", *(_spread(interval(each)) for each in found.values())])
    if BASE in found:
        chances = [interval(beats(-found[BASE], -each)) for each in found.values()]
        cells.append([f"P({BASE} has more)", *map(_spread, chances)])
    return markdown(cells)


def _spread(found: Interval) -> str:
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"


def main() -> int:
    arguments = parsed()
    if arguments.data:
        os.environ["HPOPT_DATA"] = str(arguments.data)
    if not recorded.folder().is_dir():
        print(f"no tables in {recorded.folder()}: give --data, or set HPOPT_DATA", file=sys.stderr)
        return 2
    problems, folder = arguments.problems or SETS[arguments.on], "objectives"
    seeds, budget = arguments.seeds, arguments.budget
    if arguments.quick:
        problems, folder, seeds, budget = QUICK, "quick-objectives", 2, 12
    names = arguments.only or [*side_of("").call("about")["strategies"], *PEERS]
    with kept_in(folder):
        for strategy in named(arguments.again):
            forget(strategy)
        strategies = named(names)
        if not arguments.no_runs:
            processes = arguments.processes
            measure(strategies, problems, range(seeds), budget, processes=processes)
        runs = {each.name: present(each, budget) for each in strategies}
    about = f"{machine()}; {len(problems)} problems ({arguments.on}), {seeds} seeds"
    budgets = [n for n in BUDGETS if n <= budget] or [budget]
    text = "\n\n".join(shares(runs, problems, seeds, n) for n in budgets)
    print(f"{about}\n\n{text}\n\nload at the end {load()}")
    if not arguments.quick:
        keep("objectives", about, [], text)
    return 0


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of the data; by default HPOPT_DATA")
    parser.add_argument("--on", choices=SETS, default="choosing", help="which problems")
    parser.add_argument("--only", nargs="+", default=[], help="these strategies only")
    parser.add_argument("--problems", nargs="+", default=[], help="these problems only")
    parser.add_argument("--again", nargs="+", default=[], help="forget the runs of these first")
    parser.add_argument("--no-runs", action="store_true", help="compare the runs that there are")
    parser.add_argument("--seeds", type=int, default=10, help="how many seeds")
    parser.add_argument("--budget", type=int, default=200, help="evaluations of each run")
    parser.add_argument("--processes", type=int, default=1, help="how many run at the same time")
    parser.add_argument("--quick", action="store_true", help="tiny budgets: only see that it runs")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
