"""Promises 1 and 3: a study that was interrupted goes on as if it had never stopped."""

import functools
import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest

import hpopt
from hpopt.errors import StudyError, StudyMismatchError
from hpopt.storage import SQLiteStorage

from .problems import (
    ALSO_GOOD,
    KNOWN_GOOD,
    LEARNING,
    STRATEGIES,
    Greedy,
    Mixed,
    essence,
    numbers,
    stored,
)

N_TRIALS = 8
SEED = 5


class Interrupted(Mixed):
    """Ctrl-C in the middle of one evaluation."""

    def __init__(self, at):
        super().__init__()
        self.at = at

    def evaluate(self, config, trial):
        if trial.number == self.at:
            raise KeyboardInterrupt
        return super().evaluate(config, trial)


class Counted(Mixed):
    def __init__(self):
        super().__init__()
        self.evaluated = []

    def evaluate(self, config, trial):
        self.evaluated.append(trial.number)
        return super().evaluate(config, trial)


def resume(path, make, trials=N_TRIALS, **options):
    problem = Counted()
    result = hpopt.optimize(
        problem, make(), trials=trials, study=path, seed=SEED, progress=False, **options
    )
    return problem.evaluated, essence(result.trials)


@pytest.fixture(scope="module")
def uninterrupted():
    """The trials of each strategy without an interruption."""

    @functools.cache
    def run(make, n=N_TRIALS, **options):
        result = hpopt.optimize(
            Mixed(), make(), trials=n, seed=SEED, progress=False, start=[KNOWN_GOOD], **options
        )
        return essence(result.trials)

    return run


@pytest.mark.parametrize("name", [*STRATEGIES, *LEARNING])
def test_after_any_number_of_trials(path, uninterrupted, name):
    make = (STRATEGIES | LEARNING)[name]
    expected = uninterrupted(make)
    for k in (0, 1, 4, N_TRIALS - 1, N_TRIALS):
        place = path.with_name(f"{k}.db")
        options = {"study": place, "seed": SEED, "progress": False, "start": [KNOWN_GOOD]}
        first = hpopt.optimize(Mixed(), make(), trials=k, **options)
        assert essence(first.trials) == expected[:k]
        evaluated, trials = resume(place, make)
        assert evaluated == list(range(k, N_TRIALS))
        assert trials == expected


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("k", [0, 4, 7])
def test_in_the_middle_of_any_evaluation(path, uninterrupted, name, k):
    make = STRATEGIES[name]
    with pytest.raises(KeyboardInterrupt):
        hpopt.optimize(
            Interrupted(k),
            make(),
            trials=N_TRIALS,
            study=path,
            seed=SEED,
            progress=False,
            start=[KNOWN_GOOD],
        )
    assert numbers(stored(path)) == list(range(k))
    assert hpopt.Study.load(path).counts["pending"] == 1
    evaluated, trials = resume(path, make)
    assert evaluated == list(range(k, N_TRIALS))
    assert trials == uninterrupted(make)


@pytest.mark.parametrize(
    ("name", "window"),
    [*itertools.product(STRATEGIES, [None, 3]), *itertools.product(LEARNING, [3])],
)
def test_with_several_in_flight(path, uninterrupted, name, window):
    """Every third trial that ends is the last of its run, and the others in flight are lost."""
    make = (STRATEGIES | LEARNING)[name]
    n_trials, n_runs, finished = 13, 0, set()
    expected = uninterrupted(make, n_trials, window=window)
    while len(finished) < n_trials:
        n_ended = 0

        def interrupt(study, trial):
            nonlocal n_ended
            n_ended += 1
            if n_ended == 3:
                raise KeyboardInterrupt

        problem = Mixed(delay=0.01)
        study = hpopt.Study(
            problem, make(), path=path, seed=SEED, start=[KNOWN_GOOD] if not n_runs else ()
        )
        with study, ThreadPoolExecutor(3) as threads:
            try:
                study.run(
                    stop=hpopt.stopping.Trials(n_trials),
                    workers=3,
                    executor=threads,
                    window=window,
                    callbacks=[interrupt],
                    progress=False,
                )
            except KeyboardInterrupt:
                assert n_ended == 3
        before, finished = finished, set(numbers(stored(path)))
        assert before < finished
        n_runs += 1
    assert n_runs > 2
    assert essence(stored(path)) == expected


def test_what_was_in_flight_comes_first_under_its_own_number_and_seed(path):
    with hpopt.Study(Mixed(), "random", path=path, seed=SEED) as study:
        asked = [study.ask() for _ in range(5)]
        study.tell(asked[3], 0.5)
        study.tell(asked[1], 0.25)
    problem = Counted()
    result = hpopt.optimize(problem, trials=8, study=path, progress=False)
    assert problem.evaluated == [0, 2, 4, 5, 6, 7]
    assert [trial.solution.seed for trial in result.trials[:5]] == [s.seed for s in asked]
    assert [trial.config for trial in result.trials[:5]] == [s.config for s in asked]
    assert result.trials[3].values == {"value": 0.5}


class TestInTheSameProcess:
    """A study object outlives what happens in its runs."""

    @pytest.mark.parametrize("kept", [True, False])
    @pytest.mark.parametrize("window", [None, 2])
    def test_run_again_goes_on(self, path, uninterrupted, kept, window):
        place = path if kept else None
        make = STRATEGIES["genetic"]
        study = hpopt.Study(Mixed(), make(), path=place, seed=SEED, start=[KNOWN_GOOD])
        for n in (1, 4, 0, 3):
            result = study.run(trials=n, window=window, progress=False)
        assert essence(result.trials) == essence(study.trials) == uninterrupted(make)
        study.close()

    def test_run_again_goes_on_after_ctrl_c(self, uninterrupted):
        problem = Interrupted(4)
        study = hpopt.Study(problem, STRATEGIES["genetic"](), seed=SEED, start=[KNOWN_GOOD])
        with pytest.raises(KeyboardInterrupt):
            study.run(trials=N_TRIALS, progress=False)
        problem.at = None
        result = study.run(trials=N_TRIALS - 4, progress=False)
        assert essence(result.trials) == uninterrupted(STRATEGIES["genetic"])

    def test_a_windowed_run_is_the_same_in_pieces(self, uninterrupted):
        study = hpopt.Study(Mixed(), Greedy(), seed=SEED, start=[KNOWN_GOOD])
        for n in (2, 1, 3, 2):
            study.run(trials=n, window=3, progress=False)
        assert essence(study.trials) == uninterrupted(Greedy, window=3)

    def test_a_windowed_run_is_the_same_after_a_look(self, path, uninterrupted):
        """To look at a study, or to count its trials, must not change what comes next."""
        with hpopt.Study(Mixed(), Greedy(), path=path, seed=SEED, start=[KNOWN_GOOD]) as study:
            study.run(trials=5, window=3, progress=False)
        with hpopt.Study(Mixed(), Greedy(), path=path) as study:
            assert study.best.ok
            assert study.counts["complete"] == len(study.trials) == 5
            study.run(trials=3, window=3, progress=False)
            assert essence(study.trials) == uninterrupted(Greedy, window=3)

    @pytest.mark.parametrize("method", ["append", "started"])
    @pytest.mark.parametrize("window", [None, 2])
    def test_run_again_goes_on_after_the_disk_failed(
        self, path, uninterrupted, monkeypatch, method, window
    ):
        write, n_calls = getattr(SQLiteStorage, method), 0

        def fail_once(storage, *arguments):
            nonlocal n_calls
            n_calls += 1
            if n_calls == 4:
                raise StudyError("the disk is full")
            write(storage, *arguments)

        monkeypatch.setattr(SQLiteStorage, method, fail_once)
        make = STRATEGIES["genetic"]
        with hpopt.Study(Mixed(), make(), path=path, seed=SEED, start=[KNOWN_GOOD]) as study:
            with pytest.raises(StudyError, match="the disk is full"):
                study.run(trials=N_TRIALS, window=window, progress=False)
            assert numbers(study.trials) == [0, 1, 2]
            study.run(trials=N_TRIALS - 3, window=window, progress=False)
            assert essence(study.trials) == uninterrupted(make)
        assert essence(stored(path)) == uninterrupted(make)


class TestBudgets:
    def test_a_complete_study_is_left_alone(self, path):
        resume(path, STRATEGIES["random"])
        evaluated, trials = resume(path, STRATEGIES["random"])
        assert evaluated == []
        assert len(trials) == N_TRIALS
        evaluated, trials = resume(path, STRATEGIES["random"], trials=3)
        assert evaluated == []
        assert len(trials) == N_TRIALS

    def test_a_complete_study_is_left_alone_by_other_rules(self, path):
        stop = hpopt.stopping.Target(10.0)
        assert resume(path, STRATEGIES["random"], None, stop=stop)[0] == [0]
        assert resume(path, STRATEGIES["random"], None, stop=stop)[0] == []

    def test_more_trials_include_those_that_were_cut_off(self, path):
        with hpopt.Study(Mixed(), "random", path=path) as study:
            for _ in range(4):
                study.ask()
        for n, expected in [(1, [0]), (2, [1, 2]), (2, [3, 4])]:
            problem = Counted()
            with hpopt.Study(problem, path=path) as study:
                study.run(trials=n, progress=False)
            assert problem.evaluated == expected

    def test_no_time_means_that_nothing_starts(self, path):
        with hpopt.Study(Mixed(), "random", path=path) as study:
            study.ask()
        problem = Counted()
        result = hpopt.optimize(problem, timeout=0, study=path, progress=False)
        assert (problem.evaluated, result.trials) == ([], [])
        assert result.reason == "the time of 0 s is over"


def test_start_configs_come_first_and_once(path):
    start = [KNOWN_GOOD, ALSO_GOOD]
    for trials in (1, 2, 4):
        result = hpopt.optimize(
            Mixed(), "random", trials=trials, start=start, study=path, progress=False
        )
        assert [trial.config for trial in result.trials][:2] == start[:trials]
    resumed = hpopt.optimize(Mixed(), trials=6, study=path, progress=False)
    assert [trial.config for trial in resumed.trials][:2] == start
    assert start[0] not in [trial.config for trial in resumed.trials][2:]


def test_configs_come_back_as_they_were(path):
    result = hpopt.optimize(Mixed(), "random", trials=20, seed=1, study=path, progress=False)
    expected = hpopt.optimize(Mixed(), "random", trials=20, seed=1, progress=False)
    for trial, other in zip(result.trials, expected.trials, strict=True):
        assert trial.config == other.config
        assert repr(trial.config) == repr(other.config)
    assert result.best.config == expected.best.config
    assert hpopt.Study.load(path).best.config == expected.best.config


class TestPartialStart:
    """What start configs leave out is filled in once, and stays so."""

    START = ({"rate": 0.01, "optimizer": "sgd"}, {"layers": [{"units": 3}, {"kind": "conv"}]}, {})

    def run(self, trials, path=None, start=START, problem=None):
        return hpopt.optimize(
            problem or Mixed(), "random", trials=trials, start=start, seed=3, study=path,
            progress=False,
        )  # fmt: skip

    def test_it_is_the_same_again_and_when_the_study_goes_on(self, path):
        expected = self.run(6).trials
        assert expected[0].config["rate"] == 0.01
        assert expected[1].config["layers"][0]["units"] == 3
        for trials in (1, 2, 6):
            found = self.run(trials, path).trials
            assert essence(found) == essence(expected[:trials])
        with hpopt.Study(Mixed(), path=path) as study:
            assert [*study.optimizer.start] == [trial.config for trial in expected[:3]]

    def test_a_default_that_changes_changes_nothing(self, path):
        def problem(default):
            changed = Mixed()
            changed.space = hpopt.Space({
                **Mixed.space,
                "batch": hpopt.Ordinal([16, 32, 64, 128], default=default),
            })  # fmt: skip
            return changed

        assert self.run(1, path, problem=problem(32)).trials[0].config["batch"] == 32
        found = self.run(3, path, problem=problem(64)).trials
        assert [trial.config["batch"] for trial in found] == [32, 32, 32]

    def test_another_start_is_refused(self, path):
        self.run(1, path)
        for start in (self.START[:2], [{"rate": 0.02}, *self.START[1:]]):
            with pytest.raises(StudyMismatchError, match="start is"):
                self.run(2, path, start=start)
