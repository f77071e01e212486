"""The measurements of `population.py`, each a function that gives plain numbers."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import numpy as np
from sides import serve

from hpopt.core import Solution, evaluate, evaluate_together
from hpopt.problems.keras import DenseBuilder, KerasProblem
from hpopt.problems.keras.sharing import models
from hpopt.space import Float

WIDTHS = ((64,), (32,), (64, 32), (32, 16), (48, 48))
"""The architectures: the units of dense layers."""


def trials(route: str, n: int, epochs: int) -> dict[str, Any]:
    """Give the seconds of n trials of the architectures in turn, by one of three routes.

    "fit" is the same training by hand, "present" is hpopt with each network compiled anew, and
    "once" is hpopt as it is.
    """
    x, y = digits()
    problem = KerasProblem(x, y, build=DenseBuilder((64,), classes=10), epochs=epochs)
    if route == "present":
        models.BACKENDS = ()
    run = by_hand if route == "fit" else by_hpopt
    wall, cpu, losses = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(n):
            began, cpu_began = time.perf_counter(), time.process_time()
            losses.append(run(problem, config(number), number, epochs, Path(folder) / str(number)))
            wall.append(time.perf_counter() - began)
            cpu.append(time.process_time() - cpu_began)
    return {"s": sum(wall), "cpu": sum(cpu), "each": wall, "cpu of each": cpu, "losses": losses}


def one_architecture(route: str, n: int, epochs: int, k: int = 0) -> dict[str, Any]:
    """Give the seconds of n trials of one dense network with numbers of their own.

    "fit" is the same training by hand, "once" is hpopt's shared step, and "population" trains k
    networks at a time.
    """
    x, y = digits()
    settings = {"population": k} if route == "population" else {}
    # Only numbers are varied: a space with widths would put each network into a wider one.
    build, space = DenseBuilder((64,), classes=10).build, {"learning_rate": Float(3e-4, 1e-2)}
    problem = KerasProblem(x, y, build=build, space=space, epochs=epochs, **settings)
    configs = [{**config(len(WIDTHS) * number + 2)} for number in range(n)]
    began, cpu_began = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name) / str(number) for number in range(n)]
        if route == "population":
            losses = together(problem, configs, folders)
        else:
            run = by_hand if route == "fit" else by_hpopt
            losses = [
                run(problem, config, number, epochs, folders[number])
                for number, config in enumerate(configs)
            ]
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu_began
    return {"s": wall, "cpu": cpu, "each": wall / n, "cpu of each": cpu / n, "losses": losses}


def together(
    problem: KerasProblem, configs: list[dict[str, Any]], folders: list[Path]
) -> list[float]:
    solutions = [Solution(number, each, None, number) for number, each in enumerate(configs)]
    outcomes: list[Any] = []
    for start in range(0, len(solutions), problem.max_batch):
        part = slice(start, start + problem.max_batch)
        outcomes += evaluate_together(problem, solutions[part], directories=folders[part])
    return [float(outcome.info["history"]["val_loss"][-1]) for outcome in outcomes]


def by_hpopt(
    problem: KerasProblem, config: dict[str, Any], number: int, epochs: int, folder: Path
) -> float:
    outcome = evaluate(problem, Solution(number, config, None, number), directory=folder)
    return float(outcome.info["history"]["val_loss"][-1])


def by_hand(
    problem: KerasProblem, config: dict[str, Any], number: int, epochs: int, folder: Path
) -> float:
    import keras

    keras.utils.clear_session()
    keras.utils.set_random_seed(number)
    history = problem.build(config).fit(
        *problem.training.take(slice(None)),
        validation_data=problem.validation.take(slice(None)),
        epochs=epochs,
        batch_size=config["batch_size"],
        verbose=0,
    )
    return float(history.history["val_loss"][-1])


def config(number: int) -> dict[str, Any]:
    """Give the config of a trial: an architecture in turn, with numbers of its own."""
    rng = np.random.default_rng(number)
    rate = float(10 ** rng.uniform(-3.5, -2))
    layers = [
        {"units": units, "activation": "relu", "dropout": float(rng.uniform(0.05, 0.4))}
        for units in WIDTHS[number % len(WIDTHS)]
    ]
    return {
        **{"dense": layers, "optimizer": "adamw", "learning_rate": rate},
        **{"weight_decay": float(rng.uniform(1e-4, 1e-2)), "batch_size": 32},
    }


def digits() -> tuple[Any, Any]:
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return (x / 16).astype("float32"), y.astype("int32")


if __name__ == "__main__":
    serve({"trials": trials, "one_architecture": one_architecture})
