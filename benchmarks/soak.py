"""Mix all faults at random for minutes, and look whether anything was lost, doubled or left behind.

python benchmarks/soak.py                        # 100 kills each, and five minutes of everything
python benchmarks/soak.py --kills 20 --minutes 1
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import soak_driver

import hpopt

DRIVER = Path(soak_driver.__file__)
OLD_SECONDS = 10.0
"""Temporary files of this age have been left behind."""

END_SECONDS = 30.0
"""A driver that was asked to end, and whose trials end within two seconds, must have by then."""


class Drivers:
    """Drivers of one study, one after the other, whose processes and files can all be found."""

    def __init__(self, folder: Path, problem: str, optimizer: str, window: int) -> None:
        self.path, self.log = folder / "study.db", folder / "log"
        self.errors = folder / "errors"
        self.log.touch()
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        self._mark = uuid.uuid4().hex
        self._arguments = [problem, optimizer, str(window)]
        self.finished: set[int] = set()

    def start(self, trials: int) -> subprocess.Popen[bytes]:
        """Start the next driver; it goes on to so many trials in all."""
        environment = {
            **os.environ,
            "SOAK": self._mark,
            "TMPDIR": str(self.temporary),
            "OPENBLAS_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join([str(DRIVER.parents[1]), str(DRIVER.parent)]),
        }
        command = [sys.executable, str(DRIVER), str(self.path), str(self.log), *self._arguments]
        with self.errors.open("w") as errors:
            return subprocess.Popen(
                [*command, str(trials)], env=environment, stderr=errors, cwd=self.temporary
            )

    def last_words(self) -> str:
        """Give the last line that a driver wrote to its stderr."""
        return "".join(self.errors.read_text().strip().splitlines()[-1:])

    def processes(self) -> list[psutil.Process]:
        """Give all living processes of these drivers, themselves included."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                dead = process.status() == psutil.STATUS_ZOMBIE
                if not dead and process.environ().get("SOAK") == self._mark:
                    found.append(process)
        return found

    def evaluated(self) -> list[int]:
        """Give the numbers that evaluations were begun for, in order."""
        return [int(number) for number in self.log.read_text().split()]

    def trials(self) -> list[hpopt.Trial]:
        """Read the finished trials, also where the file has not begun to be a study."""
        try:
            return hpopt.Study.load(self.path).trials
        except hpopt.HpoptError:
            return []

    def look(self, n_before: int) -> Iterator[str]:
        """Say what is wrong, when a driver has ended; before it, so many evaluations had begun."""
        numbers = [trial.number for trial in self.trials()]
        if len(set(numbers)) < len(numbers):
            yield f"told twice: {[n for n, k in Counter(numbers).items() if k > 1]}"
        if lost := self.finished - set(numbers):
            yield f"told and lost: {sorted(lost)}"
        if again := self.finished & set(self.evaluated()[n_before:]):
            yield f"told and evaluated again: {sorted(again)}"
        self.finished = set(numbers)

    def leftovers(self) -> Iterator[str]:
        """Say what is left behind, some time after the last driver has ended."""
        end = time.monotonic() + OLD_SECONDS
        while (left := self.processes()) and time.monotonic() < end:
            time.sleep(0.1)
        if left:
            yield f"left behind: {[' '.join(process.cmdline())[:100] for process in left]}"
        files = [*self.temporary.glob("hpopt-*"), *self.path.parent.glob("study.db?*")]
        if kept := [file.name for file in files if not file.name.endswith(".files")]:
            yield f"left behind: {kept}"


def kills(folder: Path, optimizer: str, window: int, n: int, rng: random.Random) -> list[str]:
    """Kill a driver at random moments, let the last one finish, and compare with one run."""
    drivers = Drivers(folder, "quiet", optimizer, window)
    n_trials = max(200, 6 * n)
    wrong: list[str] = []
    for _ in range(n):
        n_before = len(drivers.evaluated())
        driver = drivers.start(n_trials)
        wanted, patience = n_before + rng.randint(1, 6), rng.choice([rng.uniform(0.2, 1), 20])
        end = time.monotonic() + patience
        while len(drivers.evaluated()) < wanted and time.monotonic() < end:
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.03))
        driver.kill()
        driver.wait()
        wrong += drivers.look(n_before)
    n_before = len(drivers.evaluated())
    if drivers.start(n_trials).wait() != 0:
        wrong.append(f"the last driver failed: {drivers.last_words()}")
    wrong += drivers.look(n_before)
    alone = hpopt.optimize(
        soak_driver.Quiet(),
        optimizer,
        trials=n_trials,
        seed=11,
        window=window or None,
        early_stopping="median" if window else None,
        progress=False,
    )
    if essence(drivers.trials()) != essence(alone.trials):
        wrong.append("the search went on differently")
    return [*wrong, *drivers.leftovers()]


def everything(folder: Path, seconds: float, rng: random.Random) -> tuple[list[str], Counter[str]]:
    """Run evaluations that go wrong while workers and drivers are killed, stopped, interrupted."""
    drivers = Drivers(folder, "wild", "genetic", 0)
    end = time.monotonic() + seconds
    wrong: list[str] = []
    done: Counter[str] = Counter()
    while time.monotonic() < end:
        n_before = len(drivers.evaluated())
        driver = drivers.start(10**6)
        until = min(end, time.monotonic() + rng.uniform(2, 20))
        while time.monotonic() < until and driver.poll() is None:
            time.sleep(rng.uniform(0.1, 0.6))
            if len(drivers.evaluated()) > n_before:  # before that, it gives up when none starts
                done[strike(drivers, driver, rng)] += 1
        if driver.poll() is not None:
            wrong.append(f"a driver ended with {driver.returncode}: {drivers.last_words()}")
        how = rng.choice([signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
        driver.send_signal(how)
        done[f"driver {how.name}"] += 1
        try:
            driver.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            wrong.append(f"a driver did not end after {how.name}")
            driver.kill()
            driver.wait()
        wrong += drivers.look(n_before)
    n_trials = len(drivers.trials()) + 30
    n_before = len(drivers.evaluated())
    if drivers.start(n_trials).wait() != 0:
        wrong.append(f"the last driver failed: {drivers.last_words()}")
    wrong += drivers.look(n_before)
    trials = drivers.trials()
    if [trial.number for trial in trials] != list(range(n_trials)):
        wrong.append(f"not every number is there once: {len(trials)} of {n_trials}")
    for trial in trials:
        done[trial.status] += 1
        fault = soak_driver.fault_of(trial.solution.seed)
        expected = ("complete",) if fault is None else soak_driver.FAULTS[fault]
        if trial.status not in (*expected, "lost", "timeout"):  # those that were struck
            wrong.append(f"{trial.number} is {trial.status}, by {fault}: {trial.error}")
    return [*wrong, *drivers.leftovers()], done


def strike(drivers: Drivers, driver: subprocess.Popen[bytes], rng: random.Random) -> str:
    """Do something bad to a worker of a driver, and say what."""
    workers = [process for process in drivers.processes() if is_worker(process, driver)]
    if not workers:
        return "nobody there"
    worker = rng.choice(workers)
    what = rng.choice(["SIGKILL", "SIGSTOP", "SIGSTOP and SIGCONT", "SIGINT", "SIGTERM", "nothing"])
    with contextlib.suppress(psutil.Error):
        if what == "SIGSTOP and SIGCONT":
            worker.suspend()
            time.sleep(0.2)
            worker.resume()
        elif what != "nothing":
            worker.send_signal(signal.Signals[what])
    return f"worker {what}"


def is_worker(process: psutil.Process, driver: subprocess.Popen[bytes]) -> bool:
    """Say whether it is a worker, and not the driver or what removes the driver's files."""
    with contextlib.suppress(psutil.Error):
        return bool(process.pid != driver.pid and process.name() != "sh")
    return False


def essence(trials: list[hpopt.Trial]) -> list[Any]:
    return [(t.number, t.config, t.solution.seed, t.status, dict(t.values)) for t in trials]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=100, help="of a driver, for each strategy")
    parser.add_argument("--minutes", type=float, default=5.0, help="of all faults at random")
    parser.add_argument("--seed", type=int, help="of the moments; by default another each time")
    arguments = parser.parse_args()
    seed = random.SystemRandom().randrange(2**32) if arguments.seed is None else arguments.seed
    print(f"seed {seed}", flush=True)
    rng = random.Random(seed)
    n_wrong = 0

    def report(what: str, wrong: list[str]) -> None:
        nonlocal n_wrong
        n_wrong += len(wrong)
        print(f"{what}: {'fine' if not wrong else ''}", flush=True)
        for each in wrong:
            print(f"  WRONG: {each}", flush=True)

    for optimizer, window in (("genetic", 0), ("regularized", soak_driver.WORKERS)):
        if arguments.kills:
            with tempfile.TemporaryDirectory(prefix="soak-") as folder:
                wrong = kills(Path(folder), optimizer, window, arguments.kills, rng)
            report(f"{arguments.kills} kills, {optimizer}, window {window or 'none'}", wrong)
    if arguments.minutes:
        with tempfile.TemporaryDirectory(prefix="soak-") as folder:
            wrong, done = everything(Path(folder), 60 * arguments.minutes, rng)
        report(f"{arguments.minutes:g} minutes of everything", wrong)
        print("  " + ", ".join(f"{n} {what}" for what, n in sorted(done.items())))
    return 1 if n_wrong else 0


if __name__ == "__main__":
    sys.exit(main())
