"""How far one driver scales: each function is one measurement, made in a fresh process.

The slots are simulated: a trial sleeps, all of them in one thread, and gives a value without a
worker process. All else is as ever: asked, journaled in a study file, told.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from typing import Any

from measure_hpopt import Trivial, path_in, peak_megabytes
from sides import serve
from workload import SEED, greedy_makespan, lognormal_durations

import hpopt
from hpopt.core import Outcome
from hpopt.executors import make_executor


class SleepingSlots(Executor):
    """Let each call take the time drawn for its solution's number, and give a value then.

    Parameters
    ----------
    durations : sequence of float
        Seconds, by the solution's number; empty for none.
    """

    def __init__(self, durations: Sequence[float]) -> None:
        self._durations = durations
        self._asleep: list[tuple[float, int, Future[Outcome], float]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._wake, daemon=True)
        self._thread.start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Put a call to sleep."""
        future: Future[Outcome] = Future()
        number = args[1].number
        seconds = self._durations[number] if self._durations else 0.0
        if not seconds:
            future.set_result(outcome(0.0))
            return future
        with self._changed:
            at = time.monotonic() + seconds
            heapq.heappush(self._asleep, (at, next(self._order), future, seconds))
            if self._asleep[0][2] is future:
                self._changed.notify()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Wake nobody any more."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join()

    def _wake(self) -> None:
        with self._changed:
            while not self._ended:
                now = time.monotonic()
                awake = []
                while self._asleep and self._asleep[0][0] <= now:
                    awake.append(heapq.heappop(self._asleep))
                if awake:
                    self._changed.release()
                    for _, _, future, seconds in awake:
                        future.set_result(outcome(seconds))
                    self._changed.acquire()
                    continue
                self._changed.wait(self._asleep[0][0] - now if self._asleep else None)


def outcome(seconds: float) -> Outcome:
    return Outcome("complete", {"value": seconds}, started=time.time(), seconds=seconds)


def utilisation(slots: int, trials: int, mean: float, window: int | None = None) -> dict[str, Any]:
    """Keep slots busy with trials that sleep, and compare with ideal slots."""
    durations = lognormal_durations(trials, mean, 0.5 if window is None else 1.0)
    problem = Trivial("10 parameters")
    with (
        SleepingSlots(durations) as executor,
        path_in("sqlite") as path,
        hpopt.Study(problem, "random", path=path, seed=SEED) as study,
    ):
        began, cpu = time.perf_counter(), time.process_time()
        study.run(trials=trials, executor=executor, workers=slots, window=window, progress=False)
        wall = time.perf_counter() - began
        busy = (time.process_time() - cpu) / wall
    return {"share": greedy_makespan(durations, slots) / wall, "s": wall, "CPU": busy}


def throughput(slots: int, trials: int, optimizer: str = "random") -> dict[str, Any]:
    """Run trials that end at once: what the driver itself can do."""
    with (
        SleepingSlots([]) as executor,
        path_in("sqlite") as path,
        hpopt.Study(Trivial("10 parameters"), optimizer, path=path, seed=SEED) as study,
    ):
        began, cpu = time.perf_counter(), time.process_time()
        study.run(trials=trials, executor=executor, workers=slots, progress=False)
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
        return {"trials/s": trials / wall, "ms of CPU": 1e3 * cpu / trials}


def dispatch(backend: str, trials: int, slots: int) -> dict[str, Any]:
    """Run trials that end at once on a backend: what it takes of the driver to send one.

    Dask's scheduler runs within the driver, its worker beside it.
    """
    with contextlib.ExitStack() as closing:
        given: Any = backend
        if backend == "dask":
            import distributed

            options = {"processes": True, "dashboard_address": "127.0.0.1:0", "n_workers": 1}
            cluster = distributed.LocalCluster(threads_per_worker=slots, **options)
            given = closing.enter_context(cluster)
        made, _ = make_executor(given, slots)
        executor = closing.enter_context(made)
        problem, options = Trivial("10 parameters"), {"executor": executor, "workers": slots}
        hpopt.Study(problem, "random").run(trials=10 * slots, progress=False, **options)
        path = closing.enter_context(path_in("sqlite"))
        study = closing.enter_context(hpopt.Study(problem, "random", path=path, seed=SEED))
        began, cpu = time.perf_counter(), time.process_time()
        study.run(trials=trials, progress=False, **options)
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    return {"trials/s": trials / wall, "ms of CPU": 1e3 * cpu / trials}


def million(trials: int, chunk: int, slots: int) -> dict[str, Any]:
    """Run very many trials in one study file, look at memory and cost, and resume it."""
    costs, memory = [], []
    with SleepingSlots([]) as executor, path_in("sqlite") as path:
        with hpopt.Study(Trivial("2 parameters"), "random", path=path, seed=SEED) as study:
            for _ in range(trials // chunk):
                cpu = time.process_time()
                study.run(trials=chunk, executor=executor, workers=slots, progress=False)
                costs.append(1e6 * (time.process_time() - cpu) / chunk)
                memory.append(peak_megabytes())
        size = path.stat().st_size / 1e6 if path is not None else 0.0
        began = time.perf_counter()
        with hpopt.Study(Trivial("2 parameters"), path=path) as study:
            study.ask()
            resumed = time.perf_counter() - began
    return {
        "µs of CPU": costs,
        "MB": memory,
        "MB resumed": peak_megabytes(),
        "file MB": size,
        "s to resume": resumed,
    }


def overtaken(slots: int, window: int, trials: int) -> float:
    """Give the utilisation of ideal slots under a window: what a window costs at the least.

    Number k begins when a slot is free and 0 … k - window have ended.
    """
    rng = random.Random(SEED)
    durations = [rng.lognormvariate(0.0, 1.0) for _ in range(trials)]
    free = [0.0] * slots
    ends: list[float] = []
    latest = 0.0
    for number, duration in enumerate(durations):
        if number >= window:
            latest = max(latest, ends[number - window])
        begins = max(heapq.heappop(free), latest)
        ends.append(begins + duration)
        heapq.heappush(free, ends[-1])
    return greedy_makespan(durations, slots) / max(ends)


def windows(slots: int, trials: int) -> dict[str, Any]:
    """Give the ideal utilisation for windows of some multiples of the slots."""
    return {f"{m:g}": overtaken(slots, int(m * slots), trials) for m in (1, 1.5, 2, 3, 4, 8)}


if __name__ == "__main__":
    serve(globals())
