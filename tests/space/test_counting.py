"""How many configs a space has, however its parameters depend on one another."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hpopt import Categorical, Float, Int, Sequence, Space
from hpopt.errors import SpaceError
from hpopt.space import Vector
from hpopt.study.tally import n_configs

from .drawing import every

SWITCH = [False, True]


def switches(n, child, *, apart):
    """Independent switches, each with a parameter of its own; all switches first, or in turn."""
    first = {f"s{i}": Categorical(SWITCH) for i in range(n)}
    second = {f"c{i}": child({f"s{i}": True}) for i in range(n)}
    if apart:
        return {**first, **second}
    return {name: {**first, **second}[name] for i in range(n) for name in (f"s{i}", f"c{i}")}


@st.composite
def entangled(draw):
    """Up to seven parameters of few values, each of which may depend on three others."""
    parameters = {}
    for name in "abcdefg"[: draw(st.integers(1, 7))]:
        parents = draw(st.lists(st.sampled_from([*parameters, ""]), max_size=3, unique=True))
        when = {
            parent: draw(st.lists(st.sampled_from([0, 1, 2]), min_size=1, max_size=2, unique=True))
            for parent in parents
            if parent
        }
        kind = Int(0, 2, when=when) if draw(st.booleans()) else Categorical([0, 1, 2], when=when)
        parameters[name] = kind
    return parameters


@st.composite
def forbidding(draw, parameters):
    """Mappings that forbid, and a function."""
    names = st.lists(st.sampled_from(list(parameters)), min_size=1, max_size=3, unique=True)
    forbid = [
        {name: draw(st.sampled_from([0, 1, [0, 2]])) for name in draw(names)}
        for _ in range(draw(st.integers(0, 3)))
    ]
    return forbid + ([_odd] if draw(st.booleans()) else [])


def _odd(config):
    return sum(config.values()) % 2 == 1


def is_forbidden(config, forbid):
    return any(
        _odd(config)
        if each is _odd
        else all(
            name in config and config[name] in (values if isinstance(values, list) else [values])
            for name, values in each.items()
        )
        for each in forbid
    )


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_counts_are_those_of_an_enumeration(data):
    parameters = data.draw(entangled())
    forbid = data.draw(forbidding(parameters))
    configs = every(parameters)
    left = [config for config in configs if not is_forbidden(config, forbid)]
    assume(left)
    try:
        space = Space(parameters, forbid)
    except SpaceError:  # conditions that exclude one another
        assume(False)
    assert space.size == len(configs)
    assert n_configs(space) == len(left)


@settings(deadline=None, max_examples=60)
@given(entangled(), st.data())
def test_the_grid_is_the_enumeration_in_its_order(parameters, data):
    configs = every(parameters)
    assume(len(configs) <= 300)
    try:
        grid = (space := Space(parameters)).grid()
    except SpaceError:
        assume(False)
    assert space.decode(np.array([grid.point(i) for i in range(len(configs))])) == configs
    index = data.draw(st.integers(0, len(configs) - 1))
    names = list(parameters)
    for place, name in enumerate(names):
        begins = [[config.get(each) for each in names[: place + 1]] for config in configs]
        behind = [i for i in range(index, len(configs)) if begins[i] != begins[index]]
        assert grid.after(index, name) == (behind[0] if behind else len(configs))


@pytest.mark.parametrize("apart", [True, False])
def test_independent_switches_multiply(apart):
    finite = Space(switches(40, lambda when: Int(0, 9, when=when), apart=apart))
    assert finite.size == 11**40
    grid = finite.grid()
    for index in (0, 1, 11**20 + 7, 11**40 - 1):
        config = finite.decode(grid.point(index)[None])[0]
        assert len(config) == 40 + sum(config[f"s{i}"] for i in range(40))
    assert Space(switches(40, lambda when: Float(0, 1, when=when), apart=apart)).size == math.inf


def test_switches_below_one_another_are_counted():
    below = {"r": Categorical(["a", "b"])}
    below |= {f"s{i}": Categorical(SWITCH, when={"r": "a"}) for i in range(20)}
    below |= {f"c{i}": Int(0, 9, when={f"s{i}": True}) for i in range(20)}
    assert Space(below).size == 11**20 + 1
    chain = {"s0": Categorical(SWITCH)}
    chain |= {f"s{i}": Categorical(SWITCH, when={f"s{i - 1}": True}) for i in range(1, 20)}
    assert Space(chain).size == 21
    of_all = {f"s{i}": Categorical(SWITCH) for i in range(40)}
    of_all["c"] = Int(0, 9, when=dict.fromkeys(of_all, True))
    assert Space(of_all).size == 2**40 + 9


def test_conditions_that_are_too_entangled_are_not_counted():
    parameters = {f"s{i}": Categorical(SWITCH) for i in range(24)}
    for i in range(24):
        for j in range(i):
            parameters[f"c{i}_{j}"] = Int(0, 9, when={f"s{i}": True, f"s{j}": True})
    space = Space(parameters)
    assert space.size == math.inf
    with pytest.raises(SpaceError, match="too many combinations of values"):
        space.grid().point(0)


def test_counts_that_nobody_could_print_are_infinite():
    lists = {"v": Int(0, 99)}
    for _ in range(3):
        lists = {"l": Sequence(lists, 0, 50)}
    space = Space(lists)
    assert space.size == math.inf
    grid = space.grid()
    assert space.decode(np.array([grid.point(i) for i in range(3)])) == [
        {"l": []},
        {"l": [{"l": []}]},
        {"l": [{"l": [{"l": []}]}]},
    ]
    assert Space({"v": Vector(10**6, 0, 1)}).grid(5).size == math.inf
