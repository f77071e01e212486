"""Measure executor="slurm" on one disk, with jobs that are processes of this machine.

python -m benchmarks.spool                        # 1,000 tasks of 1 s over 16 workers
python -m benchmarks.spool --kills 50             # the same, while workers and jobs are killed
python -m benchmarks.spool --tasks 20 --workers 2 # does it still run? no figures

The tasks sleep, so that 16 of them fit on a few cores; what is measured is what the folder between
driver and workers costs. Utilisation is the time that tasks took which ended, as a share of the
time of all workers, from when each has begun its first task to when the last task begins. Kills
strike a worker's process (its job starts another) and a whole job (its heartbeat is missed, and
another job is submitted) in turn; then the time without a worker counts too, so the share of the
workers that live is told beside it. A task that ended twice was killed between its end and its
answer.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import hpopt
from hpopt.executors.slurm import SlurmExecutor
from tests.executors.batch_system import BatchSystem

PATIENCE = 8.0  # seconds; workers here share a machine, so that none is silent for long


@dataclass(frozen=True)
class Ran:
    """A task that ended."""

    number: int
    worker: str
    start: float
    end: float


def problem_of(log: Path, seconds: float) -> hpopt.FunctionProblem:
    """Sleep, and note in the log what ended where and when."""

    def evaluate(config, trial):
        start = time.time()
        time.sleep(seconds)
        line = f"{trial.number} {os.getppid()} {start} {time.time()}\n"
        descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, line.encode())
        os.close(descriptor)
        return config["x"]

    return hpopt.FunctionProblem(evaluate, {"x": hpopt.Float(0, 1)})


class Killer:
    """Kill something every few seconds, from when all workers work."""

    def __init__(self, system: BatchSystem, log: Path, n_workers: int, n: int, every: float):
        self._system, self._log, self._n_workers = system, log, n_workers
        self._n, self._every = n, every
        self.n_done = 0
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        rng = random.Random(0)
        while not self._ends.wait(0.5):
            if len({ran.worker for ran in read(self._log)}) >= self._n_workers:
                break
        while self.n_done < self._n and not self._ends.wait(self._every):
            workers = {ran.worker for ran in read(self._log) if ran.end > time.time() - 3}
            if not workers:
                continue
            worker = int(rng.choice(sorted(workers)))
            try:
                if self.n_done % 2:
                    os.killpg(os.getpgid(worker), signal.SIGKILL)
                else:
                    os.kill(worker, signal.SIGKILL)
            except ProcessLookupError:
                continue
            self.n_done += 1

    def end(self) -> None:
        self._ends.set()
        self._thread.join()


def read(log: Path) -> list[Ran]:
    if not log.exists():
        return []
    lines = [line.split() for line in log.read_text().splitlines()]
    return [Ran(int(n), worker, float(start), float(end)) for n, worker, start, end in lines]


def utilisation(ran: list[Ran], n_workers: int) -> float:
    first: dict[str, float] = {}
    for each in sorted(ran, key=lambda each: each.start):
        first.setdefault(each.worker, each.start)
    begin = sorted(first.values())[min(n_workers, len(first)) - 1]
    end = max(each.start for each in ran)
    busy = sum(max(0.0, min(each.end, end) - max(each.start, begin)) for each in ran)
    return busy / (n_workers * max(end - begin, 1e-9))


def of_the_living(ran: list[Ran]) -> float:
    """Return the share of the time between a worker's first task and its last that tasks took."""
    by_worker: dict[str, list[Ran]] = {}
    for each in ran:
        by_worker.setdefault(each.worker, []).append(each)
    several = [own for own in by_worker.values() if len(own) > 1]
    busy = sum(each.end - each.start for own in several for each in own)
    alive = sum(max(e.end for e in own) - min(e.start for e in own) for own in several)
    return busy / max(alive, 1e-9)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--kills", type=int, default=0)
    arguments = parser.parse_args()
    load = os.getloadavg()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), arguments)
    print(f"load average before: {load[0]:.1f}, after: {os.getloadavg()[0]:.1f}")


def measure(folder: Path, arguments: argparse.Namespace) -> None:
    system, log = BatchSystem(folder), folder / "log"
    shortest = arguments.tasks * arguments.seconds / arguments.workers
    every = 0.8 * shortest / max(1, arguments.kills)
    killer = Killer(system, log, arguments.workers, arguments.kills, every)
    began, cpu = time.time(), time.process_time()
    try:
        with SlurmExecutor(
            arguments.workers,
            submit=system.submit,
            cancel=system.cancel,
            folder=folder / "spool",
            patience=PATIENCE,
        ) as executor:
            result = hpopt.optimize(
                problem_of(log, arguments.seconds),
                "random",
                trials=arguments.tasks,
                executor=executor,
                retries=20,
                seed=0,
                progress=False,
            )
            seconds = time.time() - began
    finally:
        killer.end()
        system.end()
    ran = read(log)
    again = [number for number, times in Counter(each.number for each in ran).items() if times > 1]
    statuses = Counter(trial.status for trial in result.trials)
    print(f"{arguments.tasks} tasks of {arguments.seconds:g} s, {arguments.workers} workers")
    print(f"kills: {killer.n_done}; jobs submitted: {len(system.jobs)}")
    print(
        f"utilisation: {utilisation(ran, arguments.workers):.3f}, of the workers that live: "
        f"{of_the_living(ran):.3f}"
    )
    print(f"statuses: {dict(statuses)}; lost: {arguments.tasks - statuses['complete']}")
    print(f"ended twice: {len(again)} {again[:10] or ''}")
    print(
        f"seconds: {seconds:.1f} ({shortest:.1f} at best), of the driver's CPU: "
        f"{time.process_time() - cpu:.1f}"
    )


if __name__ == "__main__":
    main()
