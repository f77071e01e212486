"""Models of constraints: where they are met, alone and beside a criterion."""

import numpy as np
import pytest
from problems_for_tests import of

from hpopt import TPE, Auto, BayesianOptimization, RandomSearch
from hpopt.core import Objective, Outcome, Trial, failed
from hpopt.numerics.gaussian_process import GaussianProcess, Hyperparameters
from hpopt.optimizers.surrogates.acquisition import Acquisition, Criterion
from hpopt.optimizers.surrogates.constraints import ConstraintProcesses, OnlyProbabilities
from hpopt.optimizers.surrogates.front_observations import FrontObservations
from hpopt.optimizers.surrogates.observations import Observations
from hpopt.space import Float, Int, Space

SPACE = Space({"x": Float(0, 1), "y": Float(0, 1), "n": Int(0, 9)})
NARROW = {"far": ("<=", 0.1), "low": (">=", 0.0)}


def narrow(config):
    """Feasible in a hundredth of the space; the best losses lie outside of it."""
    far = (config["x"] - 0.8) ** 2 + (config["y"] - 0.3) ** 2
    return {
        "loss": config["x"] + config["y"],
        "other": 1 - config["x"] + config["n"] / 9,
        "far": 10 * far,
        "low": 5 - config["n"],
    }


def bound(optimizer, constraints, objectives=("loss",), seed=0):
    problem = of(None, SPACE, objectives=[Objective(each) for each in objectives])
    problem.constraints = constraints
    return optimizer.bind(problem, seed=seed)


def run(optimizer, n, values=narrow):
    for _ in range(n):
        for solution in optimizer.ask():
            outcome = Outcome("complete", values(solution.config))
            optimizer.tell(Trial(solution, outcome))
    return optimizer


@pytest.fixture(scope="module", params=[("loss",), ("loss", "other")], ids=["one", "two"])
def searched(request):
    return run(bound(BayesianOptimization(), NARROW, request.param), 40)


def test_what_meets_the_constraints_is_found_and_kept_to(searched):
    history = searched.history
    feasible = np.flatnonzero(~history.is_broken)
    first = feasible[0]
    assert first < 30  # at random one in 64
    assert len(feasible) >= 8
    after = history.losses[feasible, 0]
    assert after.min() < after[0]
    assert searched.best == feasible[after.argmin()]


def test_a_phase_says_that_nothing_is_feasible_yet():
    optimizer = bound(Auto(), {"far": "<= -1"})
    said = run(optimizer, 14).explanation
    assert said.startswith("search for feasible configs on 14 results: no config meets all")
    assert "best" not in said
    (solution,) = optimizer.ask()
    values = narrow(solution.config) | {"far": -2.0}
    optimizer.tell(Trial(solution, Outcome("complete", values)))
    assert optimizer.explanation.startswith("a model chooses (Gaussian process")
    assert f"best {values['loss']:.5g}" in optimizer.explanation


def test_models_learn_from_what_is_not_feasible():
    one, two = (bound(BayesianOptimization(), NARROW, ("loss", "other")[:m]) for m in (1, 2))
    for optimizer, observations in ((one, Observations), (two, FrontObservations)):
        observed = observations(run(optimizer, 10))
        assert np.isfinite(observed.losses).all()
        assert (np.abs(observed.losses) < 3).all()
        assert observed.valued(10).all()
        assert observed.violations.shape == (10, 2)
        assert (observed.ranked[optimizer.history.is_broken] > 1e99).all()
        assert len(observed.subset(10, 6)) == 6


@pytest.mark.parametrize("n_objectives", [1, 2])
def test_a_bounded_subset_keeps_what_is_feasible(n_objectives):
    optimizer = bound(RandomSearch(), {"low": ">= 4"}, ("loss", "other")[:n_objectives])
    losses = iter(range(30))

    def values(config):
        loss = next(losses)
        return {"loss": loss, "other": loss, "low": 9 if loss in (11, 17, 19) else -loss}

    run(optimizer, 30, values)
    observed = (Observations, FrontObservations)[n_objectives - 1](optimizer)
    assert {11, 17, 19} <= set(observed.subset(30, 8).tolist())


def test_chances_are_those_of_all_constraints(searched):
    if len(searched.objectives) > 1:
        return
    inside, outside = {"x": 0.8, "y": 0.3, "n": 2}, {"x": 0.1, "y": 0.9, "n": 8}
    near, far = searched.chances([inside, outside])
    assert near > 0.9
    assert far < 0.01


def test_the_gradient_of_the_probabilities():
    rng = np.random.default_rng(1)
    features = rng.random((12, 3))
    groups = np.arange(3)
    parameters = Hyperparameters(np.full(3, -1.0), 0.0, -9.0)
    targets = [features[:, 0] - 0.5, features[:, 1] * features[:, 2] - 0.3]
    processes = tuple(GaussianProcess(features, each, groups, parameters) for each in targets)
    pending = rng.random((2, 3))
    probabilities = ConstraintProcesses(processes).probabilities(pending)
    new, step = rng.random((5, 3)), 1e-6
    for score in (
        OnlyProbabilities(probabilities),
        Acquisition(processes[0], Criterion("log_ei", 0.1, 12), probabilities),
    ):
        value, gradient = score.with_gradient(new)
        np.testing.assert_allclose(value, score(new))
        for j in range(3):
            moved = np.eye(3)[j] * step
            slope = (score(new + moved) - score(new - moved)) / (2 * step)
            np.testing.assert_allclose(gradient[:, j], slope, rtol=1e-4, atol=1e-6)
    assert OnlyProbabilities([])(new).tolist() == [0] * 5


def scaled(config):
    values = narrow(config)
    return values | {"far": 1e-6 * values["far"], "low": 1e6 * values["low"]}


CASES = {
    "none is feasible": ({"far": "<= -1"}, narrow),
    "none can be": ({"low": ("<=", 1), "far": (">=", 99)}, narrow),
    "none is known to be": ({"far": "<= -1"}, lambda config: {"far": narrow(config)["far"]}),
    "all fail": ({"far": "<= 0.1"}, lambda config: None),
    "all are": ({"far": "<= 1e9"}, narrow),
    "constant": ({"low": "<= 1"}, lambda config: narrow(config) | {"low": 1.5}),
    "the same twice": (
        {"far": "<= 3", "low": "<= 3"},
        lambda config: narrow(config) | {"low": narrow(config)["far"]},
    ),
    "whole numbers": ({"low": ("<=", 2)}, narrow),
    "scales that differ by 1e12": ({"far": ("<=", 1e-7), "low": (">=", 0)}, scaled),
    "enormous": ({"far": "<= -1e300"}, lambda config: narrow(config) | {"far": 1e300}),
    "on the objective": ({"loss": (">=", 0.5)}, narrow),
}


@pytest.mark.parametrize("make", [lambda: BayesianOptimization(first=4), lambda: TPE(first=4)])
@pytest.mark.parametrize("objectives", [("loss",), ("loss", "other")], ids=["one", "two"])
@pytest.mark.parametrize("case", CASES)
def test_it_goes_on_with_new_configs_whatever_is_bounded(case, objectives, make):
    constraints, values = CASES[case]
    optimizer = bound(make(), constraints, objectives)
    for _ in range(10):
        (solution,) = optimizer.ask()
        found = values(solution.config)
        status = "complete" if found and "loss" in found else "infeasible"
        outcome = Outcome(status, found) if found else failed("no")
        optimizer.tell(Trial(solution, outcome))
    assert len(np.unique(optimizer.history.points, axis=0)) == 10
    assert not np.isnan(optimizer.history.losses).any()
    assert optimizer.explanation


def test_without_constraints_enormous_losses_are_losses():
    def enormous(config):
        return {"loss": 1e150 * (1 + config["x"])}

    optimizer = run(bound(BayesianOptimization(), ()), 20, enormous)
    assert optimizer.best == optimizer.history.losses[:, 0].argmin()
    assert np.isfinite(optimizer._model().incumbent)
