"""The process of what fails: what it takes for chance, what for a place, and its gradient."""

import numpy as np
import pytest

from hpopt.optimizers.surrogates.acquisition import KINDS, Acquisition, Criterion
from hpopt.space import Float, Space

from ..modelling import check_gradient, surrogate_of

SQUARE = Space({"x": Float(0, 1), "y": Float(0, 1)})
RNG = np.random.default_rng(0)
POINTS, NEW = RNG.random((60, 2)), RNG.random((200, 2))


def fitted(failed):
    losses = ((POINTS - 0.5) ** 2).sum(axis=1)
    return surrogate_of(SQUARE, POINTS, np.where(failed, np.inf, losses))


def test_a_part_that_fails_is_known_as_such():
    chance = np.exp(fitted(POINTS[:, 0] > 0.6).feasibility.log_probability(NEW))
    assert chance[NEW[:, 0] > 0.7].max() < 0.2
    assert chance[NEW[:, 0] < 0.5].min() > 0.8


def test_what_fails_by_chance_says_little_of_its_place():
    failed = np.random.default_rng(1).random(60) < 0.3
    chance = np.exp(fitted(failed).feasibility.log_probability(NEW))
    assert np.abs(chance - (1 - failed.mean())).mean() < 0.15
    assert chance.min() > 0.35


def test_where_nothing_failed_there_is_nothing_to_learn():
    assert fitted(np.zeros(60, dtype=bool)).feasibility is None


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_is_that_of_finite_differences(kind):
    model = fitted(POINTS[:, 0] > 0.6)
    criterion = Criterion(kind, float(model.warp.targets.min()), 60)
    acquisition = Acquisition(model.process, criterion, [(2.0, model.feasibility)])
    check_gradient(acquisition, NEW[:20])
