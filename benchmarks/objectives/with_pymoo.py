"""pymoo's NSGA-II on a problem of several objectives; it sees conditions as if they were none.

Numbers alone are searched by its `NSGA2`, other spaces by its genetic algorithm for mixed ones with
the survival of NSGA-II, which is what its documentation has for them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pymoo
from fronts import Problem, Trace
from problems import cost_of, each_run
from pymoo.algorithms.moo.nsga2 import NSGA2, RankAndCrowdingSurvival
from pymoo.core.mixed import MixedVariableGA
from pymoo.core.problem import ElementwiseProblem
from pymoo.core.variable import Choice, Integer, Real
from pymoo.optimize import minimize
from recorded import Parameter
from sides import serve

POPULATION = 20
"""Its default, 100, is half of a run; 200 evaluations are ten generations of 20."""


def variable(parameter: Parameter) -> Any:
    """Give what pymoo searches: an ordered list by its place, logarithms in place of numbers."""
    if parameter.kind == "categorical":
        return Choice(options=list(parameter.values))
    if parameter.kind == "ordinal":
        return Integer(bounds=(0, len(parameter.values) - 1))
    if parameter.log:
        return Real(bounds=(math.log(parameter.low), math.log(parameter.high)))
    kind = Integer if parameter.kind == "int" else Real
    return kind(bounds=(parameter.low, parameter.high))


def value(parameter: Parameter, found: Any) -> Any:
    if parameter.kind == "ordinal":
        return parameter.values[int(found)]
    if parameter.log:
        found = min(max(math.exp(found), parameter.low), parameter.high)
    return round(found) if parameter.kind == "int" else found


class Searched(ElementwiseProblem):  # type: ignore[misc]
    """A problem as pymoo has them, whose evaluations are counted."""

    def __init__(self, problem: Problem, trace: Trace) -> None:
        self.trace, self.problem = trace, problem
        self.is_mixed = any(p.kind != "float" or p.log for p in problem.parameters)
        counts = {"n_obj": len(problem.objectives), "n_ieq_constr": len(problem.constraints)}
        if self.is_mixed:
            super().__init__(vars={p.name: variable(p) for p in problem.parameters}, **counts)
        else:
            lows = np.array([p.low for p in problem.parameters])
            highs = np.array([p.high for p in problem.parameters])
            super().__init__(n_var=len(lows), xl=lows, xu=highs, **counts)

    def _evaluate(self, x: Any, out: dict[str, Any], *_: Any, **__: Any) -> None:
        names = [p.name for p in self.problem.parameters]
        found = x if self.is_mixed else dict(zip(names, x.tolist(), strict=True))
        config = {p.name: value(p, found[p.name]) for p in self.problem.parameters}
        values = self.trace.evaluate(config)
        out["F"], out["G"] = np.split(values, [len(self.problem.objectives)])


def run(problem: Problem, seed: int, budget: int) -> Trace:
    trace = Trace(problem, budget)
    searched = Searched(problem, trace)
    if searched.is_mixed:
        algorithm = MixedVariableGA(pop_size=POPULATION, survival=RankAndCrowdingSurvival())
    else:
        algorithm = NSGA2(pop_size=POPULATION)
    minimize(searched, algorithm, ("n_eval", budget), seed=seed)
    return trace


def runs(wanted: list[tuple[str, str, int]], budget: int) -> Iterator[Any]:
    return each_run(lambda _, problem, seed: run(problem, seed, budget), wanted)


def cost(strategy: str, problem: str, budget: int) -> dict[str, float]:
    return cost_of(lambda made, n: run(made, 0, n), problem, budget)


def settings(strategies: list[str]) -> list[Any]:
    return [{"pymoo": pymoo.__version__, "population": POPULATION} for _ in strategies]


if __name__ == "__main__":
    serve(globals())
