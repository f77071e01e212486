"""Which losses are penalties, and that a model takes them for failures rather than for noise."""

import math

import numpy as np
import pytest

from hpopt import BayesianOptimization
from hpopt.optimizers.surrogates.encoding import Encoding
from hpopt.optimizers.surrogates.observations import Observations
from hpopt.optimizers.surrogates.penalties import penalties
from hpopt.optimizers.surrogates.surrogate import Surrogate
from hpopt.space import Float, Int, Ordinal, Space

from ..modelling import searched, surrogate_of

NAN = np.inf
SQUARE = Space({"x": Float(0, 1), "y": Float(0, 1)})
WALLED = Space(
    {
        "x": Float(0, 1),
        "width": Ordinal([1, 2, 4, 8, 16, 32, 64, 128]),
        "y": Float(0, 1),
        "layers": Int(1, 8),
    }
)


@pytest.mark.parametrize(
    ("losses", "n"),
    [
        ([0.1, 0.2, 0.3, 0.15, 0.4, 1.0, 1.0, 1.0], 3),
        ([0.1, 0.2, 0.3, 0.15, 0.4, NAN, 1e3, 1e3, 1e3], 3),
        ([-5.0, -4.0, -4.5, -4.2, -4.9, 0.0, 0.0, 0.0, 0.0], 4),
        ([-1e308, -1e308, -1e308, -1e308, -9e307, 1e308, 1e308, 1e308], 3),
        ([0.1, 0.2, 0.3, 0.15, 0.4, 1.0, 1.0], 0),  # may be a coincidence
        ([0.1, 0.2, 0.3, 0.4, 1.0, 1.0, 1.0], 0),  # too few others
        ([0.1, 0.2, 0.3, 0.15, 0.85, 0.9, 0.9, 0.9], 0),  # a chance level, and one just above it
        ([0.1, 0.2, 0.3, 0.15, 0.4, 1.0, 1.0, 1.01], 0),  # not equal
        ([0.1, 0.1, 0.1, 0.2, 0.3, 0.35, 0.4, 1.0], 0),  # an outlier
        ([0.2, 0.2, 0.2, 0.2, 0.2, 1.0, 1.0, 1.0], 0),  # two levels are all there is
        ([1.0] * 9, 0),
        ([NAN] * 9, 0),
        ([], 0),
    ],
)
def test_penalties_are_equal_the_worst_and_far_from_the_others(losses, n):
    losses = np.array(losses, dtype=float)
    found = penalties(losses)
    assert found.sum() == n
    if n:
        assert set(losses[found]) == {losses[np.isfinite(losses)].max()}


def test_a_model_takes_penalties_for_failures():
    points = np.random.default_rng(0).random((30, 2))
    valley = points[:, 1] + (points[:, 0] - 0.5) ** 2
    failed, punished = (
        surrogate_of(SQUARE, points, np.where(points[:, 0] < 0.4, worst, valley))
        for worst in (NAN, 1e3)
    )
    np.testing.assert_array_equal(failed.points, punished.points)
    np.testing.assert_array_equal(failed.means, punished.means)
    np.testing.assert_array_equal(
        failed.feasibility.log_probability(points), punished.feasibility.log_probability(points)
    )


def beyond_a_wall(worst):
    """A smooth valley that is best just before the wall beyond which half of the configs fail."""

    def value(config):
        width, layers = math.log2(config["width"]) / 7, (config["layers"] - 1) / 7
        along = config["x"] + width / 2
        valley = (0.85 - along) ** 2 / 2 + (config["y"] - 0.3) ** 2 / 10 + (layers - 0.5) ** 2 / 20
        return worst if along > 0.8 else 0.05 + valley

    return value


@pytest.mark.parametrize("worst", [1.0, 1e3])
def test_a_wall_is_not_taken_for_noise(worst):
    n_looks, n_noisy = 0, 0
    for seed in range(2):
        optimizer = searched(BayesianOptimization(), WALLED, beyond_a_wall(worst), 40, seed)
        observed, surrogate = Observations(optimizer), Surrogate(Encoding(WALLED), 200)
        for n in range(8, 41, 4):
            share = surrogate.model(First(observed, n)).sight.noise_share
            n_looks, n_noisy = n_looks + 1, n_noisy + (share > 0.05)
    assert n_noisy <= 0.02 * n_looks


class First:
    """The first n of some observations."""

    def __init__(self, observed, n):
        self.points, self.losses = observed.points[:n], observed.losses[:n]
        self.ranked, self.is_broken = observed.ranked[:n], observed.is_broken[:n]
        self.is_own = observed.is_own[:n]
        self.subset, self.valued, self._n = observed.subset, observed.valued, n

    def __len__(self):
        return self._n
