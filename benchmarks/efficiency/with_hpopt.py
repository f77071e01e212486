"""hpopt's strategies on a problem: one after the other, and among simulated workers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from by_hpopt import Lookup, search, settings_of, strategy_of
from contests import Problem, each_run, load
from recorded import Trace
from sides import serve
from workload import lognormal_durations

import hpopt
from hpopt.optimizers import BY_NAME

STRATEGIES: dict[str, dict[str, Any]] = {
    "auto": {"optimizer": "auto"},
    "auto, 8 workers": {"optimizer": "auto", "workers": 8},
    "bayesian": {"optimizer": "bayesian"},
    "bayesian, 8 workers": {"optimizer": "bayesian", "workers": 8},
    "tpe": {"optimizer": "tpe"},
    "cmaes": {"optimizer": "cmaes"},
    "genetic": {"optimizer": "genetic"},
    "genetic, screened": {"optimizer": "genetic", "screening": "surrogate"},
    "quasi_random": {"optimizer": "quasi_random"},
    "random": {"optimizer": "random"},
}


def about() -> dict[str, Any]:
    """Give the version, and the names of the strategies that this working tree has."""
    known = []
    for name, made in STRATEGIES.items():
        strategy = BY_NAME.get(made["optimizer"])
        arguments = made.keys() - {"optimizer", "workers"}
        if strategy is not None and arguments <= set(strategy.argument_names()):
            known.append(name)
    return {"version": f"hpopt {hpopt.__version__}", "strategies": known}


def settings(strategies: list[str]) -> list[Any]:
    return [settings_of(STRATEGIES[name]) for name in strategies]


def runs(
    wanted: list[tuple[str, str, int]], budget: int, candidates: dict[str, Any] | None = None
) -> Iterator[Any]:
    """Run strategies of the list above, or candidates by their names."""
    made = candidates or STRATEGIES
    return each_run(lambda name, problem, seed: run(problem, made[name], seed, budget), wanted)


def run(problem: Problem, made: dict[str, Any], seed: int, budget: int) -> Trace:
    """Run a strategy among workers that each take as long as is drawn for the solution's number."""
    durations = lognormal_durations(budget, 1.0, 1.0, seed=seed)
    trace = Trace(problem, budget)
    optimizer = strategy_of(made).bind(Lookup(problem), seed=seed)
    search(optimizer, trace.evaluate, made.get("workers", 1), durations)
    return trace


def suits(names: list[str], strategy: str) -> list[str]:
    """Give the problems, of these, that a strategy can be bound to."""
    found = []
    for name in names:
        try:
            strategy_of(STRATEGIES[strategy]).bind(Lookup(load(name)))
        except hpopt.errors.SettingError:
            continue
        found.append(name)
    return found


if __name__ == "__main__":
    serve(globals())
