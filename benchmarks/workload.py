"""What both sides use: spaces, objective, durations, simulated workers. Standard library only."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from heapq import heapify, heappop, heappush, heapreplace
from itertools import pairwise
from typing import Any

SEED = 0

PAIR: list[dict[str, Any]] = [
    {"name": "x", "kind": "float", "low": -5.0, "high": 5.0},
    {"name": "y", "kind": "float", "low": -5.0, "high": 5.0},
]

MIXED: list[dict[str, Any]] = [
    {"name": "x", "kind": "float", "low": -5.0, "high": 5.0},
    {"name": "y", "kind": "float", "low": -5.0, "high": 5.0},
    {"name": "learning_rate", "kind": "float", "low": 1e-5, "high": 1.0, "log": True},
    {"name": "weight_decay", "kind": "float", "low": 1e-8, "high": 1e-1, "log": True},
    {"name": "dropout", "kind": "float", "low": 0.0, "high": 0.8, "step": 0.1},
    {"name": "units", "kind": "int", "low": 1, "high": 512, "log": True},
    {"name": "layers", "kind": "int", "low": 1, "high": 9, "step": 2},
    {"name": "patience", "kind": "int", "low": 0, "high": 100},
    {"name": "activation", "kind": "categorical", "choices": ["relu", "tanh", "elu"]},
    {"name": "optimizer", "kind": "categorical", "choices": ["adam", "sgd", "rmsprop", "lion"]},
]

# 161,051 combinations: enough for a grid search that has told 10,000 of them.
GRID: list[dict[str, Any]] = [
    {"name": name, "kind": "int", "low": 0, "high": 10} for name in ("x", "y", "a", "b", "c")
]

SPACES = {"2 parameters": PAIR, "10 parameters": MIXED, "grid": GRID}


def trivial(config: Mapping[str, Any]) -> float:
    """Give a value at no cost, so that what is measured is all overhead."""
    return float(config["x"]) ** 2 + float(config["y"]) ** 2


def lognormal_durations(n: int, mean: float, sigma: float, *, seed: int = SEED) -> list[float]:
    """Draw the durations of n evaluations in seconds: the same ones for everybody.

    The mean of a lognormal is exp(mu + sigma²/2); the drawn durations are scaled to have it.
    """
    rng = random.Random(seed)
    drawn = [rng.lognormvariate(0.0, sigma) for _ in range(n)]
    return [duration * mean * n / sum(drawn) for duration in drawn]


def simulate(
    workers: int, durations: Sequence[float], ask: Callable[[], Any], tell: Callable[[Any], None]
) -> float:
    """Simulate workers: what is asked for is told when its worker is done; give when all are.

    Parameters
    ----------
    workers : int
    durations : sequence of float
        How long each takes, in the order in which they are asked for: so many are.
    ask : callable
        Gives what to evaluate; None where there is nothing now.
    tell : callable
        Evaluates it, and tells.
    """
    running: list[tuple[float, int, Any]] = []
    now, n_asked = 0.0, 0
    while True:
        while len(running) < workers and n_asked < len(durations):
            asked = ask()
            if asked is None:
                break
            heappush(running, (now + durations[n_asked], n_asked, asked))
            n_asked += 1
        if not running:
            return now
        now, _, asked = heappop(running)
        tell(asked)


def greedy_makespan(durations: Iterable[float], workers: int) -> float:
    """Give the time that ideal workers take: each takes the next evaluation when it is free."""
    free_at = [0.0] * workers
    heapify(free_at)
    for duration in durations:
        heapreplace(free_at, free_at[0] + duration)
    return max(free_at)


def by_chunks(marks: Sequence[float]) -> list[float]:
    """Give the differences of what was read at the ends of chunks."""
    return [after - before for before, after in pairwise(marks)]
