"""Single parameters of a space are replaced by name."""

import pytest

from hpopt.errors import SpaceError, UnknownNameError
from hpopt.space import Categorical, Float, Int, Space
from hpopt.space.changes import with_changes

PARAMETERS = {
    "optimizer": Categorical(["adam", "sgd", "rmsprop"]),
    "learning_rate": Float(1e-4, 1e-1, log=True),
    "momentum": Float(0, 0.99, when={"optimizer": "sgd"}),
}


def test_a_parameter_is_replaced_in_its_place():
    rate = Float(1e-3, 1e-2, log=True)
    changed = with_changes(PARAMETERS, {"learning_rate": rate})
    assert list(changed) == list(PARAMETERS)
    assert changed == {**PARAMETERS, "learning_rate": rate}
    assert with_changes(PARAMETERS, {}) == PARAMETERS


def test_what_can_no_longer_be_is_left_out():
    without = with_changes(PARAMETERS, {"optimizer": Categorical(["adam", "rmsprop"])})
    assert list(without) == ["optimizer", "learning_rate"]
    chain = {
        "a": Categorical([1, 2]),
        "b": Categorical([1, 2], when={"a": 2}),
        "c": Int(0, 9, when={"b": [1, 2]}),
        "d": Int(0, 9, when={"a": [1, 2]}),
    }
    left = with_changes(chain, {"a": Categorical([1, 3])})
    assert list(left) == ["a", "d"]
    assert left["d"].when == {"a": (1,)}
    Space(left)


def test_more_names_may_be_allowed():
    extended = with_changes({"a": Int(0, 9)}, {"epochs": Int(1, 9)}, also=["epochs"])
    assert list(extended) == ["a", "epochs"]


def test_bad_changes_are_refused():
    with pytest.raises(UnknownNameError, match="did you mean 'learning_rate'"):
        with_changes(PARAMETERS, {"learning_rte": Float(0, 1)})
    with pytest.raises(SpaceError, match=r"'optimizer' must be a Float.*got 'adam'"):
        with_changes(PARAMETERS, {"optimizer": "adam"})
    with pytest.raises(SpaceError, match="mapping of names to parameters"):
        with_changes(PARAMETERS, ["adam"])
