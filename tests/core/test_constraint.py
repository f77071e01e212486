"""Bounds on what evaluations return: how they are written, and how values break them."""

import numpy as np
import pytest

import hpopt
from hpopt.core import Constraint, Outcome, Solution, Trial, normalised_constraints
from hpopt.core.constraint import (
    BROKEN,
    are_met,
    ranked_losses,
    total_violation,
    violations,
)
from hpopt.core.history import History
from hpopt.core.ranking import Front, Ranking, best_first, comparable
from hpopt.errors import ProblemError

BOUNDS = (Constraint("latency", "<=", 20), Constraint("accuracy", ">=", 0.5))


@pytest.mark.parametrize(
    "written",
    [
        {"latency": ("<=", 20), "accuracy": (">=", 0.5)},
        {"latency": ["<=", 20.0], "accuracy": ">= 0.5"},
        {"latency": "<=2e1", "accuracy": "  >=  .5 "},
        list(BOUNDS),
    ],
)
def test_they_are_written_in_several_ways(written):
    assert normalised_constraints(written) == BOUNDS


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"a": ("<", 1)}, "the operator of a constraint must be '<=' or '>=', but that on 'a' is "
         "'<': write '<='"),
        ({"a": ("==", 1)}, "but that on 'a' is '=='$"),
        ({"a": "at most 3"}, r'such as \("<=", 20\), but that on \'a\' is'),
        ({"a": (3, "<=")}, "operator of a constraint must"),
        ({"a": ("<=", float("nan"))}, "the bound of a constraint must be a finite number, but"),
        ({"a": "<= nan"}, "must be a finite number, but that on 'a' is nan"),
        ({"a": ("<=", "3")}, "must be a finite number"),
        ({"a": ("<=", True)}, "must be a finite number"),
        ({"a": 20}, "must be an operator and a bound"),
        ({"": ("<=", 1)}, "the name of a constraint must be a str"),
        ("latency", "constraints must be a mapping"),
        (3, "constraints must be a mapping"),
        (["latency"], "constraints must be a mapping"),
        ([Constraint("a", "<=", 1), Constraint("a", "<=", 2)], "at most one bound on each side"),
    ],
)  # fmt: skip
def test_what_is_none_is_said(written, said):
    with pytest.raises(ProblemError, match=said):
        normalised_constraints(written)
    with pytest.raises(ProblemError, match=said):
        hpopt.FunctionProblem(len, {"x": hpopt.Int(0, 1)}, constraints=written)


def test_a_value_may_have_two_bounds():
    both = [Constraint("a", ">=", 1), Constraint("a", "<=", 2)]
    assert normalised_constraints(both) == tuple(both)
    assert are_met(violations(both, {"a": 1.5}))
    assert not are_met(violations(both, {"a": 2.5}))


def test_violations_are_signed():
    found = violations(BOUNDS, {"latency": 25.0, "accuracy": 0.75})
    assert found.tolist() == [5.0, -0.25]
    assert np.isnan(violations(BOUNDS, {"latency": 20.0})).tolist() == [False, True]
    assert are_met(np.array([[0.0, -1.0], [-1.0, np.nan], [0.1, -9.0]])).tolist() == [
        True,
        False,
        False,
    ]


def test_no_constraint_outweighs_the_others_by_its_scale():
    bounds = (Constraint("bytes", "<=", 1e9), Constraint("share", "<=", 0.0))
    found = total_violation(
        bounds,
        np.array([[1e9, 0], [0, 1.0], [1e300, -1], [np.inf, 0], [np.nan, -1], [-1, -1]]),
    )
    assert found == pytest.approx([0.5, 0.5, 1, 1, 1, 0])
    assert found[2] <= 1


def test_losses_of_what_breaks_a_constraint_are_above_all_others():
    bounds = (Constraint("size", "<=", 10),)
    rows = {11.0: None, 30.0: None, 1e9: None, 10.0: None}
    for size in rows:
        violation = violations(bounds, {"size": size})
        rows[size] = ranked_losses(np.array([-5.0, 3.0]), bounds, violation).tolist()
    assert rows[10.0] == [-5, 3]
    assert BROKEN < rows[11.0][0] == rows[11.0][1] < rows[30.0][0] < rows[1e9][0] < 3 * BROKEN
    failed = np.array([np.inf, np.inf])
    assert ranked_losses(failed, bounds, np.array([np.nan])) is failed


def trial(number, loss, size=None, *, fidelity=None, status="complete"):
    values = {"loss": loss} | ({} if size is None else {"size": size})
    return Trial(Solution(number, {}, np.empty(0), 0, fidelity), Outcome(status, values))


OBJECTIVE, SMALL = (hpopt.Objective("loss"),), (Constraint("size", "<=", 10),)


def test_feasible_trials_come_first_and_then_the_nearest():
    ranking = Ranking(OBJECTIVE, SMALL)
    trials = [
        trial(0, 0.0, 15),
        trial(1, 2.0, 10),
        trial(2, -9.0),  # was stopped before its size was known
        trial(3, 1.0, 9),
        trial(4, 0.0, 11),
        Trial(Solution(5, {}, np.empty(0), 0), Outcome("failed")),
    ]
    assert [each.number for each in ranking.top(trials, 9)] == [3, 1, 4, 0, 2]
    assert [each.number for each in ranking.front(trials)] == [3]
    assert [each.number for each in trials if ranking.is_broken(each)] == [0, 4]
    assert ranking.why_infeasible(trials[0]) == "size 15 must be <= 10"
    assert ranking.why_infeasible(trials[2]) == "size is not known"
    assert ranking.why_infeasible(trials[1]) == ""


def test_what_is_feasible_is_better_than_what_is_not_at_a_higher_fidelity():
    trials = [
        trial(0, 5.0, 9, fidelity=1),
        trial(1, 3.0, 8, fidelity=3),
        trial(2, 0.0, 11, fidelity=9),
        trial(3, 4.0, 8, fidelity=3),
    ]
    ranking = Ranking(OBJECTIVE, SMALL)
    assert [each.number for each in ranking.top(trials, 9)] == [1, 3, 0, 2]
    front = Front(OBJECTIVE, SMALL)
    for each in trials:
        front.add(each)
    assert ([each.number for each in front.trials()], front.worst.tolist()) == ([1], [4.0])


def test_arrays_have_the_same_order():
    rng = np.random.default_rng(3)
    trials = [
        trial(number, *rng.integers((5, 20)).astype(float), fidelity=float(rng.integers(1, 4)))
        for number in range(60)
    ]
    history = History(0, 1, SMALL)
    for each in trials:
        values = each.values
        loss, broken = np.array([values["loss"]]), violations(SMALL, values)
        history.append(each.number, np.empty(0), loss, each.solution.fidelity, broken)
    losses, fidelities, is_broken = history.losses, history.fidelities, history.is_broken
    expected = [each.number for each in Ranking(OBJECTIVE, SMALL).top(trials, 60)]
    assert best_first(losses, history.numbers, fidelities, is_broken).tolist() == expected
    at_3 = fidelities == 3
    assert (comparable(losses, fidelities, is_broken) == at_3).all()
    assert (comparable(losses, np.where(is_broken, 9, fidelities), is_broken) >= at_3).all()


def test_a_history_has_losses_as_measured_and_as_ranked():
    history = History(1, 2, SMALL)
    history.know(np.zeros((2, 1)), np.ones((2, 2)), np.array([[5.0], [-5.0]]))
    for number in range(100):
        violation = None if number == 1 else np.array([number - 50.0])
        loss = np.full(2, np.inf if number == 2 else number)
        history.append(number, np.array([0.5]), loss, violations=violation)
    assert history.all_measured[:, 0].tolist()[:6] == [1, 1, 0, 1, np.inf, 3]
    assert history.violations[[0, 3, 99], 0].tolist() == [-50, -47, 49]
    assert np.isnan(history.violations[1, 0])
    assert history.all_broken[:2].tolist() == [True, False]
    assert np.flatnonzero(history.is_broken).tolist() == [1, *range(51, 100)]
    assert (history.losses[~history.is_broken] == history.measured[~history.is_broken]).all()
    assert (np.diff(history.losses[51:, 0]) > 0).all()
    plain = History(1, 2)
    plain.append(0, np.zeros(1), np.ones(2))
    assert plain.measured.base is plain.losses.base
    assert plain.violations.shape == (1, 0)
    assert plain.is_broken.tolist() == [False]
