"""Compare strategies that choose how long each config trains, at equal work.

python benchmarks/fidelity                       # on the choosing tasks; goes on where it was
python benchmarks/fidelity --on judging          # on those that nothing is chosen by
python benchmarks/fidelity --workers 4 16        # with simulated workers
python benchmarks/fidelity --only auto DEHB --seeds 3
python benchmarks/fidelity --no-runs             # the tables of the runs that there are
python benchmarks/fidelity --again auto          # its code has changed: run it anew
python benchmarks/fidelity --no-peers --quick    # does it still run? no figures
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
sys.path.append(str(Path(__file__).resolve().parents[1] / "strategies"))
sys.path.append(str(Path(__file__).resolve().parents[1] / "efficiency"))

import recorded
from contestants import BASE, FOLDER, OURS, PEERS, forget_runs, known, make, read, with_workers
from curves import SETS
from printing import keep, machine
from tables import Tables
from trainings import MARKS

QUICK = ("logreg",)
QUICK_FULLS, QUICK_SEEDS = 2, 2
MINE = ("auto", "freeze_thaw")
FEWEST_SEEDS = 2
"""Strategies with fewer on all tasks are left out of the tables."""


def main() -> int:
    arguments = parsed()
    if arguments.data:
        os.environ["HPOPT_DATA"] = str(arguments.data)
    if not recorded.folder().is_dir():
        print(f"no tables in {recorded.folder()}: give --data, or set HPOPT_DATA", file=sys.stderr)
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
        # Random search with one worker is what all are compared with: it never waits.
        found = read([BASE, *with_workers(names, workers)], fulls, folder)
        if not found["incumbent"].get(BASE):
            print(f"{BASE} has no runs of these tasks: make them (--only {BASE})")
            return 1
        at = [mark for mark in MARKS if mark <= fulls]
        most = max(seed + 1 for runs in found["incumbent"].values() for _, seed in runs)
        tables = Tables(found, tasks, most, FEWEST_SEEDS, at, known(tasks))
        about = f"{machine()}; {len(tasks)} tasks ({arguments.on}), {workers} workers"
        text = tables.text(with_workers(MINE, workers))
        print(f"{about}\n\n{text}\n", flush=True)
        if not arguments.quick:
            keep(f"{FOLDER}-{arguments.on}-{workers}", about, [], text)
    return 0


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of the data; by default HPOPT_DATA")
    parser.add_argument("--on", choices=SETS, default="choosing", help="which tasks")
    parser.add_argument("--tasks", nargs="+", default=[], help="these tasks only")
    parser.add_argument("--only", nargs="+", default=[], help="make the runs of these only")
    parser.add_argument("--again", nargs="+", default=[], help="forget the runs of these first")
    parser.add_argument("--no-runs", action="store_true", help="compare the runs that there are")
    parser.add_argument("--no-peers", action="store_true", help="compare hpopt's own only")
    parser.add_argument("--workers", nargs="+", type=int, default=[1], help="how many, simulated")
    parser.add_argument("--seeds", type=int, default=10, help="how many seeds")
    parser.add_argument("--fulls", type=int, default=20, help="work of each run: full trainings")
    parser.add_argument("--processes", type=int, default=1, help="how many run at the same time")
    parser.add_argument("--quick", action="store_true", help="tiny budgets: only see that it runs")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
