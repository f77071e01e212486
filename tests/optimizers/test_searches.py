"""What random, quasi-random and grid search promise beside the contract."""

import itertools

import numpy as np
import pytest
from problems_for_tests import CHOOSING_FIDELITY, MIXED, of, trial_of
from scipy import stats

import hpopt
from hpopt import GridSearch, QuasiRandomSearch, RandomSearch
from hpopt.core import failed
from hpopt.core.trial import Trial
from hpopt.errors import SettingError, SpaceError, UnknownNameError
from hpopt.optimizers import BY_NAME, grid_search, make_optimizer
from hpopt.space import Categorical, Float, Int, Ordinal, Sequence, Space, Vector

CUBE = Space({name: Float(0, 1) for name in "abc"})


def points_of(solutions):
    return np.array([solution.point for solution in solutions])


def configs_of(solutions):
    return [solution.config for solution in solutions]


# -- names ---------------------------------------------------------------------------------------


def test_strategies_have_names():
    assert {"genetic", "grid", "quasi_random", "random"} < set(BY_NAME)
    for name, strategy in BY_NAME.items():
        assert type(make_optimizer(name)) is strategy
        assert strategy.name == name
    assert make_optimizer("genetic", {"population": 7}).population == 7
    given = RandomSearch()
    assert make_optimizer(given) is given


@pytest.mark.parametrize("name", sorted({*BY_NAME} - CHOOSING_FIDELITY))
def test_all_of_them_search_vectors(name):
    problem = of(lambda c: sum(c["w"]) + c["x"], Space({"w": Vector(3, -1, 1), "x": Float(0, 1)}))
    result = hpopt.optimize(problem, name, trials=15, seed=0, progress=False)
    assert result.counts["complete"] == 15
    assert all(len(trial.config["w"]) == 3 for trial in result.trials)


MISTAKES = {
    "name": (("gentic",), UnknownNameError, "unknown optimizer 'gentic': did you mean 'genetic'"),
    "far from any": (
        ("xyzzy",),
        UnknownNameError,
        r"'xyzzy': known are 'annealing', .*'genetic', 'grid', 'hyperband', 'la",
    ),
    "argument": (
        ("genetic", {"populaton": 3}),
        UnknownNameError,
        "unknown argument of optimizer 'genetic' 'populaton': did you mean 'population'",
    ),
    "argument of none": (("random", {"n": 3}), UnknownNameError, "known are none"),
    "class": ((RandomSearch,), SettingError, r"got the class RandomSearch: write RandomSearch\("),
    "None": ((None,), SettingError, "must be a name or an hpopt.Optimizer, but got NoneType"),
    "function": ((abs,), SettingError, "must be a name or an hpopt.Optimizer"),
    "both": ((RandomSearch(), {"n": 3}), SettingError, r"but got \{'n': 3\} beside a RandomSearch"),
    "value": (("genetic", {"population": 1}), SettingError, "population must be an int of at le"),
}


@pytest.mark.parametrize(("arguments", "error", "why"), MISTAKES.values(), ids=MISTAKES)
def test_a_strategy_that_is_not_known(arguments, error, why):
    with pytest.raises(error, match=why) as caught:
        make_optimizer(*arguments)
    assert isinstance(caught.value, ValueError)


# -- random --------------------------------------------------------------------------------------


def test_random_is_uniform():
    points = points_of(RandomSearch().bind(of(None, CUBE)).ask(3000))
    for column in points.T:
        assert stats.kstest(column, "uniform").pvalue > 1e-4
    assert abs(np.corrcoef(points.T) - np.eye(3)).max() < 0.08


def test_random_chooses_each_value_as_often():
    space = Space({"n": Int(1, 4), "c": Categorical(["x", "y", "z"]), "x": Float(0, 1)})
    configs = configs_of(RandomSearch().bind(of(None, space)).ask(6000))
    for name, k in (("n", 4), ("c", 3)):
        counts = np.unique([str(config[name]) for config in configs], return_counts=True)[1]
        assert len(counts) == k
        assert stats.chisquare(counts).pvalue > 1e-4


def test_results_do_not_move_random_and_quasi_random():
    for strategy in (RandomSearch, QuasiRandomSearch):
        silent, told = (strategy().bind(of(None, MIXED), seed=4) for _ in range(2))
        expected = silent.ask(100)
        found = []
        for _ in range(100):
            (solution,) = told.ask()
            found.append(solution)
            told.tell(trial_of(solution, -solution.number) if len(found) % 2 else _failed(solution))
        assert configs_of(found) == configs_of(expected)


def _failed(solution):
    return Trial(solution, failed("on purpose"))


def test_random_finds_what_a_harsh_forbid_leaves():
    space = Space({"n": Int(0, 9999)}, forbid=[lambda config: config["n"] % 1000])
    optimizer = RandomSearch().bind(of(None, space))
    assert sorted(config["n"] for config in configs_of(optimizer.ask(50))) == list(
        range(0, 10_000, 1000)
    )


def _no_neighbours(n):
    """Return a space of switches of which 2 to the n are configs, and few are allowed."""
    switches = {f"s{i}": Categorical([True, False]) for i in range(n)}
    pairs = [{f"s{i}": True, f"s{i + 1}": True} for i in range(n - 1)]
    return Space(switches, forbid=pairs)


@pytest.mark.parametrize("name", ["random", "annealing", "tpe"])
def test_a_space_of_which_nearly_all_is_forbidden(name, tmp_path):
    """A draw is allowed once in 2,500, and a grid of 2**40 is not scanned for it."""
    space = _no_neighbours(40)
    problem = hpopt.FunctionProblem(lambda config: sum(config.values()), space)
    with hpopt.Study(problem, name, seed=1) as study:
        configs = [trial.config for trial in study.run(trials=8, progress=False).trials]
    assert len({space.key(config) for config in configs}) == 8
    assert all(space.validate(config) == config for config in configs)
    for _ in range(2):
        with hpopt.Study(problem, name, seed=1, path=tmp_path / "study.db") as study:
            resumed = study.run(trials=4, progress=False)
    assert [trial.config for trial in resumed.trials] == configs


def test_what_is_left_of_a_huge_grid_ends_the_search():
    space = Space(
        {f"x{i}": Int(0, 9) for i in range(12)},
        forbid=[{f"x{i}": list(range(1, 10))} for i in range(1, 12)],
    )
    found = configs_of(RandomSearch().bind(of(None, space)).ask(50))
    assert sorted(config["x0"] for config in found) == list(range(10))


# -- quasi-random --------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [64, 128, 256])
def test_quasi_random_fills_every_cell_of_each_axis(n):
    points = points_of(QuasiRandomSearch().bind(of(None, CUBE)).ask(n))
    for column in np.floor(points * n).astype(int).T:
        assert sorted(column.tolist()) == list(range(n))


def test_quasi_random_is_more_even_than_random():
    from scipy.stats import qmc

    for seed in range(5):
        even, uneven = (
            points_of(strategy().bind(of(None, CUBE), seed=seed).ask(128))
            for strategy in (QuasiRandomSearch, RandomSearch)
        )
        assert qmc.discrepancy(even) < qmc.discrepancy(uneven) / 2


def test_start_configs_do_not_break_the_sequence():
    start = CUBE.sample(5, seed=0)
    plain = configs_of(QuasiRandomSearch().bind(of(None, CUBE), seed=1).ask(70))
    started = configs_of(QuasiRandomSearch().bind(of(None, CUBE), seed=1, start=start).ask(75))
    assert started == start + plain


def test_quasi_random_has_an_end_of_dimensions():
    wide = Space({"s": Sequence({f"x{i}": Float(0, 1) for i in range(100)}, 1, 220)})
    with pytest.raises(SettingError, match="up to 21201 coordinates, but the space has 22001: use"):
        QuasiRandomSearch().bind(of(None, wide))


# -- grid ----------------------------------------------------------------------------------------


def test_the_last_parameter_of_a_grid_changes_fastest():
    space = Space({"a": Float(0, 1), "b": Int(1, 9), "c": Categorical(["x", "y"])})
    optimizer = GridSearch(resolution={"a": 3, "b": 2}).bind(of(None, space))
    expected = [
        {"a": a, "b": b, "c": c} for a, b, c in itertools.product([0.0, 0.5, 1.0], [1, 9], "xy")
    ]
    assert optimizer.size == optimizer.n_possible == 12
    assert configs_of(optimizer.ask(100)) == expected
    assert optimizer.ask() == []


def test_a_grid_has_all_discrete_values_and_5_continuous_ones():
    space = Space(
        {
            "rate": Float(1e-4, 1, log=True),
            "share": Float(0, 1, step=0.1),
            "size": Ordinal([16, 32, 64]),
            "layers": Sequence({"n": Int(1, 2), "x": Float(0, 1)}, 0, 1),
        }
    )
    optimizer = GridSearch().bind(of(None, space))
    assert optimizer.size == 5 * 11 * 3 * (1 + 2 * 5)
    configs = configs_of(optimizer.ask(10_000))
    assert len(configs) == optimizer.size
    assert sorted({config["rate"] for config in configs}) == [1e-4, 1e-3, 1e-2, 1e-1, 1.0]
    assert {layer["x"] for config in configs for layer in config["layers"]} == {
        0,
        0.25,
        0.5,
        0.75,
        1,
    }


def test_a_grid_multiplies_only_what_exists():
    space = Space(
        {
            "kind": Categorical(["a", "b"]),
            "x": Int(1, 5, when={"kind": "b"}),
            "n": Int(1, 2),
        }
    )
    optimizer = GridSearch().bind(of(None, space))
    assert optimizer.size == (1 + 5) * 2
    assert configs_of(optimizer.ask(2)) == [{"kind": "a", "n": 1}, {"kind": "a", "n": 2}]
    assert len(optimizer.ask(100)) == 10


def test_a_grid_skips_what_is_forbidden_and_what_was_started():
    space = Space({"n": Int(0, 300)}, forbid=[lambda config: 10 < config["n"] < 290])
    optimizer = GridSearch().bind(of(None, space), start=[{"n": 5}])
    found = [config["n"] for config in configs_of(optimizer.ask(100))]
    assert found == [5, *range(5), *range(6, 11), *range(290, 301)]
    assert optimizer.size == 301


def test_a_shuffled_grid_spreads_and_ends():
    space = Space({"n": Int(0, 999)})
    orders = []
    for seed in range(3):
        optimizer = GridSearch(shuffle=True).bind(of(None, space), seed=seed)
        order = [config["n"] for config in configs_of(optimizer.ask(2000))]
        assert sorted(order) == list(range(1000))
        assert 300 < np.mean(order[:100]) < 700
        orders.append(order)
    assert orders[0] != orders[1] != orders[2]


def test_a_grid_is_never_built():
    space = Space({f"n{i}": Int(1, 1000) for i in range(500)})
    for shuffle in (False, True):
        optimizer = GridSearch(shuffle=shuffle).bind(of(None, space))
        assert optimizer.size == 1000**500
        assert len(optimizer.ask(3)) == 3


LARGE = {"a": Int(0, 9999), **{f"n{i}": Int(0, 99) for i in range(8)}}


@pytest.mark.parametrize(
    ("forbid", "first"),
    [
        ({"a": list(range(3000))}, (3000, 0)),
        ({"a": list(range(9)), "n0": list(range(50))}, (0, 50)),
    ],
)
def test_a_grid_passes_over_axes_that_are_forbidden(forbid, first):
    optimizer = GridSearch().bind(of(None, Space(LARGE, forbid=[forbid])))
    found = configs_of(optimizer.ask(2))
    assert [(config["a"], config["n0"], config["n7"]) for config in found] == [
        (*first, 0),
        (*first, 1),
    ]


def _most(config):
    return config["a"] < 9000


def test_a_grid_goes_on_at_random_where_a_function_forbids_its_beginning():
    space = Space(LARGE, forbid=[_most])
    optimizer = GridSearch().bind(of(None, space), start=[dict.fromkeys(LARGE, 0) | {"a": 9999}])
    assert optimizer.explanation == ""
    asked = optimizer.ask(20)
    assert len({space.key(config) for config in configs_of(asked)}) == 20
    assert all(config["a"] >= 9000 for config in configs_of(asked))
    assert "the rest of the grid is visited in a random order" in optimizer.explanation
    again = GridSearch().bind(of(None, space), start=optimizer.start)
    again.replay([trial_of(solution, 1.0) for solution in asked[:7]])
    assert configs_of(again.ask(13)) == configs_of(asked[7:])


def test_a_grid_of_which_nothing_is_allowed_ends(monkeypatch):
    monkeypatch.setattr(grid_search, "PATIENCE", 500)
    monkeypatch.setattr(grid_search, "MOST_FRUITLESS", 3000)
    parameters = {"x": Float(0, 1), **{f"n{i}": Int(0, 99) for i in range(6)}}
    space = Space(parameters, forbid=[lambda config: config["x"] in (0, 0.25, 0.5, 0.75, 1)])
    optimizer = GridSearch().bind(of(None, space))
    assert optimizer.ask(5) == optimizer.ask(5) == []
    assert "the grid ends here" in optimizer.explanation


def test_a_grid_that_cannot_be_counted_or_shuffled_raises():
    entangled = {f"s{i}": Categorical([False, True]) for i in range(24)}
    for i in range(24):
        for j in range(i):
            entangled[f"c{i}_{j}"] = Int(0, 9, when={f"s{i}": True, f"s{j}": True})
    with pytest.raises(SettingError, match=r"must be countable, .* use optimizer='random'"):
        GridSearch().bind(of(None, Space(entangled)))
    large = Space({"weights": Vector(10_000, 0, 1)})
    assert len(GridSearch().bind(of(None, large)).ask(2)) == 2
    with pytest.raises(SettingError, match=r"fewer than 10.*4214 combinations"):
        GridSearch(shuffle=True).bind(of(None, large))


GRID_MISTAKES = {
    "0": (0, SpaceError, "resolution must be an int of at least 1, but got 0"),
    "fraction": (2.5, SpaceError, "resolution must be an int of at least 1, but got 2.5"),
    "name": ({"rat": 3}, UnknownNameError, "unknown parameter in resolution 'rat': .* 'rate'"),
    "name of a layer": ({"layers": {"m": 3}}, UnknownNameError, "resolution 'm'"),
    "mapping for a number": ({"rate": {"n": 3}}, SpaceError, "resolution must be an int"),
}


@pytest.mark.parametrize(("resolution", "error", "why"), GRID_MISTAKES.values(), ids=GRID_MISTAKES)
def test_a_resolution_that_cannot_be(resolution, error, why):
    space = Space({"rate": Float(0, 1), "layers": Sequence({"n": Int(1, 9)}, 1, 2)})
    with pytest.raises(error, match=why):
        GridSearch(resolution=resolution).bind(of(None, space))
