"""The median rule by itself."""

import math
import pickle
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpopt.early_stopping import MedianRule
from hpopt.errors import SettingError

from .told import MAXIMIZE, MINIMIZE, told

AS_PUBLISHED = MedianRule(warmup_steps=0, protect=0)


def snapshot_after(curves, rule=AS_PUBLISHED, objective=MINIMIZE):
    experience = rule.begin(objective)
    for curve in curves:
        experience.learn(told(curve))
    return experience.snapshot()


def slowly(curves, curve, rule, sign):
    """The rule as the paper says it, of lists of (step, value)."""
    step = curve[-1][0]
    means = []
    for other in curves:
        if step in [s for s, _ in other]:
            upto = [sign * value for s, value in other if s <= step]
            means.append(sum(upto) / len(upto))
    if step < rule.warmup_steps or len(means) < rule.min_trials:
        return False
    return min(sign * value for _, value in curve) > statistics.median(means)


def drawn(rng):
    """Draw a curve of one to nine steps about a level of its own."""
    level = rng.gauss(0, 2)
    return [(step, level + rng.gauss(0, 0.5)) for step in range(1, rng.randint(5, 10))]


@pytest.mark.parametrize("objective", [MINIMIZE, MAXIMIZE])
@pytest.mark.parametrize("rule", [AS_PUBLISHED, MedianRule(3, 2, 0), MedianRule(0, 1, 0)])
def test_it_is_the_papers_rule(objective, rule):
    rng = random.Random(5)
    curves = [drawn(rng) for _ in range(12)]
    said = []
    for n in range(len(curves) + 1):
        snapshot = snapshot_after(curves[:n], rule, objective)
        for _ in range(20):
            curve = drawn(rng)
            expected = slowly(curves[:n], curve, rule, objective.sign)
            assert (snapshot is not None and snapshot(curve)) == expected
            said.append(expected)
    assert 10 < sum(said) < len(said) - 10


def test_it_needs_some_trials_and_steps():
    curves = [[(1, 0.0), (2, 0.0)]] * 5
    assert snapshot_after(curves[:4]) is None
    snapshot = snapshot_after(curves)
    assert snapshot([(1, 1.0)])
    assert not snapshot([(1, 0.0)])
    assert not snapshot([])
    assert not snapshot([(3, 1.0)])  # nobody has been there
    late = snapshot_after(curves, MedianRule(warmup_steps=2, protect=0))
    assert not late([(1, 1.0)])
    assert late([(1, 1.0), (2, 1.0)])


def test_only_complete_trials_count():
    experience = MedianRule(min_trials=1).begin(MINIMIZE)
    for status in ("stopped", "failed", "timeout", "lost", "invalid", "out_of_memory"):
        experience.learn(told([(1, 0.0)], status))
    assert experience.snapshot() is None


NOT_FINITE = [math.nan, math.inf, -math.inf]


@pytest.mark.parametrize("odd", NOT_FINITE)
@pytest.mark.parametrize("objective", [MINIMIZE, MAXIMIZE])
def test_what_is_not_finite_is_left_out_of_what_is_learned(odd, objective):
    rng = random.Random(1)
    curves = [drawn(rng) for _ in range(12)]
    with_odd = [[(0, odd), *curve[:2], (curve[1][0], odd), *curve[2:]] for curve in curves]
    clean, other = (
        snapshot_after(curves, objective=objective),
        snapshot_after(with_odd, objective=objective),
    )
    assert other.bars == clean.bars
    assert len(clean.bars) > 4
    never = snapshot_after([[(1, odd)]] * 9)
    assert never is None


@pytest.mark.parametrize("odd", NOT_FINITE)
def test_what_is_not_finite_is_left_out_of_what_is_judged(odd):
    snapshot = snapshot_after([[(1, 0.0), (2, 0.0)]] * 5)
    assert not snapshot([(1, odd)])
    assert not snapshot([(1, odd), (2, odd)])
    assert snapshot([(1, 0.5), (2, odd)])
    assert not snapshot([(1, -0.5), (2, odd)])
    assert snapshot([(1, odd), (2, 0.5)])


def test_a_step_reported_twice_is_one_trial():
    twice = [(1, 2.0), (1, 4.0), (2, 6.0)]
    assert snapshot_after([twice] * 4) is None
    assert snapshot_after([twice] * 5).bars == {1: 3.0, 2: 4.0}


NUMBERS = st.floats() | st.integers(-3, 3).map(float)
CURVES = st.lists(st.tuples(NUMBERS, NUMBERS), max_size=8)


@given(st.lists(CURVES, max_size=8), CURVES, st.integers(1, 3), st.sampled_from([0, 1.5]))
def test_no_reports_can_break_it(curves, curve, min_trials, warmup_steps):
    rule = MedianRule(warmup_steps, min_trials)
    for objective in (MINIMIZE, MAXIMIZE):
        snapshot = snapshot_after(curves, rule, objective)
        if snapshot is None:
            continue
        assert all(map(math.isfinite, snapshot.bars.values()))
        for step in snapshot.bars:
            reached = sum(step in [s for s, _ in other] for other in curves)
            assert reached >= min_trials
            assert step >= warmup_steps
        assert snapshot(curve) in (True, False)
        if not any(math.isfinite(value) for _, value in curve):
            assert not snapshot(curve)


def test_a_snapshot_is_small_and_does_not_change():
    experience = MedianRule(0, 1, 0).begin(MINIMIZE)
    experience.learn(told([(step, 1.0) for step in range(50)]))
    snapshot = pickle.loads(pickle.dumps(experience.snapshot()))
    kept = experience.snapshot()
    for _ in range(100):
        experience.learn(told([(step, 9.0) for step in range(50)]))
    assert snapshot([(0, 5.0)])
    assert kept([(0, 5.0)])
    assert not experience.snapshot()([(0, 5.0)])
    assert len(pickle.dumps(experience.snapshot())) < 2000


@pytest.mark.parametrize(
    "settings",
    [
        {"warmup_steps": -1},
        {"warmup_steps": "3"},
        {"warmup_steps": math.nan},
        {"warmup_steps": True},
        {"min_trials": 0},
        {"min_trials": 1.5},
        {"min_trials": True},
        {"protect": 1.1},
        {"protect": -0.1},
    ],
)
def test_settings_out_of_range(settings):
    with pytest.raises(SettingError, match="must be"):
        MedianRule(**settings)


def test_it_waits_a_tenth_of_the_steps_by_default():
    curves = [[(step, 0.0) for step in range(1, 53)]] * 5
    assert min(snapshot_after(curves, MedianRule()).bars) == 6
    assert min(snapshot_after(curves, MedianRule(3)).bars) == 3


def test_what_the_best_quarter_had_reached_is_never_stopped():
    """Four of 16 start worse than the median and end best."""
    slow = [[(1, 8.0 + k), (2, 0.0)] for k in range(4)]
    fast = [[(1, 1.0 + k / 100), (2, 1.0)] for k in range(12)]
    experience = MedianRule(0).begin(MINIMIZE)
    for number, curve in enumerate(fast + slow):
        experience.learn(told(curve, number=number))
    test = experience.snapshot()
    assert not test([(1, 11.0)])
    assert test([(1, 11.5)])
    published = snapshot_after(fast + slow)
    assert published([(1, 8.0)])
