"""Measure what it gains that networks of equal architecture are compiled once.

python benchmarks/population.py                        # with the backend of KERAS_BACKEND
KERAS_BACKEND=jax python benchmarks/population.py
python benchmarks/population.py --trials 20 --rounds 2
python benchmarks/population.py --quick                # does it still run? no figures

40 trials of 5 dense networks on scikit-learn's digits, 3 epochs each, in fresh processes by turns:
``model.fit`` by hand one after another, hpopt with each network compiled anew, and hpopt as it is.
On JAX then 64 of one network, 10 epochs: in a population, one after another by the shared step, and
by hand (of which few are measured, and counted as 64). Compilation is counted, the start of the
process is not. The ratios are of wall clock; those of CPU
seconds stand beside them, as they are the ones to read on a machine that is not idle.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from printing import drawn, keep, load, machine
from rows import Line, times
from sides import HERE, Side, interleaved, median, ratio

HEADINGS = Line("what", "once", "other", "gain", "target", None)
SIDE = Side("hpopt", Path(sys.executable), HERE / "measure_population.py")
K, N_BESIDE = 64, 64
"""Networks at a time, and in all."""
N_BY_HAND = 6
"""Trainings by hand that are measured: each compiles anew, so all take the same time."""
TARGETS = {"tensorflow": 1.6, "jax": 5.0, "torch": None}
"""The least gain over compiling each network anew."""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=1, help="turns of all routes")
    parser.add_argument("--quick", action="store_true", help="a few trials: only see that it runs")
    arguments = parser.parse_args()
    about = machine()
    print(about, flush=True)
    work = {"n": 6 if arguments.quick else arguments.trials, "epochs": 1 if arguments.quick else 3}
    with tempfile.TemporaryDirectory() as folder:
        # Programs that JAX kept on disk in an earlier run would hide the compilation.
        os.environ["XDG_CACHE_HOME"] = folder
        found = measured(work, 1 if arguments.quick else arguments.rounds)
        rows = lines(found, work["n"])
        if backend() == "jax":
            rows += lines_beside(measured_beside(arguments.quick, arguments.rounds))
    table = drawn(rows, HEADINGS)
    print(f"{table}\nload at the end {load()}")
    if not arguments.quick:
        keep("population", about, rows, table)
    return 0


def measured(work: dict[str, int], rounds: int) -> dict[str, list[dict[str, Any]]]:
    """Run all routes in turn, and then a second process that has the first one's programs."""

    def route(name: str, cached: bool = False) -> dict[str, Any]:
        if not cached:
            os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"
        try:
            return SIDE.call("trials", route=name, **work)
        finally:
            os.environ.pop("JAX_ENABLE_COMPILATION_CACHE", None)

    runs = {name: (lambda name=name: route(name)) for name in ("fit", "present", "once")}
    if backend() == "jax":
        # The first of the two fills the folder.
        runs["kept"] = lambda: (route("once", True), route("once", True))[1]
    return interleaved(runs, rounds)


def measured_beside(is_quick: bool, rounds: int) -> dict[str, list[dict[str, Any]]]:
    """Run the three routes of one network in turn, without programs on disk."""
    n, epochs = (4, 1) if is_quick else (N_BESIDE, 10)
    works = {"population": {"n": n, "k": K}, "once": {"n": n}, "fit": {"n": min(n, N_BY_HAND)}}

    def route(name: str) -> dict[str, Any]:
        os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"
        try:
            found = SIDE.call("one_architecture", route=name, epochs=epochs, **works[name])
        finally:
            os.environ.pop("JAX_ENABLE_COMPILATION_CACHE", None)
        share = n / works[name]["n"]
        return found | {"s": share * found["s"], "cpu": share * found["cpu"]}

    runs = {name: (lambda name=name: route(name)) for name in works}
    return interleaved(runs, 1 if is_quick else rounds)


def lines_beside(found: dict[str, list[dict[str, Any]]]) -> list[Line]:
    rows = []
    others = {"fit": ("`model.fit` by hand", 30.0), "once": ("the shared step", 6.0)}
    for name, (what, target) in others.items():
        gain = ratio(found[name], found["population"], "s")
        on_cpu = times(ratio(found[name], found["population"], "cpu"))
        rows.append(
            Line(
                f"one network, {K} at a time, against {what}",
                f"{median(found['population'], 's'):.1f} s",
                f"{median(found[name], 's'):.1f} s",
                f"{times(gain)} (CPU {on_cpu})",
                f"≥ {target:g} ×",
                gain >= target,
            )
        )
    return rows


def lines(found: dict[str, list[dict[str, Any]]], n: int) -> list[Line]:
    target = TARGETS[backend()]
    others = {"present": "each compiled anew", "fit": "`model.fit` by hand"}
    rows = []
    for name, what in others.items():
        gain = ratio(found[name], found["once"], "s")
        on_cpu = times(ratio(found[name], found["once"], "cpu"))
        wanted = target if name == "present" else None
        rows.append(
            Line(
                f"{n} trials of 5 networks, {backend()}, against {what}",
                f"{median(found['once'], 's'):.1f} s",
                f"{median(found[name], 's'):.1f} s",
                f"{times(gain)} (CPU {on_cpu})",
                f"≥ {wanted:g} ×" if wanted else "–",
                gain >= wanted if wanted else None,
            )
        )
    if "kept" in found:
        rows.append(
            Line(
                "… once, with programs on disk from another process",
                f"{median(found['kept'], 's'):.1f} s",
                f"{median(found['present'], 's'):.1f} s",
                times(ratio(found["present"], found["kept"], "s")),
            )
        )
    return rows


def backend() -> str:
    return os.environ.get("KERAS_BACKEND", "tensorflow")


if __name__ == "__main__":
    sys.exit(main())
