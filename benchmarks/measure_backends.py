"""hpopt's side of `backends.py`: each function is one measurement, in a fresh process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from sides import serve
from workload import SEED, greedy_makespan, lognormal_durations

import hpopt
from hpopt.executors import make_executor

DRIVER = """
import sys, time, hpopt

backend, begun = sys.argv[1:]
problem = hpopt.FunctionProblem(
    lambda config: print("begun", file=open(begun, "a")) or time.sleep(1000),
    {"x": hpopt.Float(0, 1)},
)
hpopt.optimize(problem, "random", trials=9, workers=2, executor=backend, progress=False)
"""


class Sleeping(hpopt.Problem):
    """An evaluation that takes the time drawn for its number."""

    def __init__(self, durations: list[float]) -> None:
        self.space = hpopt.Space({"x": hpopt.Float(-5.0, 5.0)})
        self.durations = durations

    def evaluate(self, config: dict[str, Any], trial: hpopt.core.TrialHandle) -> float:
        time.sleep(self.durations[trial.number % len(self.durations)])
        return float(config["x"]) ** 2


def lognormal(backend: str, n: int, mean: float, sigma: float, workers: int) -> dict[str, Any]:
    """Run a journaled study on workers that are up, as a share of what ideal workers take."""
    durations = lognormal_durations(n, mean, sigma)
    wall = time_of(backend, Sleeping(durations), n, workers)
    return {"share": greedy_makespan(durations, workers) / wall}


def overhead(backend: str, n: int, duration: float) -> dict[str, Any]:
    """Run trials of one duration on one worker: what a trial takes on top of it, in ms."""
    wall = time_of(backend, Sleeping([duration]), n, 1)
    return {"ms": 1e3 * (wall / n - duration)}


def time_of(backend: str, problem: hpopt.Problem, n: int, workers: int) -> float:
    made, _ = make_executor(backend, workers)
    with tempfile.TemporaryDirectory() as folder, made as executor:
        warm = hpopt.Study(Sleeping([0.1]), "random", seed=SEED)
        warm.run(trials=4 * workers, workers=workers, executor=executor, progress=False)
        with hpopt.Study(problem, "random", path=Path(folder) / "study.db", seed=SEED) as study:
            began = time.perf_counter()
            result = study.run(trials=n, workers=workers, executor=executor, progress=False)
            wall = time.perf_counter() - began
            if any(trial.status != "complete" for trial in result.trials):
                raise RuntimeError(f"not all complete: {result}")
    return wall


def start(backend: str) -> dict[str, Any]:
    """Give the seconds from `run` to the begin of the first evaluation."""
    study = hpopt.Study(Sleeping([0.01]), "random", seed=SEED)
    began = time.time()
    study.run(trials=2, workers=2, executor=backend, progress=False)
    return {"s": min(trial.started for trial in study.trials) - began}


def leftovers(backend: str) -> dict[str, Any]:
    """Kill a driver that has two trials running; count what is left of it after 10 seconds."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"TMPDIR": folder, "HPOPT_BENCHMARK": folder}
        command = [sys.executable, "-c", DRIVER, backend, f"{folder}/begun"]
        driver = subprocess.Popen(command, env=environment)
        begun = Path(folder) / "begun"
        while not begun.exists() or begun.read_text().count("\n") < 2:
            if driver.poll() is not None:
                raise RuntimeError("the driver ended before it was killed")
            time.sleep(0.1)
        driver.send_signal(signal.SIGKILL)
        driver.wait()
        time.sleep(10.0)
        left = [process for process in psutil.process_iter() if marked(process, folder)]
        files = [path for path in Path(folder).iterdir() if path != begun]
        return {"processes": len(left), "files": len(files)}


def marked(process: psutil.Process, folder: str) -> bool:
    try:
        return bool(process.environ().get("HPOPT_BENCHMARK") == folder)
    except psutil.Error:
        return False


def versions() -> dict[str, Any]:
    return {"name": f"hpopt {hpopt.__version__}"}


if __name__ == "__main__":
    serve(globals())
