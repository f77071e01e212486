"""What Bayesian optimization promises beside the contract."""

import json
import time

import numpy as np
import pytest
from problems_for_tests import of, trial_of
from scipy.stats import mannwhitneyu

from hpopt import BayesianOptimization, RandomSearch
from hpopt.core import Objective, Solution
from hpopt.errors import ConfigError, SettingError
from hpopt.optimizers import make_optimizer
from hpopt.space import Categorical, Float, Int, Space

from .modelling import BAD_VALUES, MIXED, ODD_SPACES, cost, known, searched, told

SQUARE = Space({"x": Float(0, 1), "y": Float(0, 1)})


def bowl(config):
    return (config["x"] - 0.3) ** 2 + (config["y"] - 0.7) ** 2


def test_it_beats_random_search():
    bests = [
        [searched(make(), MIXED, cost, 20, seed).history.losses.min() for seed in range(n)]
        for make, n in ((BayesianOptimization, 6), (RandomSearch, 60))
    ]
    assert mannwhitneyu(*bests, alternative="less").pvalue < 0.01


def test_it_finds_the_bottom_of_a_bowl():
    optimizer = searched(BayesianOptimization(), SQUARE, bowl, 30)
    assert optimizer.history.losses.min() < 1e-4


@pytest.mark.parametrize("acquisition", ["log_ei", "lcb", "log_pi"])
@pytest.mark.parametrize("local", [True, False])
def test_every_acquisition_finds_it(acquisition, local):
    optimizer = BayesianOptimization(acquisition=acquisition, local=local)
    assert searched(optimizer, SQUARE, bowl, 25).history.losses.min() < 3e-3


def test_every_second_config_leaves_the_hill_that_is_known():
    space = Space({name: Float(0, 1) for name in "abcdef"})

    def hill(config):
        return sum((value - 0.2) ** 2 for value in config.values())

    optimizer = searched(BayesianOptimization(), space, hill, 50)
    points = optimizer.history.points
    steps = [abs(points[:n] - points[n]).max(axis=1).min() for n in range(20, 50)]
    assert optimizer.history.losses.min() < 1e-4
    assert np.median(steps[::2]) > 0.1 > 2 * np.median(steps[1::2])


def test_a_small_box_holds_the_next_values():
    space = Space({name: Int(1, 9) for name in "abcdef"})

    def steps_away(config):
        return float(sum(abs(value - 4) for value in config.values()))

    optimizer = searched(BayesianOptimization(), space, steps_away, 50)
    assert optimizer.history.losses[31::2].max() <= 6  # at random it is 14, at most 30


@pytest.mark.parametrize("pull", [0, 1], ids=["the best is elsewhere", "the best is at its border"])
def test_it_stays_away_from_a_part_that_fails(pull):
    def value(config):
        return None if config["x"] > 0.5 else bowl(config) - pull * config["x"]

    chances = []
    for seed in range(3):
        optimizer = searched(BayesianOptimization(), SQUARE, value, 40, seed)
        losses = optimizer.history.losses[:, 0]
        assert np.isinf(losses[:6]).sum() >= 2
        assert np.isinf(losses[20:]).mean() < (0.2, 0.75)[pull]  # a border is found by crossing it
        assert losses.min() < (1e-4, -0.455)[pull]
        chances.append(optimizer.chances([{"x": 0.9, "y": 0.7}, {"x": 0.3, "y": 0.7}]))
    low, high = np.median(chances, axis=0)
    assert low < 0.5 < 0.8 < high


def test_failures_at_random_hardly_hurt():
    def failing(config):
        return None if rng.random() < 0.3 else bowl(config)

    for seed in range(2):
        rng = np.random.default_rng(seed)
        optimizer = searched(BayesianOptimization(), SQUARE, failing, 40, seed)
        losses = optimizer.history.losses[:, 0]
        assert np.isinf(losses).sum() >= 6
        assert losses.min() < 1e-3


# -- what others know, and what is pending -----------------------------------------------------


def test_knowledge_takes_the_refit_at_the_first_configs():
    optimizer = known(BayesianOptimization(), SQUARE, 30, bowl)
    best = optimizer.knowledge.points[optimizer.knowledge.losses[:, 0].argmin()]
    points = []
    for _ in range(4):
        (solution,) = optimizer.ask()
        optimizer.tell(trial_of(solution, bowl(solution.config)))
        points.append(solution.point)
    assert np.abs(np.array(points) - best).max(axis=1).min() < 0.15
    assert optimizer.history.losses.min() < optimizer.knowledge.losses.min()


def test_pending_points_keep_the_others_away():
    optimizer = searched(BayesianOptimization(acquisition="log_ei"), SQUARE, bowl, 12)
    points = np.array([solution.point for solution in optimizer.ask(12)])
    distances = np.abs(points[:, None] - points[None]).max(axis=2)[np.triu_indices(12, 1)]
    assert distances.min() > 0
    assert np.median(distances) > 0.05


def test_two_hundred_pending_are_no_obstacle():
    optimizer = known(BayesianOptimization(most_points=50), MIXED, 60)
    points = MIXED.random(200, np.random.default_rng(0))
    pending = [
        Solution(k, config, point, k, None)
        for k, (config, point) in enumerate(zip(MIXED.decode(points), points, strict=True))
    ]
    optimizer.replay([], pending)
    (solution,) = optimizer.ask()
    assert solution.number == 200
    assert MIXED.validate(solution.config) == solution.config
    assert MIXED.key(solution.config) not in MIXED.keys_of(points)


def test_late_results_get_more_of_the_first_design():
    optimizer = BayesianOptimization(first=4).bind(of(bowl, SQUARE))
    points = np.array([solution.point for solution in optimizer.ask(16)])
    for column in points.T:
        assert len(set(np.floor(column[:4] * 4).tolist())) == 4
        assert len(np.unique(column)) == 16


# -- taking it up again ------------------------------------------------------------------------


def test_a_study_of_many_trials_is_taken_up_at_once():
    optimizer = known(BayesianOptimization(), MIXED, 470)
    trials = []
    for _ in range(30):
        (solution,) = optimizer.ask()
        trials.append(told(solution, cost(solution.config)))
        optimizer.tell(trials[-1])
    expected = optimizer.ask()[0]
    fresh = known(BayesianOptimization(), MIXED, 470)
    began = time.process_time()
    fresh.replay(trials)
    found = fresh.ask()[0]
    assert time.process_time() - began < 5
    assert found.config == expected.config
    np.testing.assert_array_equal(found.point, expected.point)


def test_how_often_it_is_asked_does_not_matter():
    """A fit belongs to a place in what was told, whether or not somebody asked there."""
    one = BayesianOptimization(first=5).bind(of(cost, MIXED))
    trials = []
    for _ in range(33):
        (solution,) = one.ask()
        fails = solution.config["n"] > 60
        trials.append(told(solution, None if fails else cost(solution.config)))
        one.tell(trials[-1])
    other = BayesianOptimization(first=5).bind(of(cost, MIXED))
    other.replay(trials)
    assert 2 < np.isinf(one.history.losses).sum() < 20
    assert one.ask()[0].config == other.ask()[0].config


# -- bad input ---------------------------------------------------------------------------------


@pytest.mark.parametrize("values", BAD_VALUES.values(), ids=BAD_VALUES)
def test_bad_values_do_not_stop_it(values):
    optimizer = BayesianOptimization(first=5).bind(of(cost, MIXED))
    keys = set()
    for k in range(18):
        (solution,) = optimizer.ask()
        assert MIXED.validate(solution.config) == solution.config
        keys.add(MIXED.key(solution.config))
        optimizer.tell(told(solution, values(k)))
    assert len(keys) == 18


def test_one_bad_outlier_does_not_hide_the_rest():
    optimizer = searched(
        BayesianOptimization(), SQUARE, lambda c: 1e300 if c["x"] > 0.9 else bowl(c), 35
    )
    assert optimizer.history.losses.min() < 1e-3


@pytest.mark.parametrize("space", ODD_SPACES.values(), ids=ODD_SPACES)
def test_odd_spaces_are_searched_to_their_end(space):
    optimizer = searched(
        BayesianOptimization(first=2), space, lambda c: float(len(str(c)) + c.get("x", 0)), 14
    )
    assert len(optimizer.history) == min(14, space.size)


def test_identical_points_can_be_known():
    optimizer = BayesianOptimization().bind(of(bowl, SQUARE))
    points = np.repeat([[0.2, 0.4], [0.8, 0.6]], 15, axis=0)
    rng = np.random.default_rng(0)
    optimizer.learn(points, rng.normal(points[:, :1], 0.1))
    points = np.array([solution.point for solution in optimizer.ask(4)])
    assert len(np.unique(points, axis=0)) == 4


def test_three_hundred_dimensions():
    space = Space({f"x{j}": Float(0, 1) for j in range(300)})
    optimizer = known(BayesianOptimization(), space, 40, lambda c: (c["x0"] - 0.5) ** 2)
    for _ in range(2):
        (solution,) = optimizer.ask()
        optimizer.tell(trial_of(solution, (solution.config["x0"] - 0.5) ** 2))
    assert len(solution.config) == 300


def test_five_thousand_told_trials():
    optimizer = known(BayesianOptimization(), SQUARE, 5000, bowl)
    best = optimizer.knowledge.losses.min()
    for _ in range(6):
        (solution,) = optimizer.ask()
        optimizer.tell(trial_of(solution, bowl(solution.config)))
    assert optimizer.history.losses.min() < best


MISTAKES = {
    "first": ({"first": 1}, "first must be an int of at least 2, but got 1"),
    "acquisition": ({"acquisition": "ei"}, "unknown acquisition 'ei'"),
    "local": ({"local": 1}, "local must be True or False, but got 1"),
    "most points": ({"most_points": 10}, "most_points must be an int of at least 20"),
}


@pytest.mark.parametrize(("arguments", "why"), MISTAKES.values(), ids=MISTAKES)
def test_arguments_out_of_range_raise(arguments, why):
    with pytest.raises(SettingError, match=why):
        BayesianOptimization(**arguments)


def test_it_is_made_again_of_its_settings():
    optimizer = BayesianOptimization(first=7, acquisition="lcb", local=False, most_points=60)
    settings = json.loads(json.dumps(optimizer.settings()))
    assert make_optimizer("bayesian", settings).settings() == optimizer.settings()


# -- asking the model --------------------------------------------------------------------------


def test_the_model_can_be_asked():
    up = Objective("score", "maximize")

    def score(config):
        return 10 - 5 * bowl(config)

    optimizer = BayesianOptimization().bind(of(score, SQUARE, objectives=up))
    for _ in range(30):
        (solution,) = optimizer.ask()
        optimizer.tell(trial_of(solution, score(solution.config), "score"))
    config = {"x": 0.32, "y": 0.69}
    mean, deviation = optimizer.predict([config, {"x": 0.9, "y": 0.1}])
    assert mean[0] == pytest.approx(score(config), abs=0.05)
    assert mean[0] > mean[1]
    assert 0 <= deviation[0] < 0.1
    believed, its_mean, its_deviation = optimizer.best_believed()
    assert score(believed) > 9.99
    assert its_mean == pytest.approx(10, abs=0.02)
    assert its_deviation >= 0
    assert [len(each) for each in optimizer.predict([])] == [0, 0]
    assert optimizer.chances([config]) == [1.0]
    with pytest.raises(ConfigError, match="y is missing"):
        optimizer.predict([{"x": 0.3}])


def test_it_says_what_matters():
    space = Space(
        {
            "much": Float(0, 1),
            "nothing": Float(0, 1),
            "kind": Categorical(["a", "b"]),
            "fixed": Categorical(["only"]),
        }
    )
    optimizer = searched(BayesianOptimization(), space, lambda c: np.sin(9 * c["much"]), 30)
    lengths = optimizer.lengthscales()
    assert set(lengths) == set(space)
    assert lengths["much"] < 0.5 < lengths["nothing"]
    lines = optimizer.describe().splitlines()
    assert lines[0].startswith("much")
    assert "decides" in lines[0]
    assert lines[-1].startswith("noise of value: about")
    assert not any(line.startswith("fixed") for line in lines)


def test_with_noise_the_best_mean_is_better_than_the_best_value():
    rng = np.random.default_rng(3)
    optimizer = searched(
        BayesianOptimization(), SQUARE, lambda c: bowl(c) + 0.1 * rng.standard_normal(), 60
    )
    config, _, deviation = optimizer.best_believed()
    assert bowl(config) < 0.05
    assert deviation > 0


def test_without_a_model_there_is_no_answer():
    optimizer = BayesianOptimization()
    for ask in (optimizer.describe, optimizer.lengthscales, optimizer.best_believed):
        with pytest.raises(SettingError, match="two different values"):
            ask()
    optimizer = searched(optimizer, SQUARE, lambda c: 1.0, 4)
    with pytest.raises(SettingError, match="was told 4"):
        optimizer.best_believed()
    with pytest.raises(SettingError, match="two different values"):
        optimizer.predict([{"x": 0.1, "y": 0.2}])
