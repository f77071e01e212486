"""Extrapolation as a rule of early stopping."""

import itertools
import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpopt.early_stopping import ExtrapolationRule
from hpopt.errors import SettingError

from .told import MAXIMIZE, MINIMIZE, told


def curve_to(end, n=40, first=1, sign=1):
    """A power law that has come half of the way from 1 at the fourth step."""
    return [(first + k, sign * (end + (1 - end) * (k + 1) ** -0.5)) for k in range(n)]


def learned(rule=ExtrapolationRule(), objective=MINIMIZE, **made):  # noqa: B008
    experience = rule.begin(objective)
    ends = np.random.default_rng(2).uniform(0.1, 0.6, 12)
    for number, end in enumerate(ends):
        experience.learn(told(curve_to(end, sign=objective.sign, **made), number=number))
    return experience, float(ends.min())


@pytest.mark.parametrize("objective", [MINIMIZE, MAXIMIZE])
@pytest.mark.parametrize("first", [0, 1])
def test_what_has_no_chance_is_stopped(objective, first):
    experience, best = learned(objective=objective, first=first)
    test = pickle.loads(pickle.dumps(experience.snapshot()))
    bad, good = (
        curve_to(end, 20, first, objective.sign) for end in (best + 0.3, max(best - 0.05, 0))
    )
    assert test(bad)
    assert not test(good)
    assert not test(bad[:3])  # warmup
    assert not test([])
    assert not test(curve_to(best + 0.3, 40, first, objective.sign))  # at its end


def test_a_smaller_probability_stops_less():
    ends = np.linspace(0.1, 0.6, 41)
    stopped = []
    for probability in (0.001, 0.1, 0.5, 0.9):
        test = learned(ExtrapolationRule(probability, protect=0))[0].snapshot()
        stopped.append([test(curve_to(end, 6)) for end in ends])
    counts = [sum(each) for each in stopped]
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]
    for less, more in itertools.pairwise(stopped):
        assert all(b for a, b in zip(less, more, strict=True) if a)


def test_what_the_best_had_reached_is_never_stopped():
    experience, _ = learned()
    slow = [(step, 0.99 if step < 30 else 0.01) for step in range(1, 41)]
    bad = [(step, 0.98) for step in range(1, 21)]
    assert experience.snapshot()(bad)
    experience.learn(told(slow, number=12))
    assert not experience.snapshot()(bad)


def test_it_needs_complete_trials():
    experience = ExtrapolationRule().begin(MINIMIZE)
    for number in range(4):
        experience.learn(told(curve_to(0.1 * number), number=number))
        experience.learn(told(curve_to(0.1 * number, 9), "stopped", number=number))
        assert experience.snapshot() is None
    experience.learn(told(curve_to(0.5), number=9))
    assert experience.snapshot() is not None


def test_what_it_says_does_not_depend_on_who_asked_when():
    """Or a resumed search would stop other trials than one that was never interrupted."""
    asked, silent = (ExtrapolationRule().begin(MINIMIZE) for _ in range(2))
    rng = np.random.default_rng(0)
    for number in range(30):
        end, n = float(rng.uniform(0.1, 0.6)), int(rng.choice([9, 40]))
        trial = told(curve_to(end, n), "complete" if n == 40 else "stopped", number)
        asked.learn(trial)
        silent.learn(trial)
        asked.snapshot()
    assert pickle.dumps(asked.snapshot()) == pickle.dumps(silent.snapshot())
    assert len(pickle.dumps(asked.snapshot())) < 10_000


NUMBERS = st.floats() | st.integers(-3, 3).map(float)
STEPS = st.floats(-1e6, 1e6) | st.integers(0, 5).map(float)
CURVES = st.lists(st.tuples(STEPS, NUMBERS), max_size=8).map(
    lambda c: sorted(c, key=lambda r: r[0])
)


@settings(max_examples=60)
@given(st.lists(CURVES, max_size=6), CURVES)
def test_no_reports_can_break_it(curves, curve):
    for objective in (MINIMIZE, MAXIMIZE):
        experience = ExtrapolationRule(warmup_steps=0, min_trials=1, protect=0).begin(objective)
        for number, each in enumerate(curves):
            finite = bool(each) and math.isfinite(each[-1][1])
            experience.learn(told(each, "complete" if finite else "failed", number))
        test = experience.snapshot()
        assert test is None or test(curve) in (True, False)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ({"probability": 0}, "0 < probability < 1 must hold, but got 0"),
        ({"probability": 1}, "0 < probability < 1 must hold"),
        ({"probability": None}, "0 < probability < 1 must hold"),
        ({"warmup_steps": -1}, "warmup_steps must be a number of at least 0"),
        ({"min_trials": 0}, "min_trials must be an int"),
        ({"protect": 1.5}, "protect must be a number in"),
    ],
)
def test_settings_out_of_range(made, said):
    with pytest.raises(SettingError, match=said):
        ExtrapolationRule(**made)
