"""What an ask of hpopt's strategies costs after so many results."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from sides import serve
from workload import SEED, SPACES, trivial

import hpopt
from hpopt.optimizers import make_optimizer

MIXED = {
    **{f"x{k}": hpopt.Float(-5.0, 5.0) for k in range(5)},
    **{f"rate{k}": hpopt.Float(1e-5, 1.0, log=True) for k in range(2)},
    **{f"n{k}": hpopt.Int(1, 100) for k in range(3)},
    **{f"c{k}": hpopt.Categorical(["a", "b", "c", "d"][: 3 + k % 2]) for k in range(4)},
}
"""14 dimensions of all kinds."""
FIRST = 15


def cost(config: dict[str, Any]) -> float:
    return float(
        sum((config[f"x{k}"] - 1) ** 2 / 10 for k in range(5))
        + abs(np.log10(config["rate0"]) + 2)
        + abs(config["n0"] - 30) / 20
        + 0.5 * (config["c0"] == "a")
    )


def asks(strategy: str, told: int, n: int, space: str) -> dict[str, Any]:
    """Have a strategy know random results, and time its next n asks and tells."""
    parameters = MIXED if space == "14 mixed" else {s["name"]: made(s) for s in SPACES[space]}
    value = cost if space == "14 mixed" else trivial
    problem = hpopt.FunctionProblem(value, parameters)
    optimizer = make_optimizer(strategy).bind(problem, seed=SEED)
    points = problem.space.random(told, np.random.default_rng(SEED))
    losses = np.array([[value(config)] for config in problem.space.decode(points)])
    optimizer.learn(points, losses)
    step(optimizer, value)  # what is imported at the first ask is none of its cost
    spent = [step(optimizer, value) for _ in range(n)]
    return {"ms": 1e3 * float(np.mean(spent)), "worst": 1e3 * max(spent)}


def trials(strategy: str, n: int, seconds: float) -> dict[str, Any]:
    """Give what a trial of a study costs beside its evaluation, which only waits."""

    def waited(config: dict[str, Any]) -> float:
        time.sleep(seconds)
        return cost(config)

    problem = hpopt.FunctionProblem(waited, MIXED)
    hpopt.optimize(problem, strategy, trials=FIRST, seed=SEED, progress=False)  # it imports
    began = time.process_time()
    hpopt.optimize(problem, strategy, trials=n, seed=SEED, progress=False)
    return {"ms": 1e3 * (time.process_time() - began) / n}


def step(optimizer: hpopt.Optimizer, value: Any) -> float:
    """Ask and tell once; give the seconds of the processor."""
    began = time.process_time()
    (solution,) = optimizer.ask()
    asked = time.process_time() - began
    outcome = hpopt.Outcome("complete", {"value": value(solution.config)})
    began = time.process_time()
    optimizer.tell(hpopt.Trial(solution, outcome))
    return asked + time.process_time() - began


def made(s: dict[str, Any]) -> Any:
    if s["kind"] == "categorical":
        return hpopt.Categorical(s["choices"])
    kind = hpopt.Int if s["kind"] == "int" else hpopt.Float
    return kind(s["low"], s["high"], log=s.get("log", False))


if __name__ == "__main__":
    serve(globals())
