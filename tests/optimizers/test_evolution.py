"""What all genetic strategies promise: better than chance, and not put off by failures."""

import functools
import math

import numpy as np
import pytest
from problems_for_tests import of, trial_of

import hpopt
from hpopt.core import failed
from hpopt.core.trial import Trial
from hpopt.optimizers import make_optimizer

from .test_convergence import PROBLEMS, p_value

N_SEEDS, N_TRIALS, WORKERS = 12, 120, 8
SLOW_LEARNERS = {"menndl": 600}
"""How many evaluations those need that do not keep their best."""

STRATEGIES = (
    "genetic",
    "memetic",
    "menndl",
    "mu_plus_lambda",
    "regularized",
    "self_adaptive",
    "steady_state",
    "zhan",
)


def told(name, problem, seed, *, n=N_TRIALS, share=0.0):
    """Give the losses of a search by 8 workers, in the order of their telling."""
    function, space = PROBLEMS[problem]
    optimizer = make_optimizer(name).bind(of(function, space), seed=seed)
    lost = np.random.default_rng(seed).random(10 * n) < share
    while len(optimizer.history) < n:
        optimizer.ask(WORKERS - len(optimizer.pending) or 1)
        number = min(optimizer.pending, key=lambda number: number * 7919 % 13)
        solution = optimizer.pending[number]
        value = function(solution.config)
        trial = Trial(solution, failed("lost")) if lost[number] else trial_of(solution, value)
        optimizer.tell(trial)
    return optimizer.history.losses[:n, 0]


@functools.cache
def bests(name, problem, n):
    return [told(name, problem, seed, n=n).min() for seed in range(N_SEEDS)]


@pytest.mark.parametrize("problem", ["quadratic", "network"])
@pytest.mark.parametrize("name", STRATEGIES)
def test_it_beats_random(name, problem):
    n = SLOW_LEARNERS.get(name, N_TRIALS)
    assert p_value(bests(name, problem, n), bests("random", problem, n)) < 0.05


@pytest.mark.parametrize("name", STRATEGIES)
def test_it_improves_where_a_third_fails(name):
    for seed in range(3):
        losses = told(name, "quadratic", seed, share=0.3)
        fine = losses[np.isfinite(losses)]
        assert 0.55 * N_TRIALS < len(fine) < 0.85 * N_TRIALS
        assert np.median(fine[-30:]) < np.median(fine[:20])
        assert fine.min() < fine[:20].min()


@pytest.mark.parametrize("name", STRATEGIES)
def test_its_settings_make_the_same_search(name):
    made = make_optimizer(name)
    again = make_optimizer(name, made.settings())
    function, space = PROBLEMS["network"]
    problem = hpopt.FunctionProblem(function, dict(space))
    configs = [
        [t.config for t in hpopt.optimize(problem, each, trials=45, seed=2, progress=False).trials]
        for each in (made, again)
    ]
    assert configs[0] == configs[1]


def test_nobody_waits_in_the_steady_state():
    """With 16 workers and lognormal durations it is done long before the generations are."""

    def finished(name, n=200):
        function, space = PROBLEMS["quadratic"]
        optimizer = make_optimizer(name).bind(of(function, space), seed=0)
        durations = np.exp(np.random.default_rng(0).standard_normal(10 * n))
        ends, now = {}, 0.0
        while len(optimizer.history) < n:
            free = 16 - len(ends)
            for solution in optimizer.ask(free) if free else []:
                ends[solution.number] = now + durations[solution.number]
            number = min(ends, key=ends.__getitem__)
            now = ends.pop(number)
            solution = optimizer.pending[number]
            optimizer.tell(trial_of(solution, function(solution.config)))
        return now

    waited, busy = finished("menndl"), finished("steady_state")
    assert math.isfinite(busy)
    assert waited > 1.5 * busy
