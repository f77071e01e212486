"""Configs to try first, and how what they leave out is filled in."""

import pytest

from hpopt.core import Problem, is_part_of, start_configs
from hpopt.errors import ConfigError
from hpopt.optimizers import RandomSearch
from hpopt.space import Categorical, Float, Int, Sequence, Space

SPACE = Space(
    {
        "optimizer": Categorical(["adam", "sgd"]),
        "momentum": Float(0.0, 0.99, when={"optimizer": "sgd"}),
        "rate": Float(1e-5, 1.0, log=True),
        "epochs": Int(1, 100, default=20),
        "layers": Sequence(
            {
                "kind": Categorical(["dense", "conv"]),
                "units": Int(1, 512, default=64),
                "window": Int(1, 7, when={"kind": "conv"}),
            },
            min_length=1,
            max_length=4,
        ),
    },
    forbid=[lambda config: config["optimizer"] == "adam" and config["rate"] > 0.1],
)
FULL = {
    "optimizer": "adam",
    "rate": 0.01,
    "epochs": 3,
    "layers": [{"kind": "dense", "units": 8}],
}


def one(config, seed=0, space=SPACE):
    return start_configs([config], space, seed)[0]


def test_a_whole_config_stays_as_it_is():
    assert one(FULL) == FULL


def test_what_is_left_out_has_its_default():
    config = {name: value for name, value in FULL.items() if name != "epochs"}
    config["layers"] = [{"kind": "dense"}]
    assert one(config) == FULL | {"epochs": 20, "layers": [{"kind": "dense", "units": 64}]}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"rate": 0.5},
        {"optimizer": "sgd"},
        {"momentum": 0.9},
        {"layers": [{"kind": "conv"}, {}, {"window": 3}]},
    ],
)
def test_what_has_no_default_is_sampled(given):
    found = [one(given, seed) for seed in range(8)]
    for config in found:
        assert SPACE.validate(config) == config
        assert is_part_of(given, config, SPACE)
        assert config["epochs"] == 20
    assert len({SPACE.key(config) for config in found}) == len(found)
    assert [one(given, seed) for seed in range(8)] == found


def test_each_place_has_its_own_draws_and_nothing_repeats():
    space = Space({"a": Int(1, 3), "b": Int(1, 2)})
    configs = start_configs([{"a": 1}, {"a": 1}, {}, {}, {}, {"a": 2, "b": 2}], space, 0)
    assert len({space.key(config) for config in configs}) == 6
    assert [config["a"] for config in configs[:2]] == [1, 1]
    assert configs[5] == {"a": 2, "b": 2}
    rest = [{"a": 9}, {"b": 2}]
    with pytest.raises(ConfigError, match="a must lie"):
        start_configs(rest, space, 0)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"rte": 0.1}, "unknown parameter .rte."),
        ({"rate": 7.0}, "rate must lie"),
        ({"optimizer": "adam", "rate": 0.5}, "forbidden"),
        ({"optimizer": "adam", "momentum": 0.5}, "momentum must be left out"),
        ({"layers": []}, "layers must have 1 to 4 layers"),
        ({"layers": [{"kind": "dense", "window": 3}]}, "window must be left out"),
        (3, "must be a mapping"),
    ],
)
def test_what_can_never_be_completed_says_why(given, said):
    with pytest.raises(ConfigError, match=said):
        one(given)


def test_a_single_one_says_that_a_list_is_wanted():
    with pytest.raises(ConfigError, match=r"write start=\[\{'a': 1\}\]"):
        start_configs({"a": 1}, Space({"a": Int(1, 2)}), 0)


def test_more_of_them_than_there_are_configs():
    space = Space({"a": Int(1, 2), "b": Int(1, 2)})
    assert len(start_configs([{"a": 1}] * 2, space, 0)) == 2
    with pytest.raises(ConfigError, match="other start configs are all that it can be"):
        start_configs([{"a": 1}] * 3, space, 0)
    with pytest.raises(ConfigError, match="different configs"):
        start_configs([{"a": 1, "b": 1}] * 2, space, 0)


def test_an_optimizer_asks_the_completed_ones_first():
    class Any(Problem):
        space = SPACE

        def evaluate(self, config, trial):
            return 0.0

    optimizer = RandomSearch().bind(Any(), seed=5, start=[{"rate": 0.05}, FULL])
    assert [each.config for each in optimizer.ask(2)] == [*optimizer.start]
    assert optimizer.start == start_configs([{"rate": 0.05}, FULL], SPACE, 5)
