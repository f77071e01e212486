"""What is believed of trials that were stopped early."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import hpopt
from hpopt.core import Outcome, Solution, Trial
from hpopt.core.beliefs import Beliefs


def told(curve, status="complete", value=None, fidelity=None):
    value = curve[-1][1] if value is None else value
    solution = Solution(0, {}, np.zeros(1), 0, fidelity)
    return Trial(solution, Outcome(status, {"value": value}, tuple(curve)))


def beliefs_after(*curves, sign=1):
    beliefs = Beliefs(sign)
    for curve in curves:
        assert beliefs.believed(told(curve), sign * curve[-1][1]) == sign * curve[-1][1]
    return beliefs


# At step 2 they were at 4, 6, 8; they ended at 1, 2, 3: a distance there is half of it at the end.
CURVES = [[(1, 9.0), (2, 4.0), (4, 1.0)], [(1, 9.0), (2, 6.0), (4, 2.0)], [(2, 8.0), (4, 3.0)]]


@pytest.mark.parametrize("sign", [1, -1])
def test_the_line_through_the_medians(sign):
    curves = [[(step, sign * value) for step, value in curve] for curve in CURVES]
    beliefs = beliefs_after(*curves, sign=sign)
    for reached, believed in ((7.0, 2.5), (10.0, 4.0), (6.0, 2.0), (3.0, 1.0)):
        trial = told([(2, sign * reached)], "stopped")
        assert beliefs.believed(trial, reached) == pytest.approx(believed)
    # A step that nobody reported is compared with the last report before it.
    assert beliefs.believed(told([(3, sign * 7.0)], "stopped"), 7.0) == pytest.approx(2.5)


def test_a_belief_is_no_worse_than_what_was_measured_or_the_median():
    apart = beliefs_after([(1, 1.0), (2, 1.0)], [(1, 2.0), (2, 5.0)], [(1, 3.0), (2, 9.0)])
    assert apart.believed(told([(1, 4.0)], "stopped"), 4.0) == 5.0
    assert apart.believed(told([(1, 1.5)], "stopped"), 1.5) == 3.0
    assert apart.believed(told([(1, 7.0)], "stopped"), 7.0) == 7.0


def test_without_a_slope_it_is_the_median_or_keeps_its_distance():
    crossing = beliefs_after([(1, 3.0), (2, 1.0)], [(1, 2.0), (2, 2.0)], [(1, 1.0), (2, 3.0)])
    assert crossing.believed(told([(1, 9.0)], "stopped"), 9.0) == 2.0
    few = beliefs_after([(1, 3.0), (2, 1.0)], [(1, 5.0), (2, 2.0)])
    assert few.believed(told([(1, 9.0)], "stopped"), 9.0) == 6.5


def test_a_belief_is_never_the_best():
    beliefs = beliefs_after(*CURVES)
    assert 1.0 < beliefs.believed(told([(2, 1.5)], "stopped"), 1.5) < 1.0 + 1e-9
    assert beliefs.believed(told([(2, 0.5)], "stopped"), 0.5) == 0.5  # but a measured value may be


def test_without_comparison_it_is_as_measured():
    assert Beliefs(1).believed(told([(2, 7.0)], "stopped"), 7.0) == 7.0
    beliefs = beliefs_after(*CURVES)
    nothing = Trial(Solution(0, {}, np.zeros(1), 0), Outcome("stopped", {"value": 7.0}))
    assert beliefs.believed(nothing, 7.0) == 7.0
    assert beliefs.believed(told([(9, 7.0)], "stopped"), 7.0) == 7.0
    assert beliefs.believed(told([(0, 7.0)], "stopped"), 7.0) == 7.0
    assert beliefs.believed(told([(2, 7.0)], "stopped", fidelity=9.0), 7.0) == 7.0
    failed = Trial(Solution(0, {}, np.zeros(1), 0), Outcome("failed", curve=((2, 7.0),)))
    assert beliefs.believed(failed, math.inf) == math.inf


def test_what_diverged_is_believed_to_be_the_worst():
    beliefs = beliefs_after(*CURVES)
    assert beliefs.believed(told([(1, 2.0), (2, math.nan)], "stopped", 2.0), 2.0) == 3.0


NUMBERS = st.floats() | st.integers(-3, 3).map(float)
STEPS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(0, 5).map(float)
ANY = st.lists(st.tuples(STEPS, NUMBERS), min_size=1, max_size=6).map(
    lambda curve: sorted(curve, key=lambda report: report[0])
)
FINITE = st.floats(allow_nan=False, allow_infinity=False)


@example([([(0.0, 6e307)], -1.0), ([(0.0, 1.2e308)], 0.0)], [(0.0, 0.0)], 0.0)
@given(st.lists(st.tuples(ANY, FINITE), max_size=6), ANY, FINITE)
def test_beliefs_are_finite_and_no_better_than_what_was_measured(complete, curve, loss):
    beliefs = Beliefs(1)
    for each, final in complete:
        beliefs.believed(told(each, value=final), final)
    believed = beliefs.believed(told(curve, "stopped", loss), loss)
    assert math.isfinite(believed)
    assert believed >= min([loss, *(final for _, final in complete)])


@pytest.mark.parametrize("sign", [1, -1])
def test_one_of_several_goes_on_as_far_as_the_median_of_the_others(sign):
    beliefs = Beliefs(sign, is_alone=False)
    for minimised in CURVES:  # from step 2 on they improve by 3, 4 and 5
        curve = [(step, sign * value) for step, value in minimised]
        beliefs.believed(told(curve), minimised[-1][1])
    for reached, believed in ((7.0, 3.0), (20.0, 16.0), (4.5, 1.0), (0.5, 0.5)):
        trial = told([(2, sign * reached)], "stopped")
        assert beliefs.believed(trial, reached) == pytest.approx(believed)
    assert beliefs.believed(told([(2, sign * 4.5)], "stopped"), 4.5) > 1.0  # than the best
    diverged = told([(1, sign * 2.0), (2, math.nan)], "stopped", 2.0)
    assert beliefs.believed(diverged, 2.0) == 3.0


def test_what_is_known_and_what_grows_of_several():
    beliefs = Beliefs(1, is_alone=False)
    for size in (3.0, 5.0):
        assert beliefs.believed(told([(0, size)]), size) == size
    assert beliefs.believed(told([(0, 4.0)], "stopped"), 4.0) == 4.0
    # What was returned counts, where a subclass has measured it in another way.
    assert beliefs.believed(told([(0, 4.0)], "stopped", 9.0), 9.0) == 9.0
    seconds = Beliefs(1, is_alone=False)
    for end in (8.0, 12.0, 16.0):
        seconds.believed(told([(1, end / 4), (4, end)]), end)
    assert seconds.believed(told([(1, 9.0)], "stopped"), 9.0) == 18.0


class Decaying(hpopt.Problem):
    """From 1 to x in ten steps, which are reported."""

    space = hpopt.Space({"x": hpopt.Float(0, 1)})

    def evaluate(self, config, trial):
        value = 1.0
        for step in range(1, 11):
            value = config["x"] + (1 - config["x"]) * 0.6**step
            trial.report(step, value)
            if trial.should_stop():
                break
        return value


@pytest.mark.parametrize("rule", ["median", "halving", "extrapolation"])
def test_strategies_learn_beliefs_and_people_see_measured_values(rule):
    study = hpopt.Study(Decaying(), "random", seed=1)
    study.run(trials=40, early_stopping=rule, progress=False)
    stopped = [trial for trial in study.trials if trial.status == "stopped"]
    assert len(stopped) > 3
    history = study.optimizer.history
    for trial in stopped:
        assert trial.values["value"] == trial.curve[-1][1]
        believed = history.losses[history.rows(np.array([trial.number]))[0], 0]
        # Without noise, of one family of curves: forecasts are near.
        assert abs(believed - trial.config["x"]) < 0.5 * abs(
            trial.values["value"] - trial.config["x"]
        )
    assert study.best.status == "complete"
    assert study.optimizer.best == study.best.number
