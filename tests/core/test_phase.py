"""What a search does, in words."""

import numpy as np
import pytest

from hpopt.core import History, Objective, Phase
from hpopt.core.phase import best_in_words, recent_in_words, results_in_words

LOSS, ACCURACY = Objective("loss"), Objective("accuracy", "maximize")


def history_of(*rows, known=()):
    history = History(1, len(np.atleast_1d([*rows, *known][0])))
    if known:
        history.know(np.zeros((len(known), 1)), np.array(known, dtype=float).reshape(-1, 1))
    for number, row in enumerate(rows):
        history.append(number, np.zeros(1), np.atleast_1d(row))
    return history


def test_a_phase_in_words():
    assert str(Phase("grid")) == "grid"
    assert str(Phase("grid", "all can be tried")) == "grid: all can be tried"
    assert str(Phase("TPE", "noise", "3 results")) == "TPE on 3 results: noise"
    plain = Phase("TPE", "noise", "3 results", "near the best")
    assert str(plain) == "near the best (TPE on 3 results): noise"


def test_how_much_a_model_learns_from():
    assert results_in_words(1, 200) == "1 result"
    assert results_in_words(200, 200) == "200 results"
    assert results_in_words(201, 200) == "200 of 201 results"


@pytest.mark.parametrize(
    ("rows", "objectives", "words"),
    [
        ((0.5, 0.25, np.inf), [LOSS], "best 0.25"),
        ((-0.5, -0.98765), [ACCURACY], "best 0.98765"),
        ((-0.0, 1.0), [ACCURACY], "best 0"),
        ((0.0, 1.0), [ACCURACY], "best 0"),
        ((1234567.0,), [LOSS], "best 1234567"),
        ((np.inf, np.inf), [LOSS], ""),
        (([0.5, -3.0], [0.4, np.inf]), [LOSS, ACCURACY], "best loss 0.4, best accuracy 3"),
    ],
)
def test_the_best_is_in_the_units_and_the_direction_of_the_objective(rows, objectives, words):
    assert best_in_words(history_of(*rows), objectives) == words


def test_nothing_is_best_before_a_result():
    assert best_in_words(History(1, 1), [LOSS]) == ""


NEW = [float(k) for k in range(10)]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (NEW, ""),
        ([1.0] * 9, ""),  # too few to count the last ten
        ([*NEW[:8], 3.0, 3.0], "2 of the last 10 repeated a known value"),
        ([7.0, *NEW], "1 of the last 10 repeated a known value"),
        ([*NEW, 9.5], ""),
        ([0.1 + 0.2, *NEW[1:], 0.3], "1 of the last 10 repeated a known value"),  # by rounding
        ([*NEW[:8], np.inf, np.inf], "2 of the last 10 failed"),
        ([*NEW[:7], 6.0, np.inf, np.inf], "1 of the last 10 repeated a known value, 2 failed"),
        ([np.inf] * 12, "10 of the last 10 failed"),
        ([1e308, -1e308, *NEW[2:], 1e308], "1 of the last 10 repeated a known value"),
        ([np.inf, *NEW[:5], *NEW[:5]], "5 of the last 10 repeated a known value"),
    ],
)
def test_what_the_last_ten_gave(rows, words):
    assert recent_in_words(history_of(*rows)) == words


def test_a_value_may_be_known_from_another_study():
    repeated = "1 of the last 10 repeated a known value"
    assert recent_in_words(history_of(*NEW, known=(4.0, 40.0))) == repeated


def test_of_several_objectives_all_must_be_equal():
    rows = [[k, -k] for k in NEW]
    assert recent_in_words(history_of(*rows, [3.0, 9.0])) == ""
    assert recent_in_words(history_of(*rows, [3.0, -3.0])) != ""
