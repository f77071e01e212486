"""hyperopt's TPE on a problem; what depends on a choice is nested in it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import hyperopt
import numpy as np
from contests import Problem, each_run
from hyperopt import hp
from hyperopt.pyll import scope
from recorded import Parameter, Trace
from sides import serve

warnings.filterwarnings("ignore")


def node(parameter: Parameter) -> Any:
    name, low, high = parameter.name, parameter.low, parameter.high
    if parameter.kind == "ordinal":
        return scope.int(hp.quniform(name, 0, len(parameter.values) - 1, 1))
    if parameter.kind == "float":
        if parameter.log:
            return hp.loguniform(name, math.log(low), math.log(high))
        return hp.uniform(name, low, high)
    if parameter.log:
        return scope.int(hp.qloguniform(name, math.log(low), math.log(high), 1))
    return scope.int(hp.quniform(name, low, high, 1))


def space_of(parameters: Sequence[Parameter]) -> dict[str, Any]:
    """Nest each parameter in the choices that it depends on (on one parent at most)."""
    nodes = {p.name: node(p) for p in parameters if p.kind != "categorical"}
    for parameter in reversed(parameters):
        if parameter.kind == "categorical":
            nodes[parameter.name] = hp.choice(
                parameter.name,
                [
                    {
                        "value": place,
                        **{
                            child.name: nodes[child.name]
                            for child in parameters
                            for parent, values in child.when
                            if parent == parameter.name and value in values
                        },
                    }
                    for place, value in enumerate(parameter.values)
                ],
            )
    return {p.name: nodes[p.name] for p in parameters if not p.when}


def config_of(nested: Mapping[str, Any], parameters: Sequence[Parameter]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in nested.items():
        if isinstance(value, Mapping):
            inner = dict(value)
            flat[name] = inner.pop("value")
            flat |= config_of(inner, ())
        else:
            flat[name] = value
    for p in parameters:
        if p.name in flat and p.values:
            flat[p.name] = p.values[int(flat[p.name])]
        elif p.name in flat and p.kind == "int":
            flat[p.name] = int(min(max(flat[p.name], p.low), p.high))
    return flat


def run(problem: Problem, seed: int, budget: int) -> Trace:
    trace = Trace(problem, budget)
    hyperopt.fmin(
        lambda nested: trace.evaluate(config_of(nested, problem.parameters)),
        space_of(problem.parameters),
        algo=hyperopt.tpe.suggest,
        max_evals=budget,
        rstate=np.random.default_rng(seed),
        show_progressbar=False,
        verbose=False,
    )
    return trace


def runs(wanted: list[tuple[str, str, int]], budget: int) -> Iterator[Any]:
    return each_run(lambda _, problem, seed: run(problem, seed, budget), wanted)


def settings(strategies: list[str]) -> list[Any]:
    return [{"hyperopt": hyperopt.__version__, "algo": "tpe.suggest"} for _ in strategies]


if __name__ == "__main__":
    serve(globals())
