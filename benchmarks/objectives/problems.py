"""The problems with several objectives, those for choosing and those for judging apart.

Those for choosing are what hpopt's defaults may be chosen by; those for judging are what is
reported, and nothing is chosen by them. numpy only, so that peers run it too.
"""

from __future__ import annotations

import math
import runpy
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from itertools import pairwise
from typing import Any

import bounded
import numpy as np
import recorded
from fronts import MARGIN, NUMBERS, Floats, Problem, Trace, best_known, boxed
from recorded import Parameter

CHOOSING = (
    "nas201:error:parameters",
    "nas201:error:latency",
    "lcbench:3945",
    "lcbench:167168",
    "zdt:1",
    "zdt:2",
    "zdt:3",
    "dtlz2:2",
    "dtlz2:3",
    "layers",
)
JUDGING = ("nas201:error:parameters:latency", "lcbench:168908", "zdt:4", "zdt:6", "dtlz7:3")
CONSTRAINED = ("bnh", "osy", "tnk", "c2dtlz2")
CONSTRAINED_JUDGING = ("welded_beam",)
SETS = {
    "choosing": CHOOSING,
    "judging": JUDGING,
    "constrained": CONSTRAINED,
    "constrained-judging": CONSTRAINED_JUDGING,
}
HIGHER = {"1": 2.0, "2": 2.0, "3": 2.0, "4": 30.0, "6": 5.0}
"""How much higher the boxes of ZDT are, by what random search reaches after 100: else it has 0."""

WARMING = 40
"""Evaluations before the clock runs: modules that models need are imported in them."""


@cache
def load(name: str) -> Problem:
    """Make a problem of its name, once a process: ``family:what:…``."""
    family, *parts = name.split(":")
    return FAMILIES[family](name, *parts)


each_run = partial(recorded.each_run, load=load)


def cost_of(run: Callable[[Problem, int], Trace], name: str, budget: int) -> dict[str, float]:
    """Give the processor time of a run without its evaluations, in ms an evaluation."""
    problem = load(name)
    run(problem, min(budget, WARMING))
    begin = time.process_time()
    trace = run(problem, budget)
    return {"ms": 1e3 * (time.process_time() - begin - trace.seconds) / budget}


# -- recorded networks ----------------------------------------------------------------------------

COLUMNS = {"error": "test_accuracy", "parameters": "params_size", "latency": "latency"}


def of_nas201(name: str, *objectives: str) -> Problem:
    """NAS-Bench-201 on CIFAR-10: six operations of five kinds."""
    table = np.load(recorded.folder() / "nasbench201mo-cifar10.npz")
    signs = [-1.0 if each == "error" else 1.0 for each in objectives]
    columns = [
        sign * table[COLUMNS[each]].astype(np.float64)
        for each, sign in zip(objectives, signs, strict=True)
    ]
    values = np.stack(columns, axis=-1)
    parameters = tuple(Parameter(f"x{j}", "categorical", (0, 1, 2, 3, 4)) for j in range(6))

    def evaluate(config: Mapping[str, Any]) -> Sequence[float]:
        row: Sequence[float] = values[tuple(config[p.name] for p in parameters)].tolist()
        return row

    return Problem(name, parameters, objectives, evaluate, *boxed(values.reshape(-1, len(signs))))


# -- surrogates of trainings ----------------------------------------------------------------------

EPOCHS = {"epoch": 52}


def of_lcbench(name: str, task: str) -> Problem:
    """A network's error and the time of its training, with all epochs."""
    parameters, many = lcbench(task)

    def evaluate(config: Mapping[str, Any]) -> Sequence[float]:
        row: Sequence[float] = many([config])[0].tolist()
        return row

    return Problem(name, parameters, ("error", "time"), evaluate, *boxed(best_known(name)))


Many = Callable[[Sequence[Mapping[str, Any]]], Floats]


def lcbench(task: str) -> tuple[tuple[Parameter, ...], Many]:
    """Give the parameters, and what gives minus the accuracy and the time of many configs."""
    made = _yahpo()("lcbench", instance=task)
    accuracy, time = (made.y_names.index(each) for each in ("val_accuracy", "time"))

    def many(configs: Sequence[Mapping[str, Any]]) -> Floats:
        found = made.batch([{**config, **EPOCHS} for config in configs])
        return np.stack([-found[:, accuracy], found[:, time]], axis=1).astype(np.float64)

    kinds = {"uniform_int": "int", "uniform_float": "float"}
    return tuple(
        Parameter(key, kinds[each["type"]], (), each["lower"], each["upper"], each["log"])
        for key, each in made.search_space().items()
        if key not in (*EPOCHS, made.iname)
    ), many


@cache
def _yahpo() -> Any:
    return runpy.run_path(str(recorded.folder().parent / "yahpo" / "query.py"))["Yahpo"]


# -- functions whose front is known ---------------------------------------------------------------

DENSE = 20_001
"""Points of a front that is a curve: its volume is short by 1e-4 at most."""


def of_zdt(name: str, which: str) -> Problem:
    """Zitzler, Deb & Thiele 2000, https://doi.org/10.1162/106365600568202."""
    widest = 5.0 if which == "4" else None
    parameters = tuple(
        Parameter(f"x{j}", "float", (), *((-widest, widest) if widest and j else (0.0, 1.0)))
        for j in range(NUMBERS)
    )

    def evaluate(config: Mapping[str, Any]) -> Sequence[float]:
        first, *others = (config[p.name] for p in parameters)
        if which == "4":
            g = 1 + 10 * len(others) + sum(x * x - 10 * math.cos(4 * math.pi * x) for x in others)
        elif which == "6":
            g = 1 + 9 * (sum(others) / len(others)) ** 0.25
            first = 1 - math.exp(-4 * first) * math.sin(6 * math.pi * first) ** 6
        else:
            g = 1 + 9 * sum(others) / len(others)
        return first, g * float(_height(which, np.array(first / g), first))

    x = np.linspace(0, 1, DENSE)
    if which == "6":
        x = 1 - np.exp(-4 * x) * np.sin(6 * math.pi * x) ** 6
    return Problem(
        name,
        parameters,
        ("f1", "f2"),
        evaluate,
        *boxed(np.stack([x, _height(which, x, x)], axis=1), HIGHER[which]),
    )


def _height(which: str, ratio: Floats, first: Any) -> Floats:
    if which in ("2", "6"):
        return 1 - ratio**2
    wave = ratio * np.sin(10 * math.pi * first) if which == "3" else 0.0
    return np.asarray(1 - np.sqrt(ratio) - wave)


def of_dtlz2(name: str, m: str) -> Problem:
    """Deb, Thiele, Laumanns & Zitzler 2002: the front is an eighth of a sphere, or a quarter."""
    n = int(m)
    parameters = tuple(Parameter(f"x{j}", "float", (), 0.0, 1.0) for j in range(NUMBERS))

    def evaluate(config: Mapping[str, Any]) -> Sequence[float]:
        x = np.array([config[p.name] for p in parameters])
        radius = 1 + ((x[n - 1 :] - 0.5) ** 2).sum()
        angles = x[: n - 1] * math.pi / 2
        cosines = np.append(1.0, np.cumprod(np.cos(angles)))
        sines = np.append(np.sin(angles), 1.0)
        return tuple((radius * cosines * sines).tolist())

    edge = 1 + MARGIN
    ball = {2: math.pi / 4, 3: math.pi / 6}[n]
    names = tuple(f"f{j}" for j in range(1, n + 1))
    reference = np.full(n, edge)
    return Problem(
        name, parameters, names, evaluate, np.zeros(n), reference, (edge**n - ball) / edge**n
    )


def of_dtlz7(name: str, m: str) -> Problem:
    """The same: as many fronts apart as two to the number of objectives less one."""
    n = int(m)
    parameters = tuple(Parameter(f"x{j}", "float", (), 0.0, 1.0) for j in range(NUMBERS))

    def last(first: Floats, g: Any) -> Floats:
        waves = first / (1 + g) * (1 + np.sin(3 * math.pi * first))
        return np.asarray((1 + g) * (n - waves.sum(axis=-1)))

    def evaluate(config: Mapping[str, Any]) -> Sequence[float]:
        x = np.array([config[p.name] for p in parameters])
        g = 1 + 9 * x[n - 1 :].mean()
        return (*x[: n - 1].tolist(), float(last(x[: n - 1], g)))

    axis = np.linspace(0, 1, 101)
    grid = np.stack(np.meshgrid(*[axis] * (n - 1), indexing="ij"), axis=-1).reshape(-1, n - 1)
    values = np.column_stack([grid, last(grid, 1.0)])
    names = tuple(f"f{j}" for j in range(1, n + 1))
    return Problem(name, parameters, names, evaluate, *boxed(values))


# -- a network of layers --------------------------------------------------------------------------

ACTIVATIONS = {"relu": 0.0, "tanh": 0.02, "sigmoid": 0.06}


LAYERS = (
    Parameter("layers", "ordinal", (1, 2, 3, 4)),
    Parameter("units1", "int", (), 4, 256, True),
    *(
        Parameter(f"units{k}", "int", (), 4, 256, True, (("layers", tuple(range(k, 5))),))
        for k in range(2, 5)
    ),
    Parameter("activation", "categorical", tuple(ACTIVATIONS)),
    Parameter("rate", "float", (), 1e-4, 1e-1, True),
    Parameter("dropout", "float", (), 0.0, 0.7),
)


def of_layers(name: str) -> Problem:
    """A made-up network of one to four layers: its error, and its weights in logarithms."""
    return Problem(name, LAYERS, ("error", "weights"), network, *boxed(best_known(name)))


def network(config: Mapping[str, Any]) -> Sequence[float]:
    n = config["layers"]
    widths = [64, *(config[f"units{k}"] for k in range(1, n + 1)), 10]
    weights = sum(a * b + b for a, b in pairwise(widths))
    narrowest, capacity = min(widths[1:-1]), math.log2(weights)
    # Larger networks train better up to where they overfit, which dropout puts off.
    error = 0.05 + 0.45 * math.exp(-(capacity - 7) / 2.2) + 0.25 / narrowest
    error += 0.012 * max(0.0, capacity - 13 - 6 * config["dropout"]) ** 1.5
    error += 0.25 * config["dropout"] ** 2 * math.exp(-narrowest / 40)
    best_rate = -2.2 - 0.25 * n
    error += 0.06 * (math.log10(config["rate"]) - best_rate) ** 2
    error += ACTIVATIONS[config["activation"]] * n + 0.03 * abs(n - 2.5)
    return min(error, 0.9), float(np.log10(weights))


FAMILIES: dict[str, Callable[..., Problem]] = {
    "nas201": of_nas201,
    "lcbench": of_lcbench,
    "zdt": of_zdt,
    "dtlz2": of_dtlz2,
    "dtlz7": of_dtlz7,
    "layers": of_layers,
} | bounded.FAMILIES
