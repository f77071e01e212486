"""What trainings cost: the prices that are learned, and how much is owed to whole trainings."""

import math

import numpy as np
import pytest

import hpopt
from hpopt import Fidelity
from hpopt.core import Outcome, Solution, Trial, failed
from hpopt.optimizers.surrogates.costs import FEWEST_PRICED, Costs, PerCost, Prices
from hpopt.optimizers.surrogates.encoding import Encoding

SPACE = hpopt.Space({"x": hpopt.Float(0, 1), "width": hpopt.Float(8, 800, log=True)})
ENCODING = Encoding(SPACE)
HIGH = 64
NONE = np.empty((0, SPACE.d))


def costs_of(resumes=True):
    return Costs(ENCODING, Fidelity(1, HIGH, resumes=resumes))


def trial(config, point, fidelity, seconds, outcome=None):
    (decoded,) = SPACE.decode(point[None])
    solution = Solution(config, decoded, point, config, float(fidelity))
    return Trial(solution, outcome or Outcome("complete", {"value": 0.0}, seconds=seconds))


def learned(costs, n, seconds_of, ends=(4,), seed=0):
    """Tell of n configs, each trained to some ends in turn; return their points."""
    points = np.random.default_rng(seed).random((n, SPACE.d))
    for config, point in enumerate(points):
        begun = 0
        for end in ends:
            costs.add(trial(config, point, end, seconds_of(point, end - begun)), config, end)
            begun = end
    return points


def test_prices_are_learned_beside_what_a_start_takes():
    """A unit takes ten times as long at 800 wide as at 8; each start takes four units more."""
    costs = costs_of()

    def seconds(point, steps):
        return 10 ** point[1] * (steps + 4)

    rng = np.random.default_rng(1)
    for config, point in enumerate(rng.random((30, SPACE.d))):
        end = 32 if point[0] > 0.5 else 2  # as if these were promising
        costs.add(trial(config, point, end, seconds(point, end)), config, end)
    places = np.array([[0.5, 0.0], [0.5, 1.0], [0.0, 0.5], [1.0, 0.5]])
    low, high, left, right = costs.prices().log(ENCODING.features(places))
    assert high - low == pytest.approx(math.log(10), abs=0.1)
    assert right - left == pytest.approx(0, abs=0.1)  # not cheaper because it runs longer


def test_before_enough_is_measured_all_cost_the_same():
    costs = costs_of()
    learned(costs, FEWEST_PRICED - 1, lambda point, steps: steps * (1 + point[0]), ends=(4, 8))
    assert costs.prices() is None
    point = np.full(SPACE.d, 0.5)
    outcomes = (
        failed("no"),
        Outcome("complete", {"value": 0.0}, seconds=0.0),
        Outcome("complete", {"value": 0.0}, seconds=math.nan),
        Outcome("stopped", {"value": 0.0}, seconds=3.0),
    )
    for k, outcome in enumerate(outcomes):
        costs.add(trial(100 + k, point, 4, 0, outcome), 100 + k, 4)
    costs.add(trial(200, point, 4, 1.0), 200, HIGH)  # its patience came to an end
    assert costs.prices() is None
    costs.add(trial(300, point, 4, 4.0), 300, 4)
    assert costs.prices() is not None


@pytest.mark.parametrize(("resumes", "ends"), [(True, (4, 16, 64)), (False, (16, 64))])
def test_where_a_unit_takes_the_same_everywhere_whole_trainings_count(resumes, ends):
    costs = costs_of(resumes)

    def seconds(point, steps):
        return 3.0 * steps

    points = np.random.default_rng(0).random((40, SPACE.d))
    for config, point in enumerate(points):  # every eighth is trained to the end
        begun = 0
        for end in ends if config % 8 == 0 else ends[:1]:
            costs.add(trial(config, point, end, seconds(point, end - begun)), config, end)
            begun = end if resumes else 0
    work = 5 + 35 * ends[0] / HIGH + (0 if resumes else 5 * ends[0] / HIGH)
    prices = costs.prices()
    share = (5 + 1) / work  # with one that is free
    assert costs.owes_complete(prices, NONE, 1.01 * share, 1.0)
    assert not costs.owes_complete(prices, NONE, 0.99 * share, 1.0)
    pending = points[1:2]
    assert not costs.owes_complete(prices, pending, 1.01 * share, 1.0)
    assert costs.owes_complete(prices, pending, 1.01 * share + 1 / work, 1.0)


def test_a_cost_lowers_a_value_and_its_slope():
    class Flat:
        def __call__(self, features):
            return np.zeros(len(features))

        def with_gradient(self, features):
            return np.zeros(len(features)), np.zeros_like(features)

    prices = Prices(np.array([0.5, -2.0]), 1.0, 0.3)
    score = PerCost(Flat(), prices)
    here = np.random.default_rng(0).random((5, 2))
    value, gradient = score.with_gradient(here)
    np.testing.assert_array_equal(value, score(here))
    np.testing.assert_allclose(gradient, np.tile([-0.5, 2.0], (5, 1)))
    np.testing.assert_allclose(score(here + np.array([0, 0.1])) - value, 0.2)
