"""Optuna's samplers on a problem, with their defaults; conditions as its documentation has them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import optuna
from by_optuna import suggested
from contests import Problem, Trace, each_run
from sides import serve

warnings.filterwarnings("ignore")

SAMPLERS: dict[str, Callable[[int], optuna.samplers.BaseSampler | None]] = {
    "optuna": lambda seed: type(optuna.create_study().sampler)(seed=seed),
    "optuna, TPE": lambda seed: optuna.samplers.TPESampler(
        seed=seed, multivariate=True, group=True
    ),
    "optuna, GP": lambda seed: optuna.samplers.GPSampler(seed=seed),
    "optuna, CMA-ES": lambda seed: optuna.samplers.CmaEsSampler(seed=seed),
}


def run(strategy: str, problem: Problem, seed: int, budget: int) -> Trace:
    trace = Trace(problem, budget)

    def evaluate(trial: optuna.Trial) -> float:
        config: dict[str, Any] = {}
        for each in problem.parameters:
            if all(config.get(parent) in values for parent, values in each.when):
                config[each.name] = suggested(trial, each)
        return trace.evaluate(config)

    optuna.create_study(sampler=SAMPLERS[strategy](seed)).optimize(evaluate, n_trials=budget)
    return trace


def runs(wanted: list[tuple[str, str, int]], budget: int) -> Iterator[Any]:
    return each_run(lambda name, problem, seed: run(name, problem, seed, budget), wanted)


def settings(strategies: list[str]) -> list[Any]:
    return [{"optuna": optuna.__version__, "sampler": name} for name in strategies]


if __name__ == "__main__":
    serve(globals())
