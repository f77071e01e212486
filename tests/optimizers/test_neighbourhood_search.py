"""Neighbourhood search: the paper's algorithm and table, and what else it promises."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from problems_for_tests import MIXED, of, trial_of
from scipy.stats import mannwhitneyu

from hpopt import NeighbourhoodSearch, RandomSearch
from hpopt.core import Objective, failed
from hpopt.core.trial import Trial
from hpopt.errors import SettingError
from hpopt.optimizers import make_optimizer
from hpopt.space import Categorical, Float, Int, Ordinal, Sequence, Space

PAPER = {"initial": 1, "move": "neighbour", "poll": None, "step": 0.0, "restarts": 0}
"""The settings of Mahto & Chauhan: all neighbours, one grid value away, to the first optimum."""

GRID = Space({f"x{j}": Ordinal([place**2 for place in range(5 + j)]) for j in range(3)})


def rugged(config):
    return sum(math.sin(1.7 * x) + abs(x - 9) / 20 for x in config.values())


def bowl(config):
    return sum((x - 0.3) ** 2 for x in config.values())


def batches_of(optimizer, function, n=10_000):
    """Run it to its end, or to n evaluations; give the configs of each batch."""
    batches = []
    while sum(map(len, batches)) < n:
        solutions = optimizer.ask(10_000)
        if not solutions:
            return batches
        optimizer.tell([trial_of(s, function(s.config)) for s in solutions])
        batches.append([solution.config for solution in solutions])
    return batches


def best_of(optimizer, function, space, n, seed, fails=0.0):
    """Give the best value after n evaluations, of which a share fails."""
    optimizer.bind(of(None, space), seed=seed)
    rng, best, n_told = np.random.default_rng(seed), math.inf, 0
    while n_told < n:
        solutions = optimizer.ask(n - n_told)
        assert solutions
        for solution in solutions:
            if rng.random() < fails:
                optimizer.tell(Trial(solution, failed("on purpose")))
                continue
            value = function(solution.config)
            best = min(best, value)
            optimizer.tell(trial_of(solution, value))
        n_told += len(solutions)
    return best


# -- the paper -----------------------------------------------------------------------------------


def literal_algorithm_1(space, function, config):
    """Poll the neighbours, move to the best while it is better: what is evaluated, step by step."""
    known = {space.key(config): function(config)}
    value, batches = known[space.key(config)], [[config]]
    while True:
        polled = []
        for name, parameter in space.items():
            place = parameter.values.index(config[name])
            for other in (place - 1, place + 1):
                if 0 <= other < len(parameter.values):
                    polled.append({**config, name: parameter.values[other]})
        new = [each for each in polled if space.key(each) not in known]
        known |= {space.key(each): function(each) for each in new}
        batches.append(new)
        best = min(polled, key=lambda each: known[space.key(each)])
        if known[space.key(best)] >= value:
            return batches
        config, value = best, known[space.key(best)]


def as_sets(batches):
    return [{repr(config) for config in batch} for batch in batches if batch]


@pytest.mark.parametrize("gradient", ["simplex", "finite_differences"])
@pytest.mark.parametrize("seed", range(8))
def test_with_the_papers_settings_it_makes_the_moves_of_algorithm_1(seed, gradient):
    start = GRID.sample(1, seed=seed)[0]
    optimizer = NeighbourhoodSearch(**PAPER, gradient=gradient)
    optimizer.bind(of(rugged, GRID), seed=seed, start=[start])
    found = batches_of(optimizer, rugged)
    assert as_sets(found) == as_sets(literal_algorithm_1(GRID, rugged, start))


def test_the_start_is_drawn_from_the_grid_where_none_is_given():
    starts = set()
    for seed in range(6):
        optimizer = NeighbourhoodSearch(**PAPER).bind(of(rugged, GRID), seed=seed)
        batches = batches_of(optimizer, rugged)
        assert len(batches[0]) == 1
        expected = literal_algorithm_1(GRID, rugged, batches[0][0])
        assert as_sets(batches) == as_sets(expected)
        starts.add(repr(batches[0]))
    assert len(starts) > 1


def test_the_papers_own_search_of_five_parameters():
    """Table 2: from 78 % over 16 grid points to 82 %, where no neighbour is better."""
    space = Space(
        {
            "iterations": Ordinal([100, 300, 500]),
            "rate": Ordinal([0.0034, 0.0077]),
            "h1": Ordinal([25, 15, 30]),
            "h2": Ordinal([3, 5, 7, 9]),
            "h3": Ordinal([5, 6]),
        }
    )
    table = {
        (300, 0.0077, 15, 7, 6): 78,
        (500, 0.0077, 15, 7, 6): 76,
        (100, 0.0077, 15, 7, 6): 62,
        (300, 0.0034, 15, 7, 6): 66,
        (300, 0.0077, 25, 7, 6): 36,
        (300, 0.0077, 15, 9, 6): 58,
        (300, 0.0077, 30, 7, 6): 42,
        (300, 0.0077, 15, 5, 6): 82,
        (300, 0.0077, 15, 7, 5): 42,
        (500, 0.0077, 15, 5, 6): 76,
        (100, 0.0077, 15, 5, 6): 74,
        (300, 0.0034, 15, 5, 6): 68,
        (300, 0.0077, 25, 5, 6): 72,
        (300, 0.0077, 30, 5, 6): 40,
        (300, 0.0077, 15, 3, 6): 36,
        (300, 0.0077, 15, 5, 5): 70,
    }
    start = dict(zip(space, next(iter(table)), strict=True))
    optimizer = NeighbourhoodSearch(**PAPER).bind(of(None, space), start=[start])
    found = batches_of(optimizer, lambda config: -table[tuple(config.values())])
    assert [len(batch) for batch in found] == [1, 8, 7]
    assert {tuple(config.values()) for batch in found for config in batch} == set(table)


# -- polls ---------------------------------------------------------------------------------------


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["simplex", "finite_differences", "smoothing"]))
def test_nothing_is_polled_twice_and_everything_fits(seed, gradient):
    optimizer = NeighbourhoodSearch(initial=3, gradient=gradient, poll=7, step=0.5)
    optimizer.bind(of(None, MIXED), seed=seed)
    rng = np.random.default_rng(seed)
    configs = [c for batch in batches_of(optimizer, lambda c: rng.random(), 50) for c in batch]
    assert len({MIXED.key(config) for config in configs}) == len(configs)
    assert [MIXED.validate(config) for config in configs] == configs


def test_neighbours_only_means_that_one_parameter_differs():
    optimizer = NeighbourhoodSearch(initial=1, move="neighbour", step=0.5, resolution=9)
    optimizer.bind(
        of(None, Space({"x": Float(0, 1), "n": Int(1, 50), "c": Categorical(list("abc"))}))
    )
    (first,), poll = batches_of(optimizer, lambda config: 1.0, 2)[:2]
    assert len(poll) > 3
    for config in poll:
        assert sum(config[name] != first[name] for name in config) == 1
        assert (config["x"] * 8).is_integer()


def test_a_list_is_changed_in_one_layer_or_gets_or_loses_one():
    space = Space({"layers": Sequence({"units": Int(1, 9)}, 1, 4)})
    start = {"layers": [{"units": 3}, {"units": 6}]}
    optimizer = NeighbourhoodSearch(move="neighbour", step=0.0, poll=None)
    optimizer.bind(of(None, space), start=[start])
    _, poll = batches_of(optimizer, lambda config: 1.0, 2)[:2]
    found = [[layer["units"] for layer in config["layers"]] for config in poll]
    changed, fewer, more = [[2, 6], [4, 6], [3, 5], [3, 7]], [[3], [6]], [[3, 3, 6], [3, 6, 6]]
    assert sorted(found) == sorted(changed + fewer + more)


def test_a_smaller_poll_begins_where_the_gradient_points_down():
    space = Space({name: Int(0, 20) for name in "abcdef"})
    optimizer = NeighbourhoodSearch(poll=2, move="neighbour", step=0.0)
    optimizer.bind(of(None, space), start=[dict.fromkeys("abcdef", 15)])
    batches = batches_of(optimizer, lambda config: sum(config.values()), 120)
    late = batches[8:28]
    downhill = [sum(config.values()) for batch in late for config in batch]
    assert [len(batch) for batch in late] == [2] * len(late)
    assert sum(a > b for a, b in zip(downhill[::2], downhill[2::2], strict=False)) > 15


def test_smoothing_polls_draws_around_the_point_until_neighbours_decide():
    space = Space({name: Float(0, 1) for name in "abcd"})
    optimizer = NeighbourhoodSearch(gradient="smoothing", move="neighbour", initial=1, restarts=0)
    optimizer.bind(of(None, space), start=[dict.fromkeys("abcd", 0.5)])
    (first,), *polls = batches_of(optimizer, lambda config: 1.0)
    changed = [[sum(c[name] != first[name] for name in c) for c in poll] for poll in polls]
    assert len(changed[0]) == 8
    assert np.mean(changed[0]) > 3
    assert set(changed[-1]) == {1}
    assert polls[0] != polls[-1]
    around = space.neighbours(first, 33)
    assert all(config in [c for poll in polls for c in poll] for config in around)


@pytest.mark.parametrize("gradient", ["simplex", "finite_differences"])
def test_the_gradient_leads_down_in_all_coordinates_at_once(gradient):
    space = Space({name: Float(0, 1) for name in "abcdef"})
    moves = {"descent": [], "neighbour": []}
    for move, seed in itertools.product(moves, range(8)):
        optimizer = NeighbourhoodSearch(gradient=gradient, move=move, initial=1)
        moves[move].append(best_of(optimizer, bowl, space, 60, seed))
    assert np.median(moves["descent"]) < 0.7 * np.median(moves["neighbour"])


def test_steps_grow_and_shrink_within_their_bounds():
    space = Space({"x": Int(0, 1000)})
    optimizer = NeighbourhoodSearch(move="neighbour", step=0.2, resolution=101, restarts=0)
    optimizer.bind(of(None, space), start=[{"x": 0}])
    batches = batches_of(optimizer, lambda config: abs(config["x"] - 777))
    values = [config["x"] for batch in batches for config in batch]
    assert values[1] == 200
    best, last = min(values, key=lambda x: abs(x - 777)), values[-1]
    assert abs(best - 777) <= 10
    assert abs(last - best) == 10


# -- local optima --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings", [PAPER, {"restarts": 0}, {"restarts": 0, "gradient": "smoothing"}]
)
@pytest.mark.parametrize("seed", range(3))
def test_it_stops_where_no_neighbour_is_better(settings, seed):
    optimizer = NeighbourhoodSearch(**settings).bind(of(rugged, GRID), seed=seed)
    values = {
        GRID.key(config): rugged(config)
        for batch in batches_of(optimizer, rugged)
        for config in batch
    }
    configs = GRID.decode(np.array([GRID.grid().point(i) for i in range(GRID.size)]))
    best = min((c for c in configs if GRID.key(c) in values), key=rugged)
    assert all(values[GRID.key(other)] >= rugged(best) for other in GRID.neighbours(best))


def test_restarts_are_counted():
    space = Space({"x": Int(0, 10**6)})
    counts = []
    for restarts in (0, 1, 4):
        optimizer = NeighbourhoodSearch(restarts=restarts, initial=7, step=0.0).bind(
            of(None, space)
        )
        batches = batches_of(optimizer, lambda config: -1.0 if config["x"] % 2 else 1.0)
        counts.append(sum(len(batch) == 7 for batch in batches))
    assert counts == [1, 2, 5]


def test_it_begins_at_the_best_that_is_known():
    space = Space({"x": Int(0, 100), "y": Int(0, 100)})
    configs = [{"x": 10, "y": 10}, {"x": 70, "y": 40}, {"x": 20, "y": 90}]
    losses = np.array([[3.0], [1.0], [math.inf]])
    for known in ("knowledge", "start"):
        optimizer = NeighbourhoodSearch(step=0.0, move="neighbour")
        start = configs if known == "start" else ()
        optimizer.bind(of(None, space), start=start)
        if known == "knowledge":
            optimizer.learn(space.encode(configs), losses, paid_for=True)
        else:
            told = optimizer.ask(9)
            assert [solution.config for solution in told] == configs
            optimizer.tell(
                [trial_of(s, loss) for s, loss in zip(told, (3.0, 1.0, 9.0), strict=True)]
            )
        poll = [(s.config["x"], s.config["y"]) for s in optimizer.ask(99)]
        assert sorted(poll) == [(67, 40), (70, 37), (70, 43), (73, 40)]


def test_what_is_known_is_looked_up():
    space = Space({"x": Int(0, 8)})
    optimizer = NeighbourhoodSearch(step=0.0, move="neighbour", restarts=0).bind(of(None, space))
    configs = [{"x": x} for x in (1, 2, 3, 4)]
    optimizer.learn(space.encode(configs), np.array([[3.0], [2.0], [1.0], [0.5]]))
    batches = batches_of(optimizer, lambda config: abs(config["x"] - 5))
    assert batches == [[{"x": 5}], [{"x": 6}]]


# -- failures ------------------------------------------------------------------------------------


def test_a_failed_neighbour_is_not_moved_to_and_no_part_of_the_gradient():
    space = Space({"x": Int(0, 20), "y": Int(0, 20)})

    def tell(optimizer, solutions):
        for s in solutions:
            good = s.config["x"] <= 12
            value = s.config["y"] - s.config["x"]
            optimizer.tell(trial_of(s, value) if good else Trial(s, failed("too large")))

    optimizer = NeighbourhoodSearch(step=0.0, restarts=0)
    optimizer.bind(of(None, space), start=[{"x": 12, "y": 9}])
    while solutions := optimizer.ask(50):
        tell(optimizer, solutions)
    best = optimizer.history.numbers.tolist().index(optimizer.best)
    assert space.decode(optimizer.history.points[best : best + 1]) == [{"x": 12, "y": 0}]


def test_where_every_start_fails_it_starts_elsewhere():
    space = Space({"x": Float(0, 1), "y": Float(0, 1)})
    optimizer = NeighbourhoodSearch(initial=4).bind(of(None, space), start=[{"x": 0.5, "y": 0.5}])
    optimizer.tell([Trial(s, failed("no")) for s in optimizer.ask(5)])
    for _ in range(3):
        solutions = optimizer.ask(99)
        assert len(solutions) == 4
        optimizer.tell([Trial(s, failed("no")) for s in solutions])


@pytest.mark.parametrize("gradient", ["simplex", "finite_differences", "smoothing"])
def test_with_failures_it_beats_random_search(gradient):
    def loss(config):
        return (
            bowl({"x": config["x"] / 5, "p": config["n"] / 100})
            + len(config["layers"])
            + (config["kind"] != "c")
        )

    n, seeds = 100, range(12)
    found = [
        best_of(NeighbourhoodSearch(gradient=gradient), loss, MIXED, n, seed, fails=0.3)
        for seed in seeds
    ]
    random = [best_of(RandomSearch(), loss, MIXED, n, seed, fails=0.3) for seed in seeds]
    assert mannwhitneyu(found, random, alternative="less").pvalue < 0.01


# -- settings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"initial": 0}, "initial must be an int of at least 1"),
        ({"gradient": "simples"}, "did you mean 'simplex'"),
        ({"move": "best"}, "unknown move"),
        ({"poll": 0}, "poll must be an int of at least 1"),
        ({"step": 1.5}, "step must be a number in"),
        ({"grow": 0.5}, "grow must be a number of at least 1"),
        ({"shrink": 1.0}, "shrink must be a number in"),
        ({"resolution": 1}, "resolution must be an int of at least 2"),
        ({"restarts": -1}, "restarts must be an int of at least 0"),
    ],
)
def test_wrong_settings_raise(settings, why):
    with pytest.raises(SettingError, match=why):
        NeighbourhoodSearch(**settings)


def test_it_takes_one_objective():
    problem = of(None, GRID, objectives=[Objective("a"), Objective("b")])
    with pytest.raises(SettingError, match="must have one objective, but got 2"):
        NeighbourhoodSearch().bind(problem)


def test_its_settings_make_it_again():
    optimizer = NeighbourhoodSearch(**PAPER)
    again = make_optimizer("neighbourhood", optimizer.settings())
    assert again.settings() == optimizer.settings()
