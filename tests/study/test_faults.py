"""Faults from outside and within: every number once, nothing told lost, nothing left behind."""

import functools
import itertools
import logging
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

import hpopt
from hpopt.errors import DiskFullError, StudyLockedError
from hpopt.executors import ProcessExecutor
from hpopt.storage import SQLiteStorage
from hpopt.study import loop

from .conftest import wait_until
from .problems import KNOWN_GOOD, STRATEGIES, Line, Mixed, essence, numbers, stored

# -- the machine ---------------------------------------------------------------------------------


class FullDisk:
    """Let a storage write, but not while the disk is full."""

    def __init__(self, monkeypatch):
        self.is_full, self.n_refused = False, 0
        for method in ("started", "append"):
            monkeypatch.setattr(SQLiteStorage, method, self._refusing(method))

    def _refusing(self, method):
        write = getattr(SQLiteStorage, method)

        @functools.wraps(write)
        def refuse_or_write(storage, *arguments):
            if self.is_full:
                self.n_refused += 1
                error = sqlite3.OperationalError("database or disk is full")
                raise hpopt.storage.damage.study_error(error, storage.path)
            write(storage, *arguments)

        return refuse_or_write


@pytest.fixture
def disk(monkeypatch):
    monkeypatch.setattr(loop, "ROOM_SECONDS", 0.02)
    monkeypatch.setattr(loop, "POLL_SECONDS", 0.01)
    return FullDisk(monkeypatch)


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("window", [None, 3])
def test_a_full_disk_pauses_the_run_until_there_is_room(
    disk, path, processes, caplog, workers, window
):
    def fill(study, trial):
        if trial.number in (4, 9):
            disk.is_full, disk.n_refused = True, 0
            threading.Thread(target=make_room).start()

    def make_room():
        wait_until(lambda: disk.n_refused >= 3)
        disk.is_full = False

    options = {"workers": workers, "executor": processes} if workers > 1 else {}
    with caplog.at_level(logging.WARNING, logger="hpopt"):
        result = hpopt.optimize(
            Mixed(),
            STRATEGIES["genetic"](),
            trials=20,
            seed=7,
            window=window,
            study=path,
            callbacks=[fill],
            progress=False,
            **options,
        )
    alone = hpopt.optimize(
        Mixed(), STRATEGIES["genetic"](), trials=20, seed=7, window=window, progress=False
    )
    assert essence(result.trials) == essence(stored(path)) == essence(alone.trials)
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 4
    assert "needs a disk with room" in messages[0]
    assert "The run waits for room" in messages[0]
    assert "the run goes on" in messages[1]


def test_a_run_that_waits_for_room_can_be_stopped(disk, path):
    """It raises what is the matter; with room, the study goes on where the file ends."""
    with hpopt.Study(Line(), "random", path=path, seed=3) as study:

        def fill(study, trial):
            if trial.number == 4:
                disk.is_full = True
                threading.Timer(0.2, study.stop_soon).start()

        with pytest.raises(DiskFullError, match="make room, then resume"):
            study.run(trials=10, callbacks=[fill], progress=False)
        assert numbers(study.trials) == [0, 1, 2, 3, 4]
        disk.is_full = False
        assert numbers(study.run(trials=5, progress=False).trials) == list(range(10))
    again = hpopt.optimize(Line(), "random", trials=10, seed=3, progress=False)
    assert essence(stored(path)) == essence(again.trials)


def test_tell_raises_on_a_full_disk_and_may_be_called_again(disk, path):
    with hpopt.Study(Line(), "random", path=path, seed=3) as study:
        solution = study.ask()
        disk.is_full = True
        with pytest.raises(DiskFullError):
            study.tell(solution, 1.0)
        with pytest.raises(DiskFullError):
            study.ask()
        disk.is_full = False
        study.tell(solution, 1.0)
        assert study.ask().number == 1


LIMITED = """
import resource, signal, sys, threading, time
import hpopt

limit = int(sys.argv[2])
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
hpopt.study.loop.ROOM_SECONDS = 0.1


class Wide(hpopt.Problem):
    space = hpopt.Space({"x": hpopt.Float(0, 1)})

    def evaluate(self, config, trial):
        print("x" * 3000)
        raise ValueError("y" * 2000)


class Display(hpopt.progress.ProgressDisplay):
    def show(self, snapshot):
        pass

    def say(self, message):
        if "trial 0 failed" not in message:
            print(message, flush=True)
        if "waits for room" in message:
            threading.Timer(0.3, resource.setrlimit, (resource.RLIMIT_FSIZE, (hard, hard))).start()


with hpopt.Study(Wide(), "random", path=sys.argv[1], seed=1) as study:
    result = study.run(trials=150, fail_fast=0, progress=Display())
    print(len(result.trials), result.counts["failed"])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such limits")
def test_sqlite_itself_runs_out_of_room(start_script, path):
    """As the system refuses to let a file grow, in the middle of a write."""
    code = LIMITED.replace("import hpopt\n", "import hpopt, hpopt.progress, hpopt.study.loop\n", 1)
    process = start_script(code, path, 300_000)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    said = [line for line in output.splitlines() if not line.startswith("x")]
    assert "The run waits for room" in said[0]
    assert said[1:] == ["there is room on the disk again: the run goes on", "150 150"]
    assert numbers(stored(path)) == list(range(150))


def test_a_clock_that_steps_back_moves_nothing(path, monkeypatch):
    real = time.time

    class Stepping(Line):
        def evaluate(self, config, trial):
            if trial.number % 3 == 1:
                hours = -3600.0 * trial.number
                monkeypatch.setattr(time, "time", lambda: real() + hours)
            return super().evaluate(config, trial)

    trials = hpopt.optimize(
        Stepping(), "random", trials=12, study=path, seed=1, timeout=60, progress=False
    ).trials
    assert numbers(trials) == list(range(12))
    assert all(0 <= trial.seconds < 10 for trial in trials)
    assert any(a.started > b.started for a, b in itertools.pairwise(trials))
    with hpopt.Study(Line(), path=path) as study:
        solution = study.ask()
        monkeypatch.setattr(time, "time", lambda: 1000.0)
        assert study.tell(solution, 1.0).seconds == 0.0


def test_a_second_driver_is_turned_away_and_disturbs_nobody(path):
    said = []

    class Disturbed(Line):
        def evaluate(self, config, trial):
            if trial.number == 3:
                code = f"import hpopt; hpopt.Study.load({str(path)!r}); print('read')"
                code += (
                    "\nclass Line(hpopt.Problem):\n"
                    "    space = hpopt.Space({'x': hpopt.Float(-5, 5)})\n"
                    "    def evaluate(self, config, trial): return 0.0\n"
                    f"hpopt.optimize(Line(), trials=9, study={str(path)!r})"
                )
                command = [sys.executable, "-c", code]
                said.append(subprocess.run(command, capture_output=True, text=True, check=False))
            return super().evaluate(config, trial)

    result = hpopt.optimize(Disturbed(), "random", trials=6, study=path, seed=1, progress=False)
    assert numbers(result.trials) == list(range(6))
    assert said[0].stdout == "read\n"
    assert f"{StudyLockedError.__name__}: a study has one writer" in said[0].stderr
    assert f"process {os.getpid()}" in said[0].stderr


# -- workers -------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="processes cannot be stopped here")
@pytest.mark.parametrize("how", ["SIGKILL", "SIGSTOP", "SIGSTOP and SIGCONT"])
def test_a_worker_that_is_killed_or_stopped_from_outside(tmp_path, how):
    class Slow(Line):
        def evaluate(self, config, trial):
            with (tmp_path / str(trial.number)).open("a") as file:
                file.write(f"{os.getpid()} ")
            time.sleep(0.3)
            return super().evaluate(config, trial)

    def strike():
        log = tmp_path / "2"
        wait_until(lambda: log.exists() and log.read_text().strip())
        pid = int(log.read_text().split()[0])
        os.kill(pid, signal.SIGKILL if how == "SIGKILL" else signal.SIGSTOP)
        if "and" in how:
            time.sleep(0.5)
            os.kill(pid, signal.SIGCONT)

    thread = threading.Thread(target=strike)
    thread.start()
    limits = hpopt.Limits(seconds=2)
    trials = hpopt.optimize(
        Slow(), "random", trials=6, seed=1, workers=2, limits=limits, progress=False
    ).trials
    thread.join()
    assert numbers(trials) == list(range(6))
    expected = ["complete"] * 6
    if how == "SIGSTOP":
        expected[2] = "timeout"
    assert [trial.status for trial in trials] == expected
    n_times = [len((tmp_path / str(number)).read_text().split()) for number in range(6)]
    assert n_times == [1, 1, 2 if how == "SIGKILL" else 1, 1, 1, 1]


class Wild(hpopt.Problem):
    """Each kind is another way to go wrong in a process of its own."""

    objectives = (hpopt.Objective("value"),)

    def __init__(self, kinds, folder):
        self.space = hpopt.Space({"kind": hpopt.Categorical(kinds)})
        self.folder = folder

    def evaluate(self, config, trial):
        return getattr(self, config["kind"])()

    def fine(self):
        return 1.0

    def leaves_orphans(self):
        for _ in range(2):
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    with (Path(self.folder) / "orphans").open("a") as file:
                        file.write(f"{os.getpid()} ")
                    time.sleep(1000)
                os._exit(0)
        wait_until(lambda: self._n_orphans() == 2)
        return 1.0

    def _n_orphans(self):
        log = Path(self.folder) / "orphans"
        return len(log.read_text().split()) if log.exists() else 0

    def ignores_signals(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        while True:
            time.sleep(0.01)

    def terminates_itself(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(1000)

    def allocates(self):
        kept = []
        while True:
            kept.append(b"x" * 50_000_000)
            time.sleep(0.002)

    def returns_much(self):
        return bytes(10**9)  # the system gives the pages of zeros when they are looked at

    def returns_much_as_a_metric(self):
        return {"value": 1.0, "model": np.zeros(20_000_000)}

    def returns_a_lock(self):
        return {"value": 1.0, "lock": threading.Lock()}

    def raises_much(self):
        raise ValueError("x" * 20_000_000)

    def raises_a_lock(self):
        class Locked(Exception):
            def __init__(self):
                super().__init__("it holds a lock")
                self.lock = threading.Lock()

        raise Locked

    def raises_what_cannot_be_made_again(self):
        class Picky(Exception):
            def __init__(self, first, second):
                super().__init__(first)

        raise Picky("one", "two")


WILD = {
    "fine": ("complete", None),
    "leaves_orphans": ("complete", None),
    "ignores_signals": ("timeout", "longer than its limit"),
    "terminates_itself": ("lost", "SIGTERM"),
    "allocates": ("out_of_memory", "more than its limit of 500 MB"),
    "returns_much": ("failed", "is bytes of 1000000033 bytes"),
    "returns_much_as_a_metric": ("complete", None),
    "returns_a_lock": ("complete", None),
    "raises_much": ("failed", "… (20000000 characters) …"),
    "raises_a_lock": ("failed", "Locked: it holds a lock"),
    "raises_what_cannot_be_made_again": ("failed", "Picky: one"),
}


def test_whatever_an_evaluation_does_to_its_process(path):
    limits = hpopt.Limits(seconds=3, memory="500MB")
    with ProcessExecutor(2, limits=limits) as executor:
        trials = hpopt.optimize(
            Wild(list(WILD), str(path.parent)),
            "grid",
            workers=2,
            executor=executor,
            study=path,
            progress=False,
        ).trials
    assert numbers(trials) == list(range(len(WILD)))
    for trial in trials:
        status, words = WILD[trial.config["kind"]]
        assert (trial.config["kind"], trial.status) == (trial.config["kind"], status), trial.error
        assert words is None or words in trial.error
    notes = {trial.config["kind"]: trial.info for trial in trials if trial.info}
    assert notes.pop("returns_much_as_a_metric")["model"].startswith("ndarray of 1600")
    assert notes.pop("returns_a_lock")["lock"].startswith("<unlocked _thread.lock object")
    assert notes == {}
    orphans = [int(pid) for pid in (path.parent / "orphans").read_text().split()]
    assert wait_until(lambda: not any(map(psutil.pid_exists, orphans)))
    assert essence(stored(path)) == essence(trials)


# -- evaluations that do not mind their own business ---------------------------------------------


class Meddling(Mixed):
    """It gives what `Mixed` gives, and leaves everything around it changed."""

    def __init__(self, folder):
        super().__init__()
        self.folder = folder

    def evaluate(self, config, trial):
        value = super().evaluate(config, trial)
        for layer in config["layers"]:
            layer.clear()
        config["layers"].clear()
        config.clear()
        random.seed(0)
        np.random.seed(0)
        os.chdir(self.folder)
        os.environ["TMPDIR"] = "/nowhere"
        sys.path.insert(0, "/nowhere")
        sys.argv[1:] = ["changed"]
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        threading.current_thread().name = "mine"
        return value


@pytest.mark.parametrize("workers", [1, 2])
def test_a_meddling_evaluation_changes_only_itself(tmp_path, monkeypatch, workers):
    kept = signal.getsignal(signal.SIGTERM), threading.current_thread().name
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    monkeypatch.setenv("TMPDIR", os.environ.get("TMPDIR", "/tmp"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()

    try:
        trials = hpopt.optimize(
            Meddling(str(tmp_path / "elsewhere")),
            STRATEGIES["genetic"](),
            trials=16,
            seed=3,
            workers=workers,
            start=[KNOWN_GOOD],
            study="study.db",
            progress=False,
        ).trials
    finally:
        signal.signal(signal.SIGTERM, kept[0])
        threading.current_thread().name = kept[1]
    alone = hpopt.optimize(
        Mixed(), STRATEGIES["genetic"](), trials=16, seed=3, start=[KNOWN_GOOD], progress=False
    ).trials
    assert essence(trials) == essence(alone)
    assert essence(stored(tmp_path / "study.db")) == essence(alone)
    assert list((tmp_path / "elsewhere").iterdir()) == []
