"""Bad input raises at once, each with its message, before anything runs."""

import math

import pytest

import hpopt
from hpopt.errors import ConfigError, ProblemError, SettingError, SpaceError, UnknownNameError

from .problems import Line, Mixed, Small

BAD_ARGUMENTS = [
    ({"workers": 0}, "workers must be an int of at least 1, but got 0"),
    ({"workers": -3}, "workers must be an int of at least 1, but got -3"),
    ({"workers": 1.5}, "workers must be an int"),
    ({"workers": "many"}, "workers must be an int"),
    ({"trials": -1}, "trials must be an int of at least 0, but got -1"),
    ({"trials": 2.5}, "trials must be an int of at least 0, but got 2.5"),
    ({"trials": True}, "trials must be an int of at least 0, but got True"),
    ({"timeout": -1}, "timeout must be a number of seconds of at least 0"),
    ({"timeout": "soon"}, "such as '90s', '15m', '2h', '1h30m', but got 'soon'"),
    ({"timeout": math.nan}, "timeout must be a number"),
    ({"stop": 3}, "stop must be a rule of hpopt.stopping, but got 3"),
    ({"stop": hpopt.stopping.Trials}, "stop must be a rule of hpopt.stopping"),
    ({"trials": None}, "a run must have an end, but got neither trials=, timeout= nor stop="),
    ({"optimizer": "genetik"}, "unknown optimizer 'genetik': did you mean 'genetic'"),
    ({"optimizer": ""}, "unknown optimizer ''"),
    ({"optimizer": hpopt.RandomSearch}, r"but got the class RandomSearch: write RandomSearch\("),
    ({"optimizer": 3}, "optimizer must be a name or an hpopt.Optimizer, but got int"),
    ({"executor": "process"}, "unknown executor 'process': did you mean 'processes'"),
    ({"executor": 3}, "executor must be a name or a concurrent.futures.Executor"),
    ({"executor": "serial", "workers": 2}, "executor='serial' must have one worker"),
    ({"limits": 3}, "limits must be hpopt.Limits or None, but got 3"),
    ({"window": 0}, "window must be an int of at least 1, but got 0"),
    ({"window": 1.5}, "window must be an int of at least 1, but got 1.5"),
    ({"seed": -1}, "seed must be an int of at least 0, but got -1"),
    ({"seed": 0.5}, "seed must be an int of at least 0, but got 0.5"),
    ({"seed": True}, "seed must be an int of at least 0, but got True"),
    ({"callbacks": print}, "callbacks must be a list of callables, but got <built-in"),
    ({"callbacks": [3]}, "callbacks must be callables, but got 3"),
    ({"trials_per_gpu": 0}, "trials_per_gpu must be an int of at least 1"),
    ({"study": ""}, "path must be that of a file"),
]


@pytest.mark.parametrize(("arguments", "said"), BAD_ARGUMENTS, ids=str)
def test_bad_arguments(arguments, said):
    class Untouched(Line):
        def evaluate(self, config, trial):
            raise AssertionError("nothing may run")

    arguments = {"trials": 3, "progress": False, **arguments}
    with pytest.raises(SettingError, match=said) as raised:
        hpopt.optimize(Untouched(), **arguments)
    assert isinstance(raised.value, ValueError)


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (Line, "must be an instance, but got the class Line: write Line"),
        (abs, "wrap a function as hpopt.FunctionProblem"),
        (None, "must be an hpopt.Problem, but got NoneType"),
        ({"x": hpopt.Float(0, 1)}, "must be an hpopt.Problem, but got dict"),
    ],
)
def test_what_is_no_problem(problem, said):
    for use in (hpopt.Study, hpopt.optimize):
        with pytest.raises(ProblemError, match=said):
            use(problem)


def test_a_problem_that_is_not_well_formed():
    class Spaceless(Line):
        space = "x"

    class Aimless(Line):
        objectives = ()

    class Doubled(Line):
        objectives = (hpopt.Objective("a"), hpopt.Objective("a"))

    for problem, said in [
        (Spaceless(), "space must be an hpopt.Space, but got str"),
        (Aimless(), "one or more Objective"),
        (Doubled(), "different names"),
    ]:
        with pytest.raises(ProblemError, match=said):
            hpopt.optimize(problem, trials=1, progress=False)


@pytest.mark.parametrize(
    ("start", "said"),
    [
        ([{"x": 9.0}], "x must"),
        ([{"x": None}], "x must"),
        ([{"x": 1.0, "y": 2}], "unknown parameter 'y'"),
        ({"x": 1.0}, "must be a list of configs, but got a single one"),
        ([{"x": 1.0}, {"x": 1.0}], "twice"),
    ],
)
def test_start_configs_that_do_not_fit(start, said):
    with pytest.raises(ConfigError, match=said):
        hpopt.optimize(Line(), "random", trials=1, start=start, progress=False)


def test_a_forbidden_start():
    problem = Small()
    problem.space = hpopt.Space(dict(Small.space), forbid=[{"a": 1}])
    with pytest.raises(ConfigError, match="forbidden"):
        hpopt.optimize(problem, trials=1, start=[{"a": 1, "b": "x"}], progress=False)


def test_an_optimizer_serves_one_study():
    optimizer = hpopt.RandomSearch()
    hpopt.optimize(Line(), optimizer, trials=1, progress=False)
    with pytest.raises(SettingError, match=r"serves one study, .* make another RandomSearch"):
        hpopt.optimize(Line(), optimizer, trials=1, progress=False)


def test_limits_are_not_for_executors_of_your_own(processes):
    with pytest.raises(SettingError, match="limits and gpus must be given to executor='processes'"):
        hpopt.optimize(
            Line(), trials=1, executor=processes, limits=hpopt.Limits(seconds=1), progress=False
        )


def test_an_unknown_name_is_a_value_error_with_the_known_ones():
    with pytest.raises(UnknownNameError, match=r"known are 'annealing', .*'genetic', 'grid'"):
        hpopt.optimize(Line(), "hill climbing", trials=1)


def test_a_bad_space_says_so_before_anything_else():
    with pytest.raises(SpaceError):
        hpopt.Space({})


class TestNumbersOfOtherKinds:
    def test_seeds_of_numpy(self):
        import numpy as np

        result = hpopt.optimize(Line(), "random", trials=2, seed=np.int64(3), progress=False)
        other = hpopt.optimize(Line(), "random", trials=2, seed=3, progress=False)
        assert [t.config for t in result.trials] == [t.config for t in other.trials]
        assert type(result.header["seed"]) is int

    def test_large_seeds(self, path):
        for trials in (2, 4):
            result = hpopt.optimize(
                Line(), "random", trials=trials, seed=10**30, study=path, progress=False
            )
        assert result.header["seed"] == 10**30

    def test_nothing_to_do(self):
        result = hpopt.optimize(Line(), "random", trials=0, progress=False)
        assert (result.trials, result.top(1)) == ([], [])
        assert result.reason == "0 trials are done"

    @pytest.mark.parametrize("optimizer", ["random", "grid", "genetic"])
    def test_spaces_beyond_counting(self, optimizer):
        """More configs than a float can hold; only the time ends the run."""
        problem = Mixed()
        problem.space = hpopt.Space(
            {"layers": hpopt.Sequence({f"p{i}": hpopt.Int(1, 1000) for i in range(10)}, 0, 40)}
        )
        problem.evaluate = lambda config, trial: len(config["layers"])
        assert problem.space.size > 10**1000
        result = hpopt.optimize(problem, optimizer, timeout=0.3, progress=False)
        assert result.reason == "the time of 0.3 s is over"
        assert len(result.trials) > 0
