"""The steps of the local model: where they go, and how far they may."""

import numpy as np
import pytest
from problems_for_tests import of

from hpopt import RandomSearch
from hpopt.optimizers.surrogates.local_model import FIRST, LONGEST, LocalModel, suits
from hpopt.optimizers.surrogates.observations import Observations
from hpopt.space import Categorical, Float, Int, Space

SQUARE = Space({"x": Float(0, 1), "y": Float(0, 1)})
NONE = np.empty((0, 2))


def evidence_of(points, losses):
    optimizer = RandomSearch().bind(of(lambda c: 0.0, SQUARE))
    optimizer.learn(np.asarray(points), np.asarray(losses)[:, None])
    return Observations(optimizer)


def known_bowl(n=20):
    points = np.random.default_rng(0).random((n, 2))
    return points, ((points - [0.3, 0.7]) ** 2).sum(axis=1)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"x": Float(0, 1)}, True),
        ({"x": Float(0, 1), "n": Int(1, 1000)}, True),
        ({"x": Float(0, 1), "n": Int(1, 9)}, False),
        ({"x": Float(0, 1), "c": Categorical(["a", "b"])}, False),
        ({f"x{j}": Float(0, 1) for j in range(13)}, False),
    ],
)
def test_it_suits_a_few_continuous_numbers(parameters, expected):
    assert suits(Space(parameters)) == expected


def test_a_step_goes_towards_the_bottom_and_no_further_than_it_may():
    points, losses = known_bowl()
    evidence, model = evidence_of(points, losses), LocalModel(2)
    model.learn(evidence)
    best = points[losses.argmin()]
    step = model.step(evidence, NONE, np.random.default_rng(0))
    assert np.abs(step - best).max() <= model.reach + 1e-12
    assert ((step - [0.3, 0.7]) ** 2).sum() < 0.5 * losses.min()


def test_the_reach_doubles_with_success_and_halves_without():
    model = LocalModel(2)
    points, losses = [np.array([0.5, 0.5])], [1.0]
    for k in range(3):
        points.append(points[-1] + [0.01, 0.0])
        losses.append(0.9 - 0.1 * k)
    model.learn(evidence_of(points, losses))
    assert model.reach == LONGEST
    assert model.leads
    points += [points[-1] + [0.0, 0.01 * (k + 1)] for k in range(6)]
    losses += [2.0] * 6
    model.learn(evidence_of(points, losses))
    assert model.reach == LONGEST / 4
    assert not model.leads


def test_how_often_it_learns_does_not_matter():
    points, losses = known_bowl(60)
    one, other = LocalModel(2), LocalModel(2)
    for n in range(1, 61):
        one.learn(evidence_of(points[:n], losses[:n]))
    other.learn(evidence_of(points, losses))
    assert (one.reach, one.n_in_vain) == (other.reach, other.n_in_vain)


def test_nothing_is_asked_twice_at_a_time_or_of_too_little():
    points, losses = known_bowl()
    evidence, model = evidence_of(points, losses), LocalModel(2)
    model.learn(evidence)
    step = model.step(evidence, NONE, np.random.default_rng(0))
    assert model.step(evidence, step[None], np.random.default_rng(0)) is None
    assert model.step(evidence_of(points[:3], losses[:3]), NONE, np.random.default_rng(0)) is None
    failed = evidence_of(points, np.full(20, np.inf))
    assert model.step(failed, NONE, np.random.default_rng(0)) is None


def test_at_the_bottom_a_point_nearby_is_drawn():
    rng = np.random.default_rng(1)
    points = np.concatenate([[[0.3, 0.7]], 0.25 + 0.5 * rng.random((20, 2))])
    evidence = evidence_of(points, ((points - [0.3, 0.7]) ** 2).sum(axis=1))
    model = LocalModel(2)
    step = model.step(evidence, NONE, rng)
    assert 0 < np.abs(step - [0.3, 0.7]).max() <= FIRST
