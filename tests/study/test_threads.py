"""Ask and tell from several threads, and beside a run."""

import math
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import hpopt
from hpopt.errors import ExhaustedError, SettingError, StudyError, WaitingError

from .problems import Line, Mixed, Small, essence, numbers, value_of

THREADS = 6
N = 42


class Ordered(Line):
    """Of numbers alone: what CMA-ES takes."""

    space = hpopt.Space({"x": hpopt.Float(0, 1), "rate": hpopt.Float(1e-4, 1, log=True)})


PROBLEMS = {"cmaes": Ordered()}


def valued(config, seed):
    """Give a value that tells one config, and one seed, from another."""
    return config["x"] + config["rate"] + seed / 2**33 if "x" in config else value_of(config, seed)


def in_threads(work, n=THREADS):
    """Run it in so many threads that begin at the same time; give what each returns."""
    together = threading.Barrier(n)

    def begin(place):
        together.wait(60)
        return work(place)

    with ThreadPoolExecutor(n) as pool:
        return list(pool.map(begin, range(n)))


def worked_by_threads(study, n):
    """Have threads ask and tell until n have been told."""
    tickets = iter(range(n))
    guard = threading.Lock()

    def work(place):
        while True:
            with guard:
                if next(tickets, None) is None:
                    return
            solution = study.ask(timeout=60)
            value = valued(solution.config, solution.seed)
            study.tell(solution.number if place % 2 else solution, value)

    in_threads(work)


@pytest.mark.parametrize("kept", [False, True], ids=["memory", "file"])
@pytest.mark.parametrize("name", ["random", "genetic", "auto", "bayesian", "cmaes"])
def test_each_solution_is_asked_once_and_told_once(name, kept, path):
    problem = PROBLEMS.get(name, Mixed())
    with hpopt.Study(problem, name, seed=3, path=path if kept else None) as study:
        worked_by_threads(study, N)
        trials = study.trials
        assert numbers(trials) == list(range(N))
        assert study.counts["pending"] == 0
        assert len({study.space.key(trial.config) for trial in trials}) == N
        for trial in trials:
            assert trial.values == {"value": valued(trial.config, trial.solution.seed)}
        following = [study.ask() for _ in range(2)] if kept else []
    if kept:
        with hpopt.Study(problem, path=path) as study:
            assert [study.ask() for _ in range(2)] == following


@pytest.mark.parametrize("name", ["random", "genetic"])
def test_what_does_not_depend_on_timing_is_what_one_thread_finds(name):
    expected = hpopt.optimize(Mixed(), name, trials=N, seed=3, progress=False)
    study = hpopt.Study(Mixed(), name, seed=3)
    worked_by_threads(study, N)
    assert essence(study.trials) == essence(expected.trials)


def test_many_asks_at_once_wait_and_are_never_exhausted():
    """The first ask makes the first generation: nobody may look at it half made."""
    study = hpopt.Study(Mixed(), hpopt.GeneticAlgorithm(population=4), seed=3)

    def ask(place):
        try:
            return study.ask().number
        except WaitingError:
            return None

    asked = in_threads(ask, 8)
    assert sorted(number for number in asked if number is not None) == [0, 1, 2, 3]


def test_a_space_is_exhausted_for_all_threads():
    study = hpopt.Study(Small(), "genetic", seed=3)

    def work(place):
        while True:
            try:
                solution = study.ask(timeout=math.inf)
            except ExhaustedError:
                return
            study.tell(solution, float(solution.number))

    in_threads(work)
    assert numbers(study.trials) == list(range(12))


class TestTimeout:
    def study(self):
        study = hpopt.Study(Mixed(), hpopt.GeneticAlgorithm(population=3), seed=3)
        return study, [study.ask() for _ in range(3)]

    def test_it_waits_for_another_thread(self):
        study, asked = self.study()
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(study.ask, "1h")
            for solution in asked:
                study.tell(solution, 1.0)
            assert waiting.result(60).number == 3

    @pytest.mark.parametrize("timeout", [None, 0, 0.01, "0s"])
    def test_it_does_not_wait_longer(self, timeout):
        study, _ = self.study()
        with pytest.raises(WaitingError, match=r"tell 0, 1, 2$"):
            study.ask(timeout)

    def test_it_ends_where_nothing_is_left(self):
        study = hpopt.Study(Small(), "random")
        asked = [study.ask() for _ in range(12)]
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(study.ask, math.inf)
            for solution in asked:
                study.tell(solution, 1.0)
            with pytest.raises(ExhaustedError):
                waiting.result(60)

    @pytest.mark.parametrize("is_file", [True, False])
    def test_it_ends_when_the_study_is_closed(self, path, is_file):
        where = path if is_file else None
        study = hpopt.Study(Mixed(), hpopt.GeneticAlgorithm(population=3), seed=3, path=where)
        asked = [study.ask() for _ in range(3)]
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(study.ask, math.inf)
            study.tell(asked[0], 1.0)
            study.close()
            with pytest.raises(StudyError, match="closed"):
                waiting.result(60)

    @pytest.mark.parametrize("timeout", [-1, "soon", math.nan, True])
    def test_what_is_no_time(self, timeout):
        with pytest.raises(SettingError, match="timeout must be a number of seconds"):
            hpopt.Study(Line(), "random").ask(timeout)


class TestBesideARun:
    def test_both_go_on(self):
        """Whatever one of them tells, the other's strategy knows."""
        study = hpopt.Study(Mixed(), "genetic", seed=3)
        by_hand = []
        done = threading.Event()

        def ask_and_tell():
            while not done.is_set():
                try:
                    solution = study.ask(timeout=0.05)
                except WaitingError:
                    continue
                by_hand.append(solution.number)
                study.tell(solution, value_of(solution.config, solution.seed))

        def begun(study, trial):
            if thread.ident is None:
                thread.start()

        thread = threading.Thread(target=ask_and_tell)
        try:
            study.run(trials=40, callbacks=[begun], progress=False)
        finally:
            done.set()
            thread.join(60)
        assert numbers(study.trials) == list(range(len(study.trials)))
        assert len({study.space.key(trial.config) for trial in study.trials}) == len(study.trials)
        assert {*by_hand} <= {*numbers(study.trials)}

    def test_what_the_run_evaluates_is_neither_asked_nor_told_by_hand(self):
        running = threading.Barrier(3)
        seen = []

        class Together(Line):
            def evaluate(self, config, trial):
                if trial.number < 3:
                    running.wait(60)
                if trial.number:  # the first is told while others run
                    go_on.wait(60)
                return 0.0

        def look(study, trial):
            if not go_on.is_set():
                with pytest.raises(SettingError, match="a solution that a run evaluates"):
                    study.tell(max(study.optimizer.pending), 1.0)
                seen.append(study.ask())
                go_on.set()

        go_on = threading.Event()
        study = hpopt.Study(Together(), "random", seed=3)
        with ThreadPoolExecutor(3) as threads:
            study.run(trials=9, workers=3, executor=threads, callbacks=[look], progress=False)
        assert seen[0].number not in numbers(study.trials)
        assert study.ask().number != seen[0].number
        study.tell(seen[0], 1.0)
        assert seen[0].number in numbers(study.trials)
