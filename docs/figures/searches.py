"""The searches behind the pictures, each run once while the site is built, for seconds."""

import os
import re
import tempfile
import warnings
from functools import cache
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, NuSVC
from sklearn.tree import DecisionTreeClassifier

import hpopt
from hpopt.reports.reader import read_data

warnings.simplefilter("ignore")  # networks of few epochs have not converged


@cache
def svm():
    """Support vector machines for breast cancer; some settings of nu are infeasible."""
    x, y = load_breast_cancer(return_X_y=True)

    def error(config):
        settings = {name: config[name] for name in ("gamma", "nu", "C") if name in config}
        model = (NuSVC if "nu" in config else SVC)(kernel=config["kernel"], **settings)
        return {"error": 1 - cross_val_score(model, scaled, y, cv=3, error_score="raise").mean()}

    scaled = StandardScaler().fit_transform(x)
    space = {
        "kernel": hpopt.Categorical(["rbf", "sigmoid"]),
        "gamma": hpopt.Float(1e-5, 1e1, log=True),
        "bound": hpopt.Categorical(["C", "nu"]),
        "C": hpopt.Float(1e-2, 1e3, log=True, when={"bound": "C"}),
        "nu": hpopt.Float(0.01, 0.9, when={"bound": "nu"}),
    }
    problem = hpopt.FunctionProblem(error, space, objectives={"error": "minimize"})
    options = {"workers": 3, "window": 3, "executor": "threads", "fail_fast": 0}
    return hpopt.optimize(problem, "tpe", trials=120, seed=0, progress=False, **options)


@cache
def networks():
    """Small networks for irises, bred by a genetic algorithm."""
    x, y = load_iris(return_X_y=True)
    x, x_test, y, y_test = train_test_split(x, y, test_size=0.5, random_state=0)

    def loss(config):
        model = MLPClassifier(
            [layer["units"] for layer in config["layers"]],
            activation=config["activation"],
            learning_rate_init=config["learning_rate"],
            max_iter=15,
            random_state=0,
        ).fit(x, y)
        likelihood = model.predict_proba(x_test)[np.arange(len(y_test)), y_test]
        return {"loss": -np.log(np.maximum(likelihood, 1e-12)).mean()}

    space = {
        "layers": hpopt.Sequence({"units": hpopt.Int(2, 32, log=True)}, 1, 3),
        "activation": hpopt.Categorical(["relu", "tanh", "logistic"]),
        "learning_rate": hpopt.Float(1e-4, 1, log=True),
    }
    problem = hpopt.FunctionProblem(loss, space, objectives={"loss": "minimize"})
    strategy = hpopt.GeneticAlgorithm(population=16)
    return hpopt.optimize(problem, strategy, trials=192, seed=1, progress=False)


@cache
def epochs():
    """Networks for wines, trained for 1 to 27 epochs by Hyperband."""
    x, y = load_wine(return_X_y=True)
    x = StandardScaler().fit_transform(x)
    x, x_test, y, y_test = train_test_split(x, y, test_size=0.5, random_state=0)

    def loss(config, trial):
        model = MLPClassifier(
            [config["units"]], learning_rate_init=config["learning_rate"], random_state=0
        )
        for epoch in range(1, int(trial.fidelity) + 1):
            model.partial_fit(x, y, classes=np.unique(y))
            likelihood = model.predict_proba(x_test)[np.arange(len(y_test)), y_test]
            value = -np.log(np.maximum(likelihood, 1e-12)).mean()
            trial.report(epoch, value)
        return {"loss": value}

    space = {"units": hpopt.Int(2, 64, log=True), "learning_rate": hpopt.Float(1e-4, 1, log=True)}
    problem = hpopt.FunctionProblem(
        loss, space, objectives={"loss": "minimize"}, fidelity=hpopt.Fidelity(1, 27)
    )
    return hpopt.optimize(problem, "hyperband", trials=90, seed=0, progress=False)


@cache
def trees():
    """Trees for breast cancer that are to be accurate and small."""
    x, y = load_breast_cancer(return_X_y=True)

    def evaluate(config):
        model = DecisionTreeClassifier(**config, random_state=0)
        error = 1 - cross_val_score(model, x, y, cv=3).mean()
        return {"error": error, "leaves": model.fit(x, y).get_n_leaves()}

    space = {
        "max_depth": hpopt.Int(1, 12),
        "max_features": hpopt.Float(0.03, 1),
        "min_samples_leaf": hpopt.Int(1, 60, log=True),
        "criterion": hpopt.Categorical(["gini", "entropy"]),
    }
    objectives = {"error": "minimize", "leaves": "minimize"}
    bounds = {"error": ("<=", 0.1)}
    problem = hpopt.FunctionProblem(evaluate, space, objectives=objectives, constraints=bounds)
    return hpopt.optimize(problem, "genetic", trials=80, seed=0, progress=False)


@cache
def quickstart():
    """What the first search of the quickstart finds; it is read from the page."""
    page = (Path(__file__).parents[1] / "quickstart.md").read_text(encoding="utf-8")
    example = re.search(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)[1]
    names = {"__name__": "__main__"}
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:  # for its study file
        os.chdir(folder)
        try:
            exec(example, names)
            return read_data(names["result"])
        finally:
            os.chdir(here)
