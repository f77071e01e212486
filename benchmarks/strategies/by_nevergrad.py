"""nevergrad on a recorded table, with its default parametrization: TwoPointsDE here."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import nevergrad as ng
import numpy as np
from recorded import Parameter, Recorded, Trace, each_run
from sides import serve
from workload import lognormal_durations, simulate

warnings.filterwarnings("ignore")

NAME = "TwoPointsDE"


def instrumented(parameter: Parameter) -> Any:
    if parameter.kind == "categorical":
        return ng.p.Choice(list(parameter.values))
    if parameter.kind == "ordinal":
        return ng.p.TransitionChoice(list(parameter.values))
    if parameter.log:
        scalar = ng.p.Log(lower=parameter.low, upper=parameter.high)
    else:
        scalar = ng.p.Scalar(lower=parameter.low, upper=parameter.high)
    return scalar.set_integer_casting() if parameter.kind == "int" else scalar


def run(table: Recorded, name: str, seed: int, budget: int, workers: int = 1) -> Trace:
    """Let one of nevergrad's optimizers, which is told of workers and budget, spend the budget."""
    trace = Trace(table, budget)
    space = ng.p.Dict(**{each.name: instrumented(each) for each in table.parameters})
    space.random_state = np.random.RandomState(seed)
    optimizer = ng.optimizers.registry[name](
        parametrization=space, budget=budget, num_workers=workers
    )

    def tell(candidate: ng.p.Parameter) -> None:
        optimizer.tell(candidate, trace.evaluate(candidate.value))

    durations = lognormal_durations(budget, 1.0, 1.0, seed=seed)
    simulate(workers, durations, optimizer.ask, tell)
    return trace


def described(name: str) -> dict[str, Any]:
    """Give what decides how one of nevergrad's optimizers searches."""
    return {"nevergrad": ng.__version__, "optimizer": name}


def runs(wanted: list[tuple[str, str, int]], budget: int) -> Iterator[Any]:
    return each_run(lambda _, table, seed: run(table, NAME, seed, budget), wanted)


def settings(strategies: list[str]) -> list[Any]:
    return [described(NAME) for _ in strategies]


if __name__ == "__main__":
    serve(globals())
