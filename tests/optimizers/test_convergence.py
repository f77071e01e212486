"""The genetic algorithm beats random search: problems × seeds, a one-sided test."""

import functools
import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
from problems_for_tests import of, trial_of
from scipy.stats import mannwhitneyu

from hpopt import GeneticAlgorithm, QuasiRandomSearch, RandomSearch
from hpopt.space import Categorical, Float, Int, Ordinal, Sequence, Space

N_SEEDS = 20
N_TRIALS = 200
DATA = Path(os.environ.get("HPOPT_DATA", Path(__file__).parents[3] / "shared" / "data"))
TABLES = DATA / "benchmarks" / "tables"


def quadratic(config):
    return (
        (config["x"] - 1.5) ** 2
        + math.log10(config["rate"] / 3e-3) ** 2
        + ((config["n"] - 70) / 30) ** 2
        + {"a": 3.0, "b": 0.5, "c": 0.0, "d": 1.0}[config["kind"]]
        + abs(config["size"] - 64) / 64
    )


QUADRATIC = Space(
    {
        "x": Float(-5, 5),
        "rate": Float(1e-5, 1, log=True),
        "n": Int(1, 100),
        "kind": Categorical(["a", "b", "c", "d"]),
        "size": Ordinal([16, 32, 64, 128, 256]),
    }
)


def rastrigin(config):
    return sum(x**2 - 10 * math.cos(2 * math.pi * x) + 10 for x in config.values())


RASTRIGIN = Space({f"x{i}": Float(-5, 5, step=0.25) for i in range(5)})


def network(config):
    """A made-up network: the right depth, layers that taper off, an optimizer that fits."""
    loss = 1.5 * abs(len(config["layers"]) - 4)
    for place, layer in enumerate(config["layers"]):
        loss += abs(math.log2(layer["width"] / (128 / 2**place)))
        loss += 0.5 * (layer["kind"] != "dense") + abs(layer.get("rate", 0.3) - 0.3)
    if config["optimizer"] == "sgd":
        loss += 4 * abs(config["momentum"] - 0.9)
    return loss + abs(math.log10(config["rate"] / 1e-3)) + (config["optimizer"] == "adam")


NETWORK = Space(
    {
        "optimizer": Categorical(["adam", "sgd"]),
        "rate": Float(1e-6, 1, log=True),
        "momentum": Float(0, 1, when={"optimizer": "sgd"}),
        "layers": Sequence(
            {
                "kind": Categorical(["dense", "dropout"]),
                "width": Int(4, 512, log=True),
                "rate": Float(0, 0.9, when={"kind": "dropout"}),
            },
            1,
            8,
        ),
    }
)

PROBLEMS = {
    "quadratic": (quadratic, QUADRATIC),
    "rastrigin": (rastrigin, RASTRIGIN),
    "network": (network, NETWORK),
}


@functools.cache
def recorded(name):
    """Give a recorded table of real trainings as a function and its space."""
    if not (TABLES / f"{name}.npz").exists():
        pytest.skip(f"the recorded table {name} is not there: set HPOPT_DATA to its folder")
    meta = json.loads((TABLES / "meta.json").read_text(encoding="utf-8"))[name]
    values = {key: each["values"] for key, each in meta["space"].items()}
    with np.load(TABLES / f"{name}.npz") as arrays:
        table = arrays[meta["metrics"][0]].astype(float)
    means = table.mean(axis=-1) if table.ndim > len(values) else table
    sign = 1 if meta["goal"] == "min" else -1

    def look_up(config):
        value = sign * means[tuple(values[key].index(config[key]) for key in values)]
        return float(value) if math.isfinite(value) else 1e9

    kinds = {"cat": Categorical, "int": Ordinal, "float": Ordinal}
    space = {key: kinds[meta["space"][key]["type"]](listed) for key, listed in values.items()}
    return look_up, Space(space)


def best_of(optimizer, function, space, seed):
    """Run a whole search by ask and tell; give the best value."""
    optimizer.bind(of(function, space), seed=seed)
    best = math.inf
    while optimizer.n_asked < N_TRIALS:
        trials = [trial_of(s, function(s.config)) for s in optimizer.ask(50)]
        optimizer.tell(trials)
        best = min(best, *(trial.values["value"] for trial in trials))
    return best


def bests_of(make, function, space):
    return [best_of(make(), function, space, seed) for seed in range(N_SEEDS)]


@functools.cache
def random_bests(name):
    return bests_of(RandomSearch, *(PROBLEMS[name] if name in PROBLEMS else recorded(name)))


def p_value(bests, others):
    """Say how likely the first would be this good if they were no better than the others."""
    return mannwhitneyu(bests, others, alternative="less").pvalue


@pytest.mark.parametrize("name", PROBLEMS)
def test_genetic_beats_random(name):
    bests = bests_of(GeneticAlgorithm, *PROBLEMS[name])
    assert p_value(bests, random_bests(name)) < 0.01


@pytest.mark.parametrize("name", ["fcnet-protein_structure", "nasbench201-cifar10"])
def test_genetic_beats_random_on_recorded_trainings(name):
    bests = bests_of(GeneticAlgorithm, *recorded(name))
    assert p_value(bests, random_bests(name)) < 0.01


@pytest.mark.parametrize(
    "settings",
    [
        {"selection": "truncation", "crossover": "one_point"},
        {"crossover": "two_point", "initialisation": "random", "elites": 1},
        {"population": 50, "selection": {"part": "tournament", "size": 4}},
    ],
    ids=str,
)
def test_other_operators_beat_random_too(settings):
    bests = bests_of(lambda: GeneticAlgorithm(**settings), *PROBLEMS["network"])
    assert p_value(bests, random_bests("network")) < 0.01


def test_random_is_not_found_to_beat_quasi_random():
    bests = bests_of(QuasiRandomSearch, *PROBLEMS["quadratic"])
    assert p_value(random_bests("quadratic"), bests) > 0.01
