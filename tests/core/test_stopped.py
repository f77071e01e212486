"""Evaluations that end early: by what they return, or by what they or their framework raise."""

import math
import pickle

import numpy as np
import pytest
from problems_for_tests import Calling

import hpopt
from hpopt.core import Objective, Solution, evaluate, evaluate_together
from hpopt.core.evaluation import stopped_by

SOLUTION = Solution(3, {"x": 0.5}, np.array([0.5]), seed=7)
ONE = Objective()
TWO = (Objective("error"), Objective("gain", "maximize"))


class FrameworkError(Exception):
    pass


def outcome_of(end, *, reports=(3.0, 2.0), ask=True, objectives=ONE):
    """Evaluate what reports, asks, and then ends by a function."""

    def train(config, trial):
        for step, value in enumerate(reports):
            trial.report(step, value)
        assert not ask or trial.should_stop()
        return end()

    problem = Calling(train, objectives=objectives)
    return evaluate(problem, SOLUTION, early_stopping=lambda curve: True)


def raising(error, cause=None):
    def end():
        raise error from cause

    return end


def wrapping(*, explicit):
    """Raise as frameworks do: another exception from a callback's, or while handling it."""

    def end():
        try:
            raise hpopt.Stopped
        except hpopt.Stopped as error:
            if explicit:
                raise FrameworkError("a callback failed") from error
            raise FrameworkError("a callback failed") from None

    return end


def test_none_after_a_stop_is_the_last_report():
    outcome = outcome_of(lambda: None)
    assert (outcome.status, outcome.values) == ("stopped", {"value": 2.0})
    assert (outcome.error, outcome.traceback) == (None, None)
    assert outcome.curve == ((0.0, 3.0), (1.0, 2.0))
    assert outcome_of(lambda: None, ask=False).status == "failed"


@pytest.mark.parametrize("error", [FrameworkError("pruned"), SystemExit(1), MemoryError("x")])
def test_any_exception_after_a_stop_is_the_last_report(error):
    outcome = outcome_of(raising(error))
    assert (outcome.status, outcome.values) == ("stopped", {"value": 2.0})
    assert outcome.error.startswith(type(error).__name__)
    assert "in train" in outcome.traceback
    assert not outcome_of(raising(error), ask=False).ok


def test_only_ctrl_c_passes():
    with pytest.raises(KeyboardInterrupt):
        outcome_of(raising(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        outcome_of(raising(KeyboardInterrupt(), hpopt.Stopped()))


@pytest.mark.parametrize("ask", [True, False])
@pytest.mark.parametrize(
    ("stopped", "values"),
    [
        (hpopt.Stopped, {"value": 2.0}),
        (hpopt.Stopped(0), {"value": 0.0}),
        (hpopt.Stopped(np.array([0.5])), {"value": 0.5}),
        (hpopt.Stopped({"value": 0.5, "n": 3}), {"value": 0.5, "n": 3.0}),
    ],
)
def test_stopped_ends_it_whether_it_was_asked_for_or_not(ask, stopped, values):
    outcome = outcome_of(raising(stopped), ask=ask)
    assert (outcome.status, outcome.values, outcome.error) == ("stopped", values, None)


def test_stopped_may_bring_info():
    outcome = outcome_of(raising(hpopt.Stopped({"value": 0.5, "note": "flat"})))
    assert (outcome.status, outcome.info) == ("stopped", {"note": "flat"})


def test_the_last_finite_report_counts():
    outcome = outcome_of(raising(hpopt.Stopped), reports=[3.0, math.nan, math.inf], ask=False)
    assert (outcome.status, outcome.values) == ("stopped", {"value": 3.0})
    outcome = outcome_of(raising(hpopt.Stopped), reports=[math.nan], ask=False)
    assert (outcome.status, outcome.error) == ("invalid", "objective 'value' is nan")


def test_without_a_value_it_says_what_to_do():
    for end in (lambda: None, raising(hpopt.Stopped), raising(FrameworkError("pruned"))):
        outcome = outcome_of(end, reports=[])
        assert outcome.status == "failed"
        assert "raise hpopt.Stopped(value), or call trial.report(step, value)" in outcome.error


def test_values_that_are_none_are_a_failure():
    outcome = outcome_of(raising(hpopt.Stopped("0.5")))
    assert outcome.status == "failed"
    assert outcome.error == ("hpopt.Stopped must be raised with a number, but 'value' is str '0.5'")
    assert "Stopped" in outcome.traceback
    assert outcome_of(raising(hpopt.Stopped(math.nan))).status == "invalid"


def test_several_objectives_need_their_values():
    for end in (lambda: None, raising(hpopt.Stopped)):
        outcome = outcome_of(end, objectives=TWO)
        assert outcome.status == "failed"
        assert "reported none of ['gain']: call trial.report(step, {name: value" in outcome.error
    outcome = outcome_of(raising(hpopt.Stopped({"error": 0.5, "gain": 1})), objectives=TWO)
    assert (outcome.status, outcome.values) == ("stopped", {"error": 0.5, "gain": 1.0})


def test_the_last_finite_reports_of_several_objectives_are_their_values():
    reports = ({"gain": 4}, {"error": 3.0}, 2.5, {"error": math.nan})
    outcome = outcome_of(raising(hpopt.Stopped), reports=reports, objectives=TWO)
    assert (outcome.status, outcome.values) == ("stopped", {"error": 2.5, "gain": 4.0})
    assert outcome.curve[:3] == ((0.0, {"gain": 4.0}), (1.0, {"error": 3.0}), (2.0, 2.5))
    together = evaluate_together(
        Together(reports), [SOLUTION, SOLUTION], early_stopping=[lambda curve: True] * 2
    )
    assert [each.values for each in together] == [outcome.values] * 2


class Together(Calling):
    max_batch = 2

    def __init__(self, reports):
        super().__init__(None, objectives=TWO)
        self.reports = reports

    def evaluate_batch(self, configs, trials):
        for step, value in enumerate(self.reports):
            for trial in trials:
                trial.report(step, value)
        assert all(trial.should_stop() for trial in trials)
        return [None] * len(trials)


@pytest.mark.parametrize("explicit", [True, False])
def test_a_framework_may_wrap_it(explicit):
    outcome = outcome_of(wrapping(explicit=explicit), ask=False)
    assert (outcome.status, outcome.values, outcome.error) == ("stopped", {"value": 2.0}, None)


def test_it_is_found_in_a_group_and_in_a_circle():
    stopped = hpopt.Stopped(1)

    class Group(Exception):
        """As ExceptionGroup of Python 3.11 is."""

        exceptions = (ValueError("one"), stopped)

    assert stopped_by(Group()) is stopped
    one, other = ValueError(), ValueError()
    one.__context__, other.__context__ = other, one
    assert stopped_by(one) is None


def test_it_can_be_sent():
    for stopped in (hpopt.Stopped(), hpopt.Stopped({"value": 1.0})):
        assert pickle.loads(pickle.dumps(stopped)).values == stopped.values


def test_in_a_batch():
    class Batch(hpopt.Problem):
        space = hpopt.Space({"x": hpopt.Float(0, 1)})
        max_batch = 4

        def evaluate_batch(self, configs, trials):
            for trial in trials:
                trial.report(1, 0.25)
            assert trials[2].should_stop()
            assert trials[3].should_stop()
            return [hpopt.Stopped(), hpopt.Stopped(0.5), None, FrameworkError("pruned")]

        def evaluate(self, config, trial):
            raise NotImplementedError

    rules = [lambda curve: True] * 4
    outcomes = evaluate_together(Batch(), [SOLUTION] * 4, early_stopping=rules)
    assert {each.status for each in outcomes} == {"stopped"}
    assert [each.values["value"] for each in outcomes] == [0.25, 0.5, 0.25, 0.25]
    assert [each.error for each in outcomes] == [None, None, None, "FrameworkError: pruned"]


def test_in_worker_processes():
    def train(config, trial):
        trial.report(1, config["x"])
        raise hpopt.Stopped

    problem = hpopt.FunctionProblem(train, {"x": hpopt.Int(1, 4)})
    trials = hpopt.optimize(problem, "grid", workers=2, progress=False).trials
    assert [(t.status, t.values["value"]) for t in trials] == [
        ("stopped", t.config["x"]) for t in trials
    ]
