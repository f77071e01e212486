"""Measure every backend on this machine, beside those of others, and print one table.

python benchmarks/backends.py                     # everything: some 15 minutes
python benchmarks/backends.py --rows utilisation
python benchmarks/backends.py --no-peers          # hpopt alone
python benchmarks/backends.py --quick --no-peers  # does it still run? no figures
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median

from environments import HERE, ensure
from printing import drawn, keep, load, machine
from rows import Line
from sides import Side, interleaved, optuna

WORKERS = 2
MEAN, SIGMA = 0.05, 1.0
TARGETS = {"processes": 0.95, "joblib": 0.93, "dask": 0.90}
OVERHEADS = {"processes": 3.0, "dask": 10.0, "joblib": None}
START = 0.5
HEADINGS = Line("what", "hpopt", "best peer", "hpopt/peer", "target", None)


@dataclass(frozen=True)
class Budget:
    rounds: int = 3
    trials: int = 400
    overhead_trials: int = 150


QUICK = Budget(1, 12, 5)


def utilisation(mine: Side, peers: list[Side], budget: Budget) -> Iterator[Line]:
    """Sleep for lognormal durations, in workers that are up: all take turns."""
    work = {"n": budget.trials, "mean": MEAN, "sigma": SIGMA, "workers": WORKERS}
    measured: dict[str, Callable[[], dict[str, float]]] = {
        name: (lambda name=name: mine.call("lognormal", backend=name, **work)) for name in TARGETS
    }
    measured |= {peer.name: (lambda peer=peer: peer.call("lognormal", **work)) for peer in peers}
    found = {
        name: median(each["share"] for each in rounds)
        for name, rounds in interleaved(measured, budget.rounds).items()
    }
    theirs = {peer.name: found[peer.name] for peer in peers}
    best = max(theirs, key=lambda name: theirs[name], default=None)
    for name, target in TARGETS.items():
        yield Line(
            f"utilisation, {budget.trials} trials of 50 ms, {name}",
            f"{found[name]:.3f}",
            "–" if best is None else f"{theirs[best]:.3f} ({best})",
            "–" if best is None else f"{found[name] / theirs[best]:.2f}",
            f"at least {target}",
            found[name] >= target and found[name] >= max(theirs.values(), default=0.0),
        )
    for name, share in theirs.items():
        yield Line(f"utilisation, the same, {name}", "–", f"{share:.3f}")


def overhead(mine: Side, peers: list[Side], budget: Budget) -> Iterator[Line]:
    """Run trials of 20 ms on one worker."""
    work = {"n": budget.overhead_trials, "duration": 0.02}
    measured = {
        name: (lambda name=name: mine.call("overhead", backend=name, **work)) for name in OVERHEADS
    }
    for name, rounds in interleaved(measured, budget.rounds).items():
        found, target = median(each["ms"] for each in rounds), OVERHEADS[name]
        yield Line(
            f"overhead a trial, {name}",
            f"{found:.2f} ms",
            target="–" if target is None else f"under {target:g} ms",
            met=None if target is None else found < target,
        )


def start(mine: Side, peers: list[Side], budget: Budget) -> Iterator[Line]:
    """From `run` to the first evaluation, in a fresh process."""
    measured = {name: (lambda name=name: mine.call("start", backend=name)) for name in TARGETS}
    for name, rounds in interleaved(measured, budget.rounds).items():
        found = median(each["s"] for each in rounds)
        aimed = name == "processes"
        yield Line(
            f"start of the first trial, {name}",
            f"{found:.2f} s",
            target=f"under {START:g} s" if aimed else "–",
            met=found < START if aimed else None,
        )


def leftovers(mine: Side, peers: list[Side], budget: Budget) -> Iterator[Line]:
    """Kill a driver with two trials running, and look after 10 seconds."""
    for name in TARGETS:
        found = mine.call("leftovers", backend=name)
        yield Line(
            f"left by a killed driver, {name}",
            f"{found['processes']} processes, {found['files']} files",
            target="0, 0",
            met=not found["processes"] and not found["files"],
        )


ROWS = {row.__name__: row for row in (utilisation, overhead, start, leftovers)}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), help="measure only these")
    parser.add_argument("--rounds", type=int, help="how often each measurement is repeated")
    parser.add_argument("--no-peers", action="store_true", help="measure hpopt alone")
    parser.add_argument("--quick", action="store_true", help="tiny budgets: only see that it runs")
    arguments = parser.parse_args()
    budget = QUICK if arguments.quick else Budget()
    if arguments.rounds:
        budget = Budget(arguments.rounds, budget.trials, budget.overhead_trials)
    mine = Side("hpopt", HERE.joinpath(sys.executable), HERE / "measure_backends.py")
    peers = [] if arguments.no_peers else peers_of()
    versions = [side.call("versions")["name"] for side in [mine, *peers]]
    about = f"{', '.join(versions)}; {machine()}"
    print(about, flush=True)
    began, lines = time.monotonic(), []
    for name in arguments.rows or ROWS:
        print(f"measuring {name} ({time.monotonic() - began:.0f} s)", file=sys.stderr)
        lines += ROWS[name](mine, peers, budget)
    table = drawn(lines, HEADINGS)
    print(table)
    ended = f"load at the end {load()}; it took {time.monotonic() - began:.0f} s"
    print(ended)
    if not arguments.quick:
        keep("backends", about, lines, f"{table}\n\n{ended}")
    return 0


def peers_of() -> list[Side]:
    """Give those that run evaluations side by side, each in an environment of its own."""
    return [
        optuna(),
        Side("ray", ensure("ray"), HERE / "by_ray.py"),
        Side("joblib.Parallel", ensure("joblib"), HERE / "by_joblib.py"),
    ]


if __name__ == "__main__":
    sys.exit(main())
