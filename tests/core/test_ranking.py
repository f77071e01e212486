"""The one ranking of trials: keys, tops, fronts, and the same from arrays."""

import numpy as np
import pytest

import hpopt
from hpopt.core import Front, Outcome, Ranking, Solution, Trial
from hpopt.core.ranking import best_first, comparable
from hpopt.numerics import pareto

BOTH = (hpopt.Objective("loss"), hpopt.Objective("speed", "maximize"))


def trial(number, *values, fidelity=None):
    if not values:
        outcome = Outcome("failed", error="no")
    else:
        outcome = Outcome("complete", dict(zip(("loss", "speed"), values, strict=False)))
    return Trial(Solution(number, {}, np.empty(0), 0, fidelity), outcome)


def numbers(trials):
    return [each.number for each in trials]


def test_the_earlier_of_equals_is_better_whatever_the_order():
    trials = [trial(3, 1.0), trial(10, 0.5), trial(9, 0.5), trial(4), trial(0, 2.0)]
    ranking = Ranking(BOTH[:1])
    assert numbers(ranking.top(trials, 9)) == [9, 10, 3, 0]
    assert numbers(ranking.top(reversed(trials), 2)) == [9, 10]
    assert ranking.top([trial(1)], 3) == []


def test_directions_are_applied():
    assert numbers(Ranking(BOTH[::-1]).top([trial(0, 1, 1), trial(1, 1, 5)], 1)) == [1]


def test_arrays_have_the_same_order():
    rng = np.random.default_rng(0)
    losses, order = rng.integers(5, size=(60, 1)).astype(float), rng.permutation(60)
    trials = [trial(int(n), loss) for n, loss in zip(order, losses[:, 0], strict=True)]
    expected = numbers(Ranking(BOTH[:1]).top(trials, 60))
    assert order[best_first(losses, order, np.full(60, np.nan))].tolist() == expected


def test_a_higher_fidelity_is_better_and_no_values_are_worst():
    trials = [
        trial(0, 1.0, fidelity=1),
        trial(1, 5.0, fidelity=9),
        trial(2, 4.0, fidelity=3),
        trial(3, fidelity=27),
        trial(4, 3.0, fidelity=9),
    ]
    assert numbers(Ranking(BOTH[:1]).top(trials, 9)) == [4, 1, 2, 0]
    losses = np.array([[1.0], [5.0], [4.0], [np.inf], [3.0]])
    fidelities = np.array([1.0, 9, 3, 27, 9])
    assert best_first(losses, np.arange(5), fidelities).tolist() == [4, 1, 2, 0, 3]
    assert comparable(losses, fidelities).tolist() == [False, True, False, True, True]
    assert comparable(losses, np.full(5, np.nan)).all()


def test_a_front_is_of_the_highest_fidelity():
    front = Front(BOTH)
    for each in (
        trial(0, 1.0, 9.0, fidelity=1),
        trial(1, 5.0, 2.0, fidelity=9),
        trial(2, 0.0, 99.0, fidelity=3),
        trial(3, 6.0, 3.0, fidelity=9),
        trial(4, 7.0, 1.0, fidelity=9),
    ):
        front.add(each)
    assert numbers(front.trials()) == [1, 3]


@pytest.mark.parametrize("n", [0, 1, 700, 2600])
def test_a_front_of_trials_one_by_one_is_that_of_all(n):
    values = np.random.default_rng(n).integers(60, size=(n, 2)).astype(float)
    trials = [trial(number, *row) for number, row in enumerate(values)]
    losses = values * [1, -1]
    expected = np.flatnonzero(pareto.front(losses)).tolist() if n else []
    front = Front(BOTH)
    for each in [*trials, trial(n)]:
        front.add(each)
    assert numbers(front.trials()) == expected
    by_loss = sorted(expected, key=lambda number: (values[number, 0], number))
    assert numbers(Ranking(BOTH).front(trials)) == by_loss
    assert not n or front.worst.tolist() == losses.max(axis=0).tolist()
