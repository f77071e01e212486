"""The branches of a space, and that a search comes back to one that began badly."""

import numpy as np
import pytest

from hpopt import BayesianOptimization, Categorical, Float, Int, Space
from hpopt.optimizers.surrogates.branches import Branches
from hpopt.optimizers.surrogates.encoding import Encoding

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


def hidden(config):
    """Bad nearly everywhere in the branch that has the best value; flat in the other."""
    if config["kernel"] == "linear":
        return 0.5
    return 1.0 - np.exp(-(((config["gamma"] - 0.93) / 0.06) ** 2)) * (config["kernel"] == "rbf")


def test_every_fourth_config_is_of_another_branch_than_the_best():
    optimizer = searched(BayesianOptimization(first=4), KERNELS, lambda c: -c.get("gamma", 0), 40)
    losses = optimizer.history.losses[:, 0]
    kernels = [KERNELS.decode(point[None])[0]["kernel"] for point in optimizer.history.points]
    shares = []
    for number in range(8, 40, 8):  # the turns of the kernel
        best = kernels[int(losses[:number].argmin())]
        shares.append(kernels[number] != best)
    assert np.mean(shares) > 0.7


@pytest.mark.parametrize("seed", range(3))
def test_a_branch_that_begins_badly_is_not_lost(seed):
    optimizer = searched(BayesianOptimization(), KERNELS, hidden, 80, seed=seed)
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
