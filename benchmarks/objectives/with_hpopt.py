"""hpopt's strategies on a problem of several objectives, among simulated workers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from by_hpopt import settings_of, space_of, strategy_of
from fronts import Problem, Trace
from problems import cost_of, each_run
from sides import serve
from workload import lognormal_durations, simulate

import hpopt

STRATEGIES: dict[str, dict[str, Any]] = {
    "auto": {"optimizer": "auto"},
    "auto, 8 workers": {"optimizer": "auto", "workers": 8},
    "bayesian": {"optimizer": "bayesian"},
    "bayesian, 8 workers": {"optimizer": "bayesian", "workers": 8},
    "tpe": {"optimizer": "tpe"},
    "genetic": {"optimizer": "genetic"},
    "random": {"optimizer": "random"},
}


class Lookup(hpopt.Problem):
    """A problem whose losses are looked up outside."""

    def __init__(self, problem: Problem) -> None:
        self.objectives = dict.fromkeys(problem.objectives, "minimize")
        self.constraints = dict.fromkeys(problem.constraints, ("<=", 0.0))
        self.space = space_of(problem.parameters)

    def evaluate(self, config: dict[str, Any], trial: hpopt.core.TrialHandle) -> float:
        raise NotImplementedError("the losses are looked up by the benchmark")


def about() -> dict[str, Any]:
    """Give the version, and the names of the strategies."""
    return {"version": f"hpopt {hpopt.__version__}", "strategies": list(STRATEGIES)}


def settings(strategies: list[str]) -> list[Any]:
    return [settings_of(STRATEGIES[name]) for name in strategies]


def runs(
    wanted: list[tuple[str, str, int]], budget: int, candidates: dict[str, Any] | None = None
) -> Iterator[Any]:
    """Run strategies of the list above, or candidates by their names."""
    made = candidates or STRATEGIES
    return each_run(lambda name, problem, seed: run(problem, made[name], seed, budget), wanted)


def cost(strategy: str, problem: str, budget: int) -> dict[str, float]:
    return cost_of(lambda made, n: run(made, STRATEGIES[strategy], 0, n), problem, budget)


def run(problem: Problem, made: dict[str, Any], seed: int, budget: int) -> Trace:
    """Run a strategy among workers that each take as long as is drawn for the solution's number."""
    trace = Trace(problem, budget)
    optimizer = strategy_of(made).bind(Lookup(problem), seed=seed)

    def tell(solution: hpopt.Solution) -> None:
        names = (*problem.objectives, *problem.constraints)
        values = dict(zip(names, trace.evaluate(solution.config).tolist(), strict=True))
        optimizer.tell(hpopt.Trial(solution, hpopt.Outcome("complete", values)))

    durations = lognormal_durations(budget, 1.0, 1.0, seed=seed)
    simulate(made.get("workers", 1), durations, lambda: next(iter(optimizer.ask()), None), tell)
    return trace


if __name__ == "__main__":
    serve(globals())
