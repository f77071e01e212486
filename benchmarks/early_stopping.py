"""Whether rules of early stopping find more in the same number of epochs.

The tasks are surrogates of LCBench (YAHPO Gym): networks of seven hyper-parameters, whose
validation accuracy after each of 52 epochs is reported step by step. A trial that is stopped has
cost the epochs that it ran; the config with the best last report is judged by its value after all.

python benchmarks/early_stopping.py
python benchmarks/early_stopping.py --strategies tpe --rules none halving:low=6 --seeds 10
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parent / "strategies"))
sys.path.append(str(Path(__file__).resolve().parent / "efficiency"))

import contests
import numpy as np
from by_hpopt import Lookup
from printing import machine
from sides import RESULTS

import hpopt
from hpopt.core import evaluate
from hpopt.early_stopping import make_early_stopping
from hpopt.optimizers import make_optimizer

TASKS = (3945, 126029, 167168, 167201, 168908, 189873)  # what rules may be chosen by
EPOCHS = 52
SECONDS = 60.0  # what an evaluation is told to have taken: dear, for strategies that ask
RANDOM_SEEDS = 10
KEPT = RESULTS / "early_stopping.jsonl"


class Curves(Lookup):
    """A network whose accuracy is reported epoch by epoch."""

    objectives = hpopt.Objective("accuracy", "maximize")

    def __init__(self, task: int) -> None:
        super().__init__(contests.load(f"yahpo:lcbench:{task}"))
        self._made = surrogate(task)
        self._column = self._made.y_names.index("val_accuracy")
        self.final = 0.0

    def accuracies(self, configs: list[dict[str, Any]]) -> Any:
        return self._made.batch(configs)[:, self._column].astype(float)

    def evaluate(self, config: dict[str, Any], trial: hpopt.TrialHandle) -> float:
        """Report all epochs; keep in `final` what a stopped trial would have reached."""
        curve = self.accuracies([{**config, "epoch": n} for n in range(1, EPOCHS + 1)])
        self.final = float(curve[-1])
        for epoch, accuracy in enumerate(curve, 1):
            trial.report(epoch, accuracy)
            if trial.should_stop():
                break
        return float(trial.curve[-1][1])


@cache
def surrogate(task: int) -> Any:
    return contests.yahpo()("lcbench", instance=str(task), version="v1.0.2")


def run(task: int, strategy: str, rule: str, seed: int, fulls: int) -> list[list[float]]:
    """Return after each trial: epochs spent, last report, accuracy after all epochs."""
    problem = Curves(task)
    optimizer = make_optimizer(strategy).bind(problem, seed=seed)
    made = rule_of(rule)
    experience = None if made is None else made.begin(problem.objectives)
    spent, rows = 0, []
    while spent < fulls * EPOCHS:
        (solution,) = optimizer.ask()
        test = None if experience is None else experience.snapshot()
        outcome = evaluate(problem, solution, early_stopping=test)
        trial = hpopt.Trial(
            solution,
            hpopt.Outcome(outcome.status, outcome.values, outcome.curve, seconds=SECONDS),
        )
        if experience is not None:
            experience.learn(trial)
        optimizer.tell(trial)
        spent += len(trial.curve)
        rows.append([spent, trial.values["accuracy"], problem.final])
    return rows


def rule_of(text: str) -> Any:
    """Make a rule of ``name:setting=value:…``; "none" is no rule."""
    name, *pairs = text.split(":")
    settings = {key: json.loads(value) for key, _, value in (pair.partition("=") for pair in pairs)}
    return make_early_stopping(None if name == "none" else name, settings)


def best_known(task: int) -> float:
    """Return the best accuracy of 20,000 random configs and 24,000 changes of the best."""
    problem, rng = Curves(task), np.random.default_rng(0)

    def known(points: Any) -> tuple[Any, Any]:
        points = problem.space.snap(points)
        decoded = problem.space.decode(points)
        return points, problem.accuracies([{**config, "epoch": EPOCHS} for config in decoded])

    points, values = known(rng.random((20_000, problem.space.d)))
    for step in (0.2, 0.1, 0.05, 0.03, 0.01, 0.01):
        parents = np.repeat(points[np.argsort(-values)[:100]], 40, axis=0)
        shifts = step * rng.standard_normal(parents.shape) * (rng.random(parents.shape) < 0.5)
        changed, theirs = known(np.clip(parents + shifts, 0, 1))
        points, values = np.concatenate([points, changed]), np.concatenate([values, theirs])
    return float(values.max())


# -- the figures ----------------------------------------------------------------------------------


def kept() -> Iterator[dict[str, Any]]:
    if KEPT.exists():
        yield from map(json.loads, KEPT.read_text().splitlines())


def keep(entry: dict[str, Any]) -> None:
    KEPT.parent.mkdir(exist_ok=True)
    with KEPT.open("a") as file:
        file.write(json.dumps(entry) + "\n")


def measure(arguments: argparse.Namespace) -> None:
    """Make the runs that have not been kept."""
    known = {key_of(each) for each in kept()}
    wanted = [
        (strategy, rule, seed)
        for strategy in arguments.strategies
        for rule in arguments.rules
        for seed in range(arguments.seeds)
    ] + [("random", "none", seed) for seed in range(RANDOM_SEEDS)]
    for task in arguments.tasks:
        if (task, "best", "", 0, 0) not in known:
            keep(entry_of(task, "best", "", 0, 0, best_known(task)))
        for strategy, rule, seed in wanted:
            key = (task, strategy, rule, seed, arguments.fulls)
            if key not in known:
                keep(entry_of(*key, run(*key)))


def entry_of(
    task: int, strategy: str, rule: str, seed: int, fulls: int, found: Any
) -> dict[str, Any]:
    key = {"task": task, "strategy": strategy, "rule": rule, "seed": seed, "fulls": fulls}
    return key | {"found": found}


def key_of(entry: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(entry[name] for name in ("task", "strategy", "rule", "seed", "fulls"))


def regret(rows: list[list[float]], best: float, epochs: int) -> float:
    """Return how far from the best the config is that leads after so many epochs."""
    _, _, final = max((row for row in rows if row[0] <= epochs), key=lambda row: row[1])
    return best - final


def table(arguments: argparse.Namespace) -> str:
    """Write regrets as shares of random search's, and each task's own after all epochs."""
    found = {key_of(each): each["found"] for each in kept()}
    at = [n for n in (2, 5, 10, 20, 50) if n <= arguments.fulls]

    def regrets(strategy: str, rule: str, seeds: int) -> Any:  # (tasks, seeds, at)
        return np.array(
            [
                [
                    [
                        regret(
                            found[task, strategy, rule, seed, arguments.fulls],
                            found[task, "best", "", 0, 0],
                            n * EPOCHS,
                        )
                        for n in at
                    ]
                    for seed in range(seeds)
                ]
                for task in arguments.tasks
            ]
        )

    of_random = regrets("random", "none", RANDOM_SEEDS).mean(axis=1)
    head = " ".join(f"{f'{n} fulls':>9}" for n in at)
    lines = [f"{'strategy':9} {'rule':24} {head}   the tasks at {at[-1]} ± one deviation"]
    for strategy in arguments.strategies:
        for rule in arguments.rules:
            shares = regrets(strategy, rule, arguments.seeds) / of_random[:, None]
            means = shares.mean(axis=1)
            errors = shares[:, :, -1].std(axis=1, ddof=1) / np.sqrt(arguments.seeds)
            each = " ".join(f"{m:.2f}±{e:.2f}" for m, e in zip(means[:, -1], errors, strict=True))
            shown = " ".join(f"{mean:9.2f}" for mean in means.mean(axis=0))
            lines.append(f"{strategy:9} {rule:24} {shown}   {each}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--strategies", nargs="+", default=["auto", "tpe"])
    rules = ["none", "median", "halving", "extrapolation"]
    parser.add_argument("--rules", nargs="+", default=rules, help="name, or name:setting=value")
    parser.add_argument("--tasks", nargs="+", type=int, default=list(TASKS))
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--fulls", type=int, default=20, help="epochs to spend, in full trainings")
    parser.add_argument("--again", action="store_true", help="forget the runs that were kept")
    arguments = parser.parse_args()
    if arguments.again:
        KEPT.unlink(missing_ok=True)
    measure(arguments)
    print(f"{machine()}\n\n{table(arguments)}")


if __name__ == "__main__":
    main()
