"""The problems of the comparison: what may be chosen, what a config gives, and what each is for.

Those for choosing are what hpopt's defaults may be chosen by; those for judging are what is
reported, and nothing is chosen by them.
"""

from __future__ import annotations

import json
import math
import runpy
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import numpy as np
import recorded
from recorded import Parameter, existing

CHOOSING = (
    "table:fcnet-protein_structure",
    "table:hpobench_mlp-australian",
    "table:xgb_offline-a6a",
    "table:xgb_offline-ijcnn1",
    "yahpo:lcbench:126026",
    "yahpo:rbv2_ranger:28",
    "yahpo:rbv2_svm:1040",
    "bbob:6:5:1",
    "bbob:10:3:1",
    "bbob:15:5:1",
    "bbob-mixint:8:5:1",
    "cv:svc:digits",
    "cv:forest:diabetes",
)
FIRST = (
    "table:fcnet-naval_propulsion",
    "table:hpobench_mlp-credit_g",
    "table:nasbench201-cifar10",
    "table:xgb_offline-heart",
    "yahpo:lcbench:167168",
    "yahpo:rbv2_ranger:3",
    "yahpo:rbv2_svm:1220",
    "bbob:1:5:2",
    "bbob:8:3:2",
    "bbob:17:5:2",
    "bbob-mixint:3:10:2",
    "cv:svc:wine",
    "cv:ridge:diabetes",
)
"""What was judged by from the beginning."""
FURTHER = (
    "table:logreg_on_grid",
    "table:svm_on_grid",
    "yahpo:lcbench:126025",
    "yahpo:lcbench:167152",
    "yahpo:lcbench:168329",
    "yahpo:rbv2_ranger:6332",
    "yahpo:rbv2_ranger:41166",
    "yahpo:rbv2_svm:46",
    "yahpo:rbv2_svm:188",
    "bbob:9:5:4",
    "bbob:11:5:4",
    "bbob:13:2:4",
    "bbob:19:10:4",
    "bbob:22:5:4",
    "bbob:24:2:4",
    "bbob-mixint:1:5:4",
    "bbob-mixint:22:10:4",
    "cv:boosting:breast_cancer",
    "cv:boosting:diabetes",
    "cv:boosting:iris",
    "cv:neighbours:breast_cancer",
    "cv:neighbours:wine",
    "cv:sgd:wine",
    "cv:tree:breast_cancer",
    "cv:tree:diabetes",
    "cv:tree:digits",
)
"""Drawn by lot, when all defaults were chosen, from what no comparison had used before.

That is other tasks of the surrogates, other functions, all tables that were left, and pairs of
learners that are not above and bundled data sets.
"""
JUDGING = (*FIRST, *FURTHER)
SETS = {"judging": JUDGING, "first": FIRST, "further": FURTHER, "choosing": CHOOSING}
"""What may be compared on; no default is chosen by any but the last."""

Evaluate = Callable[[Mapping[str, Any]], float]


@dataclass(frozen=True)
class Problem:
    """What is searched.

    Attributes
    ----------
    name : str
    parameters : tuple of Parameter
        Those that others depend on come before these.
    evaluate : callable
        Gives the loss of a config; entries that do not exist in it are passed over.
    """

    name: str
    parameters: tuple[Parameter, ...]
    evaluate: Evaluate

    def loss(self, config: Mapping[str, Any]) -> float:
        """Give the loss of one config."""
        return self.evaluate(self.existing(config))

    def existing(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Leave out what does not exist where others are as they are."""
        return existing(self.parameters, config)

    @property
    def is_flat(self) -> bool:
        """Whether all parameters always exist."""
        return not any(parameter.when for parameter in self.parameters)


@cache
def load(name: str) -> Problem:
    """Make a problem of its name, once a process: ``family:what:…``."""
    family, *parts = name.split(":")
    return FAMILIES[family](name, *parts)


each_run = partial(recorded.each_run, load=load)


# -- recorded tables ------------------------------------------------------------------------------


def of_table(name: str, table: str) -> Problem:
    loaded = recorded.load(table)
    return Problem(name, loaded.parameters, loaded.loss)


# -- surrogates of real searches ------------------------------------------------------------------

SURROGATES: dict[str, tuple[str, str, float, dict[str, Any]]] = {
    "lcbench": ("v1.0.2", "val_accuracy", -1.0, {"epoch": 52}),
    "rbv2_ranger": ("v2_final", "acc", -1.0, {"trainsize": 1.0, "repl": "10"}),
    "rbv2_svm": ("v0_alpha", "mmce", 1.0, {"trainsize": 1.0, "repl": 10}),
}
"""By scenario: its version, the metric, what makes a loss of it, and the fidelity."""


def of_yahpo(name: str, scenario: str, task: str) -> Problem:
    version, metric, sign, fidelity = SURROGATES[scenario]
    made = yahpo()(scenario, instance=task, version=version)
    place = made.y_names.index(metric)
    described = {k: v for k, v in made.search_space().items() if k not in (*fidelity, made.iname)}
    whens = {c["child"]: ((c["parent"], (c["value"],)),) for c in made.conditions}
    parameters = [
        replace(_parameter(key, about), when=whens.get(key, ())) for key, about in described.items()
    ]
    parameters.sort(key=lambda parameter: len(parameter.when))

    def evaluate(config: Mapping[str, Any]) -> float:
        return sign * float(made.batch([{**config, **fidelity}])[0, place])

    return Problem(name, tuple(parameters), evaluate)


def _parameter(name: str, about: Mapping[str, Any]) -> Parameter:
    if about["type"] == "categorical":
        return Parameter(name, "categorical", (*about["choices"],))
    kind = "int" if about["type"] == "uniform_int" else "float"
    return Parameter(name, kind, (), about["lower"], about["upper"], about["log"])


@cache
def yahpo() -> Any:
    """Return the class that reads the surrogates."""
    return runpy.run_path(str(recorded.folder().parent / "yahpo" / "query.py"))["Yahpo"]


# -- test functions -------------------------------------------------------------------------------


def of_bbob(name: str, function: str, d: str, instance: str) -> Problem:
    import cocoex

    suite = cocoex.Suite(
        name.partition(":")[0],
        "",
        f"dimensions: {d} function_indices: {function} instance_indices: {instance}",
    )
    made = suite[0]
    n_whole = made.number_of_integer_variables
    parameters = tuple(
        Parameter(f"x{j}", "int" if j < n_whole else "float", (), float(low), float(high))
        for j, (low, high) in enumerate(zip(made.lower_bounds, made.upper_bounds, strict=True))
    )

    def evaluate(config: Mapping[str, Any]) -> float:
        return float(made(np.array([config[p.name] for p in parameters], dtype=np.float64)))

    _suites.append(suite)  # the function dies with its suite
    return Problem(name, parameters, evaluate)


_suites: list[Any] = []


# -- cross-validation -----------------------------------------------------------------------------

LEARNERS: dict[str, tuple[Parameter, ...]] = {
    "svc": (
        Parameter("kernel", "categorical", ("rbf", "poly", "sigmoid", "linear")),
        Parameter("C", "float", (), 1e-3, 1e3, True),
        Parameter("gamma", "float", (), 1e-5, 1e1, True, (("kernel", ("rbf", "poly", "sigmoid")),)),
        Parameter("degree", "int", (), 2, 5, False, (("kernel", ("poly",)),)),
        Parameter("coef0", "float", (), -1.0, 1.0, False, (("kernel", ("poly", "sigmoid")),)),
        Parameter("shrinking", "categorical", (True, False)),
    ),
    "ridge": (
        Parameter("kernel", "categorical", ("rbf", "laplacian", "polynomial")),
        Parameter("alpha", "float", (), 1e-6, 1e2, True),
        Parameter("gamma", "float", (), 1e-5, 1e1, True),
        Parameter("degree", "int", (), 1, 4, False, (("kernel", ("polynomial",)),)),
        Parameter("coef0", "float", (), 0.0, 2.0, False, (("kernel", ("polynomial",)),)),
    ),
    "forest": (
        Parameter("max_depth", "int", (), 1, 12),
        Parameter("min_samples_leaf", "int", (), 1, 40, True),
        Parameter("max_features", "float", (), 0.1, 1.0),
        Parameter("criterion", "categorical", ("squared_error", "friedman_mse")),
        Parameter("bootstrap", "categorical", (True, False)),
        Parameter("max_samples", "float", (), 0.2, 1.0, False, (("bootstrap", (True,)),)),
    ),
    "tree": (
        Parameter("splitter", "categorical", ("best", "random")),
        Parameter("max_depth", "int", (), 1, 20),
        Parameter("min_samples_split", "int", (), 2, 60, True),
        Parameter("min_samples_leaf", "int", (), 1, 40, True),
        Parameter("max_features", "float", (), 0.1, 1.0),
        Parameter("ccp_alpha", "float", (), 1e-6, 1e-1, True),
    ),
    "boosting": (
        Parameter("n_estimators", "int", (), 5, 40, True),
        Parameter("learning_rate", "float", (), 1e-2, 1.0, True),
        Parameter("max_depth", "int", (), 1, 6),
        Parameter("min_samples_leaf", "int", (), 1, 40, True),
        Parameter("subsample", "float", (), 0.3, 1.0),
        Parameter("max_features", "float", (), 0.1, 1.0),
    ),
    "neighbours": (
        Parameter("n_neighbors", "int", (), 1, 50, True),
        Parameter("weights", "categorical", ("uniform", "distance")),
        Parameter("metric", "categorical", ("minkowski", "cosine", "canberra", "chebyshev")),
        Parameter("p", "float", (), 1.0, 5.0, False, (("metric", ("minkowski",)),)),
    ),
    "sgd": (
        Parameter("penalty", "categorical", ("l2", "l1", "elasticnet")),
        Parameter("alpha", "float", (), 1e-6, 1.0, True),
        Parameter("l1_ratio", "float", (), 0.0, 1.0, False, (("penalty", ("elasticnet",)),)),
        Parameter("schedule", "categorical", ("optimal", "constant", "invscaling", "adaptive")),
        Parameter(
            "eta0",
            "float",
            (),
            1e-4,
            1.0,
            True,
            (("schedule", ("constant", "invscaling", "adaptive")),),
        ),
        Parameter("power_t", "float", (), 0.1, 1.0, False, (("schedule", ("invscaling",)),)),
        Parameter("average", "categorical", (True, False)),
    ),
}
SOME = 400
"""So many rows of a data set are used at most."""


def of_cv(name: str, learner: str, data: str) -> Problem:
    from sklearn import datasets
    from sklearn.model_selection import cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y = getattr(datasets, f"load_{data}")(return_X_y=True)
    rows = np.random.default_rng(0).permutation(len(x))[:SOME]
    maker = _maker(learner, regression=data == "diabetes")

    def evaluate(config: Mapping[str, Any]) -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = make_pipeline(StandardScaler(), maker(**config))
            score = float(cross_val_score(model, x[rows], y[rows], cv=5).mean())
        return -score if math.isfinite(score) else 1e3

    return Problem(name, LEARNERS[learner], evaluate)


def _maker(learner: str, *, regression: bool) -> Callable[..., Any]:
    """Give what makes a model of a config."""
    from sklearn import ensemble, kernel_ridge, linear_model, neighbors, svm, tree

    kind = "Regressor" if regression else "Classifier"
    makers: dict[str, Callable[..., Any]] = {
        "svc": partial(svm.SVC, max_iter=20_000),
        "ridge": kernel_ridge.KernelRidge,
        "forest": partial(ensemble.RandomForestRegressor, 10, random_state=0),
        "tree": partial(getattr(tree, f"DecisionTree{kind}"), random_state=0),
        "boosting": partial(getattr(ensemble, f"GradientBoosting{kind}"), random_state=0),
        "neighbours": getattr(neighbors, f"KNeighbors{kind}"),
        "sgd": lambda schedule, **given: linear_model.SGDClassifier(
            learning_rate=schedule, max_iter=30, tol=None, random_state=0, **given
        ),
    }
    return makers[learner]


FAMILIES: dict[str, Callable[..., Problem]] = {
    "table": of_table,
    "yahpo": of_yahpo,
    "bbob": of_bbob,
    "bbob-mixint": of_bbob,
    "cv": of_cv,
}


def described(names: Sequence[str]) -> list[dict[str, Any]]:
    """Say how many parameters of which kind problems have."""
    found = []
    for name in names:
        parameters = load(name).parameters
        kinds = [parameter.kind for parameter in parameters]
        found.append(
            {
                "name": name,
                "d": len(parameters),
                "kinds": {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)},
                "conditional": sum(bool(parameter.when) for parameter in parameters),
            }
        )
    return found


if __name__ == "__main__":
    print(json.dumps(described([*CHOOSING, *JUDGING]), indent=1))
