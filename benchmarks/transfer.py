"""What another study is worth to a search, and what a misleading one costs.

    python benchmarks/transfer.py                          # auto and tpe, 8 seeds
    python benchmarks/transfer.py --strategies bayesian --sources same,inverted

A search of 40 trials learns from 40 trials of another problem (by ``random`` or ``genetic``, in
turn) and looks for the best of a made network's configs. Printed is the geometric mean of the
regret after some trials::

    nothing    no other study
    same       the same problem
    near       another level, unit (5 times) and best config
    unit       another level and unit (1000 times)
    unrelated  another function
    inverted   the best is the worst
    noise      random values
"""

from __future__ import annotations

import argparse
import math
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import hpopt

SPACE = {
    "rate": hpopt.Float(1e-5, 1, log=True),
    "units": hpopt.Int(4, 512, log=True),
    "dropout": hpopt.Float(0, 0.9),
    "optimizer": hpopt.Categorical(["adam", "sgd", "rmsprop"]),
    "momentum": hpopt.Float(0, 0.99, when={"optimizer": "sgd"}),
}
N, LEAST = 40, 1e-9  # trials of either study; regret below which searches are equally good
AFTER = (1, 3, 5, 10, 20, 40)
Loss = Callable[[Mapping[str, Any]], float]


def network(rate: float, units: float, dropout: float, best: str, wave: float = 0.0) -> Loss:
    """Return a loss that is least at these values."""

    def loss(config: Mapping[str, Any]) -> float:
        log_rate = math.log10(config["rate"])
        loss = ((log_rate - rate) / 2) ** 2 + ((math.log2(config["units"]) - units) / 4) ** 2
        loss += (config["dropout"] - dropout) ** 2 + 0.3 * (config["optimizer"] != best)
        loss += 0.3 * (config.get("momentum", 0.9) - 0.9) ** 2
        return loss + wave * (1 - math.cos(5 * log_rate))

    return loss


def noise(config: Mapping[str, Any]) -> float:
    return zlib.crc32(repr(sorted(config.items())).encode()) / 2**32


TASK = network(-3.0, 6.0, 0.2, "sgd")
NEAR = network(-3.4, 6.6, 0.3, "sgd")
SOURCES: dict[str, Loss | None] = {
    "nothing": None,
    "same": TASK,
    "near": lambda config: 10 + 5 * NEAR(config),
    "unit": lambda config: 3 + 1000 * TASK(config),
    "unrelated": network(-0.5, 3.0, 0.8, "adam", wave=0.3),
    "inverted": lambda config: 2 - TASK(config),
    "noise": noise,
}


def regrets(strategy: str, source: Loss | None, seed: int) -> np.ndarray:
    """Return the best regret after each of `AFTER`."""
    study = hpopt.Study(hpopt.FunctionProblem(TASK, SPACE), strategy, seed=seed)
    if source is not None:
        other = hpopt.FunctionProblem(source, SPACE)
        by = "genetic" if seed % 2 else "random"
        study.learn_from(hpopt.optimize(other, by, trials=N, seed=100 + seed, progress=False))
    losses = [trial.values["value"] for trial in study.run(trials=N, progress=False).trials]
    return np.maximum(np.minimum.accumulate(losses), LEAST)[np.array(AFTER) - 1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--strategies", default="auto,tpe")
    parser.add_argument("--sources", default=",".join(SOURCES))
    parser.add_argument("--seeds", type=int, default=8)
    given = parser.parse_args()
    print(f"{'strategy':10} {'source':10} {' '.join(f'{n:>8}' for n in AFTER)}")
    for strategy in given.strategies.split(","):
        for name in given.sources.split(","):
            found = [regrets(strategy, SOURCES[name], seed) for seed in range(given.seeds)]
            means = np.exp(np.log(found).mean(axis=0))
            print(
                f"{strategy:10} {name:10} {' '.join(f'{each:8.1e}' for each in means)}", flush=True
            )


if __name__ == "__main__":
    main()
