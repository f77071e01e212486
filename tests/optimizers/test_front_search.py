"""Search for the front of several objectives: edges, words, and more volume than at random."""

import math

import numpy as np
import pytest
from problems_for_tests import of

from hpopt import TPE, Auto, BayesianOptimization, RandomSearch
from hpopt.core import Objective, Outcome, Trial, failed
from hpopt.errors import SettingError
from hpopt.numerics.hypervolume import hypervolume
from hpopt.optimizers.front_search import FrontSearch
from hpopt.optimizers.surrogates.objectives import different_objectives
from hpopt.space import Categorical, Float, Int, Space
from hpopt.testing.landscapes import LANDSCAPES

NUMBERS = Space({"x": Float(0, 1), "y": Float(0, 1), "z": Float(0, 1)})
MIXED = Space(
    {
        "x": Float(0, 1),
        "n": Int(1, 20),
        "kind": Categorical(["a", "b"]),
        "y": Float(0, 1, when={"kind": "b"}),
    }
)
LOSSES = ("first", "second", "third", "fourth")


def conflict(config):
    """The front is a curve in x; the rest makes both objectives worse."""
    away = sum((config[name] - 0.3) ** 2 for name in ("y", "z") if name in config)
    return {"first": config["x"] + away, "second": (1 - config["x"]) ** 2 + away}


def bound(optimizer, space=NUMBERS, n=2, seed=0):
    return optimizer.bind(of(None, space, objectives=[Objective(o) for o in LOSSES[:n]]), seed=seed)


def tell(optimizer, solution, values):
    outcome = failed("no") if values is None else Outcome("complete", dict(values))
    optimizer.tell(Trial(solution, outcome))


def run(optimizer, values, n):
    for _ in range(n):
        for solution in optimizer.ask():
            tell(optimizer, solution, values(solution.config))
    return optimizer


def volume(optimizer):
    return hypervolume(optimizer.history.losses, np.full(2, 1.1))


@pytest.mark.parametrize("make", [BayesianOptimization, TPE])
def test_it_finds_more_of_the_front_than_random_search(make):
    ours = [volume(run(bound(make(), seed=seed), conflict, 24)) for seed in range(2)]
    random = [volume(run(bound(RandomSearch(), seed=seed), conflict, 24)) for seed in range(4)]
    assert min(ours) > max(random)


def constant(config):
    return conflict(config) | {"second": 3.0}


def copied(config):
    first = conflict(config)["first"]
    return {"first": first, "second": 5 - 2 * first, "third": 1e6 * first}


def one_fails(config):
    return None if config["x"] > 0.5 else conflict(config)


def one_is_nan(config):
    return conflict(config) | ({"second": math.nan} if config["x"] > 0.5 else {})


def whole(config):
    return conflict(config) | {"second": float(round(4 * config["y"]))}


def scales(config):
    first, second = conflict(config).values()
    return {"first": 1e-6 * first, "second": 1e6 * second + 1e7}


def infinite(config):
    return conflict(config) | {"first": 1e308 * (config["x"] - 0.5), "second": math.inf}


CASES = {
    "constant": (constant, 2),
    "all constant": (lambda config: {"first": 1.0, "second": 2.0}, 2),
    "copied": (copied, 3),
    "some fail": (one_fails, 2),
    "some are nan": (one_is_nan, 2),
    "all failed": (lambda config: None, 2),
    "whole numbers": (whole, 2),
    "scales that differ by 1e12": (scales, 2),
    "nothing finite": (infinite, 2),
    "four": (lambda c: conflict(c) | {"third": c["y"], "fourth": c["z"]}, 4),
}


@pytest.mark.parametrize("make", [lambda: BayesianOptimization(first=4), lambda: TPE(first=4)])
@pytest.mark.parametrize("case", CASES)
def test_it_goes_on_with_new_configs_whatever_the_values_are(case, make):
    values, n = CASES[case]
    optimizer = run(bound(make(), n=n), values, 12)
    assert optimizer.n_asked == 12
    assert len(np.unique(optimizer.history.points, axis=0)) == 12
    assert optimizer.explanation


@pytest.mark.parametrize("make", [lambda: BayesianOptimization(first=4), lambda: TPE(first=4)])
def test_scales_and_origins_do_not_matter(make):
    found = [run(bound(make()), values, 7) for values in (conflict, scales)]
    np.testing.assert_allclose(found[0].history.points[:7], found[1].history.points[:7], atol=1e-3)


def test_constants_and_copies_are_dropped():
    rng = np.random.default_rng(0)
    one, other = rng.random((2, 9))
    losses = np.stack([one, np.ones(9), 7 + 1e6 * one, other, np.exp(other)], axis=1)
    assert different_objectives(losses) == (0, 3, 4)
    assert different_objectives(losses[:, [1, 1]]) == ()
    assert different_objectives(np.empty((0, 2))) == ()


def test_few_configs_are_all_tried():
    space = Space({"n": Int(1, 4), "kind": Categorical(["a", "b"])})
    optimizer = bound(BayesianOptimization(first=2), space)
    run(optimizer, lambda c: {"first": c["n"], "second": (c["kind"] == "a") - c["n"]}, 9)
    assert optimizer.n_asked == 8
    assert not optimizer.ask()


def test_pending_configs_are_not_neighbours():
    optimizer = run(bound(BayesianOptimization()), conflict, 14)
    points = np.array([optimizer.ask()[0].point for _ in range(6)])
    gaps = np.linalg.norm(points[:, None] - points, axis=2)[~np.eye(6, dtype=bool)]
    assert gaps.min() > 1e-3


@pytest.mark.parametrize("n", [2, 3])
def test_a_resumed_search_asks_the_same(n):
    """Also with what is pending, at an ask of each kind."""

    def values(config):
        return conflict(config) | {"third": config["n"] / 20}

    first = bound(BayesianOptimization(first=4), MIXED, n=n)
    told, asked = [], []
    for number in range(12):
        (solution,) = first.ask()
        asked.append(solution)
        if number >= 2:  # two are always pending
            trial = Trial(asked[number - 2], Outcome("complete", values(asked[number - 2].config)))
            first.tell(trial)
            told.append(trial)
        if number >= 8:
            again = bound(BayesianOptimization(first=4), MIXED, n=n)
            again.replay(told[: number - 2], asked[number - 2 : number])
            again.ask()
            np.testing.assert_array_equal(again.pending[number].point, solution.point)


def test_five_objectives_are_refused_with_what_to_use():
    space, objectives = LANDSCAPES["floats"].space, [Objective(f"o{k}") for k in range(5)]
    for optimizer in (BayesianOptimization(), TPE()):
        with pytest.raises(SettingError, match=r"at most 4 objectives, but got 5 \(o0, o1, .*auto"):
            optimizer.bind(of(None, space, objectives=objectives))
    assert Auto().bind(of(None, space, objectives=objectives)).phase.name == "genetic algorithm"


def many_optima(config):
    away = sum(1 - math.cos(40 * config[name]) + config[name] for name in ("y", "z"))
    return {"first": config["x"], "second": 1 - config["x"] + away}


def test_evolution_chooses_three_in_four_where_a_model_is_lost_in_local_optima():
    names = {}
    for values in (conflict, many_optima):
        points = np.random.default_rng(0).random((30, 3))
        losses = [[*values(config).values()] for config in NUMBERS.decode(points)]
        optimizer = bound(BayesianOptimization())
        optimizer.learn(points, np.array(losses))
        run(optimizer, values, 4)
        names[values] = optimizer.phase.name
        asks = [optimizer._several._evolution.propose(number, 1) for number in range(4)]
        found = [(optimizer.history.points[n] == asks[n]).all() for n in range(1, 4)]
        assert any(found) == (values is many_optima)
    assert names[conflict] == "Gaussian processes"
    assert names[many_optima] == "Gaussian processes and steady state in turn"
    assert optimizer.phase.reason.startswith("second: more local optima")


def test_it_says_what_it_does():
    optimizer = bound(BayesianOptimization(first=4), n=3)
    assert "then Gaussian processes" in optimizer.explanation
    run(optimizer, copied, 8)
    assert "Gaussian processes on 8 results" in optimizer.explanation
    assert "second and third told nothing apart from the others" not in optimizer.explanation
    assert "third" in optimizer.facts[0]
    agreeing = run(
        bound(BayesianOptimization(first=4)), lambda c: dict.fromkeys(LOSSES[:2], c["x"]), 8
    )
    assert agreeing.facts


def test_models_are_asked_about_one_objective():
    optimizer = run(bound(BayesianOptimization(first=4)), conflict, 6)
    with pytest.raises(SettingError, match="asked about one objective, but this search has 2"):
        optimizer.predict([{"x": 0.5, "y": 0.5, "z": 0.5}])
    assert isinstance(optimizer._several, FrontSearch)
