"""What is tried before there is a model: spread, balanced over branches, and little in common."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from hpopt import TPE
from hpopt.optimizers.surrogates.encoding import Encoding
from hpopt.optimizers.surrogates.first_design import FirstDesign, first_count, first_points
from hpopt.space import Categorical, Float, Int, Ordinal, Sequence, Space
from hpopt.testing.landscapes import Landscape

from ..modelling import BRANCHES, first_wave, values_of

LAYERED = Space(
    {
        "n_layers": Int(1, 8),
        "rate": Float(1e-5, 1, log=True),
        "dropout": Float(0, 0.6),
        "batch": Ordinal([16, 32, 64, 128]),
        "units1": Int(8, 512, log=True),
        **{
            f"units{k}": Int(8, 512, log=True, when={"n_layers": list(range(k, 9))})
            for k in range(2, 9)
        },
    }
)
"""Eight branches, each with one number more than the one before."""
LISTS = Space(
    {
        "layers": Sequence(
            {
                "kind": Categorical(["dense", "conv"]),
                "units": Int(4, 256, log=True),
                "kernel": Ordinal([1, 3, 5], when={"kind": "conv"}),
                "activation": Categorical(["relu", "tanh", "elu"]),
            },
            1,
            6,
        ),
        "rate": Float(1e-3, 0.1, log=True),
    }
)
SPACES = {
    "layered": LAYERED,
    "branches": BRANCHES,
    "lists": LISTS,
    "switches": Space({name: Categorical([True, False]) for name in "abcdefgh"}),
    "threes": Space({name: Categorical([1, 2, 3]) for name in "abcdefgh"}),
    "whole": Space({f"n{k}": Int(1, 4 + k, log=True) for k in range(6)}),
    "mixed": Space({"x": Float(0, 1)} | {name: Categorical([True, False]) for name in "abcde"}),
}


def points_of(space, n, seed, **options):
    return first_points(Encoding(space), n, np.random.default_rng(seed), **options)


def shared(one, other):
    return sum(one[name] == other[name] for name in one.keys() & other.keys())


@pytest.mark.parametrize(
    ("space", "n"),
    [
        (Space({"x": Float(0, 1)}), 5),
        (Space({f"x{j}": Float(0, 1) for j in range(8)}), 8),
        (Space({f"x{j}": Float(0, 1) for j in range(40)}), 12),
        (BRANCHES, 21),
        (LAYERED, 24),
        # Fifty values, and two branches.
        (Space({"n": Int(1, 50), "x": Float(0, 1, when={"n": list(range(25, 51))})}), 6),
    ],
)
def test_how_many_are_tried_first(space, n):
    assert first_count(Encoding(space)) == n


def test_each_branch_is_seen_three_times():
    models = [config["model"] for config in BRANCHES.decode(points_of(BRANCHES, 21, 0))]
    assert sorted(models) == sorted("abcdefg" * 3)
    layered = [config["n_layers"] for config in LAYERED.decode(points_of(LAYERED, 24, 0))]
    assert set(Counter(layered).values()) == {3}


def test_a_number_is_balanced_over_its_branches():
    space = Space({"n": Int(1, 50, log=True), "x": Float(0, 1, when={"n": 50})})
    values = [config["n"] for config in space.decode(points_of(space, 12, 0))]
    assert values.count(50) == 6
    assert len(set(values)) == 7


@pytest.mark.parametrize("seed", range(3))
def test_each_branch_begins_in_the_middle_of_its_own_numbers(seed):
    points = points_of(BRANCHES, 21, seed)
    configs = BRANCHES.decode(points)
    assert sorted(config["model"] for config in configs[:7]) == list("abcdefg")
    middle = {"x": 0.5, "rate": 0.5, "depth": 5}
    for name, when in (("rate", "ab"), ("depth", "c")):
        begun = [config[name] == middle[name] for config in configs if config["model"] in when]
        assert sum(begun[: len(when)]) == len(when)
        assert not any(begun[len(when) :]) or name == "depth"
    # What always exists is spread, but for the first config of all.
    assert [config["x"] == 0.5 for config in configs] == [True] + [False] * 20
    without = points_of(BRANCHES, 21, seed, middles=False)
    assert (without[:, BRANCHES.columns("rate")] != 0.5).all()


def test_without_branches_nothing_is_moved_to_the_middle():
    space = Space({"x": Float(0, 1), "k": Categorical(["a", "b"])})
    assert (points_of(space, 8, 0)[:, 0] != 0.5).all()


def test_lengths_and_layers_are_balanced_too():
    layer = {"kind": Categorical(["a", "b"]), "w": Ordinal([1, 2], when={"kind": "a"})}
    space = Space({"layers": Sequence(layer, 1, 4)})
    configs = space.decode(points_of(space, 8, 1))
    assert sorted(len(config["layers"]) for config in configs) == [1, 1, 2, 2, 3, 3, 4, 4]
    assert sorted(config["layers"][0]["kind"] for config in configs) == ["a"] * 4 + ["b"] * 4


def test_the_first_points_are_spread():
    space = Space({f"x{j}": Float(0, 1) for j in range(3)})
    for column in points_of(space, 8, 2).T:
        assert sorted(np.floor(column * 8).tolist()) == list(range(8))


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("seed", range(3))
def test_no_two_of_the_first_wave_share_more_than_half(name, seed):
    space = SPACES[name]
    configs = [values_of(config) for config in first_wave(TPE(), space, 60, seed)]
    first = configs[: 1 + max(map(len, configs))]
    too_alike = [
        (one, other)
        for one, other in combinations(first, 2)
        if shared(one, other) > min(len(one), len(other)) / 2
    ]
    # Of the lists' 300 pairs one may: their kinds and lengths are balanced before the rest.
    assert len(too_alike) <= (name == "lists")


@pytest.mark.parametrize("seed", range(5))
def test_a_first_wave_over_whole_numbers_of_layers_varies_what_always_exists(seed):
    """All eight had the same rate, dropout and batch size: each begins a branch."""
    wave = first_wave(TPE(), LAYERED, 8, seed)
    assert sorted(config["n_layers"] for config in wave) == list(range(1, 9))
    for name in ("rate", "dropout", "units1"):
        assert len({config[name] for config in wave}) == 8
    assert len({config["batch"] for config in wave}) == 4
    # Each of its own numbers is in the middle somewhere.
    middle = LAYERED.decode(np.full((1, LAYERED.d), 0.5))[0]["units2"]
    deepest = max(wave, key=lambda config: config["n_layers"])
    assert middle in [deepest[f"units{k}"] for k in range(2, 9)]
    assert all(middle in [config.get(f"units{k}") for config in wave] for k in range(2, 5))


def test_late_results_get_another_design():
    space = Space({"x": Float(0, 1), "y": Float(0, 1), "n": Int(1, 8)})
    wave = first_wave(TPE(), space, 40, 0)
    assert len({config["x"] for config in wave}) == 40
    assert len({tuple(config.values()) for config in wave}) == 40


def test_configs_to_start_with_count_as_tried():
    space = SPACES["threes"]
    start = [dict.fromkeys("abcdefgh", 1), dict.fromkeys("abcdefgh", 2)]
    wave = first_wave(TPE(), space, 6, 0, start=start)
    assert wave[:2] == start
    assert all(shared(one, other) <= 4 for one, other in combinations(wave, 2))


def test_what_is_forbidden_is_not_chosen():
    space = Space(
        {name: Ordinal([1, 2, 3]) for name in "abcd"},
        forbid=[{"a": 1, "b": [1, 2]}, lambda config: config["c"] == config["d"]],
    )
    assert space.allowed(points_of(space, 8, 0)).all()


def test_the_same_place_is_the_same_point_in_a_fresh_design():
    def asked(numbers):
        optimizer = TPE().bind(Landscape(LAYERED), seed=3)
        design = FirstDesign(Encoding(LAYERED), 24)
        return {number: design.point(optimizer, number) for number in numbers}

    forwards, backwards = asked(range(50)), asked(reversed(range(50)))
    for number, point in forwards.items():
        np.testing.assert_array_equal(point, backwards[number])
