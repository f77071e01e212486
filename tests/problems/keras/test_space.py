"""The space of a classifier: what does not fit is forbidden, and single parameters change."""

import pickle

import pytest

from hpopt.problems.keras.layers import DoesNotFit, convolution
from hpopt.problems.keras.optimizers import OWN, optimizer_parameters
from hpopt.space import Sequence, Space


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
