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
    ("low", "high"),
    [
        (0, 1),
        (-1, 1),
        (3, 2),
        (1, math.inf),
        (math.nan, 1),
        (1, math.nan),
        ("1", 2),
        (1, None),
        (True, 2),
    ],
)
def test_a_fidelity_is_a_positive_range(low, high):
    with pytest.raises(ProblemError, match="0 < low <= high must hold"):
        Fidelity(low, high)


def test_a_fidelity_may_be_one_point():
    assert Fidelity(5, 5).high == 5
    with pytest.raises(ProblemError, match="resumes must be True or False, but got 1"):
        Fidelity(1, 5, resumes=1)
    with pytest.raises(ProblemError, match="name must say what a fidelity counts"):
        Fidelity(1, 5, 3)  # type: ignore[arg-type]


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
