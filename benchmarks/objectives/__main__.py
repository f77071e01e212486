"""Compare what is found of the front of several objectives, evaluation by evaluation.

python benchmarks/objectives                        # everybody on the choosing problems
python benchmarks/objectives --only auto            # make the runs of this one only
python benchmarks/objectives --problems zdt:1       # on this one only
python benchmarks/objectives --again auto           # its code has changed: run it anew
python benchmarks/objectives --no-runs              # compare what there is
python benchmarks/objectives --on judging           # what is reported; no default is chosen by it
python benchmarks/objectives --on constrained       # problems with constraints
python benchmarks/objectives --costs                # the processor time of an ask
python benchmarks/objectives --quick                # does it still run? no figures
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
sys.path.append(str(Path(__file__).resolve().parents[1] / "strategies"))

import numpy as np
from environments import ensure
from figures import Floats, Interval, beats, bests, evaluations_to, interval
from options import has_data, options
from printing import keep, load, machine, markdown
from problems import CONSTRAINED, CONSTRAINED_JUDGING, SETS
from runs import Run, Wanted, forget, kept_in, measure, present
from runs import named as named_of
from sides import Side

HERE = Path(__file__).resolve().parent
PEERS = {
    "pymoo, NSGA-II": "pymoo",
    "optuna, NSGA-II": "optuna",
    "optuna": "optuna",
    "optuna, 8 workers": "optuna",
    "optuna, GP": "optuna",
}
"""The peers' strategies, cheap ones first, and the environment of each."""
BASE = "auto"
"""Whom the others are compared with."""
BUDGETS = (50, 100, 200)
QUICK = ("zdt:1", "dtlz2:3", "tnk")
TIMED = {"zdt:1": 100, "dtlz2:3": 100, "layers": 100, "osy": 100}
"""Problems and evaluations by which costs are measured."""

Runs = Mapping[tuple[str, int], Run]


def side_of(name: str) -> Side:
    """Give who runs a strategy, in an environment of its own."""
    peer = PEERS.get(name, "hpopt")
    return Side(peer, ensure(peer), HERE / f"with_{peer}.py")


def named(names: Sequence[str]) -> list[Wanted]:
    """Give strategies by their names, with their settings of today."""
    return named_of(names, side_of)


def seeds_of(runs: Runs, problems: Sequence[str], seeds: int) -> list[int]:
    """Give the seeds with which there is a run of every problem."""
    return [s for s in range(seeds) if all((problem, s) in runs for problem in problems)]


def found_by(runs: Runs, problems: Sequence[str], seeds: int, n: int) -> Floats:
    """Give the shares after n evaluations, shape (problems, seeds); 0 where nothing is feasible."""
    return np.maximum(-bests(runs, problems, seeds_of(runs, problems, seeds), n), 0.0)


def shares(runs: Mapping[str, Runs], problems: Sequence[str], seeds: int, n: int) -> str:
    """Draw the mean share of each problem's front after n evaluations, a strategy a column."""
    found = {
        name: found_by(each, problems, seeds, n)
        for name, each in runs.items()
        if seeds_of(each, problems, seeds)
    }
    cells = [[f"share after {n}", *found]]
    for row, problem in enumerate(problems):
        cells.append([problem, *(f"{each[row].mean():.3f}" for each in found.values())])
    cells.append(["mean", *(_spread(interval(each)) for each in found.values())])
    if BASE in found:
        chances = [interval(beats(-found[BASE], -each)) for each in found.values()]
        cells.append([f"P({BASE} has more)", *map(_spread, chances)])
    cells.append(["seeds", *(str(each.shape[1]) for each in found.values())])
    return markdown(cells)


def first_feasible(runs: Mapping[str, Runs], problems: Sequence[str], seeds: int) -> str:
    """Draw the median evaluation that is the first to meet all constraints."""
    cells = [["first feasible evaluation, median", *problems]]
    for name, each in runs.items():
        mine = seeds_of(each, problems, seeds)
        if mine:
            needed = [[evaluations_to(each[p, seed], 0.0) for seed in mine] for p in problems]
            cells.append([name, *(f"{np.median(row):g}" for row in needed)])
    return markdown(cells)


def curves(runs: Mapping[str, Runs], problems: Sequence[str], seeds: int, budget: int) -> str:
    """Give the mean shares as evaluations go by, as the picture of the docs has them."""
    lines = [f"evaluations = {list(range(5, budget + 1, 5))}"]
    for name, each in runs.items():
        if seeds_of(each, problems, seeds):
            points = range(5, budget + 1, 5)
            found = [found_by(each, problems, seeds, n).mean() for n in points]
            lines.append(f"{name!r}: {np.round(found, 3).tolist()},")
    return "\n".join(lines)


def costs(names: Sequence[str]) -> str:
    """Draw the processor time of asking and telling, a strategy a row."""
    cells = [["ms an evaluation", *(f"{name}, {n}" for name, n in TIMED.items())]]
    for name in names:
        side = side_of(name)
        row = [side.call("cost", strategy=name, problem=p, budget=n) for p, n in TIMED.items()]
        cells.append([name, *(f"{each['ms']:.1f}" for each in row)])
    return markdown(cells)


def _spread(found: Interval) -> str:
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"


def main() -> int:
    arguments = parsed()
    if not has_data(arguments):
        return 2
    problems, folder = arguments.problems or SETS[arguments.on], "objectives"
    seeds, budget = arguments.seeds, arguments.budget
    if arguments.quick:
        problems, folder, seeds, budget = QUICK, "quick-objectives", 2, 12
    names = arguments.only or [*side_of("").call("about")["strategies"], *PEERS]
    if arguments.costs:
        text = costs(names)
        print(f"{machine()}\n\n{text}")
        keep("objectives-costs", machine(), [], text)
        return 0
    with kept_in(folder):
        for strategy in named(arguments.again):
            forget(strategy)
        strategies = named(names)
        if not arguments.no_runs:
            processes = arguments.processes
            measure(strategies, problems, range(seeds), budget, processes=processes)
        budgets = [n for n in BUDGETS if n <= budget] or [budget]
        runs = {n: {each.name: present(each, n) for each in strategies} for n in budgets}
    about = f"{machine()}; {len(problems)} problems ({arguments.on}), up to {seeds} seeds"
    parts = [shares(runs[n], problems, seeds, n) for n in budgets]
    bounded = [each for each in problems if each in (*CONSTRAINED, *CONSTRAINED_JUDGING)]
    if bounded:
        parts.append(first_feasible(runs[budgets[-1]], bounded, seeds))
    if arguments.curves:
        parts.append(curves(runs[budgets[-1]], problems, seeds, budgets[-1]))
    text = "\n\n".join(parts)
    print(f"{about}\n\n{text}\n\nload at the end {load()}")
    if not arguments.quick:
        keep("objectives", about, [], text)
    return 0


def parsed() -> argparse.Namespace:
    parser = options(__doc__)
    parser.add_argument("--on", choices=SETS, default="choosing", help="which problems")
    parser.add_argument("--only", nargs="+", default=[], help="these strategies only")
    parser.add_argument("--problems", nargs="+", default=[], help="these problems only")
    parser.add_argument("--seeds", type=int, default=10, help="how many seeds")
    parser.add_argument("--budget", type=int, default=200, help="evaluations of each run")
    parser.add_argument("--curves", action="store_true", help="also print what a picture draws")
    parser.add_argument("--costs", action="store_true", help="measure the processor time instead")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
