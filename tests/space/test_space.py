"""A space as a mapping, its conditions, its lists of layers, what it forbids, its size."""

import json
import math

import cloudpickle
import numpy as np
import pytest

from hpopt.space import Categorical, Float, Int, Ordinal, Sequence, Space


def test_it_is_a_mapping_in_order():
    space = Space({"b": Int(1, 2), "a": Sequence({"k": Float(0, 1)}, 0, 3), "c": Float(0, 1)})
    assert list(space) == ["b", "a", "c"]
    assert len(space) == 3
    assert space["b"] == Int(1, 2)
    assert "z" not in space
    assert space.d == 1 + 4 + 1
    assert space.columns("a") == slice(1, 5)
    assert space.levels.tolist() == [2, 4, 0, 0, 0, 0]
    with pytest.raises(KeyError):
        space["z"]


def test_ordered_coordinates_are_known():
    space = Space(
        {
            "c": Categorical(["x", "y", "z"]),
            "o": Ordinal([1, 10, 100]),
            "s": Sequence({"c": Categorical([1, 2]), "x": Float(0, 1)}, 1, 2),
        }
    )
    assert space.ordered.tolist() == [False, True, True, False, True, False, True]


def test_a_child_of_an_absent_parent_is_absent():
    space = Space(
        {
            "a": Categorical([True, False]),
            "b": Categorical(["x", "y"], when={"a": True}),
            "c": Int(1, 3, when={"b": ["x", "y"]}),
            "d": Int(1, 3, when={"a": [False, True], "b": "y"}),
        }
    )
    assert space.size == 1 + 3 + 3 * 3
    assert {"a": False} in space.sample(30, seed=0)
    for config in space.sample(100, seed=1):
        assert ("c" in config) == ("b" in config) == config["a"]
        assert ("d" in config) == (config.get("b") == "y")


def test_conditions_may_be_written_as_one_value_or_several():
    for when in (3, [3], (3,), {3}, range(3, 4), np.int64(3), 3.0):
        space = Space({"n": Int(1, 5), "x": Int(0, 1, when={"n": when})})
        assert space.size == 6
        assert Space.from_json(json.loads(json.dumps(space.to_json()))).size == 6


def test_sleeping_coordinates_keep_their_value():
    space = Space({"a": Categorical(["x", "y"]), "b": Float(0, 1, when={"a": "y"})})
    point = np.array([[0.2, 0.123]])
    assert space.decode(point) == [{"a": "x"}]
    assert space.snap(point).tolist() == [[0.25, 0.123]]
    assert np.isnan(space.codes(point)).tolist() == [[False, True]]


def test_equal_values_of_other_types_are_other_choices():
    space = Space({"c": Categorical([1, True, 1.0, "1"])})
    assert space.size == 4
    assert len(set(space.keys_of(np.array([[0.1], [0.3], [0.6], [0.9]])))) == 4
    for value in (1, True, 1.0, "1"):
        assert repr(space.validate({"c": value})) == repr({"c": value})
        assert repr(space.decode(space.encode([{"c": value}]))) == repr([{"c": value}])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Categorical([0, 1]), Categorical([False, True])),
        (Ordinal([1, 2]), Ordinal([1.0, 2.0])),
        (Int(0, 1), Float(0, 1)),
        (Ordinal([1, 2]), Categorical([1, 2])),
        (Int(1, 9), Int(1, 9, log=True)),
        (Sequence({"k": Int(1, 2)}, 1, 2), Sequence({"k": Int(1, 2)}, 0, 2)),
    ],
)
def test_spaces_of_other_values_differ(one, other):
    space, another = Space({"x": one}), Space({"x": other})
    assert space != another
    assert space.differences(another)
    assert space == Space({"x": one})


def test_a_space_travels(tmp_path):
    limit = 3
    space = Space({"n": Int(0, 9)}, forbid=[lambda config: config["n"] > limit])
    copy = cloudpickle.loads(cloudpickle.dumps(space))
    assert {config["n"] for config in copy.sample(100, seed=0)} == {0, 1, 2, 3}


def test_json_of_a_user_may_name_a_parameter_parameters():
    document = {"parameters": {"type": "int", "low": 1, "high": 3}}
    assert Space.from_json(document) == Space({"parameters": Int(1, 3)})


# -- lists of layers -----------------------------------------------------------------------------


LAYER = {
    "kind": Categorical(["dense", "drop"]),
    "units": Int(1, 3, when={"kind": "dense"}),
}


def test_a_list_of_layers_may_depend_on_others():
    space = Space(
        {"deep": Categorical([True, False]), "s": Sequence(LAYER, 1, 2, when={"deep": True})}
    )
    assert space.size == 1 + (4 + 16)
    assert space.decode(space.encode([{"deep": False}])) == [{"deep": False}]


def test_lists_may_hold_lists():
    block = Space({"width": Ordinal([8, 16]), "inside": Sequence({"k": Int(1, 2)}, 0, 2)})
    space = Space({"blocks": Sequence(block, 1, 2)})
    assert space.size == 14 + 14**2
    configs = space.sample(50, seed=0)
    assert space.decode(space.encode(configs)) == configs
    grid = space.grid()
    points = np.array([grid.point(index) for index in range(int(space.size))])
    assert len(set(space.keys_of(points))) == space.size
    for neighbour in space.neighbours(configs[0]):
        assert space.validate(neighbour) == neighbour != configs[0]
    assert Space.from_json(json.loads(json.dumps(space.to_json()))) == space


def test_a_layer_is_changed_deleted_or_doubled():
    space = Space({"s": Sequence({"k": Int(1, 3)}, 1, 3)})
    found = [
        [layer["k"] for layer in n["s"]] for n in space.neighbours({"s": [{"k": 1}, {"k": 3}]})
    ]
    changed, deleted, doubled = [[2, 3], [1, 2]], [[3], [1]], [[1, 1, 3], [1, 3, 3]]
    assert sorted(found) == sorted(changed + deleted + doubled)
    assert [n["s"] for n in space.neighbours({"s": [{"k": 1}]})] == [
        [{"k": 2}],
        [{"k": 1}, {"k": 1}],
    ]


def test_an_empty_list_gets_a_layer():
    space = Space({"s": Sequence({"k": Int(1, 3)}, 0, 2)})
    assert space.neighbours({"s": []}) == [{"s": [{"k": 2}]}]


def test_where_lists_lie_is_known():
    space = Space({"x": Float(0, 1), "s": Sequence(LAYER, 1, 3), "t": Sequence(LAYER, 0, 2)})
    first, second = space.sequences
    assert (first.start, first.stop, first.slot, first.n_lengths) == (1, 8, 2, 3)
    assert (second.start, second.stop) == (8, 13)
    points = np.random.default_rng(0).random((50, space.d))
    configs = space.decode(points)
    assert first.lengths(points).tolist() == [len(config["s"]) for config in configs]
    assert second.lengths(points).tolist() == [len(config["t"]) for config in configs]
    same = first.replaced(points, first.lengths(points), first.slots(points))
    assert space.decode(same) == configs


# -- what is forbidden ---------------------------------------------------------------------------


def test_functions_and_matches_forbid():
    space = Space(
        {"a": Int(0, 5), "b": Categorical(["x", "y"]), "c": Int(0, 1, when={"b": "y"})},
        forbid=[lambda config: config["a"] + config.get("c", 0) > 4, {"a": [0, 1], "b": "x"}],
    )
    allowed = [c for c in space.sample(2000, seed=0) if c]
    found = {(c["a"], c["b"], c.get("c")) for c in allowed}
    assert found == {(a, "x", None) for a in (2, 3, 4)} | {
        (a, "y", c) for a in range(6) for c in (0, 1) if a + c <= 4
    }
    assert {"a": 1, "b": "x"} not in space.neighbours({"a": 2, "b": "x"})


def test_a_parameter_that_is_absent_never_matches():
    space = Space({"a": Int(0, 1), "b": Int(0, 1, when={"a": 1})}, forbid=[{"b": 0}])
    assert space.validate({"a": 0}) == {"a": 0}


def test_what_a_layer_forbids_is_never_in_a_list():
    layer = Space({"k": Int(1, 10), "x": Float(0, 1)}, forbid=[lambda c: c["k"] > 1])
    space = Space(
        {"deep": Categorical([True, False]), "s": Sequence(layer, 8, 8, when={"deep": True})}
    )
    configs = space.sample(200, seed=0)
    assert {layer["k"] for config in configs for layer in config.get("s", ())} == {1}
    assert 40 < sum("s" in config for config in configs) < 160
    good = next(config for config in configs if "s" in config)
    bad = {**good, "s": [*good["s"][:-1], {"k": 2, "x": 0.5}]}
    with pytest.raises(ValueError, match="forbidden"):
        space.validate(bad)
    assert space.allowed(space.encode([good, bad])).tolist() == [True, False]
    assert all(layer["k"] == 1 for n in space.neighbours(good) for layer in n.get("s", ()))


def test_what_inner_lists_forbid_holds_too():
    inner = Sequence(Space({"k": Int(1, 2)}, forbid=[{"k": 2}]), 0, 1)
    space = Space({"s": Sequence({"t": inner}, 1, 2)})
    found = {json.dumps(config) for config in space.sample(100, seed=0)}
    assert len(found) == 2 + 4
    assert '"k": 2' not in "".join(found)
    assert Space.from_json(space.to_json()).to_json() == space.to_json()


# -- size ----------------------------------------------------------------------------------------


def test_sizes_are_exact_ints_of_any_length():
    many = {f"p{i}": Int(1, 10) for i in range(1500)}
    assert Space(many).size == 10**1500
    assert Sequence(dict(list(many.items())[:100]), 0, 7).size == sum(
        10 ** (100 * n) for n in range(8)
    )
    assert Space({"x": Float(0, 1), **many}).size == math.inf
    assert Space({**many, "x": Float(0, 1)}).size == math.inf
    chosen = Space({"c": Categorical([1, 2]), "x": Float(0, 1, when={"c": 1}), **many})
    assert chosen.size == math.inf
    grid = Space(many).grid()
    assert (grid.point(10**1500 - 1) == 0.95).all()


def test_a_parent_of_very_many_values_is_counted_at_once():
    space = Space(
        {
            "n": Int(1, 10**12),
            "x": Int(0, 4, when={"n": [7, 10**12]}),
            "y": Int(0, 1, when={"n": 1}),
        }
    )
    assert space.size == (10**12 - 3) + 2 * 5 + 2
    grid = space.grid()
    for index, config in {
        0: {"n": 1, "y": 0},
        1: {"n": 1, "y": 1},
        2: {"n": 2},
        7: {"n": 7, "x": 0},
        11: {"n": 7, "x": 4},
        12: {"n": 8},
        space.size - 1: {"n": 10**12, "x": 4},
        space.size - 6: {"n": 10**12 - 1},
    }.items():
        assert space.decode(grid.point(index)[None]) == [config]


def test_the_resolution_thins_the_grid_out():
    space = Space(
        {
            "a": Float(1, 100, log=True),
            "b": Int(0, 100),
            "c": Categorical(["x", "y", "z"]),
            "s": Sequence({"k": Int(1, 9)}, 0, 1),
        }
    )
    grid = space.grid({"a": 3, "b": 2, "s": {"k": 2}})
    configs = space.decode(np.array([grid.point(index) for index in range(int(grid.size))]))
    assert len(configs) == 3 * 2 * 3 * 3
    assert sorted({config["a"] for config in configs}) == [1.0, 10.0, 100.0]
    assert {config["b"] for config in configs} == {0, 100}
    assert configs[0] == {"a": 1.0, "b": 0, "c": "x", "s": []}
    assert configs[1] == {"a": 1.0, "b": 0, "c": "x", "s": [{"k": 1}]}
    assert configs[-1] == {"a": 100.0, "b": 100, "c": "z", "s": [{"k": 9}]}
    assert space.decode(space.grid(1).point(0)[None])[0]["b"] == 50


def test_a_space_is_drawn_from_of_which_nearly_all_is_forbidden():
    """One draw in 10**8 is allowed."""
    space = Space(
        {f"s{i}": Categorical([True, False]) for i in range(80)},
        forbid=[{f"s{i}": True, f"s{i + 1}": True} for i in range(79)],
    )
    configs = space.sample(3, seed=0)
    assert [space.validate(config) for config in configs] == configs
    assert space.allowed_points(0, np.random.default_rng(0)).shape == (0, 80)
