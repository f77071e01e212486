"""The branches of a space, and that a search comes back to one that began badly."""

import numpy as np
import pytest

from hpopt import BayesianOptimization, Categorical, Float, Int, Space
from hpopt.optimizers.surrogates.encoding import Branches, Encoding

from ..modelling import searched

KERNELS = Space(
    {
        "kernel": Categorical(["rbf", "poly", "linear"]),
        "gamma": Float(0, 1, when={"kernel": ["rbf", "poly"]}),
        "shape": Categorical(["a", "b"], when={"kernel": "poly"}),
        "order": Int(1, 9, when={"kernel": "poly", "shape": "b"}),
        "free": Categorical([True, False]),
    }
)
"""Its branches are those of the kernel and of the shape."""


def features_of(*configs):
    encoding = Encoding(KERNELS)
    return encoding.features(KERNELS.snap(KERNELS.encode(configs)))


def test_only_choices_that_others_depend_on_are_branches():
    assert len(Branches(Encoding(KERNELS))) == 2
    assert not Branches(Encoding(Space({"a": Categorical([1, 2]), "b": Float(0, 1)})))
    depth = Int(1, 3)
    listed = Space({"depth": depth, "units": Int(1, 64, when={"depth": [2, 3]})})
    assert not Branches(Encoding(listed))  # a number is no choice
    many = Space({"of": Categorical(range(13)), "x": Float(0, 1, when={"of": [1]})})
    assert not Branches(Encoding(many))


def test_they_take_turns():
    best = {"kernel": "poly", "gamma": 0.3, "shape": "a", "free": True}
    point = KERNELS.snap(KERNELS.encode([best]))[0]
    branches = Branches(Encoding(KERNELS))
    others = features_of(
        {"kernel": "poly", "gamma": 0.9, "shape": "a", "free": False},
        {"kernel": "poly", "gamma": 0.3, "shape": "b", "order": 2, "free": True},
        {"kernel": "rbf", "gamma": 0.3, "free": True},
        {"kernel": "linear", "free": True},
    )
    np.testing.assert_array_equal(branches.other_than(point, 0)(others), [0, 0, 1, 1])
    np.testing.assert_array_equal(branches.other_than(point, 1)(others), [0, 1, 1, 1])
    np.testing.assert_array_equal(branches.other_than(point, 2)(others), [0, 0, 1, 1])


def test_every_fourth_config_is_of_another_branch_than_the_best():
    def value(config):
        return -config["gamma"] if config["kernel"] == "rbf" else 0.0

    optimizer = searched(BayesianOptimization(), KERNELS, value, 40)
    kernels = [config["kernel"] for config in KERNELS.decode(optimizer.history.points)]
    turns = range(14, 40, 8)  # of the kernel; between them are those of the shape
    assert all(kernels[number] != "rbf" for number in turns)
    others = [kernels[number] != "rbf" for number in range(14, 40) if number not in turns]
    assert np.mean(others) < 0.3


@pytest.mark.parametrize("seed", [3, 4, 5])
def test_a_branch_that_begins_badly_is_not_lost(seed):
    """With seed 4 it was, when only what looks best was asked."""
    kinds = {"x": ["flat", "worse"], "y": "deep", "z": "deep"}
    space = Space(
        {"kind": Categorical(["flat", "deep", "worse"])}
        | {name: Float(0, 1, when={"kind": kind}) for name, kind in kinds.items()}
    )

    def value(config):
        if config["kind"] == "deep":  # at its bottom 0, nearly everywhere 1
            return 1 - np.exp(-((config["y"] - 0.9) ** 2 + (config["z"] - 0.1) ** 2) / 0.05)
        return 0.4 + 0.3 * (config["x"] - 0.5) ** 2 + 0.1 * (config["kind"] == "worse")

    optimizer = searched(BayesianOptimization(), space, value, 60, seed=seed)
    assert optimizer.history.losses.min() < 0.1


def test_where_other_branches_are_used_up_the_best_one_goes_on():
    space = Space(
        {
            "kernel": Categorical(["rbf", "linear"]),
            "gamma": Float(0, 1, when={"kernel": "rbf"}),
        }
    )
    optimizer = searched(
        BayesianOptimization(), space, lambda c: (c.get("gamma", 9) - 0.37) ** 2, 24
    )
    assert len(optimizer.history) == 24
    assert optimizer.history.losses.min() < 1e-4
