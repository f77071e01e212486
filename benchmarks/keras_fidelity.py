"""Measure how soon a search that trains many networks a little has what full trainings found.

python benchmarks/keras_fidelity.py                      # some minutes on two quiet cores
python benchmarks/keras_fidelity.py --optimizer asha --seeds 3
python benchmarks/keras_fidelity.py --quick              # does it still run? no figures

The networks are those of examples/digits.py, for at most 27 epochs. "auto" trains each to the end:
its val_loss after 40 trials is what the same space with `fidelity=(1, 27)` has to reach, by any
trial. Seconds of the wall clock say little where other work runs, so those of the CPU stand beside
them: of the driver and its two workers, their start included.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import psutil
from printing import drawn, keep, load, machine
from rows import Line

import hpopt

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
from digits import Digits

HEADINGS = Line("seed", "with fidelity", "to the end", "ratio", "target", None)
EPOCHS, TRIALS, WORKERS = 27, 40, 2
TARGET = 1 / 3  # of the time that full trainings take


class Clock:
    """Seconds since it was made, of the wall clock and of the CPU, by this process and its own."""

    def __init__(self) -> None:
        self._began, self._before = time.monotonic(), self._cpu()

    def read(self) -> tuple[float, float]:
        return time.monotonic() - self._began, self._cpu() - self._before

    @staticmethod
    def _cpu() -> float:
        me = psutil.Process()
        own = me.cpu_times()
        total = own.user + own.system + own.children_user + own.children_system
        for child in me.children(recursive=True):
            try:
                spent = child.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += spent.user + spent.system
        return float(total)


def to_the_end(seed: int, epochs: int, trials: int) -> tuple[float, tuple[float, float]]:
    """Return the best val_loss of full trainings, and how long they took."""
    problem = Digits(epochs, None, objectives="val_loss")
    clock = Clock()
    ended: list[tuple[float, float]] = []
    result = hpopt.optimize(
        problem,
        "auto",
        trials=trials,
        seed=seed,
        workers=WORKERS,
        progress=False,
        callbacks=[lambda study, trial: ended.append(clock.read())],
    )
    return result.best.values["val_loss"], ended[-1]


def until(wanted: float, optimizer: str, seed: int, epochs: int, most: float) -> dict[str, Any]:
    """Search with a fidelity until a trial has a val_loss; at most for so many seconds."""
    problem = Digits(epochs, None, objectives="val_loss", fidelity=(1, epochs))
    clock = Clock()
    found: dict[str, Any] = {"seconds": None, "best": float("inf")}

    def look(study: hpopt.Study, trial: hpopt.Trial) -> None:
        found["best"] = min(found["best"], trial.values.get("val_loss", float("inf")))
        if found["best"] <= wanted and found["seconds"] is None:
            found["seconds"] = clock.read()
            study.stop_soon("it has what full trainings found")

    result = hpopt.optimize(
        problem,
        optimizer,
        timeout=most,
        seed=seed,
        workers=WORKERS,
        progress=False,
        callbacks=[look],
    )
    return {**found, "trials": len(result.trials), "reason": result.reason}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--optimizer", default="auto", help="with fidelity")
    parser.add_argument("--seeds", type=int, default=1, help="how many")
    parser.add_argument("--quick", action="store_true", help="tiny budgets: only see that it runs")
    arguments = parser.parse_args()
    epochs, trials = (3, 2) if arguments.quick else (EPOCHS, TRIALS)
    about = machine()
    print(about, flush=True)
    lines, ratios = [], []
    for seed in range(arguments.seeds):
        wanted, (wall, cpu) = to_the_end(seed, epochs, trials)
        print(f"seed {seed}: val_loss {wanted:.4f} after {wall:.0f} s, {cpu:.0f} of CPU, {load()}")
        found = until(wanted, arguments.optimizer, seed, epochs, most=2 * wall)
        print(f"  with fidelity: {found}, load {load()}", flush=True)
        mine = found["seconds"]
        ratio = None if mine is None else mine[0] / wall
        ratios.append(float("inf") if ratio is None else ratio)
        lines.append(
            Line(
                f"{seed}: val_loss {wanted:.4f}",
                "not reached" if mine is None else f"{mine[0]:.0f} s, {mine[1]:.0f} of CPU",
                f"{wall:.0f} s, {cpu:.0f} of CPU",
                "" if mine is None else f"{mine[0] / wall:.2f}, {mine[1] / cpu:.2f} of CPU",
                f"<= {TARGET:.2f}",
                ratio is not None and ratio <= TARGET,
            )
        )
    table = f"{drawn(lines, HEADINGS)}\n\nmedian ratio {statistics.median(ratios):.2f}"
    print(table)
    if not arguments.quick:
        keep("keras_fidelity", about, lines, table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
