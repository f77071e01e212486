"""Promise 6: the executor knows nothing, so any executor will do."""

import gc
import multiprocessing
import os
import socket
import threading
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

import hpopt
from hpopt.core import Optimizer
from hpopt.storage import MemoryStorage

from .conftest import wait_until
from .problems import Line, Mixed, essence, numbers

N_TRIALS = 12


@pytest.fixture(scope="module")
def expected():
    return essence(
        hpopt.optimize(Mixed(), "genetic", trials=N_TRIALS, seed=4, progress=False).trials
    )


def run(**options):
    return hpopt.optimize(
        Mixed(), "genetic", trials=N_TRIALS, seed=4, progress=False, **options
    ).trials


class TestStandardLibrary:
    def test_threads(self, expected):
        with ThreadPoolExecutor(3) as threads:
            assert essence(run(executor=threads, workers=3)) == expected
            assert threads.submit(abs, -1).result() == 1  # whoever made it shuts it down

    def test_processes(self, expected):
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(2, mp_context=context) as pool:
            assert essence(run(executor=pool, workers=2)) == expected
            assert pool.submit(abs, -1).result() == 1


class Where(Line):
    """Say in which process and thread it is evaluated."""

    def evaluate(self, config, trial):
        found = super().evaluate(config, trial)
        return {"value": found, "pid": os.getpid(), "thread": threading.current_thread().name}


@pytest.mark.parametrize("kind", ["processes", "threads", "serial"])
def test_each_trial_says_where_it_ran(processes, kind):
    executor = processes if kind == "processes" else kind
    options = {"executor": executor, "workers": 1 if kind == "serial" else 3}
    result = hpopt.optimize(Where(), "random", trials=6, seed=1, progress=False, **options)
    for trial in result.trials:
        place = f"{socket.gethostname()}:{trial.values['pid']:.0f}"
        thread = trial.info["thread"]
        assert trial.worker == (place if thread == "MainThread" else f"{place}/{thread}")
    assert {trial.values["pid"] == os.getpid() for trial in result.trials} == {kind != "processes"}
    assert ("/" in result.trials[0].worker) == (kind == "threads")


@pytest.mark.parametrize("executor", ["serial", None])
def test_in_the_callers_own_thread(expected, executor):
    threads = set()

    class Here(Mixed):
        def evaluate(self, config, trial):
            threads.add(threading.get_ident())
            return super().evaluate(config, trial)

    trials = hpopt.optimize(
        Here(), "genetic", trials=N_TRIALS, seed=4, progress=False, executor=executor
    ).trials
    assert essence(trials) == expected
    assert threads == {threading.get_ident()}


class Plain(Executor):
    """The least that an executor is; it says nothing of its size, and looks at what it gets."""

    def __init__(self):
        self.calls = []
        self.n_running = self.most = 0

    def submit(self, fn, /, *args, **kwargs):
        self.calls.append((fn, args, kwargs))
        self.n_running += 1
        self.most = max(self.most, self.n_running)
        future = Future()

        def work():
            result = fn(*args, **kwargs)
            self.n_running -= 1
            future.set_result(result)

        threading.Thread(target=work).start()
        return future


@pytest.mark.parametrize("workers", [1, 4])
def test_the_least_that_an_executor_is(expected, workers):
    plain = Plain()
    assert essence(run(executor=plain, workers=workers)) == expected
    assert plain.most <= workers
    assert len(plain.calls) == N_TRIALS
    for fn, args, kwargs in plain.calls:
        problem, solution = args
        assert isinstance(problem, Mixed)
        assert isinstance(solution, hpopt.Solution)
        others = [fn, *kwargs.values()]
        assert not any(isinstance(each, Optimizer | hpopt.Study | MemoryStorage) for each in others)


def test_each_trial_has_a_folder_of_its_own(path):
    class Keeping(Line):
        def evaluate(self, config, trial):
            (trial.directory / "note").write_text(str(trial.number))
            return 0.0

    hpopt.optimize(Keeping(), "random", trials=3, study=path, progress=False)
    folder = path.with_name("study.db.files")
    assert {file.read_text() for file in folder.glob("*/note")} == {"0", "1", "2"}
    assert {child.name for child in folder.iterdir()} == {"0", "1", "2"}


def test_folders_are_made_only_when_wanted_and_go_with_a_study_in_memory(path):
    folders = []

    class Keeping(Line):
        def evaluate(self, config, trial):
            if trial.number == 1:
                folders.append(trial.directory)
                (trial.directory / "note").touch()
            return 0.0

    study = hpopt.Study(Keeping(), "random")
    result = study.run(trials=2, progress=False)
    assert folders[0].is_dir()
    assert len(list(folders[0].parent.iterdir())) == 1
    del study, result
    gc.collect()
    assert not folders[0].parent.exists()
    hpopt.optimize(Line(), "random", trials=2, study=path, progress=False)
    assert not path.with_name("study.db.files").exists()


class TestNothingIsLeft:
    """Trials come and go; threads, files and processes must not pile up."""

    def state(self):
        gc.collect()
        folder, files = Path("/proc/self/fd"), []
        for _ in range(5):  # the watchdog opens files of /proc now and then, for a moment
            files.append(len(list(folder.iterdir())) if folder.is_dir() else 0)
            time.sleep(0.01)
        return threading.active_count(), min(files), len(psutil.Process().children(recursive=True))

    def test_after_two_thousand_trials(self, path):
        states = []

        def look(study, trial):
            if trial.number in (200, 1100, 1999):
                states.append(self.state())

        hpopt.optimize(Line(), "random", trials=2000, study=path, callbacks=[look], progress=False)
        assert len(states) == 3
        assert states[0] == states[1] == states[2]

    def test_after_many_studies(self, path):
        hpopt.optimize(Line(), "random", trials=1, study=path, progress=False)
        before = self.state()
        for trials in range(2, 22):
            result = hpopt.optimize(Line(), trials=trials, study=path, progress=False)
            assert numbers(result.trials) == list(range(trials))
            hpopt.optimize(Line(), "random", trials=2, progress=False)
        assert self.state() == before

    def test_after_runs_in_processes(self):
        study = hpopt.Study(Line(), "random")
        study.run(trials=1, progress=False)
        before = self.state()
        for _ in range(2):
            study.run(trials=3, workers=2, progress=False)
            assert wait_until(lambda: self.state() == before)
