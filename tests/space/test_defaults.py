"""A parameter's default, and configs that are filled with them."""

import json

import numpy as np
import pytest

from hpopt import Categorical, Float, Int, Ordinal, Sequence, Space
from hpopt.errors import ConfigError, SpaceError
from hpopt.space import Vector
from hpopt.space.changes import with_settings

LAYER = {
    "kind": Categorical(["dense", "conv"], default="dense"),
    "units": Int(1, 64, default=8),
    "kernel": Ordinal([3, 5, 7], when={"kind": "conv"}, default=3),
}
SPACE = Space(
    {
        "optimizer": Categorical(["adam", "sgd"]),
        "momentum": Float(0, 1, when={"optimizer": "sgd"}, default=0.9),
        "schedule": Categorical(["none", "step"], when={"optimizer": "sgd"}, default="step"),
        "every": Int(1, 10, when={"schedule": "step"}, default=5),
        "rate": Float(1e-4, 1, log=True),
        "layers": Sequence(LAYER, 1, 3, default=[{"units": 4}]),
        "weights": Vector(2, -1, 1, default=[0, 0.5]),
    }
)
KINDS = [
    (Float(0, 1, default=np.float32(0.5)), 0.5),
    (Float(0, 1, step=0.1, default=0.3), 0.3),
    (Int(1, 9, default=3.0), 3),
    (Ordinal([16, 32], default=32), 32),
    (Categorical([(1, 2), None], default=[1, 2]), (1, 2)),
    (Vector(2, -1, 1, default=np.zeros(2)), [0.0, 0.0]),
    (Sequence(LAYER, 1, 2, default=[{}]), [{"kind": "dense", "units": 8}]),
]


@pytest.mark.parametrize(("parameter", "default"), KINDS, ids=lambda each: type(each).__name__)
def test_a_default_is_kept_in_its_canonical_form(parameter, default):
    assert repr(parameter.default) == repr(default)
    space = Space({"x": parameter})
    again = Space.from_json(json.loads(json.dumps(space.to_json())))
    assert repr(again["x"].default) == repr(default)
    assert again == space


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: Float(0, 1, default=2), r"default must lie in \[0.0, 1.0\], but got 2"),
        (lambda: Int(0, 9, step=3, default=4), "default must be 0 plus a multiple of 3"),
        (lambda: Categorical(["a"], default="b"), r"default must be one of \['a'\], but got 'b'"),
        (lambda: Sequence(LAYER, 1, 2, default=[]), "default must have 1 to 2 layers"),
        (lambda: Sequence(LAYER, 1, 2, default=[{"units": 0}]), r"default\[0\].units must lie in"),
        (
            lambda: Sequence(Space(LAYER, forbid=[{"units": 8}]), 1, 2, default=[{}]),
            "default must hold layers that are allowed",
        ),
        (lambda: Vector(2, 0, 1, default=[1]), "default must be a list of 2 numbers"),
    ],
)
def test_a_default_is_a_value_of_the_parameter(make, why):
    with pytest.raises(SpaceError, match=why):
        make()


def test_a_filled_config_has_the_defaults_of_what_exists_and_is_absent():
    filled = SPACE.filled({"optimizer": "sgd", "momentum": 0.1, "rate": 0.01})
    assert filled == {
        "optimizer": "sgd",
        "momentum": 0.1,
        "schedule": "step",
        "every": 5,
        "rate": 0.01,
        "layers": [{"kind": "dense", "units": 4}],
        "weights": [0.0, 0.5],
    }
    assert list(filled) == list(SPACE)
    assert SPACE.validate(filled) == filled


def test_the_fields_of_given_layers_are_filled():
    layers = SPACE.filled({"layers": [{"kind": "conv"}, {"units": 2}]})["layers"]
    assert layers == [
        {"kind": "conv", "units": 8, "kernel": 3},
        {"kind": "dense", "units": 2},
    ]


def test_what_has_no_default_stays_absent_and_so_does_what_depends_on_it():
    assert set(SPACE.filled({})) == {"layers", "weights"}
    assert set(SPACE.filled({"optimizer": "adam"})) == {"optimizer", "layers", "weights"}


def test_filling_changes_neither_the_config_nor_the_default():
    config = {"layers": [{}]}
    SPACE.filled(config)["layers"][0]["units"] = 99
    SPACE.filled({})["layers"][0]["units"] = 99
    assert config == {"layers": [{}]}
    assert SPACE["layers"].default == [{"kind": "dense", "units": 4}]


def test_what_is_given_is_kept_as_it_is():
    assert SPACE.filled({"rate": "fast", "layers": 3, "other": 1})["rate"] == "fast"
    assert SPACE.filled({"rate": "fast", "layers": 3, "other": 1})["layers"] == 3
    assert SPACE.filled({"other": 1})["other"] == 1
    with pytest.raises(ConfigError, match="optimizer must be one of"):
        SPACE.filled({"optimizer": "lion"})


def test_a_default_is_no_difference_between_spaces():
    plain = Space({"layers": Sequence({"units": Int(1, 64)}, 1, 3), "rate": Float(0, 1)})
    having = Space(
        {
            "layers": Sequence({"units": Int(1, 64, default=8)}, 1, 3, default=[{}]),
            "rate": Float(0, 1, default=0.5),
        }
    )
    assert plain.differences(having) == having.differences(plain) == []
    other = Space({"layers": having["layers"], "rate": Float(0, 2, default=0.5)})
    assert len(plain.differences(other)) == 1


def test_a_default_outlives_a_change_as_long_as_it_fits():
    rate = Float(0, 1, default=0.5)
    assert with_settings(rate, {"high": 0.7}).default == 0.5
    assert with_settings(rate, {"high": 0.3}).default is None
    assert with_settings(rate, {"high": 0.3, "default": 0.2}).default == 0.2
