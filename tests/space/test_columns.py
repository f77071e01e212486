"""All columns at once against each parameter's own methods and slow formulas, to the bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpopt.space import Categorical, Float, Int, Ordinal, Sequence, Space, Vector
from hpopt.space.rounding import decimals_for, digits_for, round_decimals, round_significant

from .drawing import spaces

EVERY_KIND = Space(
    {
        "linear": Float(-5.0, 5.0),
        "log": Float(1e-5, 1.0, log=True),
        "step": Float(0.0, 0.8, step=0.1),
        "log step": Float(0.5, 8.0, step=0.5, log=True),
        "huge": Float(1e30, 1e40),
        "wide log": Float(1e-200, 1e200, log=True),
        "narrow": Float(1.0, 1.0 + 1e-9),
        "narrow log": Float(1.0, 1.0 + 1e-9, log=True),
        "fine": Float(0.0, 1e-30),
        "n": Int(-3, 300, step=3),
        "units": Int(1, 512, log=True),
        "many": Int(1, 10**6, log=True),
        "ordinal": Ordinal([1, 4, 9]),
        "choice": Categorical(["a", "b", "c"]),
        "many steps": Float(0.0, 1.0, step=1e-5),
        "vector": Vector(3, -1.0, 2.0),
        "layers": Sequence({"u": Int(1, 64, log=True), "r": Float(0.0, 1.0)}, 0, 2),
    }
)


def points_of(space, seed, n=30):
    """Give points of all places: ends, beside the ends, edges of cells, and any others."""
    rng = np.random.default_rng(seed)
    points = rng.random((n, space.d))
    ends = np.array([0.0, 1.0, 1e-16, 1 - 1e-16, 0.5, 0.25, 1 / 3])
    at_ends = rng.random(points.shape) < 0.3
    points[at_ends] = rng.choice(ends, int(at_ends.sum()))
    return points


def stretched(parameter, u):
    low, high = parameter.edges
    values = low + u * (high - low)
    return np.exp(values) if parameter.in_log else values


def codes_by_definition(parameter, u):
    """Return the codes of a scalar as its class describes them, one kind after the other."""
    last = parameter.n_levels - 1
    if not isinstance(parameter, Float | Int) or (isinstance(parameter, Int) and not parameter.log):
        return np.floor(u * parameter.n_levels).clip(0, last)
    if parameter.n_levels:
        places = np.rint((stretched(parameter, u) - parameter.low) / parameter.step)
        return places.clip(0, last)
    low, high, decimals = parameter.low, parameter.high, decimals_for(parameter.low, parameter.high)

    def rounded(values):
        if parameter.in_log:
            return round_significant(values, digits_for(low, high))
        return values if decimals is None else round_decimals(values, decimals)

    values = rounded(stretched(parameter, u).clip(low, high)) + 0.0
    least, most = rounded(np.array([low, high]))
    lowest = (u <= 0.0) | ((values <= least) & (u < 1.0))
    highest = (u >= 1.0) | ((values >= most) & ~lowest)
    return np.where(lowest, low, np.where(highest, high, values))


def has_defined_codes(space, points):
    for name, parameter in space.items():
        if not isinstance(parameter, Vector | Sequence):
            u = points[:, space.columns(name)]
            np.testing.assert_array_equal(parameter.codes(u), codes_by_definition(parameter, u))


def slowly(space, points, method):
    return [getattr(p, method)(points[:, space.columns(name)]) for name, p in space.items()]


def agrees(space, seed):
    points = points_of(space, seed)
    has_defined_codes(space, points)
    active = space.active(points)
    codes = np.where(active, np.concatenate(slowly(space, points, "codes"), axis=1), np.nan)
    for rows in (points, points[:1], points[:1]):  # the second time it is remembered
        n = len(rows)
        np.testing.assert_array_equal(space.codes(rows), codes[:n])
        snapped = np.concatenate(slowly(space, rows, "snap"), axis=1)
        np.testing.assert_array_equal(space.snap(rows), snapped)
        values = zip(*slowly(space, rows, "decode"), strict=True)
        for config, row in zip(space.decode(rows), values, strict=True):
            decoded = dict(zip(space, row, strict=True))
            assert config == {name: decoded[name] for name in config}
            assert list(map(type, config.values())) == [type(decoded[name]) for name in config]


@pytest.mark.parametrize("seed", range(5))
def test_every_kind_is_crossed_as_it_crosses_itself(seed):
    agrees(EVERY_KIND, seed)


@settings(max_examples=60, deadline=None)
@given(spaces(sequences=True), st.integers(0, 2**16))
def test_any_space_is_crossed_as_its_parameters_cross(space, seed):
    agrees(space, seed)


def test_what_is_remembered_is_not_what_was_changed():
    space = Space({"x": Float(0.0, 1.0), "n": Int(0, 9)})
    point = np.array([[0.25, 0.75]])
    assert space.decode(point) == [{"x": 0.25, "n": 7}]
    point[0, 0] = 0.5
    assert space.decode(point) == [{"x": 0.5, "n": 7}]
    assert space.codes(np.empty((0, 2))).shape == (0, 2)


def test_codes_belong_to_who_asks_for_them():
    space = Space({"n": Int(0, 9), "m": Int(0, 9)})
    point = np.array([[0.05, 0.95]])
    space.codes(point)[:] = 5.0
    assert space.decode(point) == [{"n": 0, "m": 9}]
