"""What models of several objectives learn from, where not everything fits or has values."""

import numpy as np
from problems_for_tests import of

from hpopt import RandomSearch
from hpopt.core import Objective
from hpopt.numerics import pareto
from hpopt.optimizers.surrogates.front_observations import FrontObservations
from hpopt.space import Float, Space

SPACE = Space({"x": Float(0, 1)})


def observed(losses):
    losses = np.asarray(losses, dtype=np.float64)
    objectives = [Objective(f"o{j}") for j in range(losses.shape[1])]
    optimizer = RandomSearch().bind(of(None, SPACE, objectives=objectives))
    points = np.random.default_rng(0).random((len(losses), 1))
    optimizer.learn(points, losses)
    return FrontObservations(optimizer)


def test_a_subset_has_the_front_and_the_most_recent():
    losses = np.random.default_rng(1).random((90, 2))
    rows = observed(losses).subset(90, 30)
    assert len(rows) == 30
    assert set(np.flatnonzero(pareto.front(losses))) <= {*rows.tolist()}
    assert sum(row >= 70 for row in rows) >= 6


def test_a_subset_hardly_changes_with_one_more():
    losses = np.random.default_rng(2).random((91, 3))
    kept = [{*observed(losses[:n]).subset(n, 30).tolist()} for n in (90, 91)]
    assert len(kept[0] & kept[1]) >= 26


def test_a_front_larger_than_the_subset_is_thinned():
    x = np.linspace(0, 1, 60)
    rows = observed(np.stack([x, 1 - x], axis=1)).subset(60, 20)
    assert len(rows) == 20


def test_what_lacks_a_value_or_is_a_penalty_in_all_objectives_has_none():
    ordinary = np.random.default_rng(3).random((8, 2))
    penalty, one = np.full((3, 2), 1e6), np.array([[0.1, 1e6], [0.2, np.inf]])
    valued = observed(np.vstack([ordinary, penalty, one])).valued(13)
    assert valued.tolist() == [True] * 8 + [False] * 3 + [True, False]
