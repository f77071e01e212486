"""Ray Tune's side of `backends.py`."""

from __future__ import annotations

import os
import tempfile
import time
from typing import Any

os.environ.setdefault("RAY_DEDUP_LOGS", "0")
os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import ray
from ray import tune
from sides import serve
from workload import greedy_makespan, lognormal_durations


def lognormal(n: int, mean: float, sigma: float, workers: int) -> dict[str, Any]:
    """Sleep in Tune's trials, actors that are used again, with a random search."""
    durations = lognormal_durations(n, mean, sigma)
    with tempfile.TemporaryDirectory() as folder:
        ray.init(
            num_cpus=workers, include_dashboard=False, log_to_driver=False, logging_level="error"
        )
        tune.run(Sleeping, num_samples=workers, **options(folder))
        began = time.perf_counter()
        # The grid hands the durations out in the order that all others meet.
        tune.run(Sleeping, config={"duration": tune.grid_search(durations)}, **options(folder))
        wall = time.perf_counter() - began
        ray.shutdown()
    return {"share": greedy_makespan(durations, workers) / wall}


class Sleeping(tune.Trainable):
    def setup(self, config: dict[str, Any]) -> None:
        self.duration = config.get("duration", 0.01)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.duration = new_config.get("duration", 0.01)
        return True

    def step(self) -> dict[str, Any]:
        time.sleep(self.duration)
        return {"value": self.duration, "done": True}


def options(folder: str) -> dict[str, Any]:
    return {
        "storage_path": folder,
        "reuse_actors": True,
        "verbose": 0,
        "resources_per_trial": {"cpu": 1},
        "raise_on_failed_trial": True,
    }


def versions() -> dict[str, Any]:
    return {"name": f"Ray {ray.__version__}"}


if __name__ == "__main__":
    serve(globals())
