"""Laws that every space keeps, on spaces drawn at random."""

import json
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hpopt.space import Float, Sequence, Space

from .drawing import (
    continuous,
    decimals,
    every,
    finite,
    ints,
    spaces,
    stepped,
    values_of,
)

PLAIN = (int, float, str, bool, type(None))
seeds = st.integers(0, 2**32)
ANY = spaces(sequences=True)
FINITE = spaces(of=finite(3), most=4, sequences=True)


def drawn(space, seed, n=40):
    """Points with many coordinates at the ends and at the edges of cells."""
    rng = np.random.default_rng(seed)
    points = rng.random((n, space.d))
    points[rng.random(points.shape) < 0.1] = 0.0
    points[rng.random(points.shape) < 0.1] = 1.0
    edges = rng.random(points.shape) < 0.1
    points[edges] = np.rint(points[edges] * 4) / 4
    return points


def texts(configs):
    """To the bit, and telling 1 from 1.0 and True."""
    return [repr(config) for config in configs]


@given(ANY, seeds)
def test_a_config_survives_the_way_to_coordinates_and_back(space, seed):
    configs = space.decode(drawn(space, seed))
    points = space.encode(configs)
    assert ((points >= 0) & (points <= 1)).all()
    assert texts(space.decode(points)) == texts(configs)
    np.testing.assert_array_equal(space.encode(space.decode(points)), points)


@given(continuous(), decimals(-999, 999, (-10, 6)))
def test_what_people_write_is_kept_to_the_bit(parameter, decimal):
    value = float(decimal)
    assume(parameter.low <= value <= parameter.high)
    unit = 1e-13 * 10.0 ** math.ceil(math.log10(max(abs(parameter.low), abs(parameter.high))))
    assume(parameter.log or abs(value) >= 1e4 * unit or value == 0)
    space = Space({"x": parameter})
    assert repr(space.validate({"x": value})["x"]) == repr(value + 0.0)
    assert repr(space.decode(space.encode([{"x": value}]))[0]["x"]) == repr(value + 0.0)


@given(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300), st.booleans(), seeds)
def test_any_range_of_floats_has_its_ends_and_keeps_its_values(one, other, log, seed):
    low, high = sorted((abs(one) or 1.0, abs(other) or 2.0) if log else (one, other))
    assume(low < high)
    space = Space({"x": Float(low, high, log=log)})
    assert space.decode(np.array([[0.0], [1.0]])) == [{"x": low}, {"x": high}]
    assert space.decode(space.encode([{"x": low}, {"x": high}])) == [{"x": low}, {"x": high}]
    configs = space.decode(drawn(space, seed))
    assert all(low <= config["x"] <= high for config in configs)
    assert texts(space.decode(space.encode(configs))) == texts(configs)


@given(st.one_of(ints(), stepped(30), continuous(), finite()))
def test_both_ends_are_reached(parameter):
    space = Space({"x": parameter})
    values = values_of(parameter) if parameter.size < math.inf else [parameter.low, parameter.high]
    ends = space.decode(np.array([[0.0], [1.0]]))
    assert texts(ends) == texts([{"x": values[0]}, {"x": values[-1]}])


@given(st.one_of(ints(), stepped(30), finite()))
def test_k_values_are_k_equal_cells(parameter):
    assume(not getattr(parameter, "log", False))
    space, values = Space({"x": parameter}), values_of(parameter)
    assert parameter.size == len(values)
    for inside in (1e-6, 0.5, 1 - 1e-6):
        points = (np.arange(len(values)) + inside) / len(values)
        assert texts(space.decode(points[:, None])) == texts({"x": value} for value in values)


@given(st.one_of(ints(), stepped(30)))
def test_values_in_the_log_are_all_there_in_order(parameter):
    assume(parameter.log)
    space, values = Space({"x": parameter}), values_of(parameter)
    points = space.encode([{"x": value} for value in values])
    assert (np.diff(points[:, 0]) > 0).all()
    assert texts(space.decode(points)) == texts({"x": value} for value in values)
    fine = [config["x"] for config in space.decode(np.linspace(0, 1, 2000)[:, None])]
    assert fine == sorted(fine)
    shares = np.diff(points[:, 0])
    ratios = np.diff(np.log(values))
    np.testing.assert_allclose(shares / shares[0], ratios / ratios[0], rtol=1e-6)


@given(ANY, seeds)
def test_json_gives_the_space_back(space, seed):
    stored = json.loads(json.dumps(space.to_json(), allow_nan=False))
    forbid = [forbidden.function for forbidden in space.forbidden]
    again = Space.from_json(stored, forbid=forbid)
    assert again.to_json() == space.to_json()
    assert again.differences(space) == space.differences(again) == []
    assert again == space
    points = drawn(space, seed)
    assert texts(again.decode(points)) == texts(space.decode(points))
    assert again.keys_of(points) == space.keys_of(points)


@given(ANY, seeds)
def test_keys_are_equal_exactly_where_configs_are(space, seed):
    points = drawn(space, seed, 60)
    dormant = ~space.active(points)
    disturbed = np.where(dormant, np.random.default_rng(seed).random(points.shape), points)
    both = np.concatenate([points, disturbed])
    keys, configs = space.keys_of(both), texts(space.decode(both))
    assert keys[:60] == keys[60:]
    assert configs[:60] == configs[60:]
    assert len(set(keys)) == len(set(configs)) == len(set(zip(keys, configs, strict=True)))
    assert [space.key(config) for config in space.decode(points[:5])] == keys[:5]


@given(ANY, seeds)
def test_snapping_keeps_configs_and_is_idempotent(space, seed):
    points = drawn(space, seed)
    snapped = space.snap(points)
    assert texts(space.decode(snapped)) == texts(space.decode(points))
    assert space.keys_of(snapped) == space.keys_of(points)
    np.testing.assert_array_equal(space.snap(snapped), snapped)
    np.testing.assert_array_equal(space.active(snapped), space.active(points))
    np.testing.assert_array_equal(snapped[:, space.levels == 0], points[:, space.levels == 0])


@given(ANY, seeds)
def test_the_mask_says_what_is_in_the_config(space, seed):
    points = drawn(space, seed)
    active = space.active(points)
    for mask, config in zip(active, space.decode(points), strict=True):
        for name, parameter in space.items():
            block = mask[space.columns(name)]
            if not isinstance(parameter, Sequence):
                assert block.tolist() == [name in config]
            elif name not in config:
                assert not block.any()
            else:
                assert block[0]
                slots = block[1:].reshape(parameter.max_length, -1).sum(axis=1)
                layers = config[name]
                assert slots.tolist() == [
                    *(len(layer) for layer in layers),
                    *[0] * (parameter.max_length - len(layers)),
                ]


@given(FINITE)
def test_the_grid_of_a_finite_space_is_all_its_configs_once(space):
    assume(space.size <= 400)
    expected = texts(every(space))
    points = np.array([space.grid().point(index) for index in range(int(space.size))])
    assert type(space.size) is int
    assert texts(space.decode(points)) == expected
    active = space.active(points)
    np.testing.assert_array_equal(space.snap(points)[active], points[active])


@given(FINITE, st.integers(1, 4))
def test_the_grid_of_a_resolution_has_each_config_once(space, resolution):
    grid = space.grid(resolution)
    assume(grid.size <= 400)
    configs = texts(space.decode(np.array([grid.point(i) for i in range(int(grid.size))])))
    assert len(set(configs)) == len(configs)
    if space.size <= 2000:
        assert set(configs) <= set(texts(every(space)))
    for index in (-1, int(grid.size)):
        with pytest.raises(IndexError):
            grid.point(index)


@given(spaces(most=4), st.integers(2, 4))
def test_grids_of_continuous_spaces_include_the_ends(space, resolution):
    grid = space.grid(resolution)
    assume(grid.size <= 300)
    configs = space.decode(np.array([grid.point(i) for i in range(int(grid.size))]))
    for name, parameter in space.items():
        values = {config[name] for config in configs if name in config}
        if values and isinstance(parameter, Float):
            assert {parameter.low, parameter.high} <= values
            assert len(values) <= resolution


@given(ANY, seeds)
def test_neighbours_are_one_step_away(space, seed):
    config = space.sample(1, seed=seed)[0]
    neighbours = space.neighbours(config)
    assert repr(config) not in texts(neighbours)
    for neighbour in neighbours:
        assert repr(space.validate(neighbour)) == repr(neighbour)
        changed = [
            name for name in config if name in neighbour and _differ(config, neighbour, name)
        ]
        appeared = set(neighbour) ^ set(config)
        assert len(changed) <= 1
        assert changed or appeared == set()
        assert all(space[name].when for name in appeared)
        for name in changed:
            assert _is_a_step(space[name], config[name], neighbour[name])


@given(ANY, seeds, st.floats(0, 1))
def test_neighbours_of_larger_steps_are_further_or_at_the_end(space, seed, step):
    config = space.sample(1, seed=seed)[0]
    point = space.encode([config])
    neighbours = space.neighbours(config, step=step)
    assert len(neighbours) <= len(space.neighbours(config)) or space.predicates
    for neighbour in neighbours:
        assert repr(space.validate(neighbour)) == repr(neighbour) != repr(config)
        for name in set(config) & set(neighbour):
            parameter = space[name]
            if _differ(config, neighbour, name) and parameter.width == 1:
                columns = space.columns(name)
                old, new = point[:, columns], space.encode([neighbour])[:, columns]
                if parameter.ordered[0] and parameter.levels[0]:
                    n_steps = max(1, round(step * (parameter.levels[0] - 1)))
                    places = [int(parameter.codes(block)[0, 0]) for block in (old, new)]
                    at_the_end = places[1] in (0, parameter.levels[0] - 1)
                    distance = abs(places[0] - places[1])
                    assert distance == n_steps or (at_the_end and distance < n_steps)


def test_a_step_of_a_continuous_parameter_is_that_many_points_of_its_grid():
    space = Space({"x": Float(0, 10)})
    found = [
        [neighbour["x"] for neighbour in space.neighbours({"x": x}, resolution=11, step=step)]
        for x, step in [(4.0, 0.0), (4.0, 0.2), (4.5, 0.2), (4.0, 0.6), (0.0, 0.3), (4.0, 1.0)]
    ]
    assert found == [[3, 5], [2, 6], [3, 6], [0, 10], [3], [0, 10]]


def _differ(config, neighbour, name):
    return repr(config[name]) != repr(neighbour[name])


def _is_a_step(parameter, old, new):
    if isinstance(parameter, Sequence):
        if len(old) == len(new):
            return sum(map(_unequal, old, new)) == 1
        shorter, longer = sorted((old, new), key=len)
        return any(
            repr(longer[:place] + longer[place + 1 :]) == repr(shorter)
            for place in range(len(longer))
        )
    if parameter.size == math.inf or not parameter.ordered[0]:
        return True
    values = texts(values_of(parameter))
    return abs(values.index(repr(old)) - values.index(repr(new))) == 1


def _unequal(one, other):
    return repr(one) != repr(other)


@given(FINITE)
def test_neighbours_connect_unconditional_spaces(space):
    assume(space.size <= 60 and not space.conditions.parents and not space.predicates)
    assume(not space.sequences)
    start = every(space)[0]
    reached, front = {repr(start)}, [start]
    while front:
        around = [n for config in front for n in space.neighbours(config)]
        front = list({repr(n): n for n in around if repr(n) not in reached}.values())
        reached |= set(texts(front))
    assert len(reached) == space.size


@given(ANY, seeds)
def test_samples_are_valid_and_plain(space, seed):
    configs = space.sample(20, seed=seed)
    assert texts(map(space.validate, configs)) == texts(configs)
    assert texts(space.sample(20, seed=seed)) == texts(configs)
    for config in configs:
        assert type(config) is dict
        for value in config.values():
            assert _is_plain(value)
        json.dumps(config, allow_nan=False)


def _is_plain(value):
    if type(value) is list:
        return all(type(layer) is dict and all(map(_is_plain, layer.values())) for layer in value)
    if type(value) is tuple:
        return all(map(_is_plain, value))
    return type(value) in PLAIN


@given(ANY, seeds)
def test_nothing_forbidden_is_drawn(space, seed):
    points = space.random(50, np.random.default_rng(seed))
    assert space.allowed(points).all()
    for config in space.decode(points):
        assert not any(forbidden(config) for forbidden in space.predicates)


@given(ANY, seeds)
def test_decoding_is_row_by_row(space, seed):
    points = drawn(space, seed, 8)
    one_by_one = [space.decode(point[None])[0] for point in points]
    assert texts(one_by_one) == texts(space.decode(points))
    assert space.decode(points[:0]) == []
    assert space.active(points[:0]).shape == (0, space.d)
