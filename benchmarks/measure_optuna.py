"""Optuna's side: the same measurements, in its own environment and by its own idioms."""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from sides import serve
from workload import SEED, SPACES, by_chunks, greedy_makespan, lognormal_durations, trivial

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)

SUGGESTIONS: dict[str, Callable[[optuna.Trial, dict[str, Any]], Any]] = {
    "float": lambda trial, s: trial.suggest_float(
        s["name"], s["low"], s["high"], log=s.get("log", False), step=s.get("step")
    ),
    "int": lambda trial, s: trial.suggest_int(
        s["name"], s["low"], s["high"], log=s.get("log", False), step=s.get("step", 1)
    ),
    "categorical": lambda trial, s: trial.suggest_categorical(s["name"], s["choices"]),
}


def suggested(trial: optuna.Trial, space: str) -> dict[str, Any]:
    return {each["name"]: SUGGESTIONS[each["kind"]](trial, each) for each in SPACES[space]}


def objective(space: str) -> Callable[[optuna.Trial], float]:
    return lambda trial: trivial(suggested(trial, space))


@contextmanager
def storage_of(kind: str) -> Iterator[Any]:
    with tempfile.TemporaryDirectory() as folder:
        if kind == "sqlite":
            yield RDBStorage(f"sqlite:///{folder}/study.db")
        elif kind == "journal":
            yield JournalStorage(JournalFileBackend(f"{folder}/study.log"))
        else:
            yield None


def random_search(space: str, storage: str, trials: int) -> dict[str, Any]:
    with storage_of(storage) as opened:
        study = optuna.create_study(
            storage=opened, sampler=optuna.samplers.RandomSampler(seed=SEED)
        )
        began = time.perf_counter()
        study.optimize(objective(space), n_trials=trials)
        return {"trials/s": trials / (time.perf_counter() - began)}


def genetic_one_by_one(population: int, generations: int) -> dict[str, Any]:
    sampler = optuna.samplers.NSGAIISampler(population_size=population, seed=SEED)
    study = optuna.create_study(sampler=sampler)
    n = population * generations
    began = time.perf_counter()
    for _ in range(n):
        trial = study.ask()
        study.tell(trial, trivial(suggested(trial, "10 parameters")))
    return {"µs": 1e6 * (time.perf_counter() - began) / n}


def asks(optimizer: str, told: list[int], n: int, repeats: int) -> dict[str, Any]:
    """Fill studies in memory, and time the next n asks of each (with their suggestions)."""
    costs: dict[int, list[float]] = {each: [] for each in told}
    for each in told * repeats:
        costs[each].append(asks_after(optimizer, each, n))
    return {"µs": [costs[each] for each in told]}


def asks_after(optimizer: str, told: int, n: int) -> float:
    space = "grid" if optimizer == "grid" else "10 parameters"
    study = optuna.create_study(sampler=sampler_of(optimizer))
    fill(study, optimizer, space, told)
    spent = 0.0
    for _ in range(n):
        began = time.perf_counter()
        trial = study.ask()
        config = suggested(trial, space)
        spent += time.perf_counter() - began
        if optimizer == "genetic":  # the others need no results, and telling costs them time
            study.tell(trial, trivial(config))
    return 1e6 * spent / n


def sampler_of(optimizer: str) -> optuna.samplers.BaseSampler:
    if optimizer == "random":
        return optuna.samplers.RandomSampler(seed=SEED)
    if optimizer == "quasi_random":
        return optuna.samplers.QMCSampler(seed=SEED, scramble=True)
    if optimizer == "grid":
        values = {s["name"]: list(range(s["low"], s["high"] + 1)) for s in SPACES["grid"]}
        return optuna.samplers.GridSampler(values, seed=SEED)
    return optuna.samplers.NSGAIISampler(population_size=20, seed=SEED)


def fill(study: optuna.Study, optimizer: str, space: str, told: int) -> None:
    """Tell a study `told` trials; only the genetic sampler must have asked for them itself."""
    if optimizer == "genetic":
        study.optimize(objective(space), n_trials=told)
        return
    study.optimize(objective(space), n_trials=1)  # samplers look for their space in a first trial
    distributions = {each["name"]: distribution(each) for each in SPACES[space]}
    first = study.trials[0]
    study.add_trials(
        optuna.create_trial(
            params=first.params,
            distributions=distributions,
            value=0.0,
            system_attrs=first.system_attrs | ({"grid_id": k} if optimizer == "grid" else {}),
        )
        for k in range(1, told)
    )


def distribution(s: dict[str, Any]) -> BaseDistribution:
    if s["kind"] == "categorical":
        return CategoricalDistribution(s["choices"])
    if s["kind"] == "int":
        return IntDistribution(s["low"], s["high"], s.get("log", False), s.get("step", 1))
    return FloatDistribution(s["low"], s["high"], s.get("log", False), s.get("step"))


def lognormal(n: int, mean: float, sigma: float, workers: int) -> dict[str, Any]:
    """Run evaluations that sleep in threads, Optuna's own way to be parallel, in memory."""
    durations = lognormal_durations(n, mean, sigma)

    def sleeping(trial: optuna.Trial) -> float:
        config = suggested(trial, "10 parameters")
        time.sleep(durations[trial.number])
        return trivial(config)

    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=SEED))
    began = time.perf_counter()
    study.optimize(sleeping, n_trials=n, n_jobs=workers)
    return {"share": greedy_makespan(durations, workers) / (time.perf_counter() - began)}


def make_study(path: str, optimizer: str, trials: int) -> dict[str, Any]:
    os.fsync = lambda descriptor: None  # this is only to have a study, and not measured
    study = optuna.create_study(
        storage=JournalStorage(JournalFileBackend(path)),
        sampler=sampler_of(optimizer),
        study_name="study",
    )
    study.optimize(objective("10 parameters"), n_trials=trials)
    return {"bytes": Path(path).stat().st_size}


def resume(path: str) -> dict[str, Any]:
    began = time.perf_counter()
    storage = JournalStorage(JournalFileBackend(path))
    study = optuna.load_study(
        study_name="study", storage=storage, sampler=optuna.samplers.RandomSampler(seed=SEED)
    )
    study.best_trial  # noqa: B018  (reads all trials)
    ready = time.perf_counter()
    suggested(study.ask(), "10 parameters")
    return {"s": time.perf_counter() - began, "s to the best": ready - began}


def long_study(space: str, storage: str, trials: int, chunk: int) -> dict[str, Any]:
    with storage_of(storage) as opened:
        study = optuna.create_study(
            storage=opened, sampler=optuna.samplers.RandomSampler(seed=SEED)
        )
        clock, cpu, memory = [time.perf_counter()], [time.process_time()], []
        for _ in range(trials // chunk):
            study.optimize(objective(space), n_trials=chunk)
            clock.append(time.perf_counter())
            cpu.append(time.process_time())
            memory.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6)
    return {
        "MB": memory[-1],
        "MB by chunk": memory,
        "µs": [1e6 * seconds / chunk for seconds in by_chunks(clock)],
        "µs of CPU": [1e6 * seconds / chunk for seconds in by_chunks(cpu)],
    }


def versions() -> dict[str, Any]:
    return {"name": f"optuna {optuna.__version__}", "python": sys.version.split()[0]}


if __name__ == "__main__":
    serve(globals())
