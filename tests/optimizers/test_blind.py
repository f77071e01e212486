"""Where most of a space is at chance, a process predicts nothing: who asks then, and where."""

import numpy as np
import pytest

from hpopt import Auto, BayesianOptimization
from hpopt.optimizers.surrogates.encoding import Encoding
from hpopt.optimizers.surrogates.observations import Observations
from hpopt.optimizers.surrogates.surrogate import Surrogate
from hpopt.space import Categorical, Float, Space

from .modelling import MIXED, cost, searched, surrogate_of

CUBE = Space({f"x{j}": Float(0, 1) for j in range(6)})
WITH_CHOICE = Space(
    {**{f"x{j}": Float(0, 1) for j in range(5)}, "kind": Categorical(["a", "b", "c"])}
)


def at_chance(seed):
    """Noise around ln 2, but for a region of some 2 % of the space."""
    rng = np.random.default_rng(seed)

    def value(config):
        distance = sum((config[f"x{j}"] - centre) ** 2 for j, centre in enumerate((0.3, 0.6, 0.4)))
        loss = 0.693 + 0.002 * rng.standard_normal()
        return loss - max(0.0, 0.4 * (1 - distance / 0.17**2))

    return value


@pytest.mark.parametrize("space", [CUBE, WITH_CHOICE], ids=["numbers", "with a choice"])
@pytest.mark.parametrize("make", [Auto, BayesianOptimization])
def test_where_nothing_is_learned_asks_do_not_go_to_the_corners(make, space):
    at_ends = []
    for seed in range(3):
        optimizer = searched(make(), space, at_chance(seed), 45, seed)
        late = optimizer.history.points[30:, :5]
        at_ends.append(((late < 0.01) | (late > 0.99)).mean())
    assert np.mean(at_ends) < 0.2


@pytest.mark.parametrize("make", [Auto, BayesianOptimization])
def test_tpe_asks_where_the_process_predicts_nothing(make):
    noise = np.random.default_rng(0)
    optimizer = searched(make(), CUBE, lambda c: noise.standard_normal(), 35)
    assert "(TPE on 35 results): the Gaussian process explains little" in optimizer.explanation
    optimizer = searched(make(), CUBE, lambda c: (c["x0"] - 0.3) ** 2 + c["x1"], 35)
    assert "(Gaussian process" in optimizer.explanation


def test_skill_is_what_is_predicted_of_what_was_left_out():
    points = np.random.default_rng(0).random((40, 6))
    smooth = surrogate_of(CUBE, points, ((points - 0.4) ** 2).sum(axis=1))
    assert smooth.sight.skill > 0.8
    assert not smooth.is_blind
    rng = np.random.default_rng(1)
    chance = [surrogate_of(CUBE, points, rng.standard_normal(40)) for _ in range(6)]
    assert np.median([model.sight.skill for model in chance]) < 0.2
    assert sum(model.is_blind for model in chance) >= 4  # of fits to noise a few look like skill


def test_few_results_are_not_judged_by_their_skill():
    points = np.random.default_rng(0).random((40, 6))
    losses = np.exp(8 * points[:, 0]) * (1 + points[:, 1])
    for n in range(6, 20):
        model = surrogate_of(CUBE, points[:n], losses[:n])
        assert model.is_blind == (model.sight.noise_share > 0.05)


def test_it_is_never_blind_on_a_smooth_problem():
    optimizer = searched(BayesianOptimization(), MIXED, cost, 30)
    observed = Observations(optimizer)
    assert not Surrogate(Encoding(MIXED), 200).model(observed).is_blind
