"""The measurements of `keras_training.py`, each a function that gives plain numbers."""

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

import hpopt
from hpopt.core import Solution, evaluate
from hpopt.executors import ProcessExecutor
from hpopt.executors.supervision.process_memory import PeakMemory
from hpopt.problems.keras import (
    ConvolutionalBuilder,
    DenseBuilder,
    KerasProblem,
    RecurrentBuilder,
)
from hpopt.problems.keras.training.fit import build_optimizer

SMALL_CNN: dict[str, Any] = {
    "convolutions": [
        {"filters": 16, "kernel": 3, "normalisation": "batch", "pooling": "max"},
        {"filters": 32, "kernel": 3, "pooling": "max"},
    ],
    "dense": [{"units": 64, "dropout": 0.3}],
    **{"optimizer": "adam", "learning_rate": 0.001, "batch_size": 64},
}
LARGE: dict[str, tuple[Any, dict[str, Any], int]] = {
    "dense": (
        DenseBuilder((1000,), classes=10),
        {"dense": [{"units": 3000, "dropout": 0.3}, {"units": 3000}], "optimizer": "adam"},
        2048,
    ),
    "convolutional": (
        ConvolutionalBuilder((64, 64, 3), classes=10),
        {
            "convolutions": [
                {"filters": 32, "kernel": 5, "pooling": "max"},
                {"filters": 64, "kernel": 3, "pooling": "max"},
                {"filters": 64, "kernel": 3, "pooling": "max"},
            ],
            **{"dense": [{"units": 128}], "optimizer": "sgd", "momentum": 0.9},
        },
        256,
    ),
    "normalised": (
        ConvolutionalBuilder((32, 32, 3), classes=10),
        {
            "convolutions": [{"filters": 32, "normalisation": "batch", "dropout": 0.2}] * 4,
            **{"reduction": "average", "optimizer": "adam"},
        },
        512,
    ),
    "separable": (
        ConvolutionalBuilder((32, 32, 3), classes=10),
        {
            "convolutions": [{"type": "separable", "filters": 32, "activation": "leaky_relu"}] * 4,
            **{"reduction": "average", "optimizer": "rmsprop"},
        },
        512,
    ),
    "lstm": (
        RecurrentBuilder((48, 8), classes=10),
        {"recurrent": [{"units": 64}, {"units": 64}], "optimizer": "adam"},
        2048,
    ),
}


def overhead(turns: int, epochs: int) -> dict[str, Any]:
    """Give the seconds of trials and of the same training by hand, in turn."""
    import keras

    x, y = images(2048)
    problem = KerasProblem(x, y, build=ConvolutionalBuilder((16, 16, 1), classes=10), epochs=epochs)
    training = problem.training.take(slice(None))
    validation = problem.validation.take(slice(None))
    within: list[float] = []

    class Timed(type(problem)):  # type: ignore[misc]
        """Knows how long building, compiling and fitting took."""

        def build(self, config: dict[str, Any]) -> Any:
            began = time.perf_counter()
            model = super().build(config)
            build_optimizer(model)  # as fit would
            within.append(time.perf_counter() - began)
            fit = model.fit

            def timed(*arguments: Any, **settings: Any) -> Any:
                began = time.perf_counter()
                history = fit(*arguments, **settings)
                within.append(time.perf_counter() - began)
                return history

            model.fit = timed
            return model

    def by_hand() -> float:
        keras.utils.clear_session()
        keras.utils.set_random_seed(0)
        began = time.perf_counter()
        model = problem.build(SMALL_CNN)
        model.fit(
            *training,
            epochs=epochs,
            batch_size=SMALL_CNN["batch_size"],
            validation_data=validation,
            verbose=0,
        )
        return time.perf_counter() - began

    found: dict[str, list[float]] = {"alone": [], "trial": [], "around": []}
    problem.__class__ = Timed
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(turns + 1):
            alone = by_hand()
            within.clear()
            began = time.perf_counter()
            outcome = evaluate(problem, solution(turn), directory=Path(folder) / str(turn))
            trial = time.perf_counter() - began
            assert outcome.ok, outcome.traceback
            if turn:  # the first one warms up
                found["alone"].append(alone)
                found["trial"].append(trial)
                found["around"].append(trial - sum(within))
    return found


def soak(trials: int) -> dict[str, Any]:
    """Give the resident memory of a child process after each of its trials."""
    x, y = images(256)
    builder = ConvolutionalBuilder((16, 16, 1), classes=10)
    space = hpopt.Space(
        {
            "convolutions": builder.space["convolutions"],
            "learning_rate": hpopt.Float(1e-4, 1e-2, log=True),
        }
    )
    problem = Resident(x, y, build=builder, space=space, epochs=1, batch_size=64)
    with ProcessExecutor(1, trials_per_child=None) as executor:
        result = hpopt.optimize(
            problem, "random", trials=trials, seed=0, executor=executor, progress=False
        )
    return {"MB": [trial.values["resident"] / 1e6 for trial in result.trials if trial.ok]}


class Resident(KerasProblem):
    """Measures the resident memory of its process at the end of each trial."""

    def evaluate(self, config: Any, trial: Any) -> dict[str, float]:
        import psutil

        values = dict(super().evaluate(config, trial))
        return {**values, "resident": float(psutil.Process().memory_info().rss)}


def memory(name: str) -> dict[str, Any]:
    """Give the peak of training a network over that of a tiny one, and what was estimated."""
    builder, config, batch_size = LARGE[name]
    n = 3 * batch_size
    x = np.broadcast_to(np.float32(0.5), (n, *builder.input_shape))
    problem = KerasProblem(
        x,
        np.arange(n) % 10,
        build=builder,
        validation_split=0,
        objectives="loss",
        epochs=2,
        batch_size=batch_size,
    )
    tiny = {"dense": [], "convolutions": [], "recurrent": [{"units": 1}], "batch_size": 2}
    tiny |= {"optimizer": config["optimizer"], "epochs": 1, "reduction": "average"}
    peak = PeakMemory()
    with tempfile.TemporaryDirectory() as folder:
        for number, each in enumerate((tiny, config)):
            peak.reset()
            before = peak.read()
            outcome = evaluate(problem, solution(number, each), directory=Path(folder) / "0")
            assert outcome.ok, outcome.traceback
            measured = peak.read() - before
    return {"measured": measured, "estimated": problem.estimate_memory(config).total}


def images(n: int) -> tuple[Any, Any]:
    """Give images of noise, and labels."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (n, 16, 16, 1), dtype="uint8"), rng.integers(0, 10, n)


def solution(number: int, config: dict[str, Any] | None = None) -> Solution:
    return Solution(number, config or SMALL_CNN, np.empty(0), 0)


if __name__ == "__main__":
    serve({"overhead": overhead, "soak": soak, "memory": memory})
