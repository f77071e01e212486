"""A search that finds no new best: what it asks then."""

import math

import numpy as np
import pytest

from hpopt.optimizers import make_optimizer
from hpopt.space import Float, Space

from .modelling import searched

FLOATS = Space({name: Float(0, 1) for name in "abcd"})


def stairs(config):
    """The best value on a fifth of the space, found at once; two numbers change nothing."""
    steps = math.ceil(12 * (config["a"] - 0.3)) + math.ceil(6 * (config["b"] - 0.4))
    return max(0.0, steps)


@pytest.mark.parametrize("strategy", ["bayesian", "auto"])
def test_a_stalled_search_asks_little_that_is_worse_than_half_of_the_space(strategy):
    """One in eight was, when every fourth config was random for as long as a stall lasted."""
    random = FLOATS.decode(FLOATS.random(500, np.random.default_rng(0)))
    median = np.median([stairs(config) for config in random])
    optimizer = searched(make_optimizer(strategy), FLOATS, stairs, 80, 0)
    assert np.mean(optimizer.history.losses[40:, 0] > median) < 0.07
