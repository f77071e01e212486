"""Mix all faults at random for minutes, and look whether anything was lost, doubled or left behind.

python benchmarks/soak.py                        # 100 kills each, and five minutes of everything
python benchmarks/soak.py --kills 20 --minutes 1
python benchmarks/soak.py --kills 0 --minutes 0 --keras-kills 30    # of trainings that are paused
"""

from __future__ import annotations

import argparse
import contextlib
import io
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
        with self.errors.open("w") as errors:
            return subprocess.Popen(self._command(trials), stderr=errors, **self._settings())

    @contextlib.contextmanager
    def parent(self, trials: int) -> Iterator[subprocess.Popen[str]]:
        """Give the process that forks drivers, for `ForkedDriver`."""
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        pipes |= self._settings()
        with (
            self.errors.open("w") as errors,
            subprocess.Popen(self._command(trials), stderr=errors, **pipes) as parent,
        ):
            yield parent

    def _command(self, trials: int) -> list[str]:
        command = [sys.executable, str(DRIVER), str(self.path), str(self.log)]
        return [*command, *self._arguments, str(trials)]

    def _settings(self) -> dict[str, Any]:
        environment = {
            **os.environ,
            "SOAK": self._mark,
            "TMPDIR": str(self.temporary),
            "OPENBLAS_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join([str(DRIVER.parents[1]), str(DRIVER.parent)]),
        }
        return {"env": environment, "cwd": self.temporary}

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
        wait_for_moment(drivers, rng, most=6)
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


class ForkedDriver:
    """A driver of `Drivers` that a process with all imports has forked."""

    def __init__(self, parent: subprocess.Popen[str]) -> None:
        self._parent = parent
        self.pid = self._tell_parent()

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> int:
        """Wait for its end, and give its status."""
        return self._tell_parent()

    def _tell_parent(self) -> int:
        assert self._parent.stdin is not None and self._parent.stdout is not None
        self._parent.stdin.write("next\n")
        self._parent.stdin.flush()
        return int(self._parent.stdout.readline())


def keras_kills(folder: Path, n: int, rng: random.Random) -> list[str]:
    """Kill a search that pauses and continues Keras trainings, and compare with one run."""
    drivers = Drivers(folder, "digits", "asha", 0)
    n_trials = 2 * n
    wrong: list[str] = []
    with drivers.parent(n_trials) as parent:
        for _ in range(n):
            n_before = len(drivers.evaluated())
            driver = ForkedDriver(parent)
            wait_for_moment(drivers, rng, most=3)
            driver.kill()
            driver.wait()
            wrong += drivers.look(n_before)
        n_before = len(drivers.evaluated())
        if ForkedDriver(parent).wait() != 0:
            wrong.append(f"the last driver failed: {drivers.last_words()}")
    wrong += drivers.look(n_before)
    with contextlib.redirect_stdout(io.StringIO()):  # a line for each trial
        alone = soak_driver.drive_digits(str(folder / "alone.db"), None, n_trials)
    if essence(drivers.trials()) != essence(alone):
        wrong.append("the search went on differently")
    if [trial.curve for trial in drivers.trials()] != [trial.curve for trial in alone]:
        wrong.append("trainings went on differently")
    n_continued = len(alone) - len({trial.solution.seed for trial in alone})
    print(f"  {len(alone)} trials, {n_continued} of them continued", flush=True)
    states = {int(path.parent.name) for path in Path(f"{drivers.path}.files").glob("*/training*")}
    latest = {trial.solution.seed: trial for trial in alone}  # of a config, later is higher
    paused = {trial.number for trial in latest.values() if trial.solution.fidelity != 9}
    if states != paused:
        wrong.append(f"states of {sorted(states)} are left, of {sorted(paused)} are needed")
    return [*wrong, *drivers.leftovers()]


def wait_for_moment(drivers: Drivers, rng: random.Random, most: int) -> None:
    """Wait for some evaluations more, or while a driver starts, and a moment longer."""
    wanted = len(drivers.evaluated()) + rng.randint(1, most)
    end = time.monotonic() + rng.choice([rng.uniform(0.2, 1), 20])
    while len(drivers.evaluated()) < wanted and time.monotonic() < end:
        time.sleep(0.002)
    time.sleep(rng.uniform(0, 0.03))


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
    parser.add_argument("--keras-kills", type=int, default=30, help="of Keras trainings")
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
    if arguments.keras_kills:
        with tempfile.TemporaryDirectory(prefix="soak-") as folder:
            wrong = keras_kills(Path(folder), arguments.keras_kills, rng)
        report(f"{arguments.keras_kills} kills, Keras trainings that are continued", wrong)
    if arguments.minutes:
        with tempfile.TemporaryDirectory(prefix="soak-") as folder:
            wrong, done = everything(Path(folder), 60 * arguments.minutes, rng)
        report(f"{arguments.minutes:g} minutes of everything", wrong)
        print("  " + ", ".join(f"{n} {what}" for what, n in sorted(done.items())))
    return 1 if n_wrong else 0


if __name__ == "__main__":
    sys.exit(main())
