"""Promise 5: no config is paid for twice, and an exhausted space ends the study and says so."""

from concurrent.futures import ThreadPoolExecutor

import pytest

import hpopt

from .problems import Line, Mixed, Small, numbers

STRATEGIES = {
    "random": hpopt.RandomSearch,
    "quasi_random": hpopt.QuasiRandomSearch,
    "grid": hpopt.GridSearch,
    "shuffled grid": lambda: hpopt.GridSearch(shuffle=True),
    "genetic": lambda: hpopt.GeneticAlgorithm(population=5),
    "random genetic": lambda: hpopt.GeneticAlgorithm(population=30, initialisation="random"),
}
SAID = "all 12 configurations that there are have been tried"


def distinct(problem, trials):
    return len({problem.space.key(trial.config) for trial in trials})


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("workers", [1, 3])
def test_a_budget_larger_than_the_space(name, workers):
    problem = Small()
    with ThreadPoolExecutor(workers) as threads:
        result = hpopt.optimize(
            problem,
            STRATEGIES[name](),
            trials=50,
            start=[{"a": 3, "b": "x"}],
            workers=workers,
            executor=threads,
            progress=False,
        )
    assert numbers(result.trials) == list(range(12))
    assert distinct(problem, result.trials) == 12
    assert result.reason == SAID
    assert SAID in repr(result)


@pytest.mark.parametrize("name", STRATEGIES)
def test_without_a_budget(name):
    result = hpopt.optimize(Small(), STRATEGIES[name](), progress=False)
    assert (len(result.trials), result.reason) == (12, SAID)


@pytest.mark.parametrize("name", STRATEGIES)
def test_forbidden_configs_are_not_tried(name):
    problem = Small()
    problem.space = hpopt.Space(dict(Small.space), forbid=[lambda config: config["a"] == 2])
    result = hpopt.optimize(problem, STRATEGIES[name](), trials=50, progress=False)
    assert len(result.trials) == distinct(problem, result.trials) == 9
    assert {trial.config["a"] for trial in result.trials} == {1, 3, 4}
    assert result.reason == "all 9 configurations that there are have been tried"


@pytest.mark.parametrize(
    ("problem", "optimizer", "n"),
    [
        (Small(), hpopt.GeneticAlgorithm(population=3, generations=2), 6),
        (Line(), hpopt.GeneticAlgorithm(population=3, generations=2), 6),
        (Small(), hpopt.Chain(("random", 2), ("genetic", 3)), 5),
        (Line(), hpopt.GridSearch(resolution=7), 7),
    ],
)
def test_a_strategy_that_ends_before_the_space_does(problem, optimizer, n):
    result = hpopt.optimize(problem, optimizer, trials=50, progress=False)
    assert len(result.trials) == n
    assert result.reason == f"the strategy has nothing left to try after {n} trials"


@pytest.mark.parametrize("name", STRATEGIES)
def test_also_across_resumes(path, name):
    for trials in (5, 11, 30, 40):
        result = hpopt.optimize(
            Small(), STRATEGIES[name](), trials=trials, study=path, seed=2, progress=False
        )
        assert len(result.trials) == min(trials, 12)
    assert distinct(Small(), result.trials) == 12
    assert result.reason == SAID


def test_configs_that_are_equal_after_rounding_are_one():
    problem = Line()
    problem.space = hpopt.Space({"x": hpopt.Float(0, 1, step=0.25), "n": hpopt.Int(1, 8, log=True)})
    result = hpopt.optimize(problem, "random", trials=100, progress=False)
    assert len(result.trials) == distinct(problem, result.trials) == 40


@pytest.mark.parametrize("name", ["random", "quasi_random", "genetic"])
def test_in_a_large_space_too(name):
    result = hpopt.optimize(Mixed(), name, trials=150, progress=False)
    assert distinct(Mixed(), result.trials) == 150


def test_an_exhausted_study_can_be_asked_again():
    study = hpopt.Study(Small(), "random")
    assert study.run(progress=False).reason == SAID
    again = study.run(trials=5, progress=False)
    assert (again.reason, len(again.trials)) == (SAID, 12)
