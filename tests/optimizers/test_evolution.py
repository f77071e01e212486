"""What all genetic strategies promise: better than chance."""

import functools
import math

import numpy as np
import pytest
from problems_for_tests import of, trial_of

import hpopt
from hpopt.optimizers import make_optimizer

from .test_convergence import PROBLEMS, p_value

N_SEEDS, N_TRIALS, WORKERS = 8, 120, 8
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


def best_of(name, problem, seed, n):
    """Give the best loss of n that 8 workers tell, in an order of their own."""
    function, space = PROBLEMS[problem]
    optimizer = make_optimizer(name).bind(of(function, space), seed=seed)
    while len(optimizer.history) < n:
        optimizer.ask(WORKERS - len(optimizer.pending) or 1)
        number = min(optimizer.pending, key=lambda number: number * 7919 % 13)
        solution = optimizer.pending[number]
        optimizer.tell(trial_of(solution, function(solution.config)))
    return optimizer.history.losses[:n, 0].min()


@functools.cache
def bests(name, problem, n):
    return [best_of(name, problem, seed, n) for seed in range(N_SEEDS)]


@pytest.mark.parametrize("problem", ["quadratic", "network"])
@pytest.mark.parametrize("name", STRATEGIES)
def test_it_beats_random(name, problem):
    n = SLOW_LEARNERS.get(name, N_TRIALS)
    assert p_value(bests(name, problem, n), bests("random", problem, n)) < 0.05


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
