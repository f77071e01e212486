"""Thousands of numbers as one parameter: what as many Floats would be."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpopt.errors import ConfigError, SpaceError, UnknownNameError
from hpopt.space import Categorical, Float, Space, Vector

SPACE = Space({"kind": Categorical(["a", "b"]), "w": Vector(3, -1.5, 2, when={"kind": "b"})})
FLOATS = Space({f"w{k}": Float(-1.5, 2) for k in range(3)})


def points(n=50, d=3):
    drawn = np.random.default_rng(0).random((n, d))
    drawn[0], drawn[1] = 0, 1
    return drawn


def test_its_values_are_those_of_floats():
    vectors, floats = Space({"w": Vector(3, -1.5, 2)}), FLOATS
    for mine, theirs in zip(vectors.decode(points()), floats.decode(points()), strict=True):
        assert mine["w"] == list(theirs.values())
    np.testing.assert_array_equal(vectors.codes(points()), floats.codes(points()))
    assert vectors.keys_of(points()) == floats.keys_of(points())
    assert vectors.decode(points(2))[1] == {"w": [2.0, 2.0, 2.0]}


@given(st.lists(st.floats(0, 1), min_size=3, max_size=3))
def test_a_config_survives_the_way_to_coordinates_and_back(coordinates):
    space = Space({"w": Vector(3, -1e-3, 7)})
    config = space.decode(np.array([coordinates]))[0]
    assert space.decode(space.encode([config]))[0] == config
    assert space.validate(config) == config
    assert json.loads(json.dumps(config)) == config


def test_it_exists_where_its_parent_says():
    drawn = points(50, 4)
    configs = SPACE.decode(drawn)
    assert {len(config) for config in configs} == {1, 2}
    active = SPACE.active(drawn)
    assert (active[:, 1:].all(axis=1) == [("w" in config) for config in configs]).all()


def test_it_is_json():
    again = Space.from_json(json.loads(json.dumps(SPACE.to_json())))
    assert again == SPACE
    with pytest.raises(UnknownNameError, match="did you mean 'length'"):
        Space.from_json({"w": {"type": "vector", "lenght": 3, "low": 0, "high": 1}})


def test_arrays_are_taken_too():
    space = Space({"w": Vector(3, -1.5, 2)})
    assert space.validate({"w": np.array([0, 1, 2])}) == {"w": [0.0, 1.0, 2.0]}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([0, 1], "a list of 3 numbers"),
        ([[0, 1, 2]], "a list of 3 numbers"),
        ("abc", "a list of 3 numbers"),
        (1.0, "a list of 3 numbers"),
        ([0, "b", 1], "a list of 3 numbers"),
        ([0, [1], 2], "a list of 3 numbers"),
        ([0, 2.1, 0], r"w\[1\] must lie in \[-1.5, 2.0\], but got 2.1"),
        ([0, 0, float("nan")], r"w\[2\] must lie in"),
    ],
)
def test_a_wrong_value_is_said(value, said):
    with pytest.raises(ConfigError, match=said):
        Space({"w": Vector(3, -1.5, 2)}).validate({"w": value})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((0, 0, 1), "length must be an int of at least 1"),
        ((True, 0, 1), "length must be"),
        ((2.0, 0, 1), "length must be"),
        ((2, 1, 1), "low < high must hold"),
        ((2, 0, np.inf), "high must be a finite number"),
    ],
)
def test_a_wrong_vector_is_said(arguments, said):
    with pytest.raises(SpaceError, match=said):
        Vector(*arguments)


def test_its_grid_and_its_neighbours():
    space = Space({"w": Vector(2, 0, 1)})
    grid = space.grid(3)
    assert grid.size == 9
    values = space.decode(np.array([grid.point(index) for index in range(9)]))
    assert values[1] == {"w": [0.0, 0.5]}
    assert len({tuple(value["w"]) for value in values}) == 9
    near = space.neighbours({"w": [0.5, 1.0]}, resolution=3)
    assert sorted(each["w"] for each in near) == [[0.0, 1.0], [0.5, 0.5], [1.0, 1.0]]
    assert space.size == np.inf


def test_thousands_of_numbers_are_one_computation():
    """As Floats each ask of a batch would go through every one of them in Python."""
    space = Space({"w": Vector(20_000, -3, 3)})
    drawn = space.random(5, np.random.default_rng(0))
    configs = space.decode(drawn)
    np.testing.assert_allclose(space.encode(configs), drawn, atol=1e-12)
    assert space.keys_of(space.encode(configs)) == space.keys_of(drawn)
