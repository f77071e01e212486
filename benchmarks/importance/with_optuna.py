"""Optuna's importance of given studies: fANOVA and PED-ANOVA, with their defaults."""

from __future__ import annotations

import json
import time
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.importance import (
    FanovaImportanceEvaluator,
    PedAnovaImportanceEvaluator,
    get_param_importances,
)
from sides import serve

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.filterwarnings("ignore")

EVALUATORS = {
    "Optuna fANOVA": lambda: FanovaImportanceEvaluator(seed=0),
    "Optuna PED-ANOVA": PedAnovaImportanceEvaluator,
}


def distribution(kind: str, values: Any) -> BaseDistribution:
    if kind == "float":
        return FloatDistribution(values[0], values[1], log=values[2])
    if kind == "cat":
        return CategoricalDistribution(values)
    return FloatDistribution(0, len(values) - 1, step=1)  # by place: Optuna has no ordered choice


def explain(path: str) -> dict[str, Any]:
    import_module("sklearn.ensemble")  # it is not the first study's time
    found = []
    for given in json.loads(Path(path).read_text(encoding="utf-8")):
        study = optuna.create_study()
        spaces = {name: (kind, values) for name, kind, values, _ in given["parameters"]}
        for config, loss in zip(given["configs"], given["losses"], strict=True):
            study.add_trial(
                optuna.trial.create_trial(
                    params={name: at(*spaces[name], value) for name, value in config.items()},
                    distributions={name: distribution(*spaces[name]) for name in config},
                    value=loss,
                )
            )
        told = {}
        for name, evaluator in EVALUATORS.items():
            begin = time.process_time()
            shares = get_param_importances(study, evaluator=evaluator(), normalize=False)
            seconds = time.process_time() - begin
            told[name] = {"shares": {k: [v] for k, v in shares.items()}, "seconds": seconds}
        found.append(told)
    return {"studies": found}


def at(kind: str, values: Any, value: Any) -> Any:
    return float(values.index(value)) if kind == "ordinal" else value


if __name__ == "__main__":
    serve({"explain": explain})
