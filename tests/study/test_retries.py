"""A trial whose worker was lost runs again, under its own number and seed, and then is lost."""

import os
import signal
import threading
import time
from concurrent.futures import Executor, Future
from pathlib import Path

import pytest

import hpopt
from hpopt.errors import SettingError, WorkerLost

from .problems import STRATEGIES, Greedy, Line, Mixed, essence, numbers


class Losing(Executor):
    """Lose the first calls of each number, so many times."""

    def __init__(self, times):
        self.times, self.calls = times, []

    def submit(self, fn, /, *args, **kwargs):
        future, solution = Future(), args[1]
        self.calls.append((solution.number, solution.seed, tuple(solution.point)))
        n_before = sum(number == solution.number for number, *_ in self.calls)
        if n_before <= self.times:
            future.set_exception(WorkerLost("the machine went away", seconds=1.5))
        else:
            future.set_result(fn(*args, **kwargs))
        return future


@pytest.mark.parametrize("retries", [1, 2])
@pytest.mark.parametrize("window", [None, 3])
def test_what_was_lost_runs_again_and_nobody_can_tell(path, retries, window):
    make = Greedy if window else STRATEGIES["genetic"]
    losing = Losing(retries)
    result = hpopt.optimize(
        Mixed(),
        make(),
        trials=12,
        seed=7,
        workers=3,
        window=window,
        executor=losing,
        retries=retries,
        study=path,
        progress=False,
    )
    alone = hpopt.optimize(Mixed(), make(), trials=12, seed=7, window=window, progress=False)
    assert essence(result.trials) == essence(alone.trials)
    assert len(losing.calls) == 12 * (1 + retries)
    assert len(set(losing.calls)) == 12


def test_what_is_lost_again_is_lost():
    losing = Losing(3)
    result = hpopt.optimize(
        Line(), "random", trials=4, workers=2, executor=losing, retries=2, progress=False
    )
    assert numbers(result.trials) == [0, 1, 2, 3]
    assert {trial.status for trial in result.trials} == {"lost"}
    assert {t.error for t in result.trials} == {"the machine went away (lost 3 times)"}
    assert len(losing.calls) == 12


def test_none_runs_again_where_none_shall():
    losing = Losing(1)
    result = hpopt.optimize(
        Line(), "random", trials=4, workers=2, executor=losing, retries=0, progress=False
    )
    assert {t.error for t in result.trials} == {"the machine went away"}
    assert len(losing.calls) == 4


@pytest.mark.parametrize("retries", [-1, 1.5, True, "once", None])
def test_retries_are_counted(retries):
    with pytest.raises(SettingError, match="retries must be an int of at least 0"):
        hpopt.optimize(Line(), "random", trials=1, retries=retries, progress=False)


class Fragile(Line):
    """Some evaluations die the first time, others each time, one hangs."""

    def __init__(self, folder):
        self.folder = folder

    def evaluate(self, config, trial):
        log = Path(self.folder) / str(trial.number)
        with log.open("a") as file:
            file.write("x")
        first = log.read_text() == "x"
        if (trial.number == 1 and first) or trial.number == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        if trial.number == 3:
            time.sleep(1000)
        return super().evaluate(config, trial)


def test_in_worker_processes(tmp_path):
    result = hpopt.optimize(
        Fragile(tmp_path),
        "random",
        trials=5,
        workers=2,
        limits=hpopt.Limits(seconds=1),
        progress=False,
    )
    statuses = [trial.status for trial in result.trials]
    assert statuses == ["complete", "complete", "lost", "timeout", "complete"]
    evaluated = [(tmp_path / str(number)).read_text() for number in range(5)]
    assert evaluated == ["x", "xx", "xx", "x", "x"]


def test_a_run_that_was_stopped_starts_nothing_again(path):
    """What was lost while it ended is cut off, and evaluated when the study goes on."""

    class Slow(Losing):
        def submit(self, fn, /, *args, **kwargs):
            future, inner = Future(), super().submit(fn, *args, **kwargs)
            copy = future.set_exception if inner.exception() else future.set_result
            threading.Timer(0.2, copy, [inner.exception() or inner.result()]).start()
            return future

    with hpopt.Study(Line(), "random", path=path, seed=3) as study:
        result = study.run(trials=1, timeout=0.05, executor=Slow(1), progress=False)
        assert result.trials == []
        assert [each.number for each in study.running] == [0]
        assert numbers(study.run(trials=2, progress=False).trials) == [0, 1]
