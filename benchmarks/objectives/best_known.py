"""Write `best_known.json`: the best known fronts of the problems whose front nobody knows.

python benchmarks/objectives/best_known.py
python benchmarks/objectives/best_known.py welded_beam  # this one only

Each is the front of 200,000 evaluations: half at random, half by steps from the front so far.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path += [str(Path(__file__).resolve().parents[1] / each) for each in ("strategies", "")]

import numpy as np
from bounded import WELDED_BEAM, welded_beam
from fronts import KNOWN, Evaluate, Floats, non_dominated
from problems import LAYERS, Many, lcbench, network
from recorded import Parameter

AT_ONCE, ROUNDS = 5_000, 20
MOST_KEPT = 400
"""Points of a front that are kept, its ends among them: they have all but a thousandth of it."""
LCBENCH = ("3945", "167168", "168908")


def sampled(parameters: Sequence[Parameter], unit: Floats) -> list[dict[str, Any]]:
    """Give the configs of points in the unit cube."""
    return [
        {p.name: _value(p, float(x)) for p, x in zip(parameters, row, strict=True)} for row in unit
    ]


def _value(parameter: Parameter, x: float) -> Any:
    if parameter.values:
        return parameter.values[min(int(x * len(parameter.values)), len(parameter.values) - 1)]
    half = 0.5 if parameter.kind == "int" else 0.0
    low, high = max(parameter.low - half, parameter.low / 2), parameter.high + half
    if parameter.log:
        value = math.exp(math.log(low) + x * (math.log(high) - math.log(low)))
    else:
        value = parameter.low - half + x * (high - parameter.low + half)
    if parameter.kind == "int":
        return int(min(max(round(value), parameter.low), parameter.high))
    return min(max(value, parameter.low), parameter.high)


def front_of(parameters: Sequence[Parameter], many: Many) -> Floats:
    rng = np.random.default_rng(0)
    d = len(parameters)
    points, losses = np.empty((0, d)), np.empty((0, 2))
    for turn in range(2 * ROUNDS):
        if turn < ROUNDS:
            new = rng.random((AT_ONCE, d))
        else:  # crossings of two members of the front, and steps of a few coordinates
            one, other = points[rng.integers(len(points), size=(2, AT_ONCE))]
            new = np.where(rng.random(new.shape) < rng.choice([0.0, 0.5], (AT_ONCE, 1)), other, one)
            steps = 10 ** rng.uniform(-3, -0.3, (AT_ONCE, 1)) * rng.standard_normal(new.shape)
            moved = rng.random(new.shape) < rng.uniform(0, 0.6, (AT_ONCE, 1))
            new = np.clip(np.where(moved, new + steps, new), 0, 1)
        points = np.vstack([points, new])
        losses = np.vstack([losses, many(sampled(parameters, new))])
        kept = non_dominated(losses)
        points, losses = points[kept], losses[kept]
    return losses[np.argsort(losses[:, 0])]


def feasible(evaluate: Evaluate) -> Many:
    """Give what gives the two losses of many configs, inf where they break a constraint."""

    def many(configs: Sequence[Mapping[str, Any]]) -> Floats:
        values = np.array([evaluate(config) for config in configs])
        values[(values[:, 2:] > 0).any(axis=1)] = np.inf
        return values[:, :2]

    return many


def main() -> None:
    found: dict[str, list[list[float]]] = json.loads(KNOWN.read_text(encoding="utf-8"))
    problems: dict[str, tuple[tuple[Parameter, ...], Many]] = {
        "layers": (LAYERS, lambda configs: np.array([network(each) for each in configs])),
        "welded_beam": (WELDED_BEAM, feasible(welded_beam)),
    }
    problems |= {f"lcbench:{task}": lcbench(task) for task in LCBENCH}
    for name in sys.argv[1:] or problems:
        parameters, many = problems[name]
        front = front_of(parameters, many)
        kept = np.unique(np.linspace(0, len(front) - 1, MOST_KEPT).round().astype(int))
        found[name] = np.round(front[kept], 6).tolist()
        print(f"{name}: {len(front)} points", flush=True)
    KNOWN.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
