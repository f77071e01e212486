"""Optuna's NSGAIISampler on a recorded table, with its defaults."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import optuna
from recorded import Parameter, Recorded, Trace, each_run
from sides import serve

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)


def suggested(trial: optuna.Trial, parameter: Parameter) -> Any:
    """Suggest a value; an ordered list by its place, which keeps the order."""
    name = parameter.name
    if parameter.kind == "categorical":
        return trial.suggest_categorical(name, parameter.values)
    if parameter.kind == "ordinal":
        return parameter.values[trial.suggest_int(name, 0, len(parameter.values) - 1)]
    if parameter.kind == "int":
        return trial.suggest_int(name, int(parameter.low), int(parameter.high), log=parameter.log)
    return trial.suggest_float(name, parameter.low, parameter.high, log=parameter.log)


def run(table: Recorded, seed: int, budget: int) -> Trace:
    trace = Trace(table, budget)
    study = optuna.create_study(sampler=optuna.samplers.NSGAIISampler(seed=seed))
    study.optimize(
        lambda trial: trace.evaluate(
            {each.name: suggested(trial, each) for each in table.parameters}
        ),
        n_trials=budget,
    )
    return trace


def runs(wanted: list[tuple[str, str, int]], budget: int) -> Iterator[Any]:
    return each_run(lambda _, table, seed: run(table, seed, budget), wanted)


def settings(strategies: list[str]) -> list[Any]:
    return [{"optuna": optuna.__version__, "sampler": "NSGAIISampler()"} for _ in strategies]


if __name__ == "__main__":
    serve(globals())
