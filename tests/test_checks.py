"""What people write for a count, a number, a time, a seed, a list or a path."""

import math
from datetime import timedelta
from fractions import Fraction

import numpy as np
import pytest

import hpopt
from hpopt import checks
from hpopt.errors import ProblemError, SettingError, SpaceError
from hpopt.space import Vector


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_whole_numbers_are_ints(value):
    assert type(checks.integer(value)) is int
    assert checks.integer(value) == checks.whole("n", value, 3) == 3


@pytest.mark.parametrize("value", [True, np.True_, 3.0, np.float64(3), "3", None, np.array(3), [3]])
def test_what_is_no_whole_number(value):
    assert checks.integer(value) is None
    with pytest.raises(ProblemError, match="n must be an int of at least 0, but got"):
        checks.whole("n", value, 0, error=ProblemError)


@pytest.mark.parametrize("value", [2, 2.0, np.float32(2), np.int16(2), Fraction(4, 2)])
def test_real_numbers_are_floats(value):
    assert type(checks.real(value)) is float
    assert checks.real(value) == 2


@pytest.mark.parametrize("value", [True, np.False_, "2", None, 2j, np.array(2.0)])
def test_what_is_no_real_number(value):
    assert checks.real(value) is None


def test_numbers_that_no_float_holds_are_infinite():
    assert checks.real(10**400) == math.inf
    assert checks.real(-(10**400)) == -math.inf


class TestCounts:
    def test_numpys_are_taken_wherever_something_is_counted(self):
        three = np.int64(3)
        space = {
            "n": hpopt.Int(np.int8(0), np.int64(9), step=three),
            "layers": hpopt.Sequence({"u": hpopt.Int(1, 9)}, three, np.uint16(4)),
            "weights": Vector(three, 0, 1),
        }
        problem = hpopt.FunctionProblem(lambda config: config["n"], space)
        result = hpopt.optimize(
            problem,
            hpopt.GeneticAlgorithm(population=three),
            trials=np.int32(7),
            workers=np.int64(2),
            executor="threads",
            window=three,
            retries=np.int64(0),
            fail_fast=np.int64(5),
            seed=np.uint32(1),
            progress=False,
        )
        assert len(result.trials) == 7
        assert problem.space.grid(three).size > 0

    def test_rules_keep_plain_ints(self):
        rules = hpopt.stopping.Trials(np.int64(5)), hpopt.stopping.Plateau(np.int64(5))
        assert [type(rule.n) for rule in rules] == [int, int]
        assert hpopt.stopping.Target(np.float32(0.5)).value == 0.5
        assert type(hpopt.early_stopping.MedianRule(min_trials=np.int64(2)).min_trials) is int


class TestTimes:
    def test_a_timedelta_is_seconds(self):
        rule = hpopt.stopping.Time(timedelta(minutes=1, seconds=30))
        assert rule.seconds() == 90.0
        assert rule == hpopt.stopping.Time(90.0)
        limits = hpopt.Limits(seconds=timedelta(hours=1))
        assert limits == hpopt.Limits(seconds=3600)
        assert limits.to_dict()["seconds"] == limits.time == 3600.0

    def test_a_timedelta_below_zero_is_refused(self):
        with pytest.raises(SettingError, match="timeout must be a number of seconds"):
            hpopt.stopping.Time(timedelta(seconds=-1))
        with pytest.raises(SettingError, match="seconds must be a finite number above 0"):
            hpopt.Limits(seconds=timedelta(0))


class TestSeeds:
    def search(self, seed, **arguments):
        problem = hpopt.FunctionProblem(lambda config: config["x"], {"x": hpopt.Float(0, 1)})
        return hpopt.optimize(problem, "random", trials=3, seed=seed, progress=False, **arguments)

    @pytest.mark.parametrize("make", [np.random.default_rng, np.random.SeedSequence])
    def test_what_numpy_draws_from_is_a_seed(self, make):
        results = [self.search(make(number)) for number in (4, 4, 5)]
        seeds = [result.header["seed"] for result in results]
        assert all(type(seed) is int for seed in seeds)
        assert seeds[0] == seeds[1] != seeds[2]
        again = self.search(seeds[0])
        assert [t.config for t in again.trials] == [t.config for t in results[0].trials]

    def test_a_generator_gives_another_seed_each_time(self):
        rng = np.random.default_rng(0)
        assert self.search(rng).header["seed"] != self.search(rng).header["seed"]

    def test_an_optimizer_takes_them_too(self):
        problem = hpopt.FunctionProblem(lambda config: 0.0, {"x": hpopt.Float(0, 1)})
        optimizer = hpopt.RandomSearch().bind(problem, seed=np.random.SeedSequence(3))
        assert type(optimizer.seed) is int


class TestSets:
    @pytest.mark.parametrize("values", [{"a", "b"}, frozenset({1, 2})])
    @pytest.mark.parametrize("kind", [hpopt.Categorical, hpopt.Ordinal])
    def test_choices_in_no_order_are_refused(self, kind, values):
        with pytest.raises(SpaceError, match="must be a list, as the order of a set"):
            kind(values)

    def test_predicates_in_no_order_are_refused(self):
        with pytest.raises(SpaceError, match="forbid must be a list, as the order of a set"):
            hpopt.Space({"x": hpopt.Int(0, 3)}, forbid={max, min})

    def test_what_has_an_order_is_taken(self):
        named = {"b": 1, "a": 2}
        assert hpopt.Categorical(named.keys()).choices == ("b", "a")
        assert hpopt.Categorical(named.values()).choices == (1, 2)
        assert hpopt.Ordinal(range(3)).values == (0, 1, 2)
        assert hpopt.Ordinal(np.array([1, 2])).values == (1, 2)


class TestCallbacks:
    class Two:
        def __call__(self, study, trial):
            """Do nothing."""

        def one(self, trial):
            """Do nothing."""

    @pytest.mark.parametrize(
        ("callback", "shown"),
        [
            (lambda trial: None, r"<lambda>\(trial\) cannot \(too many positional arguments\)"),
            (lambda study, trial, more: None, r"cannot \(missing a required argument: 'more'\)"),
            (lambda: None, r"<lambda>\(\) cannot"),
            (Two().one, r"one\(trial\) cannot"),
            (lambda *, study, trial: None, "cannot"),
        ],
    )
    def test_one_that_cannot_be_called_is_an_error_before_anything_runs(self, callback, shown):
        called = []
        problem = hpopt.FunctionProblem(called.append, {"x": hpopt.Float(0, 1)})
        with pytest.raises(SettingError, match=f"called with the study and a trial, but .*{shown}"):
            hpopt.optimize(problem, trials=1, callbacks=[callback], progress=False)
        assert called == []

    @pytest.mark.parametrize(
        "callback", [Two(), lambda *each: None, lambda study, trial, more=1: None, max]
    )
    def test_one_that_can_be_called_is_taken(self, callback):
        problem = hpopt.FunctionProblem(lambda config: 0.0, {"x": hpopt.Float(0, 1)})
        hpopt.optimize(problem, "random", trials=1, callbacks=[callback], progress=False)


class TestHome:
    @pytest.fixture
    def home(self, tmp_path, monkeypatch):
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("USERPROFILE", str(tmp_path))
        return tmp_path

    def test_a_study_of_the_home_folder(self, home):
        problem = hpopt.FunctionProblem(lambda config: config["x"], {"x": hpopt.Float(0, 1)})
        for trials in (2, 3):
            hpopt.optimize(problem, "random", trials=trials, study="~/a.db", progress=False)
        assert (home / "a.db").exists()
        assert len(hpopt.Study.load("~/a.db").trials) == 3
        with hpopt.Study.load("~/a.db", problem) as study:
            assert study.path == home / "a.db"
        with hpopt.Study(problem, path="~/b.db") as other:
            assert other.learn_from("~/a.db").n_learned == 3

    def test_the_command_line(self, home, capsys, monkeypatch):
        from hpopt.cli import main

        monkeypatch.chdir(home)
        (home / "mine.py").write_text("def cost(config):\n    return config['x']\n")
        (home / "run.toml").write_text(
            'study = "~/c.db"\ntrials = 3\nseed = 0\noptimizer = "random"\n'
            '[problem]\nfunction = "mine.py:cost"\n[space]\n'
            'x = { type = "float", low = 0, high = 1 }\n'
        )
        assert main(["run", "~/run.toml", "--quiet"]) == 0
        assert main(["export", "~/c.db", "--output", "~/c.csv"]) == 0
        assert len((home / "c.csv").read_text().splitlines()) == 4
        assert main(["run", "~/run.toml", "--quiet", "--study", "~/d.db"]) == 0
        assert {"c.db", "d.db"} <= {path.name for path in home.iterdir()}
        capsys.readouterr()
