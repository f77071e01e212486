"""One driver of a soak: a study of evaluations that go wrong in every way, to be killed at will."""

from __future__ import annotations

import ctypes
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import hpopt
from hpopt.problems.keras import KerasProblem
from hpopt.problems.keras.session import import_keras

LIMITS = hpopt.Limits(seconds=1.5, memory="400MB")
WORKERS = 3

FINE = 70
"""So many of a hundred trials go right."""

FAULTS: dict[str, tuple[str, ...]] = {
    "raises": ("failed",),
    "raises_what_cannot_be_sent": ("failed",),
    "gives_nan": ("invalid",),
    "gives_a_lock": ("failed",),
    "gives_much": ("failed",),
    "runs_out": ("out_of_memory",),
    "allocates": ("out_of_memory",),
    "hangs": ("timeout",),
    "ignores_signals": ("timeout",),
    "stops_itself": ("timeout",),
    "exits": ("lost",),
    "crashes": ("lost",),
    "kills_itself": ("lost",),
    "leaves_orphans": ("complete",),
    "floods": ("complete",),
    "meddles": ("complete",),
}
"""What an evaluation may do, and the statuses that this may have."""


def fault_of(seed: int) -> str | None:
    """Say what the evaluation of a trial's seed does; None where it goes right."""
    rng = random.Random(seed)
    return None if rng.random() * 100 < FINE else rng.choice(list(FAULTS))


class Quiet(hpopt.Problem):
    """Evaluations that go right, after a random while."""

    space = hpopt.Space(
        {
            "x": hpopt.Float(-5, 5),
            "n": hpopt.Int(1, 1000),
            "kind": hpopt.Categorical(["a", "b"]),
            "rate": hpopt.Float(1e-4, 1, log=True, when={"kind": "b"}),
        }
    )

    def __init__(self, log: str | None = None) -> None:
        self.log = log

    def evaluate(self, config: dict[str, Any], trial: hpopt.core.TrialHandle) -> float:
        if self.log is not None:
            with Path(self.log).open("a") as file:
                file.write(f"{trial.number}\n")
            time.sleep(random.Random(os.urandom(8)).uniform(0, 0.02))
        for step in range(3):
            trial.report(step, config["x"])
        return float(config["x"] ** 2 + config["n"] / 1000 + config.get("rate", 0) + trial.seed % 7)


class Wild(Quiet):
    """Evaluations of which many go wrong, each always in the same way."""

    def evaluate(self, config: dict[str, Any], trial: hpopt.core.TrialHandle) -> Any:
        value = super().evaluate(config, trial)
        fault = fault_of(trial.seed)
        return value if fault is None else getattr(self, fault)(config, value)

    def raises(self, config: dict[str, Any], value: float) -> float:
        raise ValueError("on purpose")

    def raises_what_cannot_be_sent(self, config: dict[str, Any], value: float) -> float:
        error = ValueError("on purpose")
        error.lock = threading.Lock()  # type: ignore[attr-defined]
        raise error

    def gives_nan(self, config: dict[str, Any], value: float) -> float:
        return float("nan")

    def gives_a_lock(self, config: dict[str, Any], value: float) -> Any:
        return threading.Lock()

    def gives_much(self, config: dict[str, Any], value: float) -> Any:
        return b"x" * 50_000_000

    def runs_out(self, config: dict[str, Any], value: float) -> float:
        raise MemoryError

    def allocates(self, config: dict[str, Any], value: float) -> float:
        kept = []
        while True:
            kept.append(os.urandom(1000) * 20_000)
            time.sleep(0.005)

    def hangs(self, config: dict[str, Any], value: float) -> float:
        time.sleep(1000)
        return value

    def ignores_signals(self, config: dict[str, Any], value: float) -> float:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        return self.hangs(config, value)

    def stops_itself(self, config: dict[str, Any], value: float) -> float:
        os.kill(os.getpid(), signal.SIGSTOP)
        return self.hangs(config, value)

    def exits(self, config: dict[str, Any], value: float) -> float:
        os._exit(3)

    def crashes(self, config: dict[str, Any], value: float) -> float:
        ctypes.string_at(0)
        return value

    def kills_itself(self, config: dict[str, Any], value: float) -> float:
        os.kill(os.getpid(), signal.SIGKILL)
        return self.hangs(config, value)

    def leaves_orphans(self, config: dict[str, Any], value: float) -> float:
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                time.sleep(1000)
            os._exit(0)
        return value

    def floods(self, config: dict[str, Any], value: float) -> float:
        for _ in range(2000):
            print("x" * 1000)
        return value

    def meddles(self, config: dict[str, Any], value: float) -> float:
        config.clear()
        os.chdir("/")
        random.seed(0)
        os.environ["TMPDIR"] = "/nowhere"
        return value


def digits(log: str | None = None) -> KerasProblem:
    """Return small networks on scikit-learn's digits, whose trainings are paused and continued."""
    import keras
    from sklearn.datasets import load_digits

    class Digits(KerasProblem):
        space = hpopt.Space(
            {
                "units": hpopt.Int(8, 64, log=True),
                "rate": hpopt.Float(1e-4, 1e-1, log=True),
            }
        )

        def build(self, config: dict[str, Any]) -> Any:
            layers = [
                keras.layers.Input((64,)),
                keras.layers.Dense(config["units"], activation="relu"),
                keras.layers.Dropout(0.2),
                keras.layers.Dense(10, activation="softmax"),
            ]
            model = keras.Sequential(layers)
            optimizer = keras.optimizers.Adam(config["rate"])
            model.compile(optimizer, loss="sparse_categorical_crossentropy")
            return model

        def evaluate(self, config: dict[str, Any], trial: hpopt.core.TrialHandle) -> Any:
            if log is not None:
                with Path(log).open("a") as file:
                    file.write(f"{trial.number}\n")
            return super().evaluate(config, trial)

    x, y = load_digits(return_X_y=True)
    settings: dict[str, Any] = {"fidelity": (1, 9), "checkpoint_every": 2, "keep_weights": 0}
    return Digits(x / 16, y, **settings)


def drive_digits(path: str, log: str | None, trials: int) -> list[hpopt.Trial]:
    """Run a study of `digits` by successive halving, in this process."""
    strategy = hpopt.ASHA(reduction=3)
    with hpopt.Study(digits(log), strategy, path=path, seed=11) as study:
        return study.run(stop=hpopt.stopping.Trials(trials), progress=False).trials


def serve(path: str, log: str, trials: int) -> None:
    """Fork a driver of `digits` for each pair of lines, and wait for its end at the second."""
    # What every driver needs is imported once: TensorFlow takes seconds, and starts no threads
    # before its first operation.
    import_keras()
    for _ in sys.stdin:
        driver = os.fork()
        if driver == 0:
            os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # trials print lines
            drive_digits(path, log, trials)
            os._exit(0)
        print(driver, flush=True)
        sys.stdin.readline()  # until then a killed driver stays a zombie, and its number its own
        print(os.waitpid(driver, 0)[1], flush=True)


def drive(path: str, log: str, problem: str, optimizer: str, window: int, trials: int) -> None:
    """Run a study to its end, or until this process is killed."""

    def raise_sometimes(study: hpopt.Study, trial: hpopt.Trial) -> None:
        if trial.number % 10 == 0:
            raise RuntimeError("a callback raises on purpose")

    made = {"quiet": Quiet, "wild": Wild}[problem](log)
    with hpopt.Study(made, optimizer, path=path, seed=11) as study:
        study.run(
            stop=hpopt.stopping.Trials(trials),
            workers=WORKERS,
            limits=LIMITS if problem == "wild" else None,
            window=window or None,
            fail_fast=0,
            early_stopping="median" if window else None,
            callbacks=[raise_sometimes] if problem == "wild" else [],
            progress=False,
        )


if __name__ == "__main__":
    path, log, problem, optimizer, window, trials = sys.argv[1:]
    if problem == "digits":
        serve(path, log, int(trials))
    else:
        drive(path, log, problem, optimizer, int(window), int(trials))
