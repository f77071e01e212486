"""Promise 2: the same seed gives the same trials at any number of workers, whatever the timing."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import hpopt
from hpopt.progress import Silent
from hpopt.storage import MemoryStorage

from .problems import KNOWN_GOOD, LEARNING, STRATEGIES, Greedy, Line, Mixed, essence

N_TRIALS = 16


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("window", [None, 4])
def test_every_strategy_gives_the_same_trials(search, processes, name, window):
    make = STRATEGIES[name]
    expected = search(Mixed(), make(), N_TRIALS, start=[KNOWN_GOOD])
    assert [number for number, *_ in expected] == list(range(N_TRIALS))
    assert {status for *_, status, _ in expected} == {"complete"}
    slow, options = Mixed(delay=0.006), {"start": [KNOWN_GOOD], "window": window}
    with ThreadPoolExecutor(2) as threads:
        assert search(slow, make(), N_TRIALS, executor=threads, workers=2, **options) == expected
    assert search(slow, make(), N_TRIALS, executor=processes, workers=3, **options) == expected


def test_processes_of_the_studys_own_give_the_same_trials(search):
    expected = search(Mixed(), "genetic", 25)
    assert search(Mixed(delay=0.006), "genetic", 25, workers=2) == expected


@pytest.mark.parametrize("name", STRATEGIES)
def test_another_seed_gives_others(search, name):
    first, second = (search(Mixed(), STRATEGIES[name](), 12, seed=seed) for seed in (1, 2))
    assert not {seed for _, _, seed, *_ in first} & {seed for _, _, seed, *_ in second}
    configs = [[config for _, config, *_ in trials] for trials in (first, second)]
    assert (configs[0] == configs[1]) == (name == "grid")


def test_a_seed_is_drawn_and_recorded(search):
    result = hpopt.optimize(Mixed(), "random", trials=5, progress=False)
    seed = result.header["seed"]
    assert search(Mixed(), "random", 5, seed=seed) == essence(result.trials)
    assert hpopt.optimize(Mixed(), "random", trials=5, progress=False).header["seed"] != seed


class TestWindow:
    """A strategy that learns from every trial is the same as long as it knows the same."""

    @pytest.mark.parametrize(
        ("name", "window"), [*((name, 3) for name in LEARNING), ("greedy", 1), ("greedy", 5)]
    )
    def test_a_learning_strategy_gives_the_same_trials(self, search, processes, window, name):
        make = LEARNING[name]
        expected = search(Mixed(), make(), N_TRIALS, window=window)
        slow = Mixed(delay=0.006)
        options = {"workers": min(3, window), "window": window}
        assert search(slow, make(), N_TRIALS, executor=processes, **options) == expected
        options["workers"] = min(2, window)
        with ThreadPoolExecutor(2) as threads:
            assert search(slow, make(), N_TRIALS, executor=threads, **options) == expected

    def test_windows_differ_as_less_is_known(self, search):
        first, second = (search(Mixed(), Greedy(), 8, window=window) for window in (1, 3))
        assert first[:1] == second[:1]
        assert first != second

    @pytest.mark.parametrize("workers", [1, 2, 3, 6])
    def test_solution_k_is_asked_when_0_to_k_less_window_are_told(self, workers):
        known = []

        class Witness(Greedy):
            def _ask(self, number, n):
                known.append((number, self.history.numbers.tolist()))
                return super()._ask(number, n)

        with ThreadPoolExecutor(workers) as threads:
            hpopt.optimize(
                Mixed(delay=0.005),
                Witness(),
                trials=15,
                window=3,
                workers=workers,
                executor=threads,
                progress=False,
            )
        assert known == [(k, list(range(k - 2))) for k in range(15)]

    def test_no_more_than_the_window_is_in_flight(self):
        """The first evaluation ends only when the loop has had its chance to start too many."""
        started, may_end = [], threading.Event()

        class Blocked(Line):
            def evaluate(self, config, trial):
                started.append(trial.number)
                if trial.number == 0:
                    assert may_end.wait(60)
                    return float(len(started))
                return 0.0

        class Eye(Silent):
            n_seen = 0

            def show(self, snapshot):
                self.n_seen += snapshot.n_done == 1
                if self.n_seen > 2:  # the loop has filled its slots, and waits
                    may_end.set()

        with ThreadPoolExecutor(3) as threads:
            result = hpopt.optimize(
                Blocked(),
                "random",
                trials=6,
                window=2,
                workers=3,
                executor=threads,
                progress=Eye(),
            )
        assert result.trials[0].values == {"value": 2.0}
        assert started[:2] in ([0, 1], [1, 0])

    def test_results_count_as_soon_as_they_are_there(self):
        """That the optimizer may not know of them yet is no reason to hide them."""
        seen = []

        def look(study, trial):
            seen.append((trial.number, study.best.number))

        class Slope(Line):
            def evaluate(self, config, trial):
                return -trial.number

        hpopt.optimize(Slope(), Greedy(), trials=4, window=3, callbacks=[look], progress=False)
        assert seen == [(number, number) for number in range(4)]

    def test_a_study_goes_on_without_the_window(self):
        study = hpopt.Study(Mixed(), hpopt.GeneticAlgorithm(population=4), seed=3)
        study.run(trials=6, window=4, progress=False)
        study.run(trials=6, progress=False)
        solution = study.ask()
        assert solution.number == 12
        study.tell(solution, 1.0)
        study.run(trials=6, window=2, progress=False)
        assert [trial.number for trial in study.trials] == list(range(19))


def test_delays_do_change_the_order_of_telling(monkeypatch):
    """So the tests above prove something."""
    orders = []
    close = MemoryStorage.append

    def append(self, trials, outputs=None):
        orders.extend(trial.number for trial in trials)
        close(self, trials, outputs)

    monkeypatch.setattr(MemoryStorage, "append", append)

    class First(Mixed):
        def evaluate(self, config, trial):
            time.sleep(0.05 if trial.number == 0 else 0)
            return super().evaluate(config, trial)

    with ThreadPoolExecutor(2) as threads:
        hpopt.optimize(
            First(), "random", trials=6, workers=2, executor=threads, progress=False, seed=0
        )
    assert sorted(orders) == list(range(6))
    assert orders != sorted(orders)
