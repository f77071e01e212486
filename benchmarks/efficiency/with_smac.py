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
from config_spaces import config_of, space_of
from ConfigSpace import Configuration
from contests import Problem, each_run
from recorded import Trace
from sides import serve

warnings.filterwarnings("ignore")
os.environ["LOKY_MAX_CPU_COUNT"] = "1"  # the same forests without threads, which mostly wait


def run(problem: Problem, seed: int, budget: int) -> Trace:
    trace = Trace(problem, budget)

    def evaluate(configuration: Configuration, seed: int = 0) -> float:
        return trace.evaluate(config_of(problem.parameters, configuration))

    with tempfile.TemporaryDirectory() as folder:
        scenario = smac.Scenario(
            space_of(problem.parameters, seed),
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
