"""Optuna's samplers on a problem of several objectives, with their defaults."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import optuna
from by_optuna import suggested
from fronts import Problem, Trace
from problems import cost_of, each_run
from sides import serve
from workload import lognormal_durations, simulate

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.filterwarnings("ignore")

Constraints = Callable[[optuna.trial.FrozenTrial], Sequence[float]]

SAMPLERS: dict[str, Callable[..., optuna.samplers.BaseSampler]] = {
    "optuna": type(optuna.create_study(directions=["minimize"] * 2).sampler),
    "optuna, NSGA-II": optuna.samplers.NSGAIISampler,
    "optuna, GP": optuna.samplers.GPSampler,
}
TOGETHER = {"optuna, 8 workers": "optuna"}
"""The sampler of eight workers; all others have one."""


def suggestion(trial: optuna.Trial, problem: Problem) -> dict[str, Any]:
    config: dict[str, Any] = {}
    for each in problem.parameters:
        if all(config.get(parent) in values for parent, values in each.when):
            config[each.name] = suggested(trial, each)
    return config


def broken(trial: optuna.trial.FrozenTrial) -> Sequence[float]:
    found: Sequence[float] = trial.user_attrs["broken"]
    return found


def run(strategy: str, problem: Problem, seed: int, budget: int) -> Trace:
    trace, m = Trace(problem, budget), len(problem.objectives)
    also = {"constraints_func": broken} if problem.constraints else {}
    sampler = SAMPLERS[TOGETHER.get(strategy, strategy)](seed=seed, **also)
    study = optuna.create_study(directions=["minimize"] * m, sampler=sampler)
    durations = lognormal_durations(budget, 1.0, 1.0, seed=seed)

    def ask() -> tuple[optuna.Trial, dict[str, Any]]:
        trial = study.ask()
        return trial, suggestion(trial, problem)

    def tell(asked: tuple[optuna.Trial, dict[str, Any]]) -> None:
        values = trace.evaluate(asked[1]).tolist()
        asked[0].set_user_attr("broken", values[m:])
        study.tell(asked[0], values[:m])

    simulate(8 if strategy in TOGETHER else 1, durations, ask, tell)
    return trace


def runs(wanted: list[tuple[str, str, int]], budget: int) -> Iterator[Any]:
    return each_run(lambda name, problem, seed: run(name, problem, seed, budget), wanted)


def cost(strategy: str, problem: str, budget: int) -> dict[str, float]:
    return cost_of(lambda made, n: run(strategy, made, 0, n), problem, budget)


def settings(strategies: list[str]) -> list[Any]:
    return [{"optuna": optuna.__version__, "sampler": name} for name in strategies]


if __name__ == "__main__":
    serve(globals())
