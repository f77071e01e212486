"""Whether early stopping finds more of a front in the same number of epochs.

Networks report their error epoch by epoch, and what is known of them before, once: the time that
all epochs take, or the weights. Only what was trained to the end counts as found.

python benchmarks/objectives/stopping.py
python benchmarks/objectives/stopping.py --strategies genetic --rules none dominance:low=3
"""

from __future__ import annotations

import argparse
import json
import math
import runpy
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

sys.path += [str(Path(__file__).resolve().parents[1] / each) for each in ("strategies", "")]

import fronts
import numpy as np
import problems
import recorded
from fronts import Floats, volume
from printing import machine, markdown
from sides import RESULTS
from with_hpopt import Lookup

import hpopt
from hpopt.core import evaluate
from hpopt.early_stopping import make_early_stopping
from hpopt.optimizers import make_optimizer

EPOCHS = 52
FULLS = 40
SECONDS = 60.0  # what an evaluation is told to have taken: dear, for strategies that ask
KEPT = RESULTS / "objectives_stopping.jsonl"

Curve = Sequence[float]


class Training(Lookup):
    """A network that reports its error after each epoch, and the other objective at once.

    Parameters
    ----------
    problem : fronts.Problem
        Its losses are those after all epochs.
    """

    def __init__(self, problem: fronts.Problem) -> None:
        super().__init__(problem)
        self._problem = problem

    def evaluate(self, config: dict[str, Any], trial: hpopt.core.TrialHandle) -> Any:
        error, cost = self._problem.objectives
        curve = curve_of(self._problem, config)
        known = float(self._problem.losses(config)[1])
        for epoch, value in enumerate(curve, 1):
            trial.report(epoch, {error: value, cost: known} if epoch == 1 else {error: value})
            if trial.should_stop():
                break
        return {error: trial.curve[-1][1][error], cost: known}


def curve_of(problem: fronts.Problem, config: Mapping[str, Any]) -> Curve:
    """Give the error after each epoch."""
    family, *parts = problem.name.split(":")
    if family == "lcbench":
        return accuracy_lost(parts[0], config)
    end = float(problem.losses(config)[0])
    slow = max(0.0, -2.2 - math.log10(config["rate"]))  # a small rate learns slowly
    half = 3.0 + 0.5 * config["layers"] + 3.0 * slow  # epochs to half of the way
    rng = np.random.default_rng(int(config["units1"] * 1e6 + config["rate"] * 1e9))
    wobble = 0.01 * rng.standard_normal(EPOCHS)
    left = 0.5 ** (np.arange(1, EPOCHS + 1) / half)
    left = (left - left[-1]) / (1 - left[-1])
    return [float(x) for x in end + (0.9 - end) * left + wobble * left]


def accuracy_lost(task: str, config: Mapping[str, Any]) -> Curve:
    """Give minus the accuracy of a network of lcbench after each epoch."""
    made = surrogate(task)
    rows = made.batch([{**config, "epoch": n} for n in range(1, EPOCHS + 1)])
    return [-float(value) for value in rows[:, made.y_names.index("val_accuracy")]]


@cache
def surrogate(task: str) -> Any:
    query = runpy.run_path(str(recorded.folder().parent / "yahpo" / "query.py"))
    return query["Yahpo"]("lcbench", instance=task)


PROBLEMS = ("lcbench:3945", "lcbench:167168", "layers", "trade_off")


def trade_off(config: Mapping[str, Any]) -> Sequence[float]:
    """Give error and weights of a network that trains well whatever its rate: size decides."""
    weights = problems.network(config)[1]
    error = best_error(weights) + 0.01 * (math.log10(config["rate"]) + 2.5) ** 2
    return error + 0.03 * config["dropout"] ** 2, weights


def best_error(weights: Any) -> Any:
    return 0.05 + 0.45 * np.exp(-(weights - 2.4) / 0.9)


@cache
def load(name: str) -> fronts.Problem:
    if name != "trade_off":
        return problems.load(name)
    ends = [
        problems.network({"rate": 0.01, "dropout": 0.0, "activation": "relu", "layers": n} | units)[
            1
        ]
        for n, units in ((1, {"units1": 4}), (4, {f"units{k}": 256 for k in range(1, 5)}))
    ]
    weights = np.linspace(*ends, problems.DENSE)
    best = np.stack([best_error(weights), weights], axis=1)
    return fronts.Problem(
        name, problems.LAYERS, ("error", "weights"), trade_off, *fronts.boxed(best)
    )


PROBLEMS = ("lcbench:3945", "lcbench:167168", "layers", "trade_off")


def run(name: str, strategy: str, rule: str, seed: int) -> dict[str, Any]:
    """Spend the epochs, and give the share of the front, and what became of the trials.

    What was stopped, and would have ended on the front of those that were complete then, was wrong.
    """
    problem = load(name)
    found: list[Floats] = []
    n_stopped = n_wrong = spent = 0
    for trial in trials(Training(problem), strategy, rule, seed):
        spent += len(trial.curve)
        end = problem.losses(trial.config)
        if trial.status == "stopped":
            n_stopped += 1
            n_wrong += not (np.array(found) <= end).all(axis=1).any()
        elif spent <= FULLS * EPOCHS:
            found.append(end)
        if spent >= FULLS * EPOCHS:
            break
    counts = {"trials": len(found) + n_stopped, "stopped": n_stopped, "wrong": int(n_wrong)}
    return {"share": share(problem, np.array(found)), **counts}


def trials(training: Training, strategy: str, rule: str, seed: int) -> Iterator[hpopt.Trial]:
    """Ask, evaluate and tell, one trial after the other."""
    optimizer = make_optimizer(strategy).bind(training, seed=seed)
    made = rule_of(rule)
    experience = None if made is None else made.begin_several(optimizer.objectives)
    while solutions := optimizer.ask():
        test = None if experience is None else experience.snapshot()
        outcome = evaluate(training, solutions[0], early_stopping=test)
        trial = hpopt.Trial(solutions[0], replace(outcome, seconds=SECONDS))
        if experience is not None:
            experience.learn(trial)
        optimizer.tell(trial)
        yield trial


def share(problem: fronts.Problem, found: Floats) -> float:
    scaled = (found - problem.ideal) / (problem.reference - problem.ideal)
    inside = scaled[(scaled < 1).all(axis=1)]
    front = inside[fronts.non_dominated(inside)] if len(inside) else inside
    return volume(front) / problem.volume


def rule_of(text: str) -> Any:
    """Make a rule of ``name:setting=value:…``; "none" is no rule."""
    name, *pairs = text.split(":")
    settings = {key: json.loads(value) for key, _, value in (pair.partition("=") for pair in pairs)}
    return make_early_stopping(None if name == "none" else name, settings)


# -- the figures ----------------------------------------------------------------------------------

FIELDS = ("problem", "strategy", "rule", "seed")


def kept() -> dict[tuple[Any, ...], dict[str, Any]]:
    lines = KEPT.read_text(encoding="utf-8").splitlines() if KEPT.exists() else []
    return {tuple(each[field] for field in FIELDS): each for each in map(json.loads, lines)}


def measure(arguments: argparse.Namespace) -> None:
    """Make the runs that have not been kept."""
    known = kept()
    KEPT.parent.mkdir(exist_ok=True)
    for seed in range(arguments.seeds):
        for name in arguments.problems:
            for strategy in arguments.strategies:
                for rule in arguments.rules:
                    key = (name, strategy, rule, seed)
                    if key not in known:
                        entry = dict(zip(FIELDS, key, strict=True)) | run(*key)
                        with KEPT.open("a", encoding="utf-8") as file:
                            file.write(json.dumps(entry) + "\n")


def table(arguments: argparse.Namespace) -> str:
    """Write the mean share of each problem ± its standard error, and how often it is more."""
    known = kept()

    def figures(field: str, name: str, strategy: str, rule: str) -> Floats:
        return np.array(
            [known[name, strategy, rule, seed][field] for seed in range(arguments.seeds)]
        )

    cells = [["strategy", "rule", *arguments.problems, "more than none", "stopped", "wrong"]]
    for strategy in arguments.strategies:
        for rule in arguments.rules:
            row, more = [strategy, rule], 0
            for name in arguments.problems:
                shares = figures("share", name, strategy, rule)
                error = shares.std(ddof=1) / math.sqrt(len(shares))
                row.append(f"{shares.mean():.3f} ± {error:.3f}")
                more += int((shares > figures("share", name, strategy, "none")).sum())
            totals = {
                field: sum(
                    figures(field, name, strategy, rule).mean() for name in arguments.problems
                )
                for field in ("trials", "stopped", "wrong")
            }
            row += [
                f"{more} of {arguments.seeds * len(arguments.problems)}",
                f"{totals['stopped'] / totals['trials']:.0%}",
                f"{totals['wrong'] / len(arguments.problems):.1f}",
            ]
            cells.append(row)
    return markdown(cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--strategies", nargs="+", default=["auto", "genetic", "random"])
    rules = ["none", "dominance"]
    parser.add_argument("--rules", nargs="+", default=rules, help="name, or name:setting=value")
    parser.add_argument("--problems", nargs="+", default=list(PROBLEMS))
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--again", action="store_true", help="forget the runs that were kept")
    arguments = parser.parse_args()
    if arguments.again:
        KEPT.unlink(missing_ok=True)
    measure(arguments)
    print(f"{machine()}\n\n{table(arguments)}")


if __name__ == "__main__":
    main()
