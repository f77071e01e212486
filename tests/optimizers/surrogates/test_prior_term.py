import numpy as np
import pytest

from hpopt.optimizers.surrogates.acquisition_search import AcquisitionSearch
from hpopt.optimizers.surrogates.encoding import Encoding
from hpopt.optimizers.surrogates.prior_term import PriorTerm, trust
from hpopt.space import Categorical, Float, Int, Normal, Space

SPACE = Space(
    {
        "x": Float(0, 10, prior=Normal(7, 1)),
        "n": Int(1, 9, prior=3),
        "kind": Categorical(["a", "b", "c"], prior={"b": 4}),
        "plain": Float(0, 1),
    }
)
POINTS = SPACE.snap(np.random.default_rng(0).random((12, SPACE.d)))
BELIEVED = SPACE.prior.log_density(POINTS, SPACE.active(POINTS))


class Flat:
    """An acquisition that is the same everywhere."""

    def __call__(self, features):
        return np.zeros(len(features))

    def with_gradient(self, features):
        return np.zeros(len(features)), np.zeros_like(features)


class Results:
    """What a search has found."""

    def __init__(self, losses):
        self.points, self.means = POINTS, losses


def test_trust_is_how_well_results_are_ranked():
    assert trust(BELIEVED, -BELIEVED) == 1
    assert trust(BELIEVED, BELIEVED) == 0
    assert trust(BELIEVED, np.zeros(12)) == 1
    shuffled = np.random.default_rng(0).permutation(BELIEVED)
    assert 0 <= trust(BELIEVED, shuffled) < 0.5
    assert trust(BELIEVED[:2], BELIEVED[:2]) > 0.8  # one pair says little


def test_the_power_fades_with_the_results():
    few = PriorTerm(SPACE, POINTS[:6], -BELIEVED[:6])
    many = PriorTerm(SPACE, POINTS, -BELIEVED)
    assert few.weight == 2 * many.weight == 10 / 6


@pytest.mark.parametrize("losses", [BELIEVED, -BELIEVED], ids=["wrong", "right"])
def test_the_slope_is_that_of_what_is_added(losses):
    term, active = PriorTerm(SPACE, POINTS, losses), np.ones((3, SPACE.d), dtype=bool)
    points = np.random.default_rng(1).random((3, SPACE.d))
    for column in range(SPACE.d):
        step = 1e-6 * (np.arange(SPACE.d) == column)
        above, below = (term.added(np.zeros(3), points + sign * step, active) for sign in (1, -1))
        np.testing.assert_allclose(
            (above - below) / 2e-6, term.slopes(points)[:, column], atol=1e-4
        )


def test_where_nothing_else_counts_the_best_is_what_is_believed():
    encoding = Encoding(SPACE)
    found = AcquisitionSearch(
        encoding,
        Results(-BELIEVED),
        np.random.default_rng(0),
        acquisition=Flat(),
        box=None,
        everything=None,
    ).ranked()
    (config,) = SPACE.decode(found[:1])
    assert config["x"] == pytest.approx(7, abs=0.05)
    assert (config["n"], config["kind"]) == (3, "b")
