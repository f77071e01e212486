"""The problems, strategies and helpers of these tests; worker processes import them from here."""

import math
import os
import random
import time
from pathlib import Path

import numpy as np

import hpopt
from hpopt.errors import StudyError

SPACE = hpopt.Space(
    {
        "kernel": hpopt.Categorical([(3, 3), (5, 5), (3, 5)]),
        "optimizer": hpopt.Categorical(["adam", "sgd"]),
        "momentum": hpopt.Float(0.0, 0.99, when={"optimizer": "sgd"}),
        "rate": hpopt.Float(1e-4, 1.0, log=True),
        "batch": hpopt.Ordinal([16, 32, 64, 128]),
        "layers": hpopt.Sequence(
            {
                "kind": hpopt.Categorical(["dense", "conv"]),
                "units": hpopt.Int(1, 16),
                "window": hpopt.Categorical([(1, 1), (2, 2)], when={"kind": "conv"}),
            },
            min_length=1,
            max_length=3,
        ),
    }
)
"""Conditions, lists of layers, and tuples, of which JSON makes lists."""

KNOWN_GOOD = {
    "kernel": (3, 5),
    "optimizer": "sgd",
    "momentum": 0.9,
    "rate": 0.01,
    "batch": 64,
    "layers": [
        {"kind": "conv", "units": 8, "window": (2, 2)},
        {"kind": "dense", "units": 3},
    ],
}
ALSO_GOOD = {
    "kernel": (3, 3),
    "optimizer": "adam",
    "rate": 0.1,
    "batch": 16,
    "layers": [{"kind": "dense", "units": 16}],
}


class Mixed(hpopt.Problem):
    """A value of everything in a config and of the trial's seed, after a random delay."""

    space = SPACE

    def __init__(self, delay=0.0, log=None):
        self.delay, self.log = delay, log

    def evaluate(self, config, trial):
        if self.log is not None:
            with Path(self.log).open("a") as file:
                file.write(f"{trial.number}\n")
        if self.delay:
            time.sleep(random.Random(os.urandom(8)).uniform(0, self.delay))
        return value_of(config, trial.seed)


def value_of(config, seed):
    """Give a value that tells one config, and one seed, from another."""
    tuples = [config["kernel"], *(layer.get("window", ()) for layer in config["layers"])]
    if not all(isinstance(value, tuple) for value in tuples):
        raise TypeError(f"the choices of {config} were tuples")
    value = abs(math.log10(config["rate"]) + 2) + config.get("momentum", 0.5)
    value += math.log2(config["batch"]) / 10 + sum(map(sum, tuples)) / 50
    value += sum(layer["units"] for layer in config["layers"]) / 16
    return value + seed / 2**32 / 100


class Small(hpopt.Problem):
    """Twelve configs."""

    space = hpopt.Space(
        {
            "a": hpopt.Int(1, 4),
            "b": hpopt.Categorical(["x", "y"]),
            "c": hpopt.Ordinal([1, 10], when={"b": "y"}),
        }
    )

    def evaluate(self, config, trial):
        return config["a"] + config.get("c", 0)


class Line(hpopt.Problem):
    """One number, in a space without end."""

    space = hpopt.Space({"x": hpopt.Float(-5, 5)})

    def evaluate(self, config, trial):
        return abs(config["x"])


class Greedy(hpopt.Optimizer):
    """Step away from the best that is known: each point follows from all that was told before."""

    def __init__(self, *, scale=0.2):
        self.scale = scale

    def _ask(self, number, n):
        rng = self.generator(number)
        points = rng.random((1, self.space.d))
        told = len(self.history)
        if told:
            best = self.history.points[np.argmin(self.history.losses[:, 0])]
            points = np.clip(best + self.scale / told * (points - 0.5), 0, 1)
        return self.novel(points, rng, before=number)


STRATEGIES = {
    "random": hpopt.RandomSearch,
    "quasi_random": hpopt.QuasiRandomSearch,
    "grid": lambda: hpopt.GridSearch(resolution=3),
    "shuffled grid": lambda: hpopt.GridSearch(resolution=3, shuffle=True),
    "genetic": lambda: hpopt.GeneticAlgorithm(population=3),
    "other genetic": lambda: hpopt.GeneticAlgorithm(
        population=4,
        initialisation="random",
        selection="truncation",
        crossover="two_point",
        elites=1,
    ),
    "menndl": lambda: hpopt.MENNDL(population=4),
    "mu_plus_lambda": lambda: hpopt.MuPlusLambda(population=3, offspring=2, patience=1),
    "self_adaptive": lambda: hpopt.SelfAdaptive(population=3, offspring=4),
    "zhan": lambda: hpopt.Zhan(population=4),
    "latin_hypercube": lambda: hpopt.LatinHypercube(n=5),
    "neighbourhood": lambda: hpopt.NeighbourhoodSearch(initial=2, poll=4),
    "differential_evolution": lambda: hpopt.DifferentialEvolution(population=4, adaptive=True),
    "annealing": lambda: hpopt.SimulatedAnnealing(chains=2, cooling=0.5),
    "memetic": lambda: hpopt.Memetic(
        algorithm={"name": "mu_plus_lambda", "population": 3, "offspring": 2, "patience": 1},
        local_share=0.5,
    ),
    "chain": lambda: hpopt.Chain(
        ("quasi_random", 2), ({"name": "genetic", "population": 3}, 5), ("grid", None)
    ),
    "narrowing": lambda: hpopt.Narrowing(
        optimizer={"name": "genetic", "population": 3},
        trials_per_round=6,
        confidence=0.01,
        keep=0.0,
    ),
}

LEARNING = {
    "auto": lambda: hpopt.Auto(seconds=1.0),
    "bayesian": lambda: hpopt.BayesianOptimization(first=3, most_points=20),
    "tpe": lambda: hpopt.TPE(first=3),
    "greedy": Greedy,
    "steady_state": lambda: hpopt.SteadyState(population=3),
    "regularized": lambda: hpopt.RegularizedEvolution(population=4, sample=2),
}
"""Strategies that learn from every trial, so that they are the same where they know the same."""


def essence(trials):
    """Give what must be the same wherever and whenever trials ran."""
    return [
        (
            trial.number,
            trial.config,
            trial.solution.seed,
            trial.solution.point.tolist(),
            trial.generation,
            trial.parents,
            trial.status,
            dict(trial.values),
        )
        for trial in trials
    ]


def numbers(trials):
    return [trial.number for trial in trials]


def stored(path):
    """Give the trials of a study file, which may not have begun to be one."""
    try:
        return hpopt.Study.load(path).trials
    except StudyError:
        return []
