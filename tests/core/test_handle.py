"""What an evaluation may report, and in which order."""

import math

import numpy as np
import pytest

from hpopt.core import Previous, Problem, Solution, TrialHandle, evaluate_together
from hpopt.errors import SettingError
from hpopt.space import Float, Space


def reporting(*reports):
    handle = TrialHandle(0, 0)
    for step, value in reports:
        handle.report(step, value)
    return handle.curve


def test_steps_may_stay_and_grow():
    reports = [(-1, 0.5), (0, 1), (0, 2), (np.int64(3), 3), (np.array([3.5]), 0)]
    assert reporting(*reports) == [(-1.0, 0.5), (0.0, 1.0), (0.0, 2.0), (3.0, 3.0), (3.5, 0.0)]
    assert all(type(number) is float for pair in reporting(*reports) for number in pair)


def test_a_value_need_not_be_finite():
    assert str(reporting((0, math.nan), (1, -math.inf))) == "[(0.0, nan), (1.0, -inf)]"


@pytest.mark.parametrize("step", [math.nan, math.inf, -math.inf, "1", None, np.ma.masked, 1j])
def test_a_step_is_a_finite_number(step):
    with pytest.raises(SettingError, match=r"report\(step, value\) takes a finite number as step"):
        reporting((step, 0.5))


def test_steps_that_go_down_are_an_error():
    handle = TrialHandle(0, 0)
    handle.report(2, 0.5)
    with pytest.raises(SettingError, match=r"got step 1 after 2: the step comes first, then the"):
        handle.report(1, 0.5)
    assert handle.curve == [(2.0, 0.5)]


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("count", [int, np.int64])
@pytest.mark.parametrize("accuracy", [(0.5, 0.75), (0.5, 0.5)])
def test_arguments_the_wrong_way_round_are_noticed_at_the_second_report(first, count, accuracy):
    handle = TrialHandle(0, 0)
    handle.report(accuracy[0], count(first))
    with pytest.raises(SettingError, match=r"looks like report\(value, step\): change their order"):
        handle.report(accuracy[1], count(first + 1))


@pytest.mark.parametrize(
    "reports",
    [
        [(0.5, 0.0), (0.75, 1.0)],  # of floats
        [(0.5, 0), (1, 1)],  # a whole step
        [(1, 0), (2, 1)],
        [(0.5, 3), (0.75, 4)],  # that count from elsewhere
        [(0.5, 1), (0.75, 0)],
        [(0.25, 7), (0.5, 0), (0.75, 1)],  # later
    ],
)
def test_whole_values_may_be_values(reports):
    assert reporting(*reports) == reports


def test_objectives_are_reported_by_name():
    handle = TrialHandle(0, 0, objectives=("error", "latency"))
    handle.report(0, {"latency": np.float32(0.5)})
    handle.report(1, {"error": 1, "latency": math.nan})
    handle.report(2, 0.25)  # the first
    assert str(handle.curve) == (
        "[(0.0, {'latency': 0.5}), (1.0, {'error': 1.0, 'latency': nan}), (2.0, 0.25)]"
    )
    assert reporting((0, {"anything": 1})) == [(0.0, {"anything": 1.0})]


def test_the_only_objective_is_a_number_in_the_curve():
    handle = TrialHandle(0, 0, objectives=("error",))
    handle.report(1, {"error": 0.5})
    assert handle.curve == [(1.0, 0.5)]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"loss": 1}, r"objectives by name, of \['error', 'latency'\], but got \['loss'\]"),
        ({}, r"by name, of \['error', 'latency'\], but got {}"),
        ({"error": "low"}, "takes numbers by name, but 'error' is str 'low'"),
        ({"error": [1, 2]}, "takes numbers by name, but 'error' is list"),
        ({1: 2}, "takes numbers by name, but 1 is"),
    ],
)
def test_other_names_and_values_are_errors(value, said):
    handle = TrialHandle(0, 0, objectives=("error", "latency"))
    with pytest.raises(SettingError, match=said):
        handle.report(1, value)
    assert handle.curve == []


def test_what_to_go_on_from_is_there_as_long_as_its_folder_is(tmp_path):
    previous = Previous(tmp_path / "0", 3)
    handle = TrialHandle(1, 0, 9, previous=previous)
    assert handle.previous is None
    previous.directory.mkdir()
    assert handle.previous == previous
    assert TrialHandle(1, 0, 9).previous is None


def test_what_is_called_at_the_end_of_a_batch():
    seen = []

    class Batch(Problem):
        space = Space({"x": Float(0, 1)})
        max_batch = 3

        def evaluate(self, config, trial):
            raise NotImplementedError

        def evaluate_batch(self, configs, trials):
            trials[0].at_end(seen.append)
            trials[1].at_end(seen.append)
            trials[2].at_end(lambda values: values["none"])
            return [0.5, ValueError("no"), 0.25]

    solutions = [Solution(i, {"x": 0.5}, None, seed=i) for i in range(3)]
    outcomes = evaluate_together(Batch(), solutions)
    assert seen == [{"value": 0.5}, {}]
    assert [each.status for each in outcomes] == ["complete", "failed", "failed"]
