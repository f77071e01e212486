"""joblib.Parallel's side of `backends.py`: it maps, and searches nothing."""

from __future__ import annotations

import time
from typing import Any

import joblib
from sides import serve
from workload import greedy_makespan, lognormal_durations


def lognormal(n: int, mean: float, sigma: float, workers: int) -> dict[str, Any]:
    """Sleep in joblib's worker processes, which are up."""
    durations = lognormal_durations(n, mean, sigma)
    with joblib.Parallel(n_jobs=workers, batch_size=1) as parallel:
        parallel(joblib.delayed(time.sleep)(0.1) for _ in range(workers))
        began = time.perf_counter()
        parallel(joblib.delayed(time.sleep)(duration) for duration in durations)
        wall = time.perf_counter() - began
    return {"share": greedy_makespan(durations, workers) / wall}


def versions() -> dict[str, Any]:
    return {"name": f"joblib {joblib.__version__}"}


if __name__ == "__main__":
    serve(globals())
