"""What is found where evaluations fail: at random, in a part of the space, and both.

The regret of the best of a short search, a geometric mean over problems and seeds, and how many
of its evaluations failed.

python benchmarks/efficiency/failing.py
python benchmarks/efficiency/failing.py --strategies auto --workers 8 --seeds 3
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.append(str(Path(__file__).resolve().parents[1]))
sys.path.append(str(Path(__file__).resolve().parents[1] / "strategies"))

from by_hpopt import told
from printing import keep, machine, markdown

import hpopt
from hpopt.optimizers import make_optimizer

BOX = (-5.0, 5.0)
LEAST = 1e-6
"""Smaller regrets count as this."""
FAR = 1.0
"""How far from the optimum of its first number a part begins that fails."""

Floats = NDArray[np.float64]
Cost = Callable[[dict[str, Any], Floats], float]


def bowl(config: dict[str, Any], centre: Floats) -> float:
    return float(sum((config[f"x{j}"] - c) ** 2 for j, c in enumerate(centre)))


def ditch(config: dict[str, Any], centre: Floats) -> float:
    y, z = config["x1"] - centre[1], config["x2"] - centre[2]
    return float((config["x0"] - centre[0]) ** 2 + 10 * (y + z) ** 2 + 0.1 * (y - z) ** 2)


def mixed(config: dict[str, Any], centre: Floats) -> float:
    return float(
        (config["x0"] - centre[0]) ** 2
        + math.log10(config["rate"] / 3e-3) ** 2
        + ((config["n"] - 70) / 30) ** 2
        + {"a": 1.0, "b": 0.3, "c": 0.0}[config["kind"]]
        + abs(config.get("power", 0.2) - 0.2)
        + 0.5 * (config["on"] is False)
    )


def numbers(d: int) -> dict[str, Any]:
    return {f"x{j}": hpopt.Float(*BOX) for j in range(d)}


PROBLEMS: dict[str, tuple[Cost, dict[str, Any]]] = {
    "bowl, 2": (bowl, numbers(2)),
    "bowl, 5": (bowl, numbers(5)),
    "ditch, 3": (ditch, numbers(3)),
    "mixed, 6": (
        mixed,
        {
            "x0": hpopt.Float(*BOX),
            "rate": hpopt.Float(1e-5, 1, log=True),
            "n": hpopt.Int(1, 100),
            "kind": hpopt.Categorical(["a", "b", "c"]),
            "power": hpopt.Float(0, 1, when={"kind": ["b", "c"]}),
            "on": hpopt.Categorical([True, False]),
        },
    ),
}
FAILING = {
    "none": (0.0, ""),
    "10 % at random": (0.1, ""),
    "30 % at random": (0.3, ""),
    "a part": (0.0, "beyond"),
    "the free optimum": (0.0, "before"),
    "a part, 10 % elsewhere": (0.1, "beyond"),
}
"""The share that fails at random; whether the optimum is at the border of what fails."""


def search(name: str, workers: int, problem: str, kind: str, seed: int, n: int) -> list[float]:
    """Give the regrets of a search in the order of their telling; inf where one failed."""
    cost, parameters = PROBLEMS[problem]
    share, part = FAILING[kind]
    rng = np.random.default_rng([seed, 1])
    centre = rng.uniform(-3, 3, size=sum(key.startswith("x") for key in parameters))
    lost = rng.random(n + workers) < share
    away = 1.0 if centre[0] < 0 else -1.0
    least = FAR**2 if part == "before" else 0.0

    def evaluated(config: dict[str, Any], number: int) -> float:
        beyond = away * (config["x0"] - centre[0]) - FAR
        fails = beyond > 0 if part == "beyond" else part == "before" and beyond < 0
        return math.inf if fails or lost[number] else cost(config, centre) - least

    space = hpopt.Space(parameters)
    optimizer = make_optimizer(name)
    optimizer.bind(hpopt.FunctionProblem(lambda config: 0.0, space), seed=seed)
    optimizer.expect(n)
    regrets: list[float] = []
    while len(regrets) < n:
        optimizer.ask(workers - len(optimizer.pending))
        number = min(optimizer.pending, key=lambda number: number * 7919 % 13)
        solution = optimizer.pending[number]
        regrets.append(evaluated(solution.config, number))
        value = regrets[-1]
        fails = hpopt.Trial(solution, hpopt.failed("no"))
        optimizer.tell(told(solution, value) if math.isfinite(value) else fails)
    return regrets


def rows_of(name: str, workers: int, arguments: argparse.Namespace) -> list[list[str]]:
    """Give the row of a strategy, and one for each problem."""
    row = [f"{name}, {workers} worker{'s' * (workers > 1)}"]
    apart = {problem: [f"… {problem}"] for problem in arguments.problems}
    for kind in arguments.kinds:
        logs, failures = [], []
        for problem in arguments.problems:
            found = [
                search(name, workers, problem, kind, seed, arguments.trials)
                for seed in range(arguments.seeds)
            ]
            bests = np.clip([min(each) for each in found], LEAST, 1e6)
            logs.append(float(np.log(bests).mean()))
            failures.append(float(np.isinf(found).mean()))
            apart[problem].append(f"{math.exp(logs[-1]):.2g} (worst {bests.max():.2g})")
        row.append(f"{math.exp(np.mean(logs)):.2g}, {100 * np.mean(failures):.0f} %")
    return [row, *apart.values()] if arguments.each else [row]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--strategies", nargs="+", default=["auto", "bayesian", "tpe", "random"])
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 8])
    parser.add_argument("--kinds", nargs="+", default=list(FAILING), choices=FAILING)
    parser.add_argument("--problems", nargs="+", default=list(PROBLEMS), choices=PROBLEMS)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--each", action="store_true", help="a row for each problem too")
    parser.add_argument("--quick", action="store_true", help="only see that it runs")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.seeds, arguments.trials, arguments.problems = 1, 8, ["bowl, 2"]
    cells = [["what fails", *arguments.kinds]]
    for name in arguments.strategies:
        for workers in arguments.workers:
            cells += rows_of(name, workers, arguments)
    about = f"{machine()}; {arguments.trials} trials, {arguments.seeds} seeds"
    print(f"{about}\n\n{markdown(cells)}")
    if not arguments.quick:
        keep("failing", about, [], markdown(cells))


if __name__ == "__main__":
    main()
