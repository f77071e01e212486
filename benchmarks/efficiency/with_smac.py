"""SMAC3's facade for hyper-parameters on a problem, with its defaults."""

from __future__ import annotations

import logging
import os
import tempfile
import warnings
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import smac
from ConfigSpace import (
    AndConjunction,
    Categorical,
    Configuration,
    ConfigurationSpace,
    Float,
    InCondition,
    Integer,
    OrdinalHyperparameter,
)
from contests import Problem, Trace, each_run
from recorded import Parameter
from sides import serve

warnings.filterwarnings("ignore")
os.environ["LOKY_MAX_CPU_COUNT"] = "1"  # the same forests without threads, which mostly wait


def hyperparameter(p: Parameter) -> Any:
    """Make its counterpart; listed values are taken by their places."""
    if p.kind == "categorical":
        return Categorical(p.name, [str(place) for place in range(len(p.values))])
    if p.kind == "ordinal":
        return OrdinalHyperparameter(p.name, list(range(len(p.values))))
    if p.kind == "int":
        return Integer(p.name, (int(p.low), int(p.high)), log=p.log)
    return Float(p.name, (p.low, p.high), log=p.log)


def space_of(problem: Problem, seed: int) -> ConfigurationSpace:
    made = {p.name: hyperparameter(p) for p in problem.parameters}
    listed = {p.name: p.values for p in problem.parameters}
    space = ConfigurationSpace(seed=seed)
    space.add(list(made.values()))
    for p in problem.parameters:
        conditions = [
            InCondition(
                made[p.name],
                made[parent],
                [str(listed[parent].index(value)) for value in values],
            )
            for parent, values in p.when
        ]
        if conditions:
            space.add(conditions[0] if len(conditions) == 1 else AndConjunction(*conditions))
    return space


def run(problem: Problem, seed: int, budget: int) -> Trace:
    trace = Trace(problem, budget)

    def evaluate(configuration: Configuration, seed: int = 0) -> float:
        config = dict(configuration)
        for p in problem.parameters:
            if p.values and p.name in config:
                config[p.name] = p.values[int(config[p.name])]
        return trace.evaluate(config)

    with tempfile.TemporaryDirectory() as folder:
        scenario = smac.Scenario(
            space_of(problem, seed),
            deterministic=True,
            n_trials=budget,
            seed=seed,
            output_directory=Path(folder),
        )
        facade = smac.HyperparameterOptimizationFacade(
            scenario, evaluate, overwrite=True, logging_level=logging.ERROR
        )
        facade.optimize()
    return trace


def runs(wanted: list[tuple[str, str, int]], budget: int) -> Iterator[Any]:
    return each_run(lambda _, problem, seed: run(problem, seed, budget), wanted)


def settings(strategies: list[str]) -> list[Any]:
    return [{"smac": version("smac"), "facade": "hyperparameters"} for _ in strategies]


if __name__ == "__main__":
    serve(globals())
