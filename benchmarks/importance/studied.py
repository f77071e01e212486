"""Studies to explain: recorded networks and boosted trees, and a model with branches.

    {"name", "parameters": [[name, kind, values or [low, high, log], when], ...],
     "configs": [...], "losses": [...], "truth": {name: share} or null}

as JSON, so that both sides are given the same. `truth` is the share of the variance that each
parameter alone has in the whole table, where there is one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import recorded

N_TRIALS = 500
GRIDS = ("nasbench201-cifar10", "fcnet-protein_structure", "fcnet-naval_propulsion",
         "hpobench_mlp-australian")  # fmt: skip
POINTS = ("xgb_offline-australian", "xgb_offline-a6a")
REACH = 3.0  # as hpopt cuts outliers: of protein_structure a few configs have most of the variance

Study = dict[str, Any]


def studies(n: int = N_TRIALS, seed: int = 0) -> Iterator[Study]:
    table = recorded._query()["Table"]
    for name in GRIDS:
        yield of_grid(table(name), n, seed)
    for name in POINTS:
        yield of_points(table(name), n, seed)
    yield of_branches(n, seed)


def of_grid(table: Any, n: int, seed: int) -> Study:
    rng = np.random.default_rng(seed)
    names = list(table.space)
    values = [list(table.space[name]["values"]) for name in names]
    kinds = ["cat" if table.space[name]["type"] == "cat" else "ordinal" for name in names]
    sign = 1.0 if table.goal == "min" else -1.0
    means = sign * table._mean[table.meta["metrics"][0]]
    places = {tuple(int(rng.integers(len(each))) for each in values): None for _ in range(n)}
    known = [place for place in places if np.isfinite(means[place])]
    return {
        "name": table.name,
        "parameters": [[*each, None] for each in zip(names, kinds, values, strict=True)],
        "configs": [
            {name: each[k] for name, each, k in zip(names, values, place, strict=True)}
            for place in known
        ],
        "losses": [float(means[place]) for place in known],
        "truth": dict(zip(names, shares(means), strict=True)),
    }


def shares(whole: np.ndarray) -> list[float]:
    """Give what each side of a table alone has of its variance, without outliers."""
    known = whole[np.isfinite(whole)]
    decile, median = np.quantile(known, [0.1, 0.5])
    cut = np.clip(whole, None, median + REACH * (median - decile))
    sides = range(whole.ndim)
    lines = [np.nanmean(cut, axis=tuple(k for k in sides if k != side)) for side in sides]
    return [float(line.var() / np.nanvar(cut)) for line in lines]


def of_points(table: Any, n: int, seed: int) -> Study:
    chosen = np.random.default_rng(seed).permutation(len(table.X))[:n]
    names = list(table.meta["columns"])
    spans = [
        [float(column.min()), float(column.max()), bool(column.min() > 0 and span(column) > 100)]
        for column in table.X.T
    ]
    metric = table.meta["metrics"][0]
    sign = 1.0 if table.goal == "min" else -1.0
    return {
        "name": table.name,
        "parameters": [
            [name, "float", each, None] for name, each in zip(names, spans, strict=True)
        ],
        "configs": [dict(zip(names, map(float, table.X[k]), strict=True)) for k in chosen],
        "losses": [float(sign * table.metric(metric)[k]) for k in chosen],
        "truth": None,
    }


def span(column: np.ndarray) -> float:
    return float(column.max() / column.min())


BRANCHES: list[list[Any]] = [
    ["kernel", "cat", ["linear", "rbf", "poly", "sigmoid"], None],
    ["C", "float", [1e-3, 1e3, True], None],
    ["gamma", "float", [1e-5, 10.0, True], ["kernel", ["rbf", "poly", "sigmoid"]]],
    ["degree", "ordinal", [2, 3, 4, 5], ["kernel", ["poly"]]],
    ["coef0", "float", [0.0, 1.0, False], ["kernel", ["poly", "sigmoid"]]],
    ["shrinking", "cat", ["yes", "no"], None],
]


def of_branches(n: int, seed: int) -> Study:
    """A support vector machine on 400 digits, whose kernels have parameters of their own."""
    from sklearn.datasets import load_digits
    from sklearn.svm import SVC

    data, target = load_digits(return_X_y=True)
    rng = np.random.default_rng(seed)
    configs, losses = [], []
    for _ in range(n):
        config: dict[str, Any] = {}
        for name, kind, values, when in BRANCHES:
            if when is None or config.get(when[0]) in when[1]:
                config[name] = drawn(kind, values, rng)
        model = SVC(**{**config, "shrinking": config["shrinking"] == "yes"})
        model.fit(data[:400] / 16, target[:400])
        configs.append(config)
        losses.append(1.0 - float(model.score(data[400:800] / 16, target[400:800])))
    return {"name": "svm with kernels", "parameters": BRANCHES, "configs": configs,
            "losses": losses, "truth": None}  # fmt: skip


def drawn(kind: str, values: list[Any], rng: np.random.Generator) -> Any:
    if kind != "float":
        return values[int(rng.integers(len(values)))]
    low, high, log = values
    share = rng.random()
    return float(low * (high / low) ** share) if log else float(low + share * (high - low))
