"""Compare hpopt's sampler in Optuna with Optuna's default and with hpopt itself.

python benchmarks/optuna_sampler.py             # 10 problems, 5 seeds, 100 evaluations
python benchmarks/optuna_sampler.py --quick     # does it still run? no figures

It needs optuna and what the problems of ``benchmarks/efficiency`` need in the same Python.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent / "strategies"))
sys.path.append(str(Path(__file__).resolve().parent / "efficiency"))

import numpy as np
import optuna
from by_hpopt import Lookup
from by_optuna import suggested
from contests import load
from recorded import Trace

import hpopt
from hpopt.integrations.optuna import HpoptSampler

PROBLEMS = (
    "table:fcnet-naval_propulsion",
    "table:nasbench201-cifar10",
    "table:xgb_offline-heart",
    "yahpo:lcbench:167168",
    "yahpo:rbv2_ranger:3",
    "yahpo:rbv2_svm:1220",
    "bbob:8:3:2",
    "bbob:17:5:2",
    "bbob-mixint:3:10:2",
    "cv:svc:wine",
)
SECONDS = 60.0
"""What "auto" takes an evaluation to last: those of the benchmark are looked up."""


def by_hpopt(trace: Trace, problem, seed: int, budget: int) -> None:
    optimizer = hpopt.Auto(seconds=SECONDS).bind(Lookup(problem), seed=seed)
    for _ in range(budget):
        solutions = optimizer.ask()
        if not solutions:
            break
        value = trace.evaluate(solutions[0].config)
        optimizer.tell(hpopt.Trial(solutions[0], hpopt.Outcome("complete", {"value": value})))


def by_optuna(trace: Trace, problem, budget: int, sampler) -> None:
    def objective(trial):
        config = {}
        for each in problem.parameters:
            if all(config.get(parent) in values for parent, values in each.when):
                config[each.name] = suggested(trial, each)
        return trace.evaluate(config)

    optuna.create_study(sampler=sampler).optimize(objective, n_trials=budget)


SIDES: dict[str, Callable] = {
    "hpopt": by_hpopt,
    "HpoptSampler": lambda trace, problem, seed, budget: by_optuna(
        trace, problem, budget, HpoptSampler(hpopt.Auto(seconds=SECONDS), seed=seed)
    ),
    "Optuna's default": lambda trace, problem, seed, budget: by_optuna(
        trace, problem, budget, type(optuna.create_study().sampler)(seed=seed)
    ),
}


def beats(mine, other) -> float:
    """Give how often a run of mine is better than one of another's, ties as half."""
    pairs = np.asarray(mine)[:, None] - np.asarray(other)
    return float((pairs < 0).mean() + (pairs == 0).mean() / 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--budget", type=int, default=100)
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore")
    seeds, budget, names = arguments.seeds, arguments.budget, PROBLEMS
    if arguments.quick:
        seeds, budget, names = 1, 12, ("bbob:8:3:2",)
    found: dict[str, dict[str, list[float]]] = {}
    for name in names:
        problem = load(name)
        for side, run in SIDES.items():
            for seed in range(seeds):
                trace = Trace(problem, budget)
                run(trace, problem, seed, budget)
                for n in (budget // 2, budget):
                    best = min(loss for k, _, loss in trace.rows if k <= n)
                    found.setdefault(f"{name} {n}", {}).setdefault(side, []).append(best)
            print(json.dumps({name: found[f"{name} {budget}"][side], "side": side}), flush=True)
    for n in (budget // 2, budget):
        for other in ("hpopt", "Optuna's default"):
            chances = [
                beats(found[f"{name} {n}"]["HpoptSampler"], found[f"{name} {n}"][other])
                for name in names
            ]
            error = np.std(chances) / np.sqrt(len(chances))
            print(
                f"after {n}: P(HpoptSampler is better than {other}) = "
                f"{np.mean(chances):.2f} ± {error:.2f}",
                np.round(chances, 2).tolist(),
            )


if __name__ == "__main__":
    main()
