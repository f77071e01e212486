"""Successive halving as a rule of early stopping."""

import math
import pickle
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpopt.early_stopping import HalvingRule
from hpopt.errors import SettingError, StudyWarning

from .told import MAXIMIZE, MINIMIZE, told

AS_PUBLISHED = HalvingRule(low=3, reduction=3, min_trials=1, protect=0)


def snapshot_after(curves, rule=AS_PUBLISHED, objective=MINIMIZE, status="complete"):
    experience = rule.begin(objective)
    for number, curve in enumerate(curves):
        experience.learn(told(curve, status, number))
    return experience.snapshot()


def slowly(curves, curve, sign, rungs):
    """Algorithm 2 of Li et al.: at each rung it has passed, is it in the top third with it?"""

    def reached(other, rung):
        return min(sign * value for step, value in other if step <= rung)

    for rung in rungs:
        if curve[-1][0] < rung:
            continue
        there = [reached(other, rung) for other in curves if other[-1][0] >= rung]
        own = reached(curve, rung)
        if sum(loss < own for loss in there) >= math.ceil((len(there) + 1) / 3):
            return True
    return False


def drawn(rng, n=30):
    level = rng.gauss(0, 2)
    return [(step, level + rng.gauss(0, 0.5)) for step in range(1, n + 1)]


@pytest.mark.parametrize("objective", [MINIMIZE, MAXIMIZE])
def test_it_is_the_papers_algorithm(objective):
    rng = random.Random(3)
    curves = [drawn(rng) for _ in range(25)]
    said = []
    for n in range(1, len(curves)):
        test = snapshot_after(curves[:n], objective=objective)
        for _ in range(10):
            curve = drawn(rng, rng.randint(1, 29))
            expected = slowly(curves[:n], curve, objective.sign, (3, 9, 27))
            assert test(curve) == expected
            said.append(expected)
    assert 50 < sum(said) < len(said) - 50


def test_its_bars_are_these():
    """Nine trials at 1 … 9: with itself ten, of which four go on, so the fourth is the bar."""
    curves = [[(step, float(level)) for step in range(1, 28)] for level in range(1, 10)]
    test = snapshot_after(curves)
    assert test.bars == ((3, 4.0), (9, 4.0))  # 27 is the end
    assert not test([(3, 4.0)])
    assert test([(3, 4.1)])
    assert not test([(2, 99.0)])
    assert test([(2, 99.0), (4, 99.0)])
    assert not test([(4, 99.0)])  # nothing was reported at or before the rung


def test_stopped_trials_count_where_they_were():
    experience = AS_PUBLISHED.begin(MINIMIZE)
    experience.learn(told([(step, 9.0) for step in range(1, 28)]))
    for number in range(1, 9):
        experience.learn(told([(1, 0.0), (3, float(number))], "stopped", number))
    experience.learn(told([], "lost", 9))
    assert experience.snapshot().bars == ((3, 0.0), (9, 9.0))


def test_the_first_rung_is_a_sixteenth_of_the_first_complete_trials():
    curves = [[(step, 1.0) for step in range(1, 53)]] * 5
    assert snapshot_after(curves[:4], HalvingRule()) is None
    assert [rung for rung, _ in snapshot_after(curves, HalvingRule()).bars] == [3, 9, 27]
    shares = [[(step / 8, 1.0) for step in range(1, 9)]] * 5
    assert [rung for rung, _ in snapshot_after(shares, HalvingRule()).bars] == [0.1875, 0.5625]
    later = [*curves, [(step, 1.0) for step in range(1, 1001)]]
    assert snapshot_after(later, HalvingRule(min_trials=2)).bars[0][0] == 3


def test_without_complete_trials_nothing_is_stopped():
    curves = [[(step, 1.0) for step in range(1, 53)]] * 9
    assert snapshot_after(curves, HalvingRule(low=3), status="stopped") is None


def test_what_the_best_had_reached_is_never_stopped():
    fast = [[(1, 0.0), (3, 1.0 + level), (9, 5.0)] for level in range(8)]
    slow = [(1, 9.0), (3, 9.0), (9, 0.5)]
    curves = [[(step, value + 1) for step, value in curve] for curve in [*fast, slow]]
    assert snapshot_after(curves).bars[0] == (3, 1.0)
    protected = snapshot_after(curves, HalvingRule(low=3, protect=0.01))
    assert protected.bars[0] == (3, 10.0)


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("objective", [MINIMIZE, MAXIMIZE])
def test_what_diverged_is_never_among_the_best(odd, objective):
    curves = [[(step, objective.sign * level) for step in range(1, 28)] for level in range(9)]
    test = snapshot_after(curves, objective=objective)
    best = objective.sign * -1.0
    assert not test([(1, best), (2, odd), (3, best)])
    assert test([(1, best), (3, odd)])
    assert test([(1, odd), (3, odd)])
    experience = AS_PUBLISHED.begin(objective)
    for number, curve in enumerate(curves):
        experience.learn(told([*curve[:2], (3, odd), *curve[3:]], number=number))
    assert experience.snapshot().bars[0] == (3, math.inf)


def test_folds_count_with_their_mean():
    twice = [(3, 2.0), (3, 4.0), (9, 1.0)]
    assert snapshot_after([twice] * 9).bars == ((3, 3.0),)
    assert not snapshot_after([twice] * 9)([(3, 4.0), (3, 2.0)])
    assert snapshot_after([twice] * 9)([(3, 4.0), (3, 2.5)])


def test_a_snapshot_is_small_and_does_not_change():
    experience = AS_PUBLISHED.begin(MINIMIZE)
    experience.learn(told([(step, 1.0) for step in range(1, 100)]))
    kept = experience.snapshot()
    before = pickle.loads(pickle.dumps(kept)).bars
    for number in range(1, 200):
        experience.learn(told([(step, 9.0) for step in range(1, 100)], number=number))
    assert kept.bars == before
    assert experience.snapshot().bars != before
    assert len(pickle.dumps(experience.snapshot())) < 1000


NUMBERS = st.floats() | st.integers(-3, 3).map(float)
STEPS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(0, 5).map(float)
CURVES = st.lists(st.tuples(STEPS, NUMBERS), max_size=8).map(
    lambda c: sorted(c, key=lambda r: r[0])
)


@pytest.mark.filterwarnings("ignore:low must be below:hpopt.errors.StudyWarning")
@given(st.lists(CURVES, max_size=8), CURVES, st.integers(1, 3), st.sampled_from([None, 0.5, 2]))
def test_no_reports_can_break_it(curves, curve, min_trials, low):
    for objective in (MINIMIZE, MAXIMIZE):
        test = snapshot_after(curves, HalvingRule(low, 2, min_trials), objective)
        assert test is None or test(curve) in (True, False)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"reduction": 1}, "at least 1.1, but got 1: with 3, one trial in three"),
        ({"reduction": math.inf}, "at least 1.1"),
        ({"reduction": "3"}, "at least 1.1"),
        ({"low": 0}, "low must be a positive number, but got 0"),
        ({"low": -3}, "low must be a positive number"),
        ({"min_trials": 0}, "min_trials must be an int of at least 1"),
        ({"protect": 2}, "protect must be a number in"),
    ],
)
def test_settings_out_of_range(settings, said):
    with pytest.raises(SettingError, match=said):
        HalvingRule(**settings)


def test_a_first_rung_beyond_the_end_is_said_once():
    curves = [[(step, 1.0) for step in range(1, 28)]] * 7
    rule = HalvingRule(low=30)
    with pytest.warns(StudyWarning, match="below the last step of complete trials, 27, but got 30"):
        assert snapshot_after(curves[:5], rule) is None
    assert snapshot_after(curves, rule) is None
