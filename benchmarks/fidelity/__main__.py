"""Compare strategies that choose how long each config trains, at equal work.

python benchmarks/fidelity                       # on the choosing tasks; goes on where it was
python benchmarks/fidelity --on judging          # on those that nothing is chosen by
python benchmarks/fidelity --workers 4 16        # with simulated workers
python benchmarks/fidelity --only auto DEHB --seeds 3
python benchmarks/fidelity --no-runs             # the tables of the runs that there are
python benchmarks/fidelity --no-runs --page      # writes RESULTS.md of all of them
python benchmarks/fidelity --again auto          # its code has changed: run it anew
python benchmarks/fidelity --no-peers --quick    # does it still run? no figures
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
sys.path.append(str(Path(__file__).resolve().parents[1] / "strategies"))
sys.path.append(str(Path(__file__).resolve().parents[1] / "efficiency"))

from contestants import BASE, FOLDER, OURS, PEERS, forget_runs, known, make, read, with_workers
from curves import SETS
from options import has_data, options
from printing import keep, machine
from report import complete
from tables import Tables
from trainings import MARKS

QUICK = ("logreg",)
QUICK_FULLS, QUICK_SEEDS = 2, 2
MINE = ("auto", "freeze_thaw")
FEWEST_SEEDS = 2
"""Strategies with fewer on all tasks are left out of the tables."""
PAGE_WORKERS = (1, 4, 16)
TITLES = {
    "judging": "Judging tasks",
    "taskset": "TaskSet (choosing tasks)",
    "logreg": "The grid of logistic regression",
    "misleading-judging": "Misleading short trainings, judging tasks",
    "misleading": "Misleading short trainings, choosing tasks",
    "choosing": "Choosing tasks",
}
"""The sets of tasks in RESULTS.md, in its order."""
RESULTS = Path(__file__).with_name("RESULTS.md")
HEAD = """\
# What the comparison measured

`README.md` beside this file explains it; `python benchmarks/fidelity --no-runs --page` writes it.
"""


def main() -> int:
    arguments = parsed()
    if not has_data(arguments):
        return 2
    tasks, folder = arguments.tasks or SETS[arguments.on], FOLDER
    seeds, fulls = arguments.seeds, arguments.fulls
    if arguments.quick:
        tasks, folder, seeds, fulls = QUICK, f"quick-{FOLDER}", QUICK_SEEDS, QUICK_FULLS
    names = [*OURS, *([] if arguments.no_peers else PEERS)]
    forget_runs(arguments.again, folder)
    for workers in arguments.workers:
        if not arguments.no_runs:
            wanted = with_workers(arguments.only or names, workers)
            make(wanted, tasks, seeds, fulls, processes=arguments.processes, folder=folder)
        text = compared(names, tasks, workers, fulls, folder)
        if not text:
            print(f"{BASE} or all others have too few runs of these tasks: make them")
            return 1
        about = f"{machine()}; {len(tasks)} tasks ({arguments.on}), {workers} workers"
        print(f"{about}\n\n{text}\n", flush=True)
        if not arguments.quick:
            keep(f"{FOLDER}-{arguments.on}-{workers}", about, [], text)
    if arguments.page:
        write(names, fulls)
    return 0


def compared(
    names: Sequence[str], tasks: Sequence[str], workers: int, fulls: int, folder: str = FOLDER
) -> str:
    """Return the tables of the runs that there are; nothing where there is nothing to compare."""
    # Random search with one worker is what all are compared with: it never waits.
    found = read(dict.fromkeys([BASE, *with_workers(names, workers)]), fulls, folder)
    incumbents = found["incumbent"]
    most = 1 + max((seed for runs in incumbents.values() for _, seed in runs), default=0)
    if len(complete(incumbents, tasks, most).get(BASE, [])) < FEWEST_SEEDS:
        return ""
    at = [mark for mark in MARKS if mark <= fulls]
    tables = Tables(found, tasks, most, FEWEST_SEEDS, at, known(tasks))
    return tables.text(with_workers(MINE, workers)) if len(tables.names) > 1 else ""


def write(names: Sequence[str], fulls: int) -> None:
    """Write RESULTS.md, of all sets of tasks and numbers of workers that have runs."""
    texts = [HEAD.strip()]
    for on, title in TITLES.items():
        for workers in PAGE_WORKERS:
            if text := compared(names, SETS[on], workers, fulls):
                by = "one worker" if workers == 1 else f"{workers} workers"
                texts += [f"## {title}, {by}", text]
    RESULTS.write_text("\n\n".join(texts) + "\n", encoding="utf-8")


def parsed() -> argparse.Namespace:
    parser = options(__doc__)
    parser.add_argument("--on", choices=SETS, default="choosing", help="which tasks")
    parser.add_argument("--tasks", nargs="+", default=[], help="these tasks only")
    parser.add_argument("--only", nargs="+", default=[], help="make the runs of these only")
    parser.add_argument("--no-peers", action="store_true", help="compare hpopt's own only")
    parser.add_argument("--workers", nargs="+", type=int, default=[1], help="how many, simulated")
    parser.add_argument("--seeds", type=int, default=10, help="how many seeds")
    parser.add_argument("--fulls", type=int, default=20, help="work of each run: full trainings")
    parser.add_argument("--page", action="store_true", help="write RESULTS.md of all runs")
    arguments = parser.parse_args()
    if arguments.page and arguments.quick:
        parser.error("--page is of whole runs: leave --quick out")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
