"""What screening promises: children that a model of the good ones finds promising."""

import json

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from hpopt import GeneticAlgorithm
from hpopt.errors import SettingError, UnknownNameError
from hpopt.optimizers import make_optimizer
from hpopt.optimizers.genetic.population import Population
from hpopt.optimizers.genetic.screening import Surrogate
from hpopt.space import Float, Space
from hpopt.testing import OptimizerContract
from hpopt.testing.landscapes import LANDSCAPES

from ..modelling import searched

SQUARE = Space({"x": Float(0, 1), "y": Float(0, 1)})


def away(config):
    """Give the squared distance to a point that is not the middle."""
    return sum((x - 0.3) ** 2 for x in config.values())


class TestScreened(OptimizerContract):
    n_trials = 30
    problems = {name: LANDSCAPES[name] for name in ("layers", "two_objectives")}  # noqa: RUF012

    def make(self):
        return GeneticAlgorithm(population=6, screening="surrogate")


def test_the_child_near_the_good_ones_is_chosen():
    rng = np.random.default_rng(0)
    points = rng.random((60, 2))
    losses = np.abs(points - [0.2, 0.8]).sum(axis=1, keepdims=True)
    known = Population(np.arange(60), points, losses)
    groups = rng.random((40, 6, 2))
    chosen = Surrogate(candidates=6).chosen(groups, known, SQUARE)
    far = np.abs(groups - [0.2, 0.8]).sum(axis=2)
    assert np.abs(chosen - [0.2, 0.8]).sum(axis=1).mean() < 0.7 * far.mean()
    assert all((groups[k] == chosen[k]).all(axis=1).any() for k in range(40))


def test_where_nothing_is_good_the_first_children_are_taken():
    groups = np.random.default_rng(0).random((5, 4, 2))
    known = Population(
        np.arange(9), np.random.default_rng(1).random((9, 2)), np.full((9, 1), np.inf)
    )
    np.testing.assert_array_equal(Surrogate(4).chosen(groups, known, SQUARE), groups[:, 0])


def test_it_finds_more_than_without():
    space = Space({f"x{j}": Float(0, 1) for j in range(6)})
    bests = [
        [
            searched(
                GeneticAlgorithm(screening=screening), space, away, 80, seed
            ).history.losses.min()
            for seed in range(24)
        ]
        for screening in ("surrogate", None)
    ]
    assert mannwhitneyu(*bests, alternative="less").pvalue < 0.05


def test_it_is_made_again_of_its_settings():
    optimizer = GeneticAlgorithm(screening={"part": "surrogate", "candidates": 3})
    settings = json.loads(json.dumps(optimizer.settings()))
    assert settings["screening"] == {"part": "surrogate", "candidates": 3, "share": 0.08}
    assert make_optimizer("genetic", settings).screening == optimizer.screening


def test_wrong_settings_raise():
    with pytest.raises(UnknownNameError, match="did you mean 'surrogate'"):
        GeneticAlgorithm(screening="surogate")
    with pytest.raises(SettingError, match="candidates must be an int of at least 2"):
        GeneticAlgorithm(screening={"part": "surrogate", "candidates": 1})
