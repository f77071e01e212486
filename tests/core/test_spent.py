"""What was spent of a fidelity, of what all configs would take."""

import numpy as np

from hpopt.core import Fidelity, Outcome, Solution, Trial
from hpopt.core.spent import Spent


def spent_by(fidelity, *trials):
    spent = Spent(fidelity)
    for number, (seed, at) in enumerate(trials):
        spent.add(Trial(Solution(number, {}, np.empty(0), seed, at), Outcome("failed")))
    return str(spent)


def test_a_config_counts_once_and_only_what_it_has_reached():
    epochs = Fidelity(1, 27)
    assert spent_by(epochs, (1, 3), (2, 3), (1, 9), (1, 27), (3, 3)) == "33 epochs of 81"
    assert spent_by(epochs, (1, 9), (1, 3)) == "9 epochs of 27"
    many = ((seed, 1 + 26 * (seed < 40_000)) for seed in range(80_000))
    assert spent_by(epochs, *many) == "1,120,000 epochs of 2,160,000"
    assert spent_by(Fidelity(0.25, 1.0, "share"), (1, 0.25), (2, 0.5)) == "0.75 share of 2"
    assert spent_by(epochs, (1, 1)) == "1 epoch of 27"


def test_what_begins_anew_is_spent_again():
    anew = Fidelity(1, 27, resumes=False)
    assert spent_by(anew, (1, 3), (2, 3), (1, 9), (3, 3)) == "18 epochs of 81"
    assert spent_by(anew, (1, 9), (1, 27)) == ""


def test_nothing_is_said_where_nothing_was_saved():
    assert spent_by(Fidelity(1, 27), (1, 27), (2, 27)) == ""
    assert spent_by(Fidelity(1, 27)) == spent_by(None, (1, None)) == ""
