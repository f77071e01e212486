"""The space of a classifier: what does not fit is forbidden, and single parameters change."""

import pickle

import pytest

from hpopt.errors import SpaceError, UnknownNameError
from hpopt.problems.keras.layers import DoesNotFit, convolution
from hpopt.problems.keras.narrowing import narrowed
from hpopt.problems.keras.optimizers import OWN, optimizer_parameters
from hpopt.space import Categorical, Float, Int, Sequence, Space


def layers(*kernels_and_pools):
    return {
        "convolutions": [{"kernel": kernel, "pool": pool} for kernel, pool in kernels_and_pools]
    }


@pytest.mark.parametrize(
    ("side", "config", "forbidden"),
    [
        (8, layers((5, "max"), (3, "max"), (1, "max")), False),
        (8, layers((5, "max"), (5, "none")), True),
        (4, layers((1, "max"), (1, "max"), (1, "max")), True),
        (4, layers((1, "max"), (1, "max"), (1, "none")), False),
        (5, layers((5, "none"), (5, "average"), (3, "none")), True),
        (1, layers((1, "none")), False),
        (1, layers((3, "none")), True),
        (8, {}, False),
        (8, {"convolutions": []}, False),
        (8, {"convolutions": [{"filters": 8}]}, False),
    ],
)
def test_kernels_and_pools_must_fit(side, config, forbidden):
    assert DoesNotFit(side, side)(config) is forbidden
    assert DoesNotFit(100, side)(config) is forbidden


def test_what_does_not_fit_is_never_drawn():
    fits = DoesNotFit(8, 8)
    free = Space({"convolutions": Sequence(convolution(), 1, 3)})
    space = Space(dict(free), [fits])
    assert any(fits(config) for config in free.sample(200, seed=0))
    assert not any(fits(config) for config in space.sample(200, seed=0))
    assert pickle.loads(pickle.dumps(fits))(layers((9, "none")))


def test_optimizers_bring_their_own_parameters():
    space = Space(optimizer_parameters(("adam", "sgd", "adamw")))
    drawn = {config["optimizer"]: set(config) for config in space.sample(100, seed=0)}
    usual = {"optimizer", "learning_rate"}
    assert drawn == {
        "adam": usual,
        "sgd": usual | {"momentum", "nesterov"},
        "adamw": usual | {"weight_decay"},
    }
    assert set(OWN["sgd"]) <= set(optimizer_parameters())


def test_a_parameter_is_replaced_in_its_place():
    parameters = optimizer_parameters()
    rate = Float(1e-3, 1e-2, log=True)
    changed = narrowed(parameters, {"learning_rate": rate})
    assert list(changed) == list(parameters)
    assert changed == {**parameters, "learning_rate": rate}
    assert narrowed(parameters, {}) == parameters


def test_what_can_no_longer_be_is_left_out():
    without = narrowed(optimizer_parameters(), {"optimizer": Categorical(["adam", "rmsprop"])})
    assert list(without) == ["optimizer", "learning_rate"]
    chain = {
        "a": Categorical([1, 2]),
        "b": Categorical([1, 2], when={"a": 2}),
        "c": Int(0, 9, when={"b": [1, 2]}),
        "d": Int(0, 9, when={"a": [1, 2]}),
    }
    left = narrowed(chain, {"a": Categorical([1, 3])})
    assert list(left) == ["a", "d"]
    assert left["d"].when == {"a": (1,)}
    Space(left)


def test_more_names_may_be_allowed():
    extended = narrowed({"a": Int(0, 9)}, {"epochs": Int(1, 9)}, also=["epochs"])
    assert list(extended) == ["a", "epochs"]


def test_bad_changes_are_refused():
    parameters = optimizer_parameters()
    with pytest.raises(UnknownNameError, match="did you mean 'learning_rate'"):
        narrowed(parameters, {"learning_rte": Float(0, 1)})
    with pytest.raises(SpaceError, match=r"'optimizer' must be a Float.*got 'adam'"):
        narrowed(parameters, {"optimizer": "adam"})
    with pytest.raises(SpaceError, match="mapping of names to parameters"):
        narrowed(parameters, ["adam"])
