"""What users with type annotations write; read by type checkers, never run."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
from typing_extensions import assert_type

import hpopt
from hpopt.problems.keras import KerasProblem


class Digits(hpopt.Problem):
    space = hpopt.Space({"rate": hpopt.Float(1e-5, 1, log=True), "n": hpopt.Int(1, 9, default=3)})
    objectives = {"loss": "minimize", "accuracy": "maximize"}  # noqa: RUF012
    fidelity = hpopt.Fidelity(1, 50)

    def evaluate(self, config: dict[str, Any], trial: hpopt.TrialHandle) -> dict[str, Any]:
        for step in range(int(trial.fidelity)):
            trial.report(step, config["rate"])
            if trial.should_stop():
                raise hpopt.Stopped({"loss": 1.0, "accuracy": 0.5})
        return {"loss": 0.5, "accuracy": np.float32(0.9), "note": "good"}


class Single(hpopt.Problem):
    space = hpopt.Space({"x": hpopt.Float(0, 1)})
    objectives = hpopt.Objective("value", "maximize")

    def evaluate(self, config: dict[str, Any], trial: hpopt.TrialHandle) -> float | None:
        return None if trial.should_stop() else float(config["x"])


class Network(KerasProblem):
    objectives = {"val_loss": "minimize", "latency": "minimize"}  # noqa: RUF012


def function(config: dict[str, Any]) -> np.float32:
    return np.float32(config["x"])


parameters = {"x": hpopt.Float(0, 1), "kind": hpopt.Categorical(["a", "b"])}
directions = {"value": "maximize"}
problem = hpopt.FunctionProblem(function, parameters, objectives=directions)
hpopt.FunctionProblem(function, parameters, objectives={"value": "maximize"})
hpopt.FunctionProblem(function, parameters, objectives=[hpopt.Objective("value", "maximize")])


def watch(study: hpopt.Study, trial: hpopt.Trial) -> None:
    if study.best is trial:
        study.stop_soon()


result = hpopt.optimize(problem, hpopt.TPE(), trials=3, callbacks=[watch], start=[{"x": 0.5}])
assert_type(result, hpopt.Result)
assert_type(result.best.config, dict[str, Any])
assert_type(result.best.values["value"], float)
assert_type([trial.number for trial in result.trials], list[int])

with hpopt.Study(Digits(), "genetic", path="digits.db") as study:
    assert_type(study, hpopt.Study)
    solution = study.ask(timeout=timedelta(minutes=1))
    solution.config["rate"] = 0.1
    assert_type(study.tell(solution, {"loss": 0.5, "accuracy": 0.5, "note": "x"}), hpopt.Trial)
    study.tell(3, hpopt.failed("it burned"))
    study.tell(4, np.float32(0.5))
    study.add_trial({"rate": 0.1, "n": 3}, {"loss": 0.5, "accuracy": 0.75})
    assert_type(study.run(trials=3), hpopt.Result)

assert_type(hpopt.Study.load("digits.db", Digits()), hpopt.Study)
assert_type(hpopt.Study.load("digits.db").best.number, int)
