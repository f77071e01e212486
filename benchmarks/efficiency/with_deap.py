"""DEAP's eaSimple on a problem, as its documentation has it: conditions are passed over."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import deap
from by_deap import ETA, SETTINGS
from by_deap import run as evolved
from contests import Problem, each_run
from recorded import Trace
from sides import serve


def in_logarithms(problem: Problem) -> Problem:
    """Give a problem whose logarithmic ranges are floats of the logarithm, as a user would."""
    logs = {parameter.name: parameter for parameter in problem.parameters if parameter.log}

    def raised(name: str, value: float) -> float:
        p = logs[name]
        value = min(max(math.exp(value), p.low), p.high)
        return int(min(max(round(value), p.low), p.high)) if p.kind == "int" else value

    def evaluate(config: Mapping[str, Any]) -> float:
        return problem.loss({k: raised(k, v) if k in logs else v for k, v in config.items()})

    parameters = tuple(
        replace(p, kind="float", low=math.log(p.low), high=math.log(p.high), log=False, when=())
        if p.log
        else replace(p, when=())
        for p in problem.parameters
    )
    return Problem(problem.name, parameters, evaluate)


def runs(wanted: list[tuple[str, str, int]], budget: int) -> Iterator[Any]:
    def run(_: str, problem: Problem, seed: int) -> Trace:
        return evolved("deap", in_logarithms(problem), seed, budget)

    return each_run(run, wanted)


def settings(strategies: list[str]) -> list[Any]:
    return [{"deap": deap.__version__, **SETTINGS["deap"], "eta": ETA} for _ in strategies]


if __name__ == "__main__":
    serve(globals())
