"""What is forbidden at points is what the predicates say of their configs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpopt import Categorical, Float, Int, Ordinal, Sequence, Space

LAYER = Space(
    {
        "kind": Categorical(["dense", "conv"]),
        "units": Int(1, 4),
        "kernel": Ordinal([3, 5], when={"kind": "conv"}),
    },
    forbid=[{"kind": "conv", "units": [1, 2]}, {"kernel": 5, "units": 4}],
)
PARAMETERS = {
    "a": Categorical(["x", True, 1, None]),
    "b": Int(1, 5, when={"a": [True, 1]}),
    "c": Float(0, 1, step=0.25),
    "d": Float(0, 1),
    "layers": Sequence(LAYER, 0, 3, when={"a": ["x", 1]}),
    "wide": Int(0, 2**40),
}
MATCHES = [
    {"a": True},
    {"a": [1, None], "c": [0, 0.25]},
    {"b": [2, 3]},
    {"b": 5, "c": 1},
    {"d": 0.5, "c": 0.5},
    {"layers": [[], [{"kind": "dense", "units": 1}]]},
    {"wide": [0, 7], "a": "x"},
    lambda config: config["c"] == 0.75 and "b" in config,
]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from(MATCHES), max_size=5), st.integers(0, 10**6))
def test_points_are_forbidden_as_their_configs_are(forbid, seed):
    rng = np.random.default_rng(seed)
    space = Space(PARAMETERS, forbid)
    points = rng.random((60, space.d))
    points[:5, space.columns("wide")] = space["wide"].encode([0, 7, 1, 2**40, 7])
    points[:, space.columns("d")] = np.where(rng.random((60, 1)) < 0.3, 0.5, 0.1)
    expected = [not any(test(c) for test in space.predicates) for c in space.decode(points)]
    assert space.allowed(points).tolist() == expected


@pytest.mark.parametrize("n", [0, 1, 100])
def test_any_number_of_points(n):
    space = Space(PARAMETERS, [{"a": "x"}, {"a": True}])
    rng = np.random.default_rng(0)
    assert space.allowed(rng.random((n, space.d))).shape == (n,)
