"""Optuna's samplers on a problem, with their defaults; conditions as its documentation has them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import optuna
from by_optuna import suggested
from contests import Problem, each_run
from recorded import Trace
from sides import serve
from workload import lognormal_durations, simulate

warnings.filterwarnings("ignore")

SAMPLERS: dict[str, Callable[[int], optuna.samplers.BaseSampler | None]] = {
    "optuna": lambda seed: type(optuna.create_study().sampler)(seed=seed),
    "optuna, TPE": lambda seed: optuna.samplers.TPESampler(
        seed=seed, multivariate=True, group=True
    ),
    "optuna, GP": lambda seed: optuna.samplers.GPSampler(seed=seed),
    "optuna, CMA-ES": lambda seed: optuna.samplers.CmaEsSampler(seed=seed),
}
TOGETHER = {f"{name}, 8 workers": name for name in ("optuna", "optuna, GP")}
"""The sampler of eight workers; all others have one."""


def suggestion(trial: optuna.Trial, problem: Problem) -> dict[str, Any]:
    config: dict[str, Any] = {}
    for each in problem.parameters:
        if all(config.get(parent) in values for parent, values in each.when):
            config[each.name] = suggested(trial, each)
    return config


def run(strategy: str, problem: Problem, seed: int, budget: int) -> Trace:
    trace = Trace(problem, budget)
    sampler = SAMPLERS[TOGETHER.get(strategy, strategy)](seed)
    study = optuna.create_study(sampler=sampler)
    durations = lognormal_durations(budget, 1.0, 1.0, seed=seed)

    def ask() -> tuple[optuna.Trial, dict[str, Any]]:
        trial = study.ask()
        return trial, suggestion(trial, problem)

    def tell(asked: tuple[optuna.Trial, dict[str, Any]]) -> None:
        study.tell(asked[0], trace.evaluate(asked[1]))

    simulate(8 if strategy in TOGETHER else 1, durations, ask, tell)
    return trace


def runs(wanted: list[tuple[str, str, int]], budget: int) -> Iterator[Any]:
    return each_run(lambda name, problem, seed: run(name, problem, seed, budget), wanted)


def settings(strategies: list[str]) -> list[Any]:
    return [{"optuna": optuna.__version__, "sampler": name} for name in strategies]


if __name__ == "__main__":
    serve(globals())
