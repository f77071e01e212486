"""Every mistake gets its error, which says what must hold and what was got."""

import json
import math
import pickle

import numpy as np
import pytest

from hpopt.errors import ConfigError, SpaceError, UnknownNameError
from hpopt.space import Categorical, Float, Int, Ordinal, Sequence, Space, conditions


def boom(config):
    return config["absent"]


SPACE_MISTAKES = {
    "empty": (lambda: Space({}), "at least one parameter, but got none"),
    "no mapping": (lambda: Space([("x", Int(1, 2))]), "must be a mapping of names"),
    "name": (lambda: Space({"": Int(1, 2)}), "name of a parameter must be a non-empty str"),
    "name of another type": (lambda: Space({3: Int(1, 2)}), "non-empty str, but got 3"),
    "no parameter": (lambda: Space({"x": (1, 2)}), r"'x' must be a Float, .* but got \(1, 2\)"),
    "a class": (lambda: Space({"x": Float}), "'x' must be a Float"),
    "low = high": (lambda: Float(1, 1), "low < high must hold, but got low=1.0, high=1.0"),
    "what to write for a constant": (
        lambda: Int(3, 3),
        r"got low=3, high=3: what has one value is a constant. .* or Categorical\(\[3\]\)",
    ),
    "a tuple for a list of tuples": (
        lambda: Space(
            {"k": Categorical([(3, 3), (5, 5)]), "y": Int(1, 2, when={"k": (3, 3)})},
        ),
        r"For the one value \(3, 3\) write \{'k': \[\(3, 3\)\]\}",
    ),
    "a tuple for a list of tuples in forbid": (
        lambda: Space({"k": Categorical([(3, 3), (5, 5)])}, forbid=[{"k": (3, 3)}]),
        r"can never match: .* write \{'k': \[\(3, 3\)\]\}",
    ),
    "low > high": (lambda: Int(3, 1), "low < high must hold, but got low=3, high=1"),
    "nan": (lambda: Float(math.nan, 1), "low must be a finite number, but got nan"),
    "inf": (lambda: Float(0, math.inf), "high must be a finite number, but got inf"),
    "too large": (lambda: Float(0, 10**400), "high must be a finite number"),
    "too wide": (lambda: Float(-1.7e308, 1.7e308), "high - low must be finite"),
    "text": (lambda: Float("0", 1), "low must be a finite number, but got '0'"),
    "bool": (lambda: Float(False, True), "low must be a finite number, but got False"),
    "log at 0": (lambda: Float(0, 1, log=True), "low > 0 must hold with log=True, but got low=0.0"),
    "log below 0": (lambda: Int(-3, 1, log=True), "low > 0 must hold with log=True"),
    "log is no bool": (lambda: Float(1, 2, log="yes"), "log must be True or False, but got 'yes'"),
    "step of a Float": (
        lambda: Float(0, 1, step=0.3),
        "step must divide high - low, .* step=0.3: with this step high could be 0.9$",
    ),
    "step of an Int": (
        lambda: Int(1, 10, step=2),
        "step must divide high - low, .* high could be 9$",
    ),
    "step of a large Int": (lambda: Int(0, 10**10 + 1, step=2), "step must divide high - low"),
    "step too long": (lambda: Int(0, 3, step=6), "step must divide .* high could be 6$"),
    "step 0": (lambda: Float(0, 1, step=0), "step must be a positive number, but got 0.0"),
    "step below 0": (lambda: Int(0, 4, step=-2), "step must be a positive number, but got -2"),
    "step too fine": (lambda: Float(0, 1, step=1e-13), "step must be at least 1e-11"),
    "fraction in an Int": (
        lambda: Int(0.5, 3),
        "low of an Int must be a whole number, but got 0.5",
    ),
    "text in an Int": (lambda: Int(0, "3"), "high of an Int must be a whole number, but got '3'"),
    "large Int": (lambda: Int(0, 2**60), r"must lie within 2\*\*53"),
    "wide Int": (lambda: Int(-(2**52), 2**52), r"fewer than 2\*\*51 values"),
    "no choices": (lambda: Categorical([]), "choices must hold at least one value"),
    "no values": (lambda: Ordinal(()), "values must hold at least one value"),
    "a str": (lambda: Categorical("adam"), "choices must be a list of values, but got 'adam'"),
    "a number": (lambda: Ordinal(3), "values must be a list of values, but got 3"),
    "choice twice": (lambda: Categorical(["a", "b", "a"]), "must be different, but got 'a' twice"),
    "value twice": (lambda: Ordinal([1, 2, np.int64(1)]), "values must be different, but got 1"),
    "object": (lambda: Categorical([int, float]), "name your objects and look them up"),
    "dict": (lambda: Categorical([{"a": 1}]), "name your objects and look them up"),
    "nan choice": (lambda: Categorical([1.0, math.nan]), "finite float"),
    "when unknown": (
        lambda: Space({"x": Int(1, 2, when={"y": 1})}),
        r"'x' has the parent 'y'; there are \['x'\]",
    ),
    "when later": (
        lambda: Space({"x": Int(1, 2, when={"y": 1}), "y": Int(1, 2)}),
        "'x' has the parent 'y': declare 'y' first",
    ),
    "when itself": (lambda: Space({"x": Int(1, 2, when={"x": 1})}), "'x' has the parent 'x'"),
    "cycle": (
        lambda: Space({"x": Int(1, 2, when={"y": 1}), "y": Int(1, 2, when={"x": 1})}),
        "so that there is no cycle",
    ),
    "when on a continuous one": (
        lambda: Space({"x": Float(0, 1), "y": Int(1, 2, when={"x": 0.5})}),
        "countable number of values, but 'x', the parent of 'y', is a float",
    ),
    "when on a Sequence": (
        lambda: Space({"s": Sequence({"a": Int(1, 2)}, 1, 2), "y": Int(1, 2, when={"s": "x"})}),
        "the parent of 'y', is a sequence",
    ),
    "when on an impossible value": (
        lambda: Space({"x": Int(1, 3), "y": Int(1, 2, when={"x": [2, 7]})}),
        r"'y' can never exist when 'x' is one of \[2, 7\]: x must lie in \[1, 3\], but got 7",
    ),
    "when on another type": (
        lambda: Space({"x": Categorical([True, False]), "y": Int(1, 2, when={"x": 1})}),
        "'y' can never exist .* must be one of",
    ),
    "when of nothing": (lambda: Int(1, 2, when={"x": []}), "at least one value of 'x'"),
    "when is no mapping": (lambda: Int(1, 2, when="x"), "when must be a mapping of parents"),
    "conditions that exclude one another": (
        lambda: Space(
            {
                "a": Categorical(["x", "y"]),
                "b": Int(1, 2, when={"a": "x"}),
                "c": Int(1, 2, when={"a": "y", "b": 1}),
            }
        ),
        "'c' can never exist: its conditions ask for values of 'a' that exclude one another",
    ),
    "forbid leaves nothing": (
        lambda: Space({"x": Float(0, 1)}, forbid=[lambda config: True]),
        "forbid must leave at least one config",
    ),
    "forbid leaves nothing of a finite space": (
        lambda: Space({"x": Int(0, 3)}, forbid=[{"x": [0, 1, 2]}, {"x": 3}]),
        r"forbid must leave at least one config, but all of 4 tried",
    ),
    "forbid is no list": (lambda: Space({"x": Int(0, 3)}, forbid=boom), "must be a list"),
    "forbid is a mapping": (lambda: Space({"x": Int(0, 3)}, forbid={"x": 1}), "must be a list"),
    "forbid holds something else": (
        lambda: Space({"x": Int(0, 3)}, forbid=["x"]),
        "must hold functions of a config, or mappings",
    ),
    "forbid of an impossible value": (
        lambda: Space({"x": Int(0, 3)}, forbid=[{"x": 9}]),
        "can never match: x must lie in",
    ),
    "forbid raises": (
        lambda: Space({"x": Int(0, 3)}, forbid=[boom]),
        "boom raised KeyError: 'absent' .* use config.get",
    ),
    "forbid of layers leaves nothing": (
        lambda: Sequence(Space({"k": Int(1, 2)}, forbid=[{"k": [1, 2]}]), 1, 2),
        "forbid must leave at least one config",
    ),
    "length below 0": (
        lambda: Sequence({"k": Int(1, 2)}, -1, 2),
        "min_length must be an int of at least 0",
    ),
    "lengths swapped": (lambda: Sequence({"k": Int(1, 2)}, 3, 2), "min_length=3, max_length=2"),
    "length always 0": (
        lambda: Sequence({"k": Int(1, 2)}, 0, 0),
        "max_length must be an int of at least 1",
    ),
    "length of another type": (
        lambda: Sequence({"k": Int(1, 2)}, 1, 2.5),
        "max_length must be an int",
    ),
    "empty layer": (lambda: Sequence({}, 1, 2), "at least one parameter"),
    "resolution 0": (lambda: Space({"x": Int(0, 3)}).grid(0), "resolution must be an int of at"),
    "resolution of another type": (
        lambda: Space({"x": Float(0, 1)}).grid({"x": 2.5}),
        "resolution must be an int",
    ),
    "endless grid": (lambda: Space({"x": Float(0, 1)}).grid().point(0), "needs a resolution"),
    "JSON is no mapping": (lambda: Space.from_json([1]), "a space must be a mapping"),
    "JSON without pairs": (lambda: Space.from_json({"parameters": [1]}), "must be pairs of name"),
    "JSON without a type": (
        lambda: Space.from_json({"x": {"low": 1}}),
        r"'x' must be a table with a type \(categorical, float",
    ),
    "JSON without a bound": (
        lambda: Space.from_json({"x": {"type": "float", "low": 1}}),
        "a float parameter needs 'high'",
    ),
    "JSON with a wrong bound": (
        lambda: Space.from_json({"x": {"type": "float", "low": 2, "high": 1}}),
        "parameter 'x': low < high must hold",
    ),
    "JSON with a function": (
        lambda: Space.from_json(Space({"x": Int(0, 3)}, forbid=[_odd]).to_json()),
        "forbids by the function _odd, which JSON cannot hold",
    ),
}


def _odd(config):
    return config["x"] % 2 == 1


@pytest.mark.parametrize(("make", "why"), SPACE_MISTAKES.values(), ids=SPACE_MISTAKES)
def test_a_space_that_cannot_be(make, why):
    with pytest.raises(SpaceError, match=why) as caught:
        make()
    assert isinstance(caught.value, ValueError)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


UNKNOWN_NAMES = {
    "type": ({"x": {"type": "flaot", "low": 1, "high": 2}}, "did you mean 'float'"),
    "type of another type": ({"x": {"type": ["float"]}}, "unknown type of parameter 'x'"),
    "key": ({"x": {"type": "float", "low": 1, "hihg": 2}}, "did you mean 'high'"),
    "key of a list": ({"x": {"type": "ordinal", "valeus": [1]}}, "did you mean 'values'"),
    "key of a layer": (
        {
            "s": {
                "type": "sequence",
                "space": {"k": {"type": "int", "lwo": 1}},
                "min_length": 1,
                "max_length": 2,
            }
        },
        "did you mean 'low'",
    ),
}


@pytest.mark.parametrize(("document", "why"), UNKNOWN_NAMES.values(), ids=UNKNOWN_NAMES)
def test_a_name_that_is_not_known_in_json(document, why):
    with pytest.raises(UnknownNameError, match=why):
        Space.from_json(document)


def test_unknown_names_elsewhere_suggest_the_nearest():
    space = Space({"momentum": Float(0, 1)})
    with pytest.raises(UnknownNameError, match="did you mean 'momentum'"):
        space.grid({"momentun": 3})
    with pytest.raises(UnknownNameError, match="did you mean 'momentum'"):
        Space({"momentum": Int(0, 3)}, forbid=[{"momentom": 1}])


SPACE = Space(
    {
        "rate": Float(1e-4, 1, log=True),
        "share": Float(0, 1, step=0.25),
        "units": Int(8, 64, step=8),
        "kind": Categorical(["adam", "sgd", None, True, (1, 2)]),
        "momentum": Float(0, 1, when={"kind": "sgd"}),
        "layers": Sequence({"k": Int(1, 3), "bias": Categorical([True, False])}, 1, 2),
    },
    forbid=[{"units": 16, "kind": "adam"}],
)
GOOD = {"rate": 0.01, "share": 0.5, "units": 8, "kind": "adam", "layers": [{"k": 1, "bias": True}]}

CONFIG_MISTAKES = {
    "unknown": ({"moment": 1}, "unknown parameter 'moment': did you mean 'momentum'"),
    "missing": ({"rate": ...}, "rate is missing"),
    "above": ({"rate": 2}, r"rate must lie in \[0.0001, 1.0\], but got 2"),
    "below": ({"rate": 0}, "rate must lie in"),
    "nan": ({"rate": math.nan}, "rate must be a number, but got nan"),
    "inf": ({"rate": math.inf}, "rate must lie in"),
    "text": ({"rate": "0.1"}, "rate must be a number, but got '0.1'"),
    "None": ({"rate": None}, "rate must be a number, but got None"),
    "bool": ({"rate": True}, "rate must be a number, but got True"),
    "off the steps": ({"share": 0.3}, "0.0 plus a multiple of 0.25, but got 0.3: .* 0.25"),
    "off the whole steps": ({"units": 9}, "8 plus a multiple of 8, but got 9: the nearest is 8"),
    "fraction": ({"units": 8.5}, "units must be a whole number, but got 8.5"),
    "bool for a whole number": ({"units": True}, "units must be a whole number, but got True"),
    "choice": ({"kind": "rmsprop"}, r"kind must be one of \['adam', .*\], but got 'rmsprop'"),
    "choice of another type": ({"kind": 1}, "kind must be one of"),
    "unhashable choice": ({"kind": {"a": 1}}, "kind must be one of"),
    "object as a choice": ({"kind": object()}, "kind must be one of"),
    "not there": ({"momentum": 0.5}, r"momentum must be left out, as it needs kind in \['sgd'\]"),
    "missing child": ({"kind": "sgd"}, "momentum is missing"),
    "forbidden": ({"units": 16}, "forbidden by"),
    "no list": ({"layers": {"k": 1}}, "layers must be a list of layers"),
    "text for a list": ({"layers": "ab"}, "layers must be a list of layers"),
    "too few layers": ({"layers": []}, "layers must have 1 to 2 layers, but got 0"),
    "too many layers": ({"layers": [{}, {}, {}]}, "layers must have 1 to 2 layers, but got 3"),
    "wrong layer": ({"layers": [{"k": 9, "bias": True}]}, r"layers\[0\].k must lie in \[1, 3\]"),
    "incomplete layer": ({"layers": [GOOD["layers"][0], {"k": 1}]}, r"layers\[1\].bias is missing"),
    "unknown in a layer": (
        {"layers": [{"k": 1, "bias": True, "K": 1}]},
        r"unknown parameter 'K'.*layers\[0\]",
    ),
    "layer is no mapping": ({"layers": [3]}, "must be a mapping"),
}


@pytest.mark.parametrize(("change", "why"), CONFIG_MISTAKES.values(), ids=CONFIG_MISTAKES)
def test_a_config_that_does_not_fit(change, why):
    config = {name: value for name, value in {**GOOD, **change}.items() if value is not ...}
    with pytest.raises(ConfigError, match=why):
        SPACE.validate(config)
    if "forbidden" not in why:
        with pytest.raises(ConfigError, match=why):
            SPACE.encode([GOOD, config])


@pytest.mark.parametrize("config", [None, 3, [("rate", 1)], "rate"])
def test_a_config_is_a_mapping(config):
    with pytest.raises(ConfigError, match="a config must be a mapping of names to values"):
        SPACE.validate(config)


@pytest.mark.parametrize("shape", [(3,), (2, 3), (1, 2, 3)])
def test_points_have_as_many_columns_as_the_space(shape):
    for use in (SPACE.decode, SPACE.active, SPACE.snap, SPACE.codes, SPACE.keys_of):
        with pytest.raises(ConfigError, match=rf"must have the shape \(n, {SPACE.d}\), but got"):
            use(np.full(shape, 0.5))


def test_what_fits_is_given_in_its_canonical_form():
    config = {
        "rate": np.float32(0.5),
        "share": np.float64(0.25),
        "units": 16.0,
        "kind": [1, 2],
        "layers": ({"bias": np.bool_(False), "k": np.int8(2)},),
    }
    valid = SPACE.validate(config)
    layer = {"k": 2, "bias": False}
    expected = {"rate": 0.5, "share": 0.25, "units": 16, "kind": (1, 2), "layers": [layer]}
    assert repr(valid) == repr(expected)
    assert json.dumps(valid)


def test_a_long_chain_of_conditions_is_checked_in_its_length():
    """As a stranger's file may have it: each parameter needs the one before."""
    both = [0, 1]
    chain = {"p0": Categorical(both)}
    for i in range(1, 2000):
        chain[f"p{i}"] = Categorical(both, when={f"p{i - 1}": 1})
    assert Space(chain).d == 2000
    chain["last"] = Float(0, 1, when={"p1999": 1, "p0": 0})
    with pytest.raises(SpaceError, match=r"'last' can never exist: .* values of 'p0'"):
        Space(chain)


def test_conditions_on_conditions_have_a_bound(monkeypatch):
    monkeypatch.setattr(conditions, "MOST_LOOKED_AT", 10_000)
    chain = {"p0": Categorical([0, 1])}
    for i in range(1, 200):
        chain[f"p{i}"] = Categorical([0, 1], when={f"p{i - 1}": 1, f"p{i // 2}": 1})
    with pytest.raises(SpaceError, match="fewer conditions on conditions"):
        Space(chain)


def test_a_space_has_at_most_a_million_coordinates():
    with pytest.raises(SpaceError, match="at most 1000000 coordinates, but this has 1000000001"):
        Space({"layers": Sequence({"n": Int(1, 9)}, 0, 10**9)})
