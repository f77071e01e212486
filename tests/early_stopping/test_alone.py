"""Rules that look at the trial alone."""

import math
import pickle

import pytest

import hpopt
from hpopt.early_stopping import PatienceRule, ThresholdRule
from hpopt.errors import SettingError

from .told import MAXIMIZE, MINIMIZE


def first_stop(rule, values, objective=MINIMIZE, steps=None):
    """Return the step at which a curve is stopped; None where it is not."""
    test = pickle.loads(pickle.dumps(rule.begin(objective).snapshot()))
    steps = steps or range(1, len(values) + 1)
    curve = list(zip(map(float, steps), map(float, values), strict=True))
    return next((curve[n][0] for n in range(len(curve)) if test(curve[: n + 1])), None)


FLAT = [5, 4, 3, 3, 3, 3, 3, 3]


@pytest.mark.parametrize(
    ("rule", "values", "step"),
    [
        (PatienceRule(3), FLAT, 6),
        (PatienceRule(3), [5, 4, 3, 3, 3, 2, 2, 2], None),
        (PatienceRule(3, warmup_steps=5), FLAT, 8),
        (PatienceRule(3, min_delta=1), [9, 8.5, 8.2, 8.1, 5], 4),
        (PatienceRule(3, min_delta=0.9), [9, 8, 7, 6, 5, 4, 3], None),
        (PatienceRule(3, 0.1, relative=True), [100, 95, 91, 89, 85, 82, 81], 7),
        (PatienceRule(2), [math.nan, math.nan, math.nan], 3),
        (PatienceRule(2), [math.nan, 3, math.nan, math.inf, -math.inf], 4),
    ],
)
def test_patience(rule, values, step):
    assert first_stop(rule, values) == step
    assert first_stop(rule, [-value for value in values], MAXIMIZE) == step


def test_patience_counts_in_steps():
    assert first_stop(PatienceRule(30), [3] * 8, steps=range(10, 90, 10)) == 40


@pytest.mark.parametrize(
    ("rule", "values", "step"),
    [
        (ThresholdRule(reach=3, by_step=4), [5, 4, 4, 3, 9], None),
        (ThresholdRule(reach=3, by_step=4), [5, 4, 4, 3.5], 4),
        (ThresholdRule(reach=3, by_step=2), [3, 9, 9], None),  # it has been reached
        (ThresholdRule(reach=3, by_step=2), [math.nan, -math.inf], 2),
        (ThresholdRule(bound=10), [10, 9, 11], 3),
        (ThresholdRule(bound=10), [9, math.nan], 2),
        (ThresholdRule(bound=10), [9, -math.inf], 2),
        (ThresholdRule(reach=3, by_step=3, bound=10), [9, 9, 9], 3),
        (ThresholdRule(reach=0, by_step=0), [1], 1),
    ],
)
def test_threshold(rule, values, step):
    assert first_stop(rule, values) == step


def test_thresholds_are_in_the_direction_of_the_objective():
    assert first_stop(ThresholdRule(reach=0.9, by_step=2), [0.5, 0.8], MAXIMIZE) == 2
    assert first_stop(ThresholdRule(reach=0.9, by_step=2), [0.5, 0.95], MAXIMIZE) is None
    assert first_stop(ThresholdRule(bound=0.1), [0.5, 0.05], MAXIMIZE) == 2


@pytest.mark.parametrize("rule", [PatienceRule(), ThresholdRule(bound=1)])
def test_without_reports_nothing_is_stopped(rule):
    assert not rule.begin(MINIMIZE).snapshot()([])


@pytest.mark.parametrize(
    ("rule", "settings", "said"),
    [
        (PatienceRule, {"patience": -1}, "patience must be a positive number, but got -1"),
        (PatienceRule, {"patience": 0}, "patience must be a positive number"),
        (PatienceRule, {"min_delta": -0.1}, "min_delta must be a number of at least 0"),
        (PatienceRule, {"relative": 0.1}, "relative must be True or False, but got 0.1"),
        (PatienceRule, {"warmup_steps": math.nan}, "warmup_steps must be a number"),
        (ThresholdRule, {}, "must have a bound, but got none: write"),
        (ThresholdRule, {"reach": 1}, "reach and by_step must come together"),
        (ThresholdRule, {"by_step": 1, "bound": 2}, "reach and by_step must come together"),
        (ThresholdRule, {"bound": math.nan}, "bound must be a finite number, but got nan"),
        (ThresholdRule, {"bound": "1"}, "bound must be a finite number, but got '1'"),
        (ThresholdRule, {"reach": math.inf, "by_step": 1}, "reach must be a finite number"),
    ],
)
def test_settings_out_of_range(rule, settings, said):
    with pytest.raises(SettingError, match=said):
        rule(**settings)


def flat(config, trial):
    for step in range(20):
        trial.report(step, config["x"])
        if trial.should_stop():
            return None if config["x"] < 0.5 else config["x"]
    raise AssertionError("its patience should have ended")


@pytest.mark.parametrize("raises", [None, hpopt.Stopped, RuntimeError])
def test_what_patience_ends_is_complete(raises):
    def train(config, trial):
        value = flat(config, trial)
        if raises is not None:
            raise raises
        return value

    problem = hpopt.FunctionProblem(train, {"x": hpopt.Float(0, 1)})
    rule = PatienceRule(4)
    result = hpopt.optimize(problem, "random", trials=6, early_stopping=rule, progress=False)
    assert {trial.status for trial in result.trials} == {"complete"}
    assert {len(trial.curve) for trial in result.trials} == {5}
    assert all(trial.values["value"] == trial.config["x"] for trial in result.trials)
