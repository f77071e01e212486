"""HyperparameterSearchCV beside scikit-learn's own searches and Optuna's.

python benchmarks/sklearn_search.py contest    the best score after equal fits, over seeds
python benchmarks/sklearn_search.py racing     what racing over folds saves
python benchmarks/sklearn_search.py overhead   what a candidate costs beside its fits

Optuna's needs ``pip install optuna-integration``; without it the others are measured.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import loguniform, randint, uniform
from sklearn import datasets
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    HalvingRandomSearchCV,
    KFold,
    RandomizedSearchCV,
    StratifiedKFold,
    train_test_split,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR

from hpopt.sklearn import HyperparameterSearchCV

N_CANDIDATES, N_SPLITS = 30, 5
FACTOR = 3
N_HALVING = 21  # and 7 of them on more rows, and 3 on all: 31 candidates are fitted
KEPT = Path(__file__).resolve().parent / "results" / "sklearn_search.jsonl"


class Task(NamedTuple):
    """What is tuned: data, an estimator, distributions, and how it is scored."""

    load: Callable[..., Any]
    estimator: Any
    space: dict[str, Any]
    scoring: str


def scaled(estimator: Any) -> Pipeline:
    return Pipeline([("scale", StandardScaler()), ("est", estimator)])


def some_digits(return_X_y: bool = True) -> Any:  # noqa: N803
    X, y = datasets.load_digits(return_X_y=True)  # noqa: N806
    return train_test_split(X, y, train_size=500, stratify=y, random_state=0)[::2]


TASKS = {
    "breast_cancer": Task(
        datasets.load_breast_cancer,
        scaled(SVC()),
        {"est__C": loguniform(1e-3, 1e3), "est__gamma": loguniform(1e-5, 10)},
        "balanced_accuracy",
    ),
    "diabetes": Task(
        datasets.load_diabetes,
        scaled(SVR()),
        {
            "est__C": loguniform(1e-2, 1e4),
            "est__gamma": loguniform(1e-5, 10),
            "est__epsilon": loguniform(1e-2, 1e2),
        },
        "r2",
    ),
    "digits": Task(
        some_digits,
        scaled(SVC(kernel="poly")),
        {
            "est__C": loguniform(1e-3, 1e3),
            "est__gamma": loguniform(1e-5, 1),
            "est__coef0": uniform(0, 4),
            "est__degree": randint(2, 6),
        },
        "accuracy",
    ),
    "iris": Task(
        datasets.load_iris,
        KNeighborsClassifier(),
        {
            "n_neighbors": randint(1, 60),
            "p": uniform(1, 4),
            "weights": ["uniform", "distance"],
            "leaf_size": randint(5, 50),
        },
        "neg_log_loss",
    ),
    "wine": Task(
        datasets.load_wine,
        RandomForestClassifier(15, random_state=0),
        {
            "max_features": uniform(0.05, 0.95),
            "min_samples_leaf": randint(1, 20),
            "max_depth": randint(1, 12),
            "ccp_alpha": loguniform(1e-5, 1e-1),
        },
        "neg_log_loss",
    ),
}


def splitter(task: Task) -> Any:
    kind = KFold if task.scoring == "r2" else StratifiedKFold
    return kind(N_SPLITS, shuffle=True, random_state=0)


# -- the contestants -------------------------------------------------------------------------------


def by_hpopt(task: Task, seed: int, **settings: Any) -> Any:
    given = {"trials": N_CANDIDATES} | settings
    return HyperparameterSearchCV(
        task.estimator,
        task.space,
        scoring=task.scoring,
        cv=splitter(task),
        seed=seed,
        refit=False,
        **given,
    )


def by_random(task: Task, seed: int) -> Any:
    return RandomizedSearchCV(
        task.estimator,
        task.space,
        n_iter=N_CANDIDATES,
        scoring=task.scoring,
        cv=splitter(task),
        random_state=seed,
        refit=False,
    )


def by_halving(task: Task, seed: int) -> Any:
    n = len(task.load(return_X_y=True)[0])
    return HalvingRandomSearchCV(
        task.estimator,
        task.space,
        n_candidates=N_HALVING,
        min_resources=n // FACTOR**2,
        factor=FACTOR,
        scoring=task.scoring,
        cv=splitter(task),
        random_state=seed,
        refit=False,
    )


def by_optuna(task: Task, seed: int) -> Any:
    import optuna
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )
    from optuna_integration import OptunaSearchCV

    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def distribution(given: Any) -> Any:
        if isinstance(given, list):
            return CategoricalDistribution(given)
        low, high = given.support()
        if given.dist.name == "randint":
            return IntDistribution(int(low), int(high))
        return FloatDistribution(float(low), float(high), log=given.dist.name == "loguniform")

    return OptunaSearchCV(
        task.estimator,
        {name: distribution(given) for name, given in task.space.items()},
        n_trials=N_CANDIDATES,
        scoring=task.scoring,
        cv=splitter(task),
        random_state=seed,
        refit=False,
    )


CONTESTANTS = {
    "hpopt": by_hpopt,
    "RandomizedSearchCV": by_random,
    "HalvingRandomSearchCV": by_halving,
    "OptunaSearchCV": by_optuna,
}


def best_of(search: Any) -> float:
    """Return the best score, of halving on all rows."""
    results = getattr(search, "cv_results_", None)
    if results is not None and "iter" in results:
        return float(results["mean_test_score"][results["iter"] == max(results["iter"])].max())
    return float(search.best_score_)


def contest(seeds: range, names: list[str]) -> Iterator[dict[str, Any]]:
    for seed in seeds:
        for task_name, task in TASKS.items():
            X, y = task.load(return_X_y=True)  # noqa: N806
            for name in names:
                search = CONTESTANTS[name](task, seed)
                began = time.process_time()
                search.fit(X, y)
                seconds = time.process_time() - began
                found = {"task": task_name, "by": name, "seed": seed, "score": best_of(search)}
                yield found | {"seconds": seconds}


def racing(seeds: range, rules: list[str]) -> Iterator[dict[str, Any]]:
    for seed in seeds:
        for task_name, task in TASKS.items():
            X, y = task.load(return_X_y=True)  # noqa: N806
            for rule in rules:
                early = None if rule == "none" else rule
                search = by_hpopt(task, seed, early_stopping=early).fit(X, y)
                n_fits = sum(len(trial.curve) for trial in search.study_.trials)
                found = {"task": task_name, "rule": rule, "seed": seed, "fits": n_fits}
                yield found | {"score": best_of(search)}


class Sleeper(ClassifierMixin, BaseEstimator):
    """A classifier whose fit takes so many seconds."""

    def __init__(self, x: float = 0.0, seconds: float = 0.05) -> None:
        self.x, self.seconds = x, seconds

    def fit(self, X: Any, y: Any) -> Sleeper:  # noqa: N803
        time.sleep(self.seconds)
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: Any) -> Any:  # noqa: N803
        return np.zeros(len(X))

    def score(self, X: Any, y: Any) -> float:  # noqa: N803
        return -((self.x - 0.3) ** 2)


def overhead() -> Iterator[dict[str, Any]]:
    X, y = datasets.load_iris(return_X_y=True)  # noqa: N806
    for optimizer in ("random", "auto", "tpe"):
        for trials in (30, 60):
            search = HyperparameterSearchCV(
                Sleeper(), {"x": uniform(0, 1)}, trials=trials, optimizer=optimizer, seed=0
            )
            began = time.perf_counter()
            search.set_params(refit=False).fit(X, y)
            seconds = time.perf_counter() - began
            n_fits = trials * N_SPLITS
            fits = float(search.cv_results_["mean_fit_time"].sum()) * N_SPLITS
            found = {"optimizer": optimizer, "trials": trials, "fits": n_fits}
            yield found | {
                "overhead": seconds / fits - 1,
                "ms_a_fit": 1e3 * (seconds - fits) / n_fits,
            }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["contest", "racing", "overhead"])
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--by", nargs="+", default=list(CONTESTANTS))
    parser.add_argument("--rules", nargs="+", default=["none", "racing", "halving", "median"])
    parser.add_argument("--to", type=Path, default=KEPT)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    seeds = range(given.first, given.first + given.seeds)
    found = {
        "contest": lambda: contest(seeds, given.by),
        "racing": lambda: racing(seeds, given.rules),
        "overhead": overhead,
    }[given.what]()
    given.to.parent.mkdir(exist_ok=True)
    with given.to.open("a") as file:
        for row in found:
            line = json.dumps({"what": given.what} | row)
            print(line, file=file, flush=True)
            print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
