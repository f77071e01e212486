"""A search that finds no new best: what it asks then."""

import math

import numpy as np

from hpopt.optimizers import make_optimizer
from hpopt.space import Categorical, Float, Space

from .modelling import searched

PLATEAU = Space(
    {**{name: Float(0, 1) for name in "abcd"}, "kind": Categorical(["p", "q", "r"])},
)


def accuracy(config):
    """In steps of 0.02, the best of which is found soon and holds for a large part of the space."""
    apart = (config["a"] - 0.3) ** 2 + (config["b"] - 0.6) ** 2 + (config["c"] - 0.4) ** 2 / 2
    apart += {"p": 0.0, "q": 0.05, "r": 0.3}[config["kind"]]
    return math.floor(50 * min(0.97, 1.05 * math.exp(-2 * apart))) / 50


def test_a_stalled_search_asks_little_that_is_worse_than_half_of_the_space():
    """Eight in 100 were, when every fourth config was random for as long as a stall lasted."""
    random = PLATEAU.decode(PLATEAU.random(500, np.random.default_rng(0)))
    median = np.median([-accuracy(config) for config in random])
    worse = []
    for seed in range(2):
        found = searched(make_optimizer("auto"), PLATEAU, lambda c: -accuracy(c), 100, seed)
        worse += (found.history.losses[50:, 0] > median).tolist()
    assert len(worse) == 100
    assert sum(worse) <= 4
