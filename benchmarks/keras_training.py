"""Measure what hpopt adds to the training of networks, and how well it foretells their memory.

python benchmarks/keras_training.py                 # everything: some 20 minutes
python benchmarks/keras_training.py --rows memory
python benchmarks/keras_training.py --quick         # does it still run? no figures

Each measurement is made in a fresh process by `measure_keras.py`. A trial and the same training
written by hand take turns in one process; the overhead is the median of the differences turn by
turn, as a share of the training by hand.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from printing import drawn, keep, load, machine
from rows import Line
from sides import HERE, Side

HEADINGS = Line("what", "hpopt", "alone", "ratio", "target", None)
KERAS = Side("hpopt", Path(sys.executable), HERE / "measure_keras.py")
ARCHITECTURES = ("dense", "convolutional", "normalised", "separable", "lstm")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), help="measure only these")
    parser.add_argument("--quick", action="store_true", help="tiny budgets: only see that it runs")
    arguments = parser.parse_args()
    about = machine()
    print(about, flush=True)
    began = time.monotonic()
    lines: list[Line] = []
    for name in arguments.rows or ROWS:
        print(f"measuring {name} ({time.monotonic() - began:.0f} s)", file=sys.stderr)
        lines += ROWS[name](arguments.quick)
    ended = f"load at the end {load()}; it took {time.monotonic() - began:.0f} s"
    table = drawn(lines, HEADINGS)
    print(f"{table}\n{ended}")
    if not arguments.quick:
        keep("keras_training", about, lines, f"{table}\n\n{ended}")
    return 0


def overhead(quick: bool) -> list[Line]:
    """Compare a trial with the same training by hand."""
    found = KERAS.call("overhead", turns=1 if quick else 9, epochs=1 if quick else 30)
    alone, trial = statistics.median(found["alone"]), statistics.median(found["trial"])
    pairs = list(zip(found["trial"], found["alone"], strict=True))
    share = statistics.median(mine - theirs for mine, theirs in pairs) / alone
    around = statistics.median(found["around"]) / trial
    return [
        Line(
            "a trial, against build, compile and fit by hand with the same data",
            f"{trial:.2f} s",
            f"{alone:.2f} s",
            f"{share:+.1%}",
            "< 3 % for 5 s and more",
            share < 0.03,
        ),
        Line(
            "… of the trial, what is not within build, compile and fit",
            f"{around:.2%}",
            target="< 3 %",
            met=around < 0.03,
        ),
    ]


def soak(quick: bool) -> list[Line]:
    """Train a small convolutional network 200 times in one child process."""
    trials = 8 if quick else 200
    last = trials // 4
    resident = KERAS.call("soak", trials=trials)["MB"]
    before = statistics.mean(resident[-2 * last : -last])
    after = statistics.mean(resident[-last:])
    growth = after / before - 1
    return [
        Line(
            f"{trials} trials of a small CNN in one child process: its resident memory",
            f"{resident[0]:.0f} → {resident[-1]:.0f} MB",
            ratio=f"last {last} {growth:+.1%}",
            target=f"within 5 % of the {last} before",
            met=abs(growth) < 0.05,
        )
    ]


def memory(quick: bool) -> list[Line]:
    """Compare estimates with the peaks of trials in fresh processes."""
    lines = []
    for name in ARCHITECTURES[: 1 if quick else None]:
        found = KERAS.call("memory", name=name)
        ratio = found["estimated"] / found["measured"]
        lines.append(
            Line(
                f"memory of training, {name}: estimate, measured peak over a tiny network's",
                f"{found['estimated'] / 1e6:,.0f} MB",
                f"{found['measured'] / 1e6:,.0f} MB",
                f"{ratio - 1:+.0%}",
                "within ±25 %",
                0.75 <= ratio <= 1.25,
            )
        )
    return lines


ROWS: dict[str, Callable[[bool], list[Line]]] = {
    "overhead": overhead,
    "soak": soak,
    "memory": memory,
}


if __name__ == "__main__":
    sys.exit(main())
