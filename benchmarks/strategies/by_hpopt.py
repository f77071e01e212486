"""hpopt's strategies on a recorded table, among simulated workers, and by the clock."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from recorded import Parameter, Recorded, Trace, each_run, load
from sides import serve
from workload import lognormal_durations, simulate

import hpopt
from hpopt.optimizers import BY_NAME, make_optimizer
from hpopt.optimizers.batches import Batches

AT_ONCE = 64
MADE = {
    "categorical": lambda p, when: hpopt.Categorical(p.values, when=when),
    "ordinal": lambda p, when: hpopt.Ordinal(p.values, when=when),
    "int": lambda p, when: hpopt.Int(int(p.low), int(p.high), log=p.log, when=when),
    "float": lambda p, when: hpopt.Float(p.low, p.high, log=p.log, when=when),
}

STRATEGIES: dict[str, dict[str, Any]] = {
    name: {"name": name}
    for name in (
        "random",
        "quasi_random",
        "genetic",
        "menndl",
        "zhan",
        "mu_plus_lambda",
        "self_adaptive",
        "steady_state",
        "regularized",
        "neighbourhood",
        "memetic",
        "narrowing",
        "annealing",
        "differential_evolution",
    )
} | {
    "grid, in order": {"name": "grid"},
    "grid": {"name": "grid", "shuffle": True},
    "memetic, menndl": {"name": "memetic", "algorithm": "menndl"},
    "narrowing, random": {"name": "narrowing", "optimizer": "random"},
}


def space_of(parameters: Sequence[Parameter]) -> hpopt.Space:
    return hpopt.Space(
        {
            each.name: MADE[each.kind](each, {k: list(v) for k, v in each.when} or None)
            for each in parameters
        }
    )


class Lookup(hpopt.Problem):
    """A recorded table; its losses are looked up outside."""

    def __init__(self, table: Recorded) -> None:
        self.space = space_of(table.parameters)

    def evaluate(self, config: dict[str, Any], trial: hpopt.core.TrialHandle) -> float:
        raise NotImplementedError("the losses are looked up by the benchmark")


def about() -> dict[str, Any]:
    """Give the version, and the names of the strategies that this working tree has."""
    known = [name for name, made in STRATEGIES.items() if made["name"] in BY_NAME]
    return {"version": f"hpopt {hpopt.__version__}", "strategies": known}


def settings(strategies: list[str]) -> list[Any]:
    """Give what decides how strategies search; an argument that is None does nothing."""
    made = [optimizer_of(STRATEGIES[name]) for name in strategies]
    return [_decided({"optimizer": each.name} | each.settings()) for each in made]


def _decided(settings: Any) -> Any:
    if isinstance(settings, dict):
        return {key: _decided(each) for key, each in settings.items() if each is not None}
    return [_decided(each) for each in settings] if isinstance(settings, list) else settings


def optimizer_of(made: Mapping[str, Any]) -> hpopt.Optimizer:
    arguments = dict(made)
    return make_optimizer(arguments.pop("name"), arguments)


def strategy_of(made: Mapping[str, Any]) -> hpopt.Optimizer:
    """Make a strategy of a mapping that may say among how many workers it is run."""
    arguments = {key: value for key, value in made.items() if key not in ("optimizer", "workers")}
    return make_optimizer(made["optimizer"], arguments)


def settings_of(made: Mapping[str, Any]) -> dict[str, Any]:
    """Give the settings of such a strategy, and its workers."""
    optimizer = strategy_of(made)
    named = {"optimizer": optimizer.name, "workers": made.get("workers", 1)}
    return named | optimizer.settings()


def runs(
    wanted: list[tuple[str, str, int]], budget: int, candidates: Mapping[str, Any] | None = None
) -> Iterator[Any]:
    """Run strategies of the list above, or candidates by their names."""
    made = candidates or STRATEGIES
    return each_run(lambda name, table, seed: run(table, made[name], seed, budget), wanted)


def run(table: Recorded, made: Mapping[str, Any], seed: int, budget: int) -> Trace:
    """Run a strategy with one worker; one that thinks in batches is the same with more."""
    trace = Trace(table, budget)
    optimizer = optimizer_of(made).bind(Lookup(table), seed=seed)
    at_once = AT_ONCE if isinstance(optimizer, Batches) else 1
    n = 0
    while n < budget:
        solutions = optimizer.ask(min(at_once, budget - n))
        if not solutions:
            break
        optimizer.tell([told(each, trace.evaluate(each.config)) for each in solutions])
        n += len(solutions)
    return trace


def grid_to(strategy: str, targets: dict[str, float], seeds: list[int]) -> list[list[float]]:
    """Run a grid search until it has each table's target: the evaluations, (tables, seeds)."""
    return [
        [evaluations_to(load(name), STRATEGIES[strategy], seed, loss) for seed in seeds]
        for name, loss in targets.items()
    ]


def evaluations_to(table: Recorded, made: Mapping[str, Any], seed: int, loss: float) -> float:
    optimizer = optimizer_of(made).bind(Lookup(table), seed=seed)
    while solutions := optimizer.ask(AT_ONCE):
        for solution in solutions:
            if table.loss(solution.config) <= loss:
                return solution.number + 1
    return float("inf")


def told(solution: hpopt.Solution, loss: float) -> hpopt.Trial:
    return hpopt.Trial(solution, hpopt.Outcome("complete", {"value": loss}))


def simulated(
    made: dict[str, Any], wanted: list[tuple[str, int]], workers: int, evaluations: int
) -> Iterator[Any]:
    """Let simulated workers evaluate, each as long as is drawn for the number of its solution.

    Gives table, seed, the simulated seconds until all are told, and the best loss.
    """
    for name, seed in wanted:
        yield name, seed, *among_workers(load(name), made, seed, workers, evaluations)


def among_workers(
    table: Recorded, made: Mapping[str, Any], seed: int, workers: int, evaluations: int
) -> tuple[float, float]:
    durations = lognormal_durations(evaluations, 1.0, 1.0, seed=seed)
    optimizer = optimizer_of(made).bind(Lookup(table), seed=seed)
    trace = Trace(table, evaluations)
    ended = search(optimizer, trace.evaluate, workers, durations)
    return ended, trace.rows[-1][2] if trace.rows else float("inf")


def search(
    optimizer: hpopt.Optimizer,
    evaluate: Callable[[Mapping[str, Any]], float],
    workers: int,
    durations: Sequence[float],
) -> float:
    """Let simulated workers evaluate what is asked for; give when all are told."""

    def tell(solution: hpopt.Solution) -> None:
        optimizer.tell(told(solution, evaluate(solution.config)))

    return simulate(workers, durations, lambda: next(iter(optimizer.ask()), None), tell)


def generation(made: dict[str, Any], n: int, repeats: int) -> dict[str, Any]:
    """Time one generation (ask and tell) in 40 mixed coordinates, 20 of them a list's.

    What else the machine does is in the wall time, but not in the CPU time of this one thread.
    """
    optimizer = optimizer_of(made).bind(Mixed())
    if optimizer.space.d != 40:
        raise RuntimeError(f"the space should have 40 coordinates, but has {optimizer.space.d}")
    times: dict[str, list[float]] = {"wall": [], "cpu": []}
    clocks = {"wall": time.perf_counter, "cpu": time.process_time}
    for _ in range(repeats + 1):
        began = {name: clock() for name, clock in clocks.items()}
        solutions = optimizer.ask(n)
        asked = {name: clock() - began[name] for name, clock in clocks.items()}
        trials = [told(each, cost(each.config)) for each in solutions]
        began = {name: clock() for name, clock in clocks.items()}
        optimizer.tell(trials)
        for name, clock in clocks.items():
            times[name].append(1e3 * (asked[name] + clock() - began[name]))
    return {name: statistics.median(each[1:]) for name, each in times.items()}


def cost(config: Mapping[str, Any]) -> float:
    return float(config["x0"] ** 2 + config["n0"]) + len(config["layers"])


class Mixed(hpopt.Problem):
    """40 coordinates: of floats, whole numbers, ordinals, choices and a list of up to 5 layers."""

    def __init__(self) -> None:
        layer = hpopt.Space(
            {
                "units": hpopt.Int(1, 512, log=True),
                "activation": hpopt.Categorical(["relu", "tanh", "elu"]),
                "dropout": hpopt.Float(0.0, 0.8),
                "norm": hpopt.Categorical([True, False]),
            }
        )
        alone: dict[str, Any] = {f"x{k}": hpopt.Float(-5.0, 5.0) for k in range(6)}
        alone |= {f"n{k}": hpopt.Int(0, 100) for k in range(5)}
        alone |= {f"o{k}": hpopt.Ordinal([1, 3, 10, 30]) for k in range(4)}
        alone |= {f"c{k}": hpopt.Categorical(["a", "b", "c", "d"]) for k in range(4)}
        self.space = hpopt.Space(alone | {"layers": hpopt.Sequence(layer, 1, 5)})

    def evaluate(self, config: dict[str, Any], trial: hpopt.core.TrialHandle) -> float:
        return cost(config)


if __name__ == "__main__":
    serve(globals())
