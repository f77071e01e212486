"""What a prior is worth: right, vague and wrong, beside none.

    python benchmarks/priors.py                                # auto, bayesian, tpe; 10 seeds
    python benchmarks/priors.py --strategies random --seeds 20

The best config of each problem is drawn anew for each seed. A prior is a normal distribution for
each number and weights for each choice::

    right   its mean is 0.05 of the range away from the best, its deviation is 0.1
    vague   0.2 away, its deviation is 0.5
    wrong   half of the range away, its deviation is 0.1; and another choice weighs 3

Printed are, over all problems and seeds: how many fewer evaluations a search with a prior takes for
what one without has found after 20 (the geometric mean of 20 / n, and its standard error as a
factor), the geometric mean of the ratio of regrets after 20 and after 60, how many evaluations
sooner a search without a prior had found what the other has after 60, and in how many cases the
other has found as much by then.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import hpopt
from hpopt.space import Parameter

N, EARLY = 60, 20
LEAST = 1e-6  # regret: below it searches are equally good
AWAY = {"right": 0.05, "vague": 0.2, "wrong": 0.5}
WIDTH = {"right": 0.1, "vague": 0.5, "wrong": 0.1}
CHOICES = ["a", "b", "c", "d"]

Make = Callable[[Mapping[str, Any]], Parameter]
NUMBERS: dict[str, Make] = {
    "rate": lambda more: hpopt.Float(1e-5, 1, log=True, **more),
    "units": lambda more: hpopt.Int(8, 512, log=True, **more),
    "dropout": lambda more: hpopt.Float(0, 0.8, **more),
    "width": lambda more: hpopt.Float(-5, 5, **more),
    "depth": lambda more: hpopt.Int(1, 12, **more),
}
PROBLEMS = {
    "smooth": (("rate", "dropout", "width"), 0.0),
    "rugged": (("rate", "dropout", "width", "units"), 0.3),
    "mixed": (("rate", "units", "depth", "dropout", "kind"), 0.1),
}


class Task:
    """A bowl with ripples around a config that is drawn."""

    def __init__(self, problem: str, seed: int) -> None:
        self.names, self._ripples = PROBLEMS[problem]
        self.rng = np.random.default_rng([seed, len(problem)])
        self.best = self.rng.uniform(0.15, 0.85, len(self.names))
        self._weights = np.exp(self.rng.normal(0, 0.7, len(self.names)))
        self.choice = CHOICES[int(self.rng.integers(len(CHOICES)))]
        self._plain = hpopt.Space(
            {name: make({}) for name, make in NUMBERS.items() if name in self.names}
        )

    def __call__(self, config: Mapping[str, Any]) -> float:
        numbers = {name: config[name] for name in self._plain}
        away = self._plain.encode([numbers])[0] - self.best[: len(numbers)]
        ripples = self._ripples * (1 - np.cos(8 * math.pi * away)) / 10
        loss = float(self._weights[: len(away)] @ (away**2 + ripples))
        return loss + (0.2 if config.get("kind", self.choice) != self.choice else 0.0)

    def space(self, kind: str) -> hpopt.Space:
        space: dict[str, Parameter] = {}
        for place, name in enumerate(self._plain):
            more = {} if kind == "none" else {"prior": self._normal(name, place, kind)}
            space[name] = NUMBERS[name](more)
        if "kind" in self.names:
            others = [each for each in CHOICES if each != self.choice]
            heavy = {"none": None, "vague": None, "wrong": others[0], "right": self.choice}[kind]
            space["kind"] = hpopt.Categorical(CHOICES, prior={heavy: 3} if heavy else None)
        return hpopt.Space(space)

    def _normal(self, name: str, place: int, kind: str) -> hpopt.Normal:
        best = self.best[place]
        toward = 1 if best < 0.5 else -1  # where there is room for a wrong one
        centre = float(np.clip(best + toward * AWAY[kind], 0.02, 0.98))
        parameter = self._plain[name]
        mean = parameter.decode(np.array([[centre]]))[0]
        low, high = parameter.low, parameter.high  # type: ignore[attr-defined]
        span = math.log10(high / low) if parameter.log else high - low  # type: ignore[attr-defined]
        return hpopt.Normal(mean, WIDTH[kind] * span)


def searched(strategy: str, task: Task, kind: str, seed: int) -> np.ndarray:
    """Return the best regret after each evaluation, shape (N,)."""
    problem = hpopt.FunctionProblem(task, task.space(kind))
    result = hpopt.optimize(problem, strategy, trials=N, seed=seed, progress=False)
    losses = [trial.values["value"] for trial in result.trials]
    return np.maximum(np.minimum.accumulate(losses), LEAST)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--strategies", default="auto,bayesian,tpe")
    parser.add_argument("--problems", default=",".join(PROBLEMS))
    parser.add_argument("--seeds", type=int, default=10)
    given = parser.parse_args()
    heads = ("fewer", "±", "at 20", "at 60", "behind", "won")
    print(f"{'strategy':12} {'prior':6} {' '.join(f'{head:>7}' for head in heads)}")
    for strategy in given.strategies.split(","):
        runs: dict[str, list[np.ndarray]] = {kind: [] for kind in ("none", *AWAY)}
        for problem in given.problems.split(","):
            for seed in range(given.seeds):
                for kind, found in runs.items():
                    found.append(searched(strategy, Task(problem, seed), kind, seed))
        none = np.array(runs["none"])
        for kind in AWAY:
            own = np.array(runs[kind])
            print(f"{strategy:12} {kind:6} {in_words(none, own)}", flush=True)


def in_words(none: np.ndarray, own: np.ndarray) -> str:
    """Return how searches (k, N) with a prior compare with those without."""
    reached = own <= none[:, [EARLY - 1]]
    n = np.where(reached.any(axis=1), reached.argmax(axis=1) + 1, 2 * N)
    fewer = np.log(EARLY / n)
    error = fewer.std(ddof=1) / math.sqrt(len(fewer)) if len(fewer) > 1 else math.nan
    ratios = [math.exp(np.log(own[:, k - 1] / none[:, k - 1]).mean()) for k in (EARLY, N)]
    ends = own[:, -1:]
    behind = np.where((none <= ends).any(axis=1), N - 1 - (none <= ends).argmax(axis=1), 0)
    found = math.exp(fewer.mean()), math.exp(error), *ratios
    won = float((own[:, -1] <= none[:, -1]).mean())
    return " ".join(f"{each:7.2f}" for each in (*found, float(behind.mean()), won))


if __name__ == "__main__":
    main()
