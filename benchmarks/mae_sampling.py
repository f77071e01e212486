"""Measure MAE random sampling against a loop of `set_weights` and `evaluate`, in one process.

python benchmarks/mae_sampling.py            # some 10 minutes, almost all of it the loop's
python benchmarks/mae_sampling.py --quick    # does it still run? no figures

The loop is what DLOPT does: put drawn weights into the Keras model, evaluate it on all windows,
30 times. Both are given the same model and data, and take turns; a ratio is the median of the
ratios turn by turn. One of ours takes milliseconds, so it is the fastest of three calls. Neither
side's time has the building of the model in it, nor the first evaluation, in which Keras and the
general route compile; what the first call of the general route takes is a line of its own. The
batched route has nothing to compile.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import keras
import numpy as np

from hpopt.problems.keras import Networks, mae_random_sampling

RESULTS = Path(__file__).parent / "results"
DRAWS = 30
N_STEPS = 200
SMALL, LARGE = [1, 2, 2, 1], [1, 12, 13, 9, 10, 12, 6, 1]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3, help="turns of each comparison")
    parser.add_argument(
        "--draws", type=int, default=2000, help="draws of the comparison of samples"
    )
    parser.add_argument("--quick", action="store_true", help="tiny budgets: only see that it runs")
    arguments = parser.parse_args()
    rounds, draws, n_loop = arguments.rounds, arguments.draws, DRAWS
    if arguments.quick:
        rounds, draws, n_loop = 1, 10, 2
    lines = [
        *compared("[1, 2, 2, 1], look-back 2", lstm(SMALL, 2), 2, (300, 150), rounds, n_loop),
        *compared(f"{LARGE}, look-back 17", lstm(LARGE, 17), 17, (40, 15), rounds, n_loop),
        *compared("general route", bidirectional(9), 9, (10, 10), rounds, n_loop),
        *samples(draws),
    ]
    machine = (
        f"Keras {keras.__version__} on {keras.backend.backend()}, numpy {np.__version__}, Python "
        f"{platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    table = drawn(lines)
    print(f"{machine}\n\n{table}")
    if not arguments.quick:
        keep(machine, lines, table)
    return 0


def windows(look_back: int) -> tuple[np.ndarray, np.ndarray]:
    """Give the windows of a sine wave of 200 steps."""
    wave = np.sin(2 * np.pi * np.arange(N_STEPS) / 10)
    seen = np.lib.stride_tricks.sliding_window_view(wave, look_back)[:-1]
    return seen[..., None].astype("float32"), wave[look_back:, None].astype("float32")


def lstm(sizes: Sequence[int], look_back: int) -> keras.Model:
    """Build the network that the paper writes as [inputs, hidden layers …, outputs]."""
    *hidden, last = sizes[1:-1]
    model = keras.Sequential(
        [
            keras.layers.Input((look_back, sizes[0])),
            *(keras.layers.LSTM(size, return_sequences=True) for size in hidden),
            keras.layers.LSTM(last),
            keras.layers.Dense(sizes[-1], activation="tanh"),
        ]
    )
    model.compile(loss="mae", optimizer="sgd")
    return model


def bidirectional(look_back: int) -> keras.Model:
    """Build a network of layers that have no batched form."""
    model = keras.Sequential(
        [
            keras.layers.Input((look_back, 1)),
            keras.layers.Bidirectional(keras.layers.LSTM(6)),
            keras.layers.Dense(8, activation="gelu"),
            keras.layers.Dense(1, activation="tanh"),
        ]
    )
    model.compile(loss="mae", optimizer="sgd")
    return model


def loop(
    model: keras.Model, x: np.ndarray, y: np.ndarray, batch_size: int, weights: np.ndarray
) -> np.ndarray:
    """Evaluate drawn weights one by one."""
    sizes = np.cumsum([weight.size for weight in model.get_weights()])[:-1]
    shapes = [weight.shape for weight in model.get_weights()]
    errors = []
    for draw in weights:
        parts = np.split(draw, sizes)
        model.set_weights([p.reshape(shape) for p, shape in zip(parts, shapes, strict=True)])
        errors.append(model.evaluate(x, y, batch_size=batch_size, verbose=0))
    return np.array(errors)


def compared(
    what: str,
    model: keras.Model,
    look_back: int,
    targets: tuple[int, int],
    rounds: int,
    n_loop: int,
) -> list[list[str]]:
    """Compare the time of 30 draws, at two batch sizes of the loop."""
    x, y = windows(look_back)
    networks = Networks(model)
    weights = np.random.default_rng(0).standard_normal((n_loop, networks.n_weights))
    lines = []
    for batch_size, target in zip((5, 256), targets, strict=True):
        loop(model, x, y, batch_size, weights[:1])
        ratios, ours, theirs, first = [], [], [], []
        for turn in range(rounds):
            began = time.perf_counter()
            loop(model, x, y, batch_size, weights)
            theirs.append((time.perf_counter() - began) * DRAWS / n_loop)
            ours.append(
                min(seconds(mae_random_sampling, model, x, y, DRAWS, turn) for _ in range(3))
            )
            ratios.append(theirs[-1] / ours[-1])
            first.append(seconds(mae_random_sampling, keras.models.clone_model(model), x, y, DRAWS))
        name = f"{what}, {len(x)} windows, {DRAWS} draws, loop with batch size {batch_size}"
        lines.append(line(name, ours, theirs, statistics.median(ratios), target))
        if networks.route == "compiled":
            ratio = statistics.median(t / o for t, o in zip(theirs, first, strict=True))
            lines.append(line(f"{name}: first call, which compiles", first, theirs, ratio, None))
    return lines


def seconds(function: Callable[..., Any], *arguments: Any) -> float:
    began = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - began


def line(
    name: str, ours: list[float], theirs: list[float], ratio: float, target: int | None
) -> list[str]:
    told = ["no target", "-"]
    if target is not None:
        told = [f"at least {target} ×", "met" if ratio >= target else "MISSED"]
    return [
        name,
        f"{statistics.median(ours) * 1000:.1f} ms",
        f"{statistics.median(theirs):.2f} s",
        f"{ratio:.0f} ×",
        *told,
    ]


def samples(draws: int) -> list[list[str]]:
    """Compare the mean and deviation of the error with those of a loop with other draws."""
    model = lstm(SMALL, 2)
    x, y = windows(2)
    networks = Networks(model)
    mine = mae_random_sampling(model, x, y, draws, 0)
    others = np.random.default_rng(12345).standard_normal((draws, networks.n_weights))
    theirs = loop(model, x, y, 256, others)
    error = np.hypot(mine.std, theirs.std()) / np.sqrt(draws)
    # The deviation of a sample's deviation, by its fourth moment.
    fourth = ((mine.samples - mine.mean) ** 4).mean()
    error_of_std = np.sqrt(2 * (fourth - mine.std**4) / (4 * mine.std**2 * draws))
    return [
        same(f"mean error of {draws} draws", mine.mean, float(theirs.mean()), float(error)),
        same(f"its deviation, {draws} draws", mine.std, float(theirs.std()), float(error_of_std)),
    ]


def same(what: str, mine: float, theirs: float, error: float) -> list[str]:
    distance = abs(mine - theirs) / error
    return [
        f"{what}, against the loop's with other draws",
        f"{mine:.4f}",
        f"{theirs:.4f}",
        f"{distance:.1f} standard errors",
        "at most 3",
        "met" if distance <= 3 else "MISSED",
    ]


def drawn(lines: Sequence[Sequence[str]]) -> str:
    """Draw the table as Markdown."""
    cells = [["what", "hpopt", "loop", "loop/hpopt", "target", "verdict"], *lines]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    rows = [cells[0], ["-" * width for width in widths], *cells[1:]]
    return "\n".join(
        "| " + " | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    )


def keep(machine: str, lines: Sequence[Sequence[str]], table: str) -> None:
    """Write the table to benchmarks/results/."""
    RESULTS.mkdir(exist_ok=True)
    stem = RESULTS / time.strftime("mae_sampling-%Y%m%d-%H%M%S")
    stem.with_suffix(".md").write_text(f"{machine}\n\n{table}\n", encoding="utf-8")
    document = {"machine": machine, "lines": list(map(list, lines))}
    stem.with_suffix(".json").write_text(json.dumps(document, indent=1), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
