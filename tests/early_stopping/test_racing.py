"""Racing by itself: trials are compared with the best one at the same step."""

import math
import pickle

import pytest

from hpopt.early_stopping import RacingRule
from hpopt.errors import SettingError

from .told import MAXIMIZE, MINIMIZE, told

# Easy folds first: all are better at step 1 than at their ends.
BEST = [(1, 0.1), (2, 0.2), (3, 0.3)]
NEAR = [(1, 0.3), (2, 0.3), (3, 0.4)]
FAR = [(1, 0.9), (2, 0.9), (3, 0.9)]


def mirrored(curve):
    return [(step, 1 - value) for step, value in curve]


ONE = RacingRule(margin=1)


def snapshot_after(*curves, rule=ONE, objective=MINIMIZE):
    experience = rule.begin(objective)
    for number, curve in enumerate(curves):
        experience.learn(told(curve, number=number))
    return experience.snapshot()


def test_a_gap_is_compared_with_how_gaps_have_changed():
    test = snapshot_after(BEST, NEAR, FAR)
    # The better half of the others is NEAR: its gap went from .2 and .1 to .1, so by .1 and 0.
    assert not test([(1, 0.19)])
    assert test([(1, 0.21)])
    assert test([(1, 0.1), (2, 0.21)])
    assert not test([(1, 0.9), (2, 0.19)])
    assert not test([])
    assert not test([(1.5, 9.0)])  # where the best one has reported nothing


def test_larger_margins_stop_less():
    rule = RacingRule(margin=3)
    assert not snapshot_after(BEST, NEAR, FAR, rule=rule)([(1, 0.39)])
    assert snapshot_after(BEST, NEAR, FAR, rule=rule)([(1, 0.41)])


def test_its_forecast_is_as_far_from_the_best_as_the_gap():
    test = snapshot_after(BEST, NEAR, FAR)
    assert test.forecast([(1, 0.21)]) == pytest.approx(0.3 + 0.11)
    assert test.forecast([]) is None
    upside_down = snapshot_after(*map(mirrored, [BEST, NEAR, FAR]), objective=MAXIMIZE)
    assert upside_down([(1, 0.79)])
    assert not upside_down([(1, 0.81)])
    assert upside_down.forecast([(1, 0.79)]) == pytest.approx(0.7 - 0.11)


def test_it_waits_for_complete_trials():
    assert snapshot_after(BEST, NEAR) is None
    experience = RacingRule().begin(MINIMIZE)
    for number, status in enumerate(["stopped", "failed", "complete", "complete"]):
        experience.learn(told(BEST, status, number))
    experience.learn(told([(1, math.nan)], number=9))
    assert experience.snapshot() is None


def test_a_snapshot_travels_and_stays_as_it_is():
    experience = RacingRule().begin(MINIMIZE)
    for number, curve in enumerate([BEST, NEAR, FAR]):
        experience.learn(told(curve, number=number))
    before = pickle.loads(pickle.dumps(experience.snapshot()))
    experience.learn(told([(step, 0.0) for step, _ in BEST], number=3))
    assert experience.snapshot() != before
    assert not before([(1, 0.19)])


@pytest.mark.parametrize("arguments", [{"margin": -1}, {"min_trials": 0}])
def test_settings_out_of_range(arguments):
    with pytest.raises(SettingError):
        RacingRule(**arguments)
