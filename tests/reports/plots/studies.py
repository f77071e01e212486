"""Small studies whose trials had given outcomes."""

import dataclasses

import hpopt
from hpopt import Objective, Outcome, Study
from hpopt.problems import FunctionProblem
from hpopt.reports.reader import read_data

LAYER = {"units": hpopt.Int(1, 512, log=True), "activation": hpopt.Categorical(["relu", "elu"])}
SPACE = {
    "rate": hpopt.Float(1e-4, 1, log=True),
    "batch": hpopt.Ordinal([16, 32, 64]),
    "kind": hpopt.Categorical(["a", "b"]),
    "momentum": hpopt.Float(0, 0.9, when={"kind": "a"}),
    "layers": hpopt.Sequence(LAYER, 1, 2),
}


LOSS = Objective("loss")


def study_of(outcomes, objectives=LOSS, *, constraints=(), space=SPACE, path=None, **more):
    """Make a study whose trials had these outcomes; a function gives them from the config."""
    problem = FunctionProblem(
        lambda config, trial: 0, space, objectives=objectives, constraints=constraints, **more
    )
    study = Study(problem, "random", seed=0, path=path)
    for outcome in outcomes:
        solution = study.ask()
        study.tell(solution, outcome(solution.config) if callable(outcome) else outcome)
    return study


def mixed(n=40):
    """Make outcomes of all kinds, with times and reports."""
    for k in range(n):
        time = {"started": 1e9 + 10 * (k // 2), "seconds": 9.0}
        value = {"loss": 1.0 + (k * 7) % 11}
        if k % 10 == 3:
            yield Outcome("failed", error="ValueError: no", **time)
        else:
            status = "stopped" if k % 10 == 5 else "complete"
            curve = tuple((step, value["loss"] + 1 / step) for step in (1, 2, 3))
            yield Outcome(status, value, curve=curve, **time)


def bred(n=60, population=10):
    """Make the data of a study in generations."""
    data = read_data(study_of([{"loss": 2.0 - k / n} for k in range(n)]))
    parents = {
        k: (k - population, (k // population - 1) * population) for k in range(population, n)
    }
    return dataclasses.replace(data, generations=data.numbers // population, parents=parents)
