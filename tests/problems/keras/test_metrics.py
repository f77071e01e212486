"""Objectives by the names of Keras."""

import pytest

from hpopt.core import Objective
from hpopt.errors import ProblemError
from hpopt.problems.keras.metrics import direction_of, objectives_by_name

LARGE = ["accuracy", "val_accuracy", "val_sparse_top_k_categorical_accuracy", "auc", "val_f1_score"]
SMALL = ["loss", "val_loss", "val_mean_squared_error", "mae", "categorical_crossentropy"]


@pytest.mark.parametrize(
    ("name", "direction"),
    [*((name, "maximize") for name in LARGE), *((name, "minimize") for name in SMALL)],
)
def test_directions_of_metrics_are_known(name, direction):
    assert direction_of(name) == direction
    assert objectives_by_name(name) == (Objective(name, direction),)


@pytest.mark.parametrize("name", ["my_score_of_things", "val_", "", "epochs"])
def test_others_must_be_told(name):
    with pytest.raises(ProblemError, match="write Objective"):
        objectives_by_name(name)


def test_a_misspelt_name_says_the_nearest():
    with pytest.raises(ProblemError, match="did you mean 'val_loss'"):
        objectives_by_name("val_los")


def test_names_and_objectives_may_be_mixed():
    own = Objective("my_score", "maximize")
    expected = (Objective("val_loss", "minimize"), own)
    assert objectives_by_name(["val_loss", own]) == expected
    assert objectives_by_name({"val_loss": "minimize", "my_score": "maximize"}) == expected
    assert objectives_by_name(own) == (own,)


@pytest.mark.parametrize("objectives", [[], 3, ["val_loss", "val_loss"], [3]])
def test_other_things_are_refused(objectives):
    with pytest.raises(ProblemError):
        objectives_by_name(objectives)
