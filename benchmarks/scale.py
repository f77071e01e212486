"""Measure how far one driver scales, with simulated slots, and print one table.

python benchmarks/scale.py                       # everything: some 20 minutes, most of it a million
python benchmarks/scale.py --rows utilisation
python benchmarks/scale.py --quick               # does it still run? no figures
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from printing import drawn, keep, load, machine
from rows import Line
from sides import HERE, Side

HEADINGS = Line("what", "hpopt", "–", "–", "target", None)
LARGEST_GROWTH = 1.5
WINDOWED = 16
STRATEGIES = {"random": 1, "genetic": 1, "regularized": 1, "tpe": 3, "bayesian": 10}
"""What is measured with a share of the trials: one in so many."""


@dataclass(frozen=True)
class Budget:
    """How much is done."""

    slots: tuple[int, ...] = (8, 64, 512, 1000)
    trials_per_slot: int = 8
    mean_seconds: float = 2.0
    thrown: int = 20_000
    trials: int = 1_000_000
    chunk: int = 50_000
    windowed: int = 800
    dispatched: int = 2000
    asked: int = 3000


QUICK = Budget((4, 16), 2, 0.05, 500, 2000, 500, 40, 20, 40)


def utilisation(side: Side, budget: Budget) -> list[Line]:
    lines = []
    for slots in budget.slots:
        found = side.call(
            "utilisation",
            slots=slots,
            trials=slots * budget.trials_per_slot,
            mean=budget.mean_seconds,
        )
        what = f"{slots:,} slots, sleeping trials of {budget.mean_seconds:g} s on average"
        measured = f"{found['share']:.1%} of ideal, {found['CPU']:.0%} of a core"
        lines.append(Line(what, measured, target="≥ 95 %", met=found["share"] >= 0.95))
    return lines


def throughput(side: Side, budget: Budget) -> list[Line]:
    rates = [
        side.call("throughput", slots=1000, trials=budget.thrown)["trials/s"] for _ in range(3)
    ]
    rate = sorted(rates)[1]
    what = "driver throughput, journaled, 1,000 slots"
    return [Line(what, f"{rate:,.0f} trials/s", target="≥ 1,500/s", met=rate >= 1500)]


def million(side: Side, budget: Budget) -> list[Line]:
    found = side.call("million", trials=budget.trials, chunk=budget.chunk, slots=100)
    costs, memory = found["µs of CPU"], found["MB"]
    few = max(1, len(costs) // 5)
    growth = sum(costs[-few:]) / sum(costs[:few])
    what = f"{budget.trials:,} trials in one file"
    return [
        Line(
            f"{what}: CPU of a trial, first and last {few * budget.chunk:,}",
            f"{sum(costs[:few]) / few:.0f} → {sum(costs[-few:]) / few:.0f} µs, {growth:.2f} ×",
            target="flat",
            met=growth < LARGEST_GROWTH,
        ),
        Line(
            f"{what}: peak memory",
            f"{memory[0]:.0f} MB after {budget.chunk:,}, {memory[-1]:.0f} MB at the end",
            target="< 1,500 MB",
            met=memory[-1] < 1500,
        ),
        Line(f"{what}: size of the file", f"{found['file MB']:.0f} MB"),
        Line(
            f"{what}: to open it again, with the first ask",
            f"{found['s to resume']:.0f} s, {found['MB resumed']:.0f} MB",
        ),
    ]


def window(side: Side, budget: Budget) -> list[Line]:
    lines = []
    ideal = side.call("windows", slots=WINDOWED, trials=100 * WINDOWED)
    for factor, share in ideal.items():
        found = side.call(
            "utilisation",
            slots=WINDOWED,
            trials=budget.windowed,
            mean=budget.mean_seconds / 10,
            window=int(float(factor) * WINDOWED),
        )
        lines.append(
            Line(
                f"{WINDOWED} slots, window = {factor} × slots, lognormal durations (sigma 1)",
                f"{found['share']:.1%} of no window (ideal slots: {share:.1%})",
            )
        )
    return lines


def backends(side: Side, budget: Budget) -> list[Line]:
    return [
        cost(
            f"the driver's CPU for a trial on {backend}",
            side.call("dispatch", backend=backend, trials=budget.dispatched, slots=4),
        )
        for backend in ("processes", "joblib", "dask")
    ]


def strategies(side: Side, budget: Budget) -> list[Line]:
    return [
        cost(
            f"the driver's CPU for a trial, {name}, {budget.asked // few:,} trials",
            side.call("throughput", slots=1, trials=budget.asked // few, optimizer=name),
        )
        for name, few in STRATEGIES.items()
    ]


def cost(what: str, found: dict[str, Any]) -> Line:
    """Say what a trial costs, and how many slots that feeds by trials of a second."""
    spent = found["ms of CPU"]
    return Line(what, f"{spent:.2f} ms: {1000 / spent:,.0f} slots by trials of 1 s")


ROWS: dict[str, Callable[[Side, Budget], list[Line]]] = {
    "utilisation": utilisation,
    "throughput": throughput,
    "backends": backends,
    "strategies": strategies,
    "window": window,
    "million": million,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), help="measure only these")
    parser.add_argument("--quick", action="store_true", help="tiny budgets: only see that it runs")
    arguments: Any = parser.parse_args()
    budget = QUICK if arguments.quick else Budget()
    side = Side("hpopt", Path(sys.executable), HERE / "measure_scale.py")
    about = machine()
    print(about, flush=True)
    lines: list[Line] = []
    for name in arguments.rows or ROWS:
        print(f"measuring {name}", file=sys.stderr)
        lines += ROWS[name](side, budget)
    table = drawn(lines, HEADINGS)
    print(table)
    print(f"load at the end {load()}")
    if not arguments.quick:
        keep("scale", about, lines, table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
