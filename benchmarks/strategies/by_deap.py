"""DEAP's eaSimple on a recorded table, by the idioms of its documentation."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import deap
from deap import algorithms, base, creator, tools
from recorded import Parameter, Recorded, Trace, each_run
from sides import serve

creator.create("Loss", base.Fitness, weights=(-1.0,))
creator.create("Individual", list, fitness=creator.Loss)

SETTINGS = {
    "deap": {"population": 50, "tournament": 3, "cxpb": 0.5, "mutpb": 0.2},
    "deap, population 20": {"population": 20, "tournament": 3, "cxpb": 0.5, "mutpb": 0.2},
    "deap, cxpb 0.9": {"population": 20, "tournament": 3, "cxpb": 0.9, "mutpb": 0.2},
}
"""The first is that of its documentation, and the best of the three here at 300 and at 1,000."""

ETA = 20.0
"""Of the polynomial mutation, as in its examples."""


class BudgetSpentError(Exception):
    """The budget is used up."""


def drawn(parameter: Parameter) -> float:
    if parameter.values:
        return random.randrange(len(parameter.values))
    if parameter.kind == "int":
        return random.randint(int(parameter.low), int(parameter.high))
    return random.uniform(parameter.low, parameter.high)


def mutate(individual: list[float], table: Recorded) -> tuple[list[float]]:
    """Mutate one gene on average: polynomial in a float, uniform in everything else."""
    for gene, parameter in enumerate(table.parameters):
        if random.random() * len(individual) >= 1:
            continue
        if parameter.kind == "float":
            one = [individual[gene]]
            tools.mutPolynomialBounded(one, ETA, parameter.low, parameter.high, indpb=1.0)
            individual[gene] = one[0]
        else:
            individual[gene] = drawn(parameter)
    return (individual,)


def config_of(individual: list[float], table: Recorded) -> dict[str, Any]:
    return {
        parameter.name: parameter.values[int(gene)] if parameter.values else gene
        for gene, parameter in zip(individual, table.parameters, strict=True)
    }


def run(strategy: str, table: Recorded, seed: int, budget: int) -> Trace:
    settings = SETTINGS[strategy]
    random.seed(seed)
    trace = Trace(table, budget)

    def evaluate(individual: list[float]) -> tuple[float]:
        if trace.full:
            raise BudgetSpentError
        return (trace.evaluate(config_of(individual, table)),)

    toolbox = base.Toolbox()
    toolbox.register(
        "individual", lambda: creator.Individual(drawn(each) for each in table.parameters)
    )
    toolbox.register("population", tools.initRepeat, list, toolbox.individual)
    toolbox.register("evaluate", evaluate)
    toolbox.register("mate", tools.cxTwoPoint)
    toolbox.register("mutate", mutate, table=table)
    toolbox.register("select", tools.selTournament, tournsize=settings["tournament"])
    population = toolbox.population(n=settings["population"])
    with suppress(BudgetSpentError):
        algorithms.eaSimple(
            population,
            toolbox,
            settings["cxpb"],
            settings["mutpb"],
            ngen=100 * budget,
            verbose=False,
        )
    return trace


def runs(wanted: list[tuple[str, str, int]], budget: int) -> Iterator[Any]:
    return each_run(lambda name, table, seed: run(name, table, seed, budget), wanted)


def settings(strategies: list[str]) -> list[Any]:
    return [{"deap": deap.__version__, **SETTINGS[name], "eta": ETA} for name in strategies]


if __name__ == "__main__":
    serve(globals())
