"""One more call waits in the executor's line, where that changes nothing but the waiting."""

import threading
from concurrent.futures import Executor, Future

import pytest

import hpopt
from hpopt.stopping import Plateau, Target, Trials
from hpopt.study import dispatch
from hpopt.study.live import folder_of

from .conftest import wait_until
from .problems import Greedy, Line, Mixed, essence, numbers


class InLine(Executor):
    """Two threads and a line before them; it remembers how many calls it had at most."""

    workers, line_a_slot = 2, 0.1

    def __init__(self):
        self.n_calls = self.most = 0
        self._lock = threading.Condition()
        self._slots = threading.Semaphore(self.workers)

    def submit(self, fn, /, *args, **kwargs):
        with self._lock:
            self.n_calls += 1
            self.most = max(self.most, self.n_calls)
        future = Future()
        future.add_done_callback(self._ended)
        threading.Thread(target=self._run, args=(future, fn, args, kwargs)).start()
        return future

    def _run(self, future, fn, args, kwargs):
        with self._slots:
            if future.set_running_or_notify_cancel():
                future.set_result(fn(*args, **kwargs))

    def _ended(self, future):
        with self._lock:
            self.n_calls -= 1


def search(executor, optimizer="random", problem=None, **options):
    options = {"trials": 20, "seed": 5, "progress": False, **options}
    return hpopt.optimize(problem or Mixed(delay=0.01), optimizer, executor=executor, **options)


@pytest.mark.parametrize(
    ("optimizer", "window"),
    [
        (hpopt.RandomSearch, None),
        (lambda: hpopt.GeneticAlgorithm(population=6), None),
        (Greedy, 3),
    ],
)
def test_what_is_decided_waits_and_the_trials_are_the_same(optimizer, window):
    executor = InLine()
    trials = search(executor, optimizer(), window=window).trials
    assert executor.most == 3
    alone = search(None, optimizer(), Mixed(), window=window).trials
    assert essence(trials) == essence(alone)


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": Greedy()},  # the next one depends on what comes
        {"stop": Trials(20) | Target(-1)},
        {"stop": Plateau(30)},
        {"callbacks": [lambda study, trial: None]},
        {"workers": 1},  # its line would be a slot
    ],
)
def test_nothing_waits_where_it_could_be_unwanted(options):
    executor = InLine()
    search(executor, **options)
    assert executor.most == options.get("workers", 2)


def test_nothing_waits_where_trials_take_long(monkeypatch):
    monkeypatch.setattr(dispatch, "SHORT_SECONDS", 1e-9)
    executor = InLine()
    search(executor)
    assert executor.most == 2


class Blocking(Line):
    """Its first trials are short, the others wait for a word."""

    def __init__(self):
        self.begun, self.go = [], threading.Event()

    def evaluate(self, config, trial):
        self.begun.append(trial.number)
        if trial.number >= 4:
            assert self.go.wait(60)
        return 0.0


def test_what_waits_is_taken_back_when_the_run_is_to_end(path):
    """It has not begun, is pending, and comes first when the study goes on."""
    problem, seen = Blocking(), []

    def stop(study):
        read = hpopt.Study.load(path)
        assert wait_until(lambda: len(problem.begun) == 6 and read.counts["pending"] == 3)
        assert wait_until(lambda: [each.number for each in read.running] == [4, 5])
        seen.append(True)
        study.stop_soon()
        problem.go.set()

    with hpopt.Study(problem, "random", path=path, seed=1) as study:
        thread = threading.Thread(target=stop, args=[study])
        thread.start()
        result = study.run(trials=20, executor=InLine(), progress=False)
        thread.join()
        assert numbers(result.trials) == problem.begun == list(range(6))
        assert seen == [True]  # what waits does not run
        assert not folder_of(path).exists()
        assert numbers(study.run(trials=3, progress=False).trials) == list(range(9))
