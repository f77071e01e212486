"""Early stopping with several objectives."""

import math
import pickle
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpopt.core import Objective, Outcome, Solution, Trial
from hpopt.early_stopping import DominanceRule
from hpopt.errors import SettingError, StudyWarning

ERROR, LATENCY = Objective("error"), Objective("latency")
TWO = (ERROR, LATENCY)
EARLY = DominanceRule(low=4, min_trials=3)


def told(curve, status="complete", number=0, objectives=TWO):
    """Make a trial of a curve, whose last reports are its values."""
    values = dict.fromkeys([each.name for each in objectives], 1.0)
    for _, value in curve:
        values |= value if isinstance(value, dict) else {objectives[0].name: value}
    outcome = Outcome(status, values if status in ("complete", "stopped") else {}, tuple(curve))
    return Trial(Solution(number, {}, np.zeros(1), 0), outcome)


def training(error, latency, n=16):
    """Report a latency once, and an error after each step."""
    return [(0.0, {"latency": latency}), *((float(k), {"error": error}) for k in range(1, n + 1))]


def snapshot_after(curves, rule=EARLY, objectives=TWO, status="complete"):
    experience = rule.begin_several(objectives)
    for number, curve in enumerate(curves):
        experience.learn(told(curve, status, number, objectives))
    return experience.snapshot()


def varied(curves):
    """Have errors change, so that they are not taken for known."""
    return [[*curve[:2], (2.0, {"error": 9.9}), *curve[3:]] for curve in curves]


FOUR = varied([training(error, latency) for error, latency in [(4, 1), (3, 2), (2, 3), (1, 4)]])


def test_it_is_stopped_where_more_than_a_third_of_those_no_dearer_are_better():
    test = snapshot_after(FOUR)
    assert not test(training(1.5, 4, 4))  # one of four is better
    assert test(training(2.5, 4, 4))  # two of four
    assert not test(training(2.5, 4, 3))  # before the rung
    assert test(training(2.5, 4, 9))  # after it
    assert not test(training(2.5, 3, 4))  # one of three
    assert test(training(3.5, 3, 4))
    assert not test(training(99, 2.5, 4))  # only two cost no more
    half = snapshot_after(FOUR, DominanceRule(low=4, min_trials=3, dominated=0.5))
    assert not half(training(2.5, 4, 4))
    assert half(training(3.5, 4, 4))


def test_what_nothing_has_dominated_so_far_is_never_stopped():
    rng = random.Random(1)
    curves = varied([training(rng.random(), rng.random()) for _ in range(60)])
    test = snapshot_after(curves)
    n_stopped = 0
    for _ in range(200):
        error, latency = rng.random(), rng.random()
        reached = [(curve[1][1]["error"], curve[0][1]["latency"]) for curve in curves]
        dominated = any(e <= error and c <= latency for e, c in reached)
        stops = test(training(error, latency, 4))
        assert dominated or not stops
        n_stopped += stops
    assert 50 < n_stopped < 190


def test_what_may_still_come_to_the_front_goes_on():
    """As far as all but a tenth of the others improved from the rung to the end."""
    slow = [*training(5.0, 4, 8), (16.0, {"error": 0.5})]  # improves by 4.5
    test = snapshot_after([*FOUR, slow])
    assert test.rungs[0].gains.tolist() == [4.5, 0.0]
    assert sorted(test.front.tolist()) == [[0.5, 4], [2, 3], [3, 2], [4, 1]]
    assert not test(training(4.9, 4, 4))  # might come to 0.4
    assert test(training(5.1, 4, 4))
    assert not test(training(6.4, 3, 4))
    assert test(training(6.6, 3, 4))


def test_directions():
    signs = {"accuracy": -1, "speed": -1}
    objectives = [Objective(name, "maximize") for name in signs]
    curves = [
        [
            (step, {"accuracy": -each["error"]} if "error" in each else {"speed": -each["latency"]})
            for step, each in curve
        ]
        for curve in FOUR
    ]
    test = snapshot_after(curves, objectives=objectives)
    slow = [(0.0, {"speed": -4.0}), (4.0, {"accuracy": -2.5})]
    assert test(slow)
    assert not test([(0.0, {"speed": -4.0}), (4.0, {"accuracy": -1.5})])


def test_equal_errors_stop_nothing():
    """At chance level a small network is no better than a large one that starts slowly."""
    curves = varied([training(0.9, latency) for latency in range(5)])
    assert not snapshot_after(curves)(training(0.9, 9, 4))


def test_known_is_what_no_trial_has_reported_two_values_of():
    both = [[(k, {"error": 9.0 - k, "latency": lat}) for k in range(1, 17)] for lat in range(4)]
    test = snapshot_after(both)
    assert test.is_known.tolist() == [False, True]
    noisy = [*both, [(1, {"latency": 1}), (2, {"latency": 2}), (16, {"error": 0.1})]]
    assert not snapshot_after(noisy).is_known.any()
    named = snapshot_after(noisy, DominanceRule(known="latency", low=4, min_trials=3))
    assert named.is_known.tolist() == [False, True]
    # The first report of it counts.
    changed = [(1, {"error": 9.5, "latency": 0}), (4, {"error": 9.5, "latency": 9})]
    assert not named(changed)
    assert named([(1, {"error": 9.5, "latency": 9}), (4, {"error": 9.5, "latency": 0})])


def test_without_known_objectives_all_that_change_must_be_better():
    curves = [[(k, {"error": e + 1 / k, "latency": 5 - e}) for k in (1, 4, 16)] for e in range(5)]
    for curve in curves:
        curve[0] = (1, {"error": 9, "latency": 9})
    test = snapshot_after(curves)
    assert not test([(1, {"error": 0, "latency": 0}), (4, {"error": 4.5, "latency": 0.5})])
    assert test([(1, {"error": 0, "latency": 0}), (4, {"error": 4.5, "latency": 4.5})])


def test_one_objective():
    curves = [[(k, float(level) + 1 / k) for k in range(1, 17)] for level in range(6)]
    experience = EARLY.begin(ERROR)
    for curve in curves:
        experience.learn(told(curve, objectives=(ERROR,)))
    assert not experience.snapshot()([(4, 1.5)])
    assert experience.snapshot()([(4, 4.5)])


def test_rungs_are_an_eighth_a_quarter_and_a_half_of_the_way():
    curves = varied([training(1.0, 1.0, 52)] * 5)
    assert snapshot_after(curves[:4], DominanceRule()) is None
    assert [rung.step for rung in snapshot_after(curves, DominanceRule()).rungs] == [6, 12, 24]
    shares = [[(step / 52, value) for step, value in curve] for curve in curves]
    found = [rung.step for rung in snapshot_after(shares, DominanceRule()).rungs]
    assert found == [0.125, 0.25, 0.5]


def test_stopped_trials_count_where_they_were_and_failed_ones_do_not():
    experience = EARLY.begin_several(TWO)
    for number, curve in enumerate(FOUR):
        experience.learn(told(curve, number=number))
    for status in ("failed", "lost"):
        experience.learn(told(varied([training(0, 0)])[0], status))
    assert not experience.snapshot()(training(1.5, 4, 4))
    for number in range(3):
        experience.learn(told(training(0, 0, 4), "stopped", number))
    assert experience.snapshot()(training(1.5, 4, 4))
    assert [len(rung.others) for rung in experience.snapshot().rungs] == [7, 4]


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_what_diverged_is_worse_than_every_other(odd):
    test = snapshot_after(FOUR)
    assert test([(0, {"latency": 4}), (1, {"error": 0}), (4, {"error": odd})])
    assert not test([(0, {"latency": 0}), (1, {"error": 0}), (4, {"error": odd})])
    assert test([(0, {"latency": odd}), (4, {"error": 2.5})])


def test_what_has_not_reported_all_goes_on():
    test = snapshot_after(FOUR)
    assert not test([(4, {"error": 99})])
    assert not test([(0, {"latency": 99}), (4, {"latency": 99})])
    assert not test([])


def test_an_objective_that_nobody_reports_is_said_once():
    curves = [[(float(k), 1.0 / k) for k in range(1, 17)]] * 5
    with pytest.warns(StudyWarning, match=r"no trial has reported 'latency'.*{'error': …, 'lat"):
        assert snapshot_after(curves[:3]) is None
    experience = EARLY.begin_several(TWO)
    with pytest.warns(StudyWarning) as said:
        for curve in curves:
            experience.learn(told(curve))
            assert experience.snapshot() is None
    assert len(said) == 1


def test_a_snapshot_is_small_and_does_not_change():
    experience = EARLY.begin_several(TWO)
    for curve in FOUR:
        experience.learn(told(curve))
    kept = experience.snapshot()
    for number in range(1000):
        experience.learn(told(varied([training(1, 1)])[0], number=number))
    copy = pickle.loads(pickle.dumps(kept))
    assert copy(training(2.5, 4, 4))
    assert not copy(training(1.5, 4, 4))
    assert len(pickle.dumps(experience.snapshot())) < 20_000


NUMBERS = st.floats() | st.integers(-3, 3).map(float)
STEPS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(0, 5).map(float)
VALUES = NUMBERS | st.dictionaries(st.sampled_from(["error", "latency"]), NUMBERS, min_size=1)
CURVES = st.lists(st.tuples(STEPS, VALUES), max_size=8).map(lambda c: sorted(c, key=lambda r: r[0]))


@pytest.mark.filterwarnings("ignore:early stopping by dominance:hpopt.errors.StudyWarning")
@given(st.lists(CURVES, max_size=8), CURVES, st.sampled_from([None, 0.5, 2]))
def test_no_reports_can_break_it(curves, curve, low):
    test = snapshot_after(curves, DominanceRule(low=low, min_trials=1))
    assert test is None or test(curve) in (True, False)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"dominated": 0}, "0 < dominated < 1 must hold, but got 0"),
        ({"dominated": 1}, "0 < dominated < 1 must hold"),
        ({"reduction": 1}, "reduction must be a number of at least 1.1"),
        ({"low": 0}, "low must be a positive number"),
        ({"min_trials": 0}, "min_trials must be an int of at least 1"),
        ({"known": 3}, "known must be a list of names"),
        ({"known": [3]}, "known must be a list of names"),
    ],
)
def test_settings_out_of_range(settings, said):
    with pytest.raises(SettingError, match=said):
        DominanceRule(**settings)


@pytest.mark.parametrize("known", ["weights", ["error", "latency"]])
def test_known_objectives_must_be_some_of_the_problems(known):
    with pytest.raises(SettingError, match=r"some of the objectives \['error', 'latency'\], but"):
        DominanceRule(known=known).begin_several(TWO)
