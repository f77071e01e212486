"""nevergrad's NGOpt on a problem, with its default parametrization: conditions are passed over."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import nevergrad as ng
import numpy as np
from by_nevergrad import instrumented
from contests import Problem, Trace, each_run
from sides import serve

warnings.filterwarnings("ignore")


def run(problem: Problem, seed: int, budget: int) -> Trace:
    trace = Trace(problem, budget)
    space = ng.p.Dict(**{each.name: instrumented(each) for each in problem.parameters})
    space.random_state = np.random.RandomState(seed)
    optimizer = ng.optimizers.registry["NGOpt"](parametrization=space, budget=budget)
    optimizer.minimize(trace.evaluate)
    return trace


def runs(wanted: list[tuple[str, str, int]], budget: int) -> Iterator[Any]:
    return each_run(lambda _, problem, seed: run(problem, seed, budget), wanted)


def settings(strategies: list[str]) -> list[Any]:
    return [{"nevergrad": ng.__version__, "optimizer": "NGOpt"} for _ in strategies]


if __name__ == "__main__":
    serve(globals())
