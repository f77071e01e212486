"""hpopt's side: each function is one measurement, made in a fresh process by `sides.py`."""

from __future__ import annotations

import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sides import serve
from workload import SEED, SPACES, by_chunks, greedy_makespan, lognormal_durations, trivial

import hpopt
from hpopt.core import evaluate
from hpopt.executors import make_executor
from hpopt.optimizers import make_optimizer

MADE = {
    "float": hpopt.Float,
    "int": hpopt.Int,
    "categorical": hpopt.Categorical,
}


class Trivial(hpopt.Problem):
    """An evaluation that costs nothing."""

    def __init__(self, space: str) -> None:
        self.space = hpopt.Space(
            {
                name: MADE[kind](**settings)
                for name, kind, settings in (
                    (each["name"], each["kind"], without(each, "name", "kind"))
                    for each in SPACES[space]
                )
            }
        )

    def evaluate(self, config: dict[str, Any], trial: hpopt.core.TrialHandle) -> float:
        return trivial(config)


class Sleeping(Trivial):
    """An evaluation that takes the time drawn for its number."""

    def __init__(self, durations: list[float]) -> None:
        super().__init__("10 parameters")
        self.durations = durations

    def evaluate(self, config: dict[str, Any], trial: hpopt.core.TrialHandle) -> float:
        time.sleep(self.durations[trial.number])
        return trivial(config)


def without(settings: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name not in names}


@contextmanager
def path_in(storage: str) -> Iterator[Path | None]:
    """Give the path of a study that is deleted afterwards; None for one in memory."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "study.db" if storage == "sqlite" else None


def random_search(space: str, storage: str, trials: int) -> dict[str, Any]:
    with path_in(storage) as path, hpopt.Study(Trivial(space), "random", path=path, seed=SEED) as s:
        began = time.perf_counter()
        s.run(trials=trials, progress=False)
        return {"trials/s": trials / (time.perf_counter() - began)}


def genetic_at_once(population: int, generations: int) -> dict[str, Any]:
    """Ask and tell whole generations of the bare optimizer."""
    import_what_is_imported_later()
    optimizer = hpopt.GeneticAlgorithm(population=population)
    optimizer.bind(Trivial("10 parameters"), seed=SEED)
    costs = []
    for _ in range(generations):
        began = time.perf_counter()
        solutions = optimizer.ask(population)
        asked = time.perf_counter() - began
        trials = [told_trial(solution) for solution in solutions]
        began = time.perf_counter()
        optimizer.tell(trials)
        costs.append(1e6 * (asked + time.perf_counter() - began) / population)
    return {"µs": statistics.median(costs)}


def genetic_one_by_one(population: int, generations: int) -> dict[str, Any]:
    """Ask and tell a study in memory, one solution at a time."""
    import_what_is_imported_later()
    study = hpopt.Study(
        Trivial("10 parameters"), hpopt.GeneticAlgorithm(population=population), seed=SEED
    )
    n = population * generations
    began = time.perf_counter()
    for _ in range(n):
        solution = study.ask()
        study.tell(solution, trivial(solution.config))
    return {"µs": 1e6 * (time.perf_counter() - began) / n}


def import_what_is_imported_later() -> None:
    """Draw a quasi-random first generation, which loads scipy: once a process, not an ask."""
    make_optimizer("quasi_random").bind(Trivial("2 parameters")).ask()


def told_trial(solution: hpopt.Solution) -> hpopt.Trial:
    values = {"value": trivial(solution.config)}
    return hpopt.Trial(solution, hpopt.Outcome("complete", values))


def asks(optimizer: str, told: list[int], n: int, repeats: int) -> dict[str, Any]:
    """Replay journals in fresh optimizers, and time the next n asks of each."""
    problem = Trivial("grid" if optimizer == "grid" else "10 parameters")
    journal = journal_of(make_optimizer(optimizer).bind(problem, seed=SEED), max(told))
    costs: dict[int, list[float]] = {each: [] for each in told}
    for each in told * repeats:
        again = make_optimizer(optimizer).bind(problem, seed=SEED)
        again.replay(journal[:each])
        costs[each].append(asks_of(again, n))
    return {"µs": [costs[each] for each in told]}


def journal_of(optimizer: hpopt.Optimizer, n: int) -> list[hpopt.Trial]:
    journal: list[hpopt.Trial] = []
    while len(journal) < n:
        trials = [told_trial(solution) for solution in optimizer.ask(min(20, n - len(journal)))]
        optimizer.tell(trials)
        journal += trials
    return journal


def asks_of(optimizer: hpopt.Optimizer, n: int) -> float:
    """Give the mean cost of n asks in µs, less the first one: it is part of resuming."""
    optimizer.tell([told_trial(solution) for solution in optimizer.ask()])
    spent = 0.0
    for _ in range(n):
        began = time.perf_counter()
        solutions = optimizer.ask()
        spent += time.perf_counter() - began
        optimizer.tell([told_trial(solution) for solution in solutions])
    return 1e6 * spent / n


def round_trip(n: int) -> dict[str, Any]:
    problem = Trivial("10 parameters")
    solution = make_optimizer("random").bind(problem, seed=SEED).ask()[0]
    executor, _ = make_executor("processes", 1)
    with executor:
        problem = executor.share(problem)
        for _ in range(10):
            executor.submit(evaluate, problem, solution).result()
        times = []
        for _ in range(n):
            began = time.perf_counter()
            outcome = executor.submit(evaluate, problem, solution).result()
            times.append(1e3 * (time.perf_counter() - began))
    if not outcome.ok:
        raise RuntimeError(outcome.error)
    return {"ms": statistics.median(times)}


def lognormal(n: int, mean: float, sigma: float, workers: int) -> dict[str, Any]:
    """Run evaluations that sleep, once in workers that are up and once from nothing."""
    durations = lognormal_durations(n, mean, sigma)
    ideal = greedy_makespan(durations, workers)
    problem = Sleeping(durations)

    def share(executor: Any) -> float:
        with path_in("sqlite") as path, hpopt.Study(problem, "random", path=path, seed=SEED) as s:
            began = time.perf_counter()
            result = s.run(trials=n, workers=workers, executor=executor, progress=False)
            wall = time.perf_counter() - began
            if any(trial.status != "complete" for trial in result.trials):
                raise RuntimeError(f"not all complete: {result}")
        return ideal / wall

    executor, _ = make_executor("processes", workers)
    with executor:
        executor.warm_up()
        warm = share(executor)
    return {"share": warm, "share, cold": share("processes")}


def make_study(path: str, optimizer: str, trials: int) -> dict[str, Any]:
    with hpopt.Study(Trivial("10 parameters"), optimizer, path=path, seed=SEED) as study:
        study.run(trials=trials, progress=False)
    return {"bytes": Path(path).stat().st_size}


def resume(path: str) -> dict[str, Any]:
    began = time.perf_counter()
    study = hpopt.Study(Trivial("10 parameters"), path=path)
    study.best  # noqa: B018  (it is what is measured)
    ready = time.perf_counter()
    study.ask()
    asked = time.perf_counter()
    return {"s": asked - began, "s to the best": ready - began}


def long_study(space: str, storage: str, trials: int, chunk: int) -> dict[str, Any]:
    """Run one study and look at clock and memory after every chunk of trials."""
    with path_in(storage) as path, hpopt.Study(Trivial(space), "random", path=path, seed=SEED) as s:
        clock, cpu, memory = [time.perf_counter()], [time.process_time()], []
        for _ in range(trials // chunk):
            s.run(trials=chunk, progress=False)
            clock.append(time.perf_counter())
            cpu.append(time.process_time())
            memory.append(peak_megabytes())
    return {
        "MB": memory[-1],
        "MB by chunk": memory,
        "µs": [1e6 * seconds / chunk for seconds in by_chunks(clock)],
        "µs of CPU": [1e6 * seconds / chunk for seconds in by_chunks(cpu)],
    }


def peak_megabytes() -> float:
    """Give the largest resident memory of this process so far, in MB of 10**6 bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def versions() -> dict[str, Any]:
    return {"name": f"hpopt {hpopt.__version__}", "python": sys.version.split()[0]}


if __name__ == "__main__":
    os.environ.setdefault("PYTHONHASHSEED", "0")
    serve(globals())
