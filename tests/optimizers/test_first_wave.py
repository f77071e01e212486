"""What many workers begin with, before any result, in every space of the contract suite."""

import pytest

from hpopt import TPE, Auto, BayesianOptimization
from hpopt.testing.landscapes import LANDSCAPES

from .modelling import first_wave, values_of

N = 10
"""Evaluations that eight workers have begun before they know much."""
ENOUGH = 4
"""Values that a parameter must have had by then, if it has as many."""


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", [name for name in LANDSCAPES if name != "two_objectives"])
@pytest.mark.parametrize("make", [Auto, BayesianOptimization, TPE])
def test_no_parameter_that_always_exists_keeps_its_value(make, name, seed):
    space = LANDSCAPES[name].space
    wave = [values_of(config) for config in first_wave(make(), space, N, seed)]
    for parameter in set.intersection(*map(set, wave)):
        possible = {values_of(config).get(parameter) for config in space.sample(300, seed=1)}
        possible.discard(None)
        found = {config[parameter] for config in wave}
        assert len(found) >= min(ENOUGH, len(possible)) or len(wave) < N
