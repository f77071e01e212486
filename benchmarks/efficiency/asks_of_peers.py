"""What an ask of TPE costs after so many results: Optuna's and Rustuna's, by one interface."""

from __future__ import annotations

import importlib
import random
import time
import warnings
from importlib.metadata import version
from typing import Any

from sides import serve
from workload import SEED, SPACES, trivial

warnings.filterwarnings("ignore")
SPACE = SPACES["10 parameters"]


def asks(library: str, told: int, n: int) -> dict[str, Any]:
    """Fill a study in memory, and time the next n asks with their suggestions and results."""
    lib = importlib.import_module(library)
    if library == "optuna":
        lib.logging.set_verbosity(lib.logging.ERROR)
    create_trial = lib.trial.create_trial if library == "optuna" else lib.create_trial
    random.seed(SEED)
    study = lib.create_study(sampler=lib.samplers.TPESampler(seed=SEED, multivariate=True))
    made = {each["name"]: distribution(lib.distributions, each) for each in SPACE}
    for _ in range(told):
        config = {each["name"]: drawn(each) for each in SPACE}
        study.add_trial(create_trial(params=config, distributions=made, value=trivial(config)))
    began = time.process_time()
    for _ in range(n):
        trial = study.ask()
        value = trivial({each["name"]: suggested(trial, each) for each in SPACE})
        study.tell(trial.number, value)
    ms = 1e3 * (time.process_time() - began) / n
    return {"ms": ms, "library": f"{library} {version(library)}"}


def distribution(kinds: Any, s: dict[str, Any]) -> Any:
    if s["kind"] == "categorical":
        return kinds.CategoricalDistribution(s["choices"])
    if s["kind"] == "int":
        return kinds.IntDistribution(s["low"], s["high"], log=s.get("log", False))
    return kinds.FloatDistribution(s["low"], s["high"], log=s.get("log", False))


def drawn(s: dict[str, Any]) -> Any:
    if s["kind"] == "categorical":
        return random.choice(s["choices"])
    if s["kind"] == "int":
        return random.randint(s["low"], s["high"])
    return random.uniform(s["low"], s["high"])


def suggested(trial: Any, s: dict[str, Any]) -> Any:
    name = s["name"]
    if s["kind"] == "categorical":
        return trial.suggest_categorical(name, s["choices"])
    if s["kind"] == "int":
        return trial.suggest_int(name, s["low"], s["high"], log=s.get("log", False))
    return trial.suggest_float(name, s["low"], s["high"], log=s.get("log", False))


if __name__ == "__main__":
    serve(globals())
