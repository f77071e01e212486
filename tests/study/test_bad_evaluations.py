# ruff: noqa: T201
"""Promise 4: a bad evaluation is a value, never the end of the run."""

import os
import signal
import sys
import threading
import time
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor

import numpy as np
import pytest

import hpopt
from hpopt.errors import (
    NoValuesError,
    ProblemError,
    StudyError,
    TimeLimitExceeded,
    WorkerNotStarted,
)

from .problems import Line, numbers


class Unreadable(Exception):
    def __str__(self):
        raise RuntimeError("no text")


class Deadly(hpopt.Problem):
    """Each kind is another way to go wrong, and is evaluated once."""

    def __init__(self, kinds):
        self.space = hpopt.Space({"kind": hpopt.Categorical(kinds)})

    def evaluate(self, config, trial):
        print(f"this is {config['kind']}")
        return getattr(self, config["kind"])()

    def fine(self):
        return 1.0

    def raises(self):
        raise ValueError("the rate must be\npositive")

    def raises_unreadably(self):
        raise Unreadable

    def ends(self):
        sys.exit("enough")

    def nan(self):
        return float("nan")

    def infinite(self):
        return {"value": -np.inf, "other": 1}

    def none(self):
        return None

    def text(self):
        return "0.5"

    def array(self):
        return np.zeros(3)

    def wrong_names(self):
        return {"loss": 0.5}

    def text_inside(self):
        return {"value": "0.5", "other": 1}

    def memory_error(self):
        raise MemoryError

    def hangs(self):
        time.sleep(1000)

    def exits(self):
        os._exit(3)

    def crashes(self):
        os.kill(os.getpid(), signal.SIGSEGV)

    def eats(self):
        data = b"x" * 600_000_000
        time.sleep(1000)
        return len(data)

    def floods(self):
        for _ in range(3000):
            print("x" * 1000)
        return 1.0


HARMLESS = {
    "fine": ("complete", None),
    "raises": ("failed", "ValueError: the rate must be positive"),
    "raises_unreadably": ("failed", "Unreadable"),
    "ends": ("failed", "SystemExit: enough"),
    "nan": ("invalid", "objective 'value' is nan"),
    "infinite": ("invalid", "objective 'value' is -inf"),
    "none": ("failed", "must return a number, but 'value' is NoneType None"),
    "text": ("failed", "must return a number, but 'value' is str '0.5'"),
    "array": ("failed", "must return a number, but 'value' is ndarray"),
    "wrong_names": ("failed", "must return the objectives ['value'], but returned ['loss']"),
    "text_inside": ("failed", "must return numbers for its objectives, but 'value' is str '0.5'"),
    "memory_error": ("out_of_memory", "MemoryError"),
}
DEADLY = {
    "hangs": ("timeout", "longer than its limit of 3 s"),
    "exits": ("lost", "exit code 3"),
    "crashes": ("lost", "segmentation fault"),
    "floods": ("complete", None),
}


def check(trials, expected):
    assert numbers(trials) == list(range(len(expected)))
    assert {trial.config["kind"] for trial in trials} == set(expected)
    for trial in trials:
        status, words = expected[trial.config["kind"]]
        assert (trial.config["kind"], trial.status) == (trial.config["kind"], status)
        if words is None:
            assert trial.error is None
            assert trial.values == {"value": 1.0}
        else:
            assert words in trial.error
            assert "\n" not in trial.error
            assert trial.values == {}


class TestSerial:
    @pytest.fixture
    def result(self, path):
        return hpopt.optimize(Deadly(list(HARMLESS)), "grid", trials=50, study=path, progress=False)

    def test_each_has_its_status_and_its_error(self, result):
        check(result.trials, HARMLESS)
        assert result.reason == "all 12 configurations that there are have been tried"

    def test_a_traceback_says_where(self, result):
        by_kind = {trial.config["kind"]: trial for trial in result.trials}
        assert "in raises\n" in by_kind["raises"].traceback
        assert "ValueError: the rate must be\npositive" in by_kind["raises"].traceback
        assert by_kind["nan"].traceback is None

    def test_the_best_is_one_with_a_value(self, result):
        assert result.best.config == {"kind": "fine"}

    def test_nothing_is_best_where_nothing_is_good(self):
        result = hpopt.optimize(Deadly(["nan", "raises"]), "grid", progress=False)
        with pytest.raises(NoValuesError):
            _ = result.best
        assert [trial.status for trial in result.trials] == ["invalid", "failed"]
        assert "no values" in repr(result)
        assert result.front == []


def test_in_worker_processes(path):
    kinds = HARMLESS | DEADLY
    with hpopt.Study(Deadly(list(kinds)), "grid", path=path) as study:
        result = study.run(trials=50, workers=2, limits=hpopt.Limits(seconds=3), progress=False)
        check(result.trials, kinds)
        by_kind = {trial.config["kind"]: trial for trial in result.trials}
        assert by_kind["hangs"].seconds > 3
        assert "in raises\n" in by_kind["raises"].traceback
        assert study.output(by_kind["crashes"].number).startswith("this is crashes\n")
        flood = ("x" * 1000 + "\n") * 20
        assert study.output(by_kind["floods"].number) == flood[-20_000:]


def test_more_memory_than_allowed():
    limits = hpopt.Limits(memory="400MB")
    result = hpopt.optimize(Deadly(["fine", "eats"]), "grid", limits=limits, progress=False)
    assert [trial.status for trial in result.trials] == ["complete", "out_of_memory"]
    assert "more than its limit of 400 MB" in result.trials[1].error
    assert result.trials[1].memory > 400e6


@pytest.mark.parametrize("strategy", ["random", "quasi_random", "grid", "genetic"])
def test_every_strategy_lives_with_failures(strategy):
    class Unlucky(Line):
        def evaluate(self, config, trial):
            if trial.number % 3:
                raise RuntimeError("bad luck")
            return config["x"] if trial.number % 2 else float("nan")

    optimizer = hpopt.GridSearch(resolution=45) if strategy == "grid" else strategy
    result = hpopt.optimize(Unlucky(), optimizer, trials=45, progress=False)
    assert numbers(result.trials) == list(range(45))
    expected = ["failed" if k % 3 else "complete" if k % 2 else "invalid" for k in range(45)]
    assert [trial.status for trial in result.trials] == expected


def test_several_objectives_must_all_be_there():
    class Two(Line):
        objectives = (hpopt.Objective("loss"), hpopt.Objective("speed", "maximize"))

        def evaluate(self, config, trial):
            given = [
                {"loss": 1, "speed": 2, "size": 3},
                {"loss": 1},
                0.5,
                {"loss": 1, "speed": float("inf")},
                {"loss": 1, "speed": 2, "size": float("nan")},
            ]
            return given[trial.number]

    trials = hpopt.optimize(Two(), "random", trials=5, progress=False).trials
    assert [t.status for t in trials] == ["complete", "failed", "failed", "invalid", "complete"]
    assert trials[0].values == {"loss": 1, "speed": 2, "size": 3}
    assert trials[1].error.endswith("['loss', 'speed'], but returned ['loss']")
    assert "a mapping with the objectives ['loss', 'speed'], but returned float 0.5" in (
        trials[2].error
    )
    assert trials[3].error == "objective 'speed' is inf"


class Rude(Executor):
    """An executor of somebody else's, which loses and breaks things."""

    def __init__(self):
        self.n_calls = 0

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        self.n_calls += 1
        if self.n_calls == 1:
            future.set_exception(ConnectionError("the network is down"))
        elif self.n_calls == 2:
            future.cancel()
            future.set_running_or_notify_cancel()
        elif self.n_calls == 3:
            future.set_result("what is this?")
        elif self.n_calls == 4:
            future.set_exception(CancelledError())
        elif self.n_calls == 5:
            future.set_exception(TimeLimitExceeded("it took too long", seconds=7))
        elif self.n_calls == 6:
            future.set_exception(GeneratorExit())
        else:
            threading.Timer(0.01, lambda: future.set_result(fn(*args, **kwargs))).start()
        return future


def test_an_executor_may_lose_what_it_got(path):
    result = hpopt.optimize(
        Line(),
        "random",
        trials=9,
        workers=3,
        executor=Rude(),
        retries=0,
        study=path,
        progress=False,
    )
    assert numbers(result.trials) == list(range(9))
    lost = ["lost", "lost", "lost", "lost", "timeout", "lost"]
    assert [trial.status for trial in result.trials] == [*lost, *["complete"] * 3]
    errors = [trial.error for trial in result.trials[:6]]
    assert errors[0] == "ConnectionError: the network is down"
    assert errors[1] == "the evaluation was cancelled in its executor"
    assert "what is this?" in errors[2]
    assert errors[4] == "it took too long"
    assert result.trials[4].seconds == 7


def test_an_executor_that_takes_nothing_ends_the_run_and_loses_nothing(path):
    threads = ThreadPoolExecutor(1)
    threads.shutdown()
    with pytest.raises(RuntimeError, match="shutdown"):
        hpopt.optimize(
            Line(), "random", trials=3, executor=threads, study=path, seed=1, progress=False
        )
    result = hpopt.optimize(Line(), trials=3, study=path, progress=False)
    assert [trial.status for trial in result.trials] == ["complete"] * 3
    assert numbers(result.trials) == [0, 1, 2]


class TestWhereNoTrialCouldEverRun:
    def test_a_problem_that_cannot_be_sent(self):
        problem = Line()
        problem.lock = threading.Lock()
        with pytest.raises(hpopt.HpoptError, match=r"Line\.lock .* cannot pickle"):
            hpopt.optimize(problem, "random", trials=4, workers=2, progress=False)
        assert hpopt.optimize(problem, "random", trials=4, progress=False).best.ok

    def test_a_problem_that_cannot_be_loaded_by_the_workers(self, path, monkeypatch):
        problem = Line()
        problem.part = OnlyHere()
        study = hpopt.Study(problem, "random", path=path)
        with study, pytest.raises(ProblemError, match="only in the driver"):
            study.run(trials=4, workers=2, progress=False)
        counts = hpopt.Study.load(path).counts
        assert counts.pop("pending") <= 2
        assert set(counts.values()) == {0}
        del problem.part
        result = hpopt.optimize(problem, trials=4, study=path, workers=2, progress=False)
        assert [trial.status for trial in result.trials] == ["complete"] * 4


DRIVER = os.getpid()


class OnlyHere:
    """It can be pickled by anybody, and loaded by nobody."""

    def __reduce__(self):
        return load_only_here, (os.getpid(),)


def load_only_here(pid):
    if os.getpid() != pid:
        raise ImportError("it lives only in the driver")
    return OnlyHere()


def test_where_no_worker_starts_that_is_one_error_and_not_a_burnt_budget(tmp_path, monkeypatch):
    problem = hpopt.FunctionProblem(lambda config: config["x"], {"x": hpopt.Float(0, 1)})
    with hpopt.Study(problem, "random", path=tmp_path / "study.db", seed=0) as study:
        with monkeypatch.context() as changed:
            changed.setattr(sys, "executable", "/no/such/python")
            with pytest.raises(StudyError, match=r"/no/such/python.*no trial has run"):
                study.run(trials=5, workers=2, progress=False)
        result = study.run(trials=5, workers=2, progress=False)
    assert [trial.status for trial in result.trials] == ["complete"] * 5


def test_workers_that_are_killed_while_they_start_are_forgiven(path):
    """Once in a while; where none ever starts, that is an error."""
    not_started = []

    class Unlucky(Executor):
        def submit(self, fn, /, *args, **kwargs):
            future = Future()
            if len(not_started) < 2:
                not_started.append(args[1].number)
                future.set_exception(WorkerNotStarted("it was ended by SIGTERM"))
            else:
                future.set_result(fn(*args, **kwargs))
            return future

    with hpopt.Study(Line(), "random", path=path, seed=1) as study:
        result = study.run(trials=4, workers=2, executor=Unlucky(), retries=0, progress=False)
    assert not_started == [0, 1]
    assert numbers(result.trials) == [0, 1, 2, 3]
    assert {trial.status for trial in result.trials} == {"complete"}
