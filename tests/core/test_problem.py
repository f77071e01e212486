"""Problems, objectives and fidelities that are well formed, and those that are not."""

import math

import numpy as np
import pytest
from problems_for_tests import Calling

import hpopt
from hpopt.core import (
    Fidelity,
    Objective,
    Problem,
    TrialHandle,
    check_problem,
    losses,
    normalised_objectives,
    objectives_of,
)
from hpopt.errors import ProblemError
from hpopt.space import Float, Space

SPACE = Space({"x": Float(0, 1)})


class Fine(Problem):
    space = SPACE

    def evaluate(self, config, trial):
        return 0.0


def test_a_problem_needs_little():
    problem = Fine()
    assert check_problem(problem) is problem
    assert objectives_of(problem) == (Objective("value", "minimize"),)
    assert problem.fidelity is None


def test_evaluate_must_be_written():
    class Abstract(Problem):
        space = SPACE

    with pytest.raises(TypeError, match="evaluate"):
        Abstract()


def with_attribute(**attributes):
    problem = Fine()
    vars(problem).update(attributes)
    return problem


PROBLEMS = {
    "class": (lambda: Fine, r"must be an instance, but got the class Fine: write Fine\(...\)"),
    "function": (lambda: abs, r"wrap a function as hpopt.FunctionProblem\(function, space\)"),
    "None": (lambda: None, "must be an hpopt.Problem, but got NoneType"),
    "space": (
        lambda: with_attribute(space={"x": 1}),
        "Fine.space must be an hpopt.Space, but got d",
    ),
    "no space": (lambda: with_attribute(space=None), "but got NoneType"),
    "fidelity": (lambda: with_attribute(fidelity=10), "Fine.fidelity must be an hpopt.Fidelity or"),
    "no objectives": (
        lambda: with_attribute(objectives=()),
        r"one or more Objective, but got \(\)",
    ),
    "objective as a name": (lambda: with_attribute(objectives="error"), "but got 'error'"),
    "objectives as names": (
        lambda: with_attribute(objectives=["error"]),
        r"one or more Objective, but .* write objectives=\{'error': 'minimize'\}",
    ),
    "objectives is None": (lambda: with_attribute(objectives=None), "objectives must be an Obj"),
    "same names": (
        lambda: with_attribute(objectives=[Objective("a"), Objective("a", "maximize")]),
        r"must have different names, but got \['a', 'a'\]",
    ),
    "direction in a mapping": (
        lambda: with_attribute(objectives={"a": "up"}),
        "'minimize' or 'maximize', but objective 'a' got 'up'",
    ),
}


@pytest.mark.parametrize(("make", "why"), PROBLEMS.values(), ids=PROBLEMS)
def test_a_problem_that_cannot_be(make, why):
    with pytest.raises(ProblemError, match=why) as caught:
        check_problem(make())
    assert isinstance(caught.value, TypeError)


def test_a_problem_without_a_space_says_so():
    class Spaceless(Problem):
        def evaluate(self, config, trial):
            return 0.0

    with pytest.raises(ProblemError, match=r"Spaceless.space must be an hpopt.Space"):
        check_problem(Spaceless())


@pytest.mark.parametrize(
    "written",
    [
        [Objective("a"), Objective("b", "maximize")],
        (Objective("a"), Objective("b", "maximize")),
        {"a": "minimize", "b": "maximize"},
        iter([Objective("a"), Objective("b", "maximize")]),
    ],
)
def test_objectives_may_be_written_in_several_ways(written):
    assert normalised_objectives(written) == (Objective("a"), Objective("b", "maximize"))


@pytest.mark.parametrize("name", ["", None, 3])
def test_the_name_of_an_objective_is_a_text(name):
    with pytest.raises(ProblemError, match="name of an objective must be"):
        Objective(name)


@pytest.mark.parametrize("direction", ["min", None, -1, ["minimize"]])
def test_a_direction_is_one_of_two(direction):
    with pytest.raises(ProblemError, match="direction must be 'minimize' or 'maximize'"):
        Objective("loss", direction)


@pytest.mark.parametrize(
    ("low", "high"),
    [(0, 1), (-1, 1), (3, 2), (1, math.inf), (math.nan, 1), (1, math.nan), ("1", 2), (1, None)],
)
def test_a_fidelity_is_a_positive_range(low, high):
    with pytest.raises(ProblemError, match="0 < low <= high must hold"):
        Fidelity(low, high)


def test_a_fidelity_may_be_one_point():
    assert Fidelity(5, 5).high == 5


def test_directions_are_applied_to_losses():
    objectives = (Objective("a"), Objective("b", "maximize"))
    found = losses(objectives, {"b": 3.0, "a": 2.0, "extra": 9.0})
    assert found.tolist() == [2.0, -3.0]
    assert [objective.sign for objective in objectives] == [1, -1]


def test_without_values_every_loss_is_infinite():
    objectives = (Objective("a"), Objective("b", "maximize"))
    assert losses(objectives, {}).tolist() == [math.inf, math.inf]
    assert losses(objectives, {"a": math.nan, "b": 1.0}).tolist() == [math.inf, -1.0]


def test_losses_need_all_objectives():
    with pytest.raises(ProblemError, match=r"must hold the objectives \['a'\], but got \['b'\]"):
        losses((Objective("a"),), {"b": 1.0})


def test_a_handle_without_a_study_has_a_folder_of_its_own():
    handle = TrialHandle(4, 1)
    folder = handle.directory
    assert folder.is_dir()
    assert "trial-4" in folder.name
    assert handle.directory == folder
    folder.rmdir()


def test_a_handle_made_by_hand_never_stops():
    handle = TrialHandle(0, 1)
    handle.report(np.int64(1), np.float32(0.5))
    assert handle.curve == [(1.0, 0.5)]
    assert handle.should_stop() is False


def test_a_problem_may_be_evaluated_by_hand():
    problem = Calling(lambda config, trial: config["x"] * trial.seed)
    assert problem.evaluate({"x": 2}, TrialHandle(0, 21)) == 42


class TestRepr:
    def test_it_names_parameters_and_aims(self):
        class Named(hpopt.Problem):
            space = hpopt.Space({"rate": hpopt.Float(0, 1), "n": hpopt.Int(1, 3)})
            objectives = {"loss": "minimize", "accuracy": "maximize"}  # noqa: RUF012

            def evaluate(self, config, trial):
                return {}

        assert (
            repr(Named()) == "<Named of 2 parameters (rate, n): minimize loss, maximize accuracy>"
        )

    def test_it_is_short(self):
        class Wide(hpopt.Problem):
            space = hpopt.Space({f"p{k}": hpopt.Float(0, 1) for k in range(300)})

            def evaluate(self, config, trial):
                return 0.0

        assert repr(Wide()) == (
            "<Wide of 300 parameters (p0, p1, p2, p3, p4, p5, …): minimize value>"
        )

    def test_it_never_raises(self):
        class Unfinished(hpopt.Problem):
            def evaluate(self, config, trial):
                return 0.0

        problem = Unfinished()
        assert repr(problem) == "<Unfinished without a space>"
        problem.space = hpopt.Space({"x": hpopt.Float(0, 1)})
        problem.objectives = {"loss": "downwards"}
        assert repr(problem) == "<Unfinished of 1 parameter (x)>"
