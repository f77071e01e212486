"""What "auto" promises beside the contract: what it chooses, when it changes, and that it wins."""

import json
import logging
import math
import time

import numpy as np
import pytest
from problems_for_tests import of, trial_of
from scipy.stats import mannwhitneyu

import hpopt
from hpopt import Auto, BayesianOptimization, RandomSearch
from hpopt.core import Objective, Outcome, Solution, Trial
from hpopt.errors import SettingError
from hpopt.optimizers import make_optimizer
from hpopt.space import Categorical, Float, Int, Space

from .modelling import BAD_VALUES, MIXED, ODD_SPACES, cost, known, searched, told

SQUARE = Space({"x": Float(0, 1), "y": Float(0, 1)})
CUBE = Space({"x": Float(0, 1), "y": Float(0, 1), "z": Float(0, 1)})
SMALL = Space({"a": Int(0, 9), "b": Categorical(["p", "q", "r"])})


def bowl(config):
    return (config["x"] - 0.3) ** 2 + (config["y"] - 0.7) ** 2


def ditch(config):
    """A quadratic that is a thousand times as steep across as it is along."""
    x, y, z = config["x"] - 0.37, config["y"] - 0.58, config["z"] - 0.71
    return (x + y + z) ** 2 + 0.03 * (x - y) ** 2 + 0.001 * (x + y - 2 * z) ** 2


def after(optimizer, n, seconds, value=cost):
    """Tell n results that each took so many seconds."""
    for _ in range(n):
        (solution,) = optimizer.ask()
        values = {"value": value(solution.config)}
        optimizer.tell(Trial(solution, Outcome("complete", values, seconds=seconds)))
    return optimizer


def way(optimizer):
    return optimizer.phase.name


# -- what it chooses ---------------------------------------------------------------------------


def test_it_chooses_by_the_problem():
    two = [Objective("one"), Objective("two")]
    assert way(Auto().bind(of(cost, MIXED))) == "first configs"
    assert way(known(Auto(), MIXED, 12)) == "Gaussian process"
    assert way(known(Auto(), SQUARE, 12, bowl)) == "Gaussian process and quadratic steps"
    assert way(Auto().bind(of(cost, MIXED, objectives=two))) == "first configs"
    assert way(Auto().bind(of(cost, ODD_SPACES["one choice"]))) == "grid"


def test_a_space_no_larger_than_the_budget_is_gone_through():
    optimizer = Auto().bind(of(lambda c: c["a"], SMALL))
    assert way(optimizer) == "first configs"
    optimizer.expect(30)
    assert (
        optimizer.explanation == "all configs in a random order (grid): all 30 configs can be tried"
    )
    keys = {SMALL.key(solution.config) for solution in optimizer.ask(64)}
    assert len(keys) == 30
    assert not optimizer.ask()


def test_the_middle_of_the_box_comes_first():
    optimizer = Auto().bind(of(bowl, SQUARE), start=[{"x": 0.1, "y": 0.1}])
    assert [s.config for s in optimizer.ask(2)] == [{"x": 0.1, "y": 0.1}, {"x": 0.5, "y": 0.5}]


def test_cheap_evaluations_are_thought_about_for_a_while_only():
    optimizer = Auto(model_trials=15).bind(of(cost, MIXED))
    assert way(after(optimizer, 14, 0.001)) == "Gaussian process"
    assert optimizer.ask()[0].number == 14
    optimizer = after(Auto(model_trials=15).bind(of(cost, MIXED)), 15, 0.001)
    assert way(optimizer) == "steady state"
    assert "takes 1 ms" in optimizer.explanation
    assert way(after(optimizer, 12, 5.0)) == "Gaussian process"  # the facts have changed


def test_a_small_budget_is_always_thought_about():
    optimizer = Auto(model_trials=5).bind(of(cost, MIXED))
    optimizer.expect(300)
    assert way(after(optimizer, 14, 1e-4)) == "Gaussian process"


def test_workers_make_evaluations_cheaper():
    optimizer = after(Auto(model_trials=8).bind(of(cost, MIXED)), 14, 0.05)
    assert way(optimizer) == "Gaussian process"
    optimizer.ask(8)
    assert way(optimizer) == "steady state"


def test_what_was_said_of_the_cost_counts_more_than_what_was_measured():
    optimizer = Auto(seconds=60, model_trials=8).bind(of(cost, MIXED))
    assert way(after(optimizer, 14, 1e-4)) == "Gaussian process"


def test_noise_is_left_to_the_parzen_estimator():
    rng = np.random.default_rng(0)
    space = Space({"x": Float(0, 1), "c": Categorical(["a", "b"])})
    optimizer = searched(Auto(), space, lambda c: rng.standard_normal(), 40)
    assert way(optimizer) == "TPE"


def test_a_run_says_what_it_does_and_records_the_budget(caplog):
    problem = of(lambda c: c["a"] + 0.0, SMALL)
    with caplog.at_level(logging.INFO, logger="hpopt"):
        result = hpopt.optimize(problem, trials=50, seed=0, progress=False)
    assert caplog.messages == ["all configs in a random order (grid): all 30 configs can be tried"]
    assert result.header["optimizer"]["name"] == "auto"
    assert result.header["trials"] == 50
    assert len(result.trials) == 30


def test_the_budget_that_a_study_began_with_counts(tmp_path):
    problem = of(cost, MIXED)
    path = tmp_path / "study.db"
    first = hpopt.optimize(problem, trials=6, seed=0, study=path, progress=False)
    again = hpopt.optimize(problem, trials=12, seed=0, study=path, progress=False)
    assert (first.header["trials"], again.header["trials"]) == (6, 6)
    whole = hpopt.optimize(problem, trials=12, seed=0, progress=False)
    assert [t.config for t in again.trials] == [t.config for t in whole.trials]


# -- what it finds -----------------------------------------------------------------------------


def test_where_all_is_smooth_it_beats_the_process_alone():
    bests = [
        [searched(make(), CUBE, ditch, 26, seed).history.losses.min() for seed in range(6)]
        for make in (Auto, BayesianOptimization)
    ]
    assert mannwhitneyu(*bests, alternative="less").pvalue < 0.05


def test_it_beats_random_search():
    bests = [
        [searched(make(), MIXED, cost, 22, seed).history.losses.min() for seed in range(n)]
        for make, n in ((Auto, 9), (RandomSearch, 60))
    ]
    assert mannwhitneyu(*bests, alternative="less").pvalue < 0.02


def test_many_workers_get_different_configs():
    optimizer = searched(Auto(), SQUARE, bowl, 15)
    points = np.array([solution.point for solution in optimizer.ask(9)])
    distances = np.abs(points[:, None] - points[None]).max(axis=2)[np.triu_indices(9, 1)]
    assert distances.min() > 0


# -- taking it up, and bad input ---------------------------------------------------------------


@pytest.mark.parametrize("seconds", [1e-4, 3.0])
def test_what_it_measured_is_part_of_what_it_was_told(seconds):
    one = Auto(model_trials=10).bind(of(cost, MIXED))
    trials = []
    for k in range(24):
        (solution,) = one.ask()
        outcome = Outcome("complete", {"value": cost(solution.config)}, seconds=seconds * (1 + k))
        trials.append(Trial(solution, outcome))
        one.tell(trials[-1])
    other = Auto(model_trials=10).bind(of(cost, MIXED))
    other.replay(trials)
    assert [s.config for s in one.ask(4)] == [s.config for s in other.ask(4)]
    assert one.explanation == other.explanation


def test_a_study_of_many_trials_is_taken_up_at_once():
    expected = known(Auto(), SQUARE, 500, bowl)
    trials = []
    for _ in range(6):
        (solution,) = expected.ask()
        trials.append(told(solution, bowl(solution.config)))
        expected.tell(trials[-1])
    fresh = known(Auto(), SQUARE, 500, bowl)
    began = time.process_time()
    fresh.replay(trials)
    assert fresh.ask(2) == expected.ask(2)
    assert time.process_time() - began < 5


@pytest.mark.parametrize("space", [MIXED, SQUARE], ids=["mixed", "square"])
@pytest.mark.parametrize("values", BAD_VALUES.values(), ids=BAD_VALUES)
def test_bad_values_do_not_stop_it(values, space):
    optimizer = Auto().bind(of(cost, space))
    keys = set()
    for k in range(18):
        (solution,) = optimizer.ask()
        assert space.validate(solution.config) == solution.config
        keys.add(space.key(solution.config))
        optimizer.tell(told(solution, values(k)))
    assert len(keys) == 18


@pytest.mark.parametrize("space", ODD_SPACES.values(), ids=ODD_SPACES)
def test_odd_spaces_are_searched_to_their_end(space):
    optimizer = searched(Auto(), space, lambda c: float(len(str(c)) + c.get("x", 0)), 14)
    assert len(optimizer.history) == min(14, space.size)


def test_three_hundred_dimensions_and_five_thousand_trials():
    wide = Space({f"x{j}": Float(0, 1) for j in range(300)})
    optimizer = known(Auto(), wide, 30, lambda c: (c["x0"] - 0.5) ** 2)
    assert len(optimizer.ask(2)[1].config) == 300
    optimizer = known(Auto(), SQUARE, 5000, bowl)
    best = optimizer.knowledge.losses.min()
    for _ in range(9):
        (solution,) = optimizer.ask()
        optimizer.tell(trial_of(solution, bowl(solution.config)))
    assert optimizer.history.losses.min() < best


def test_two_hundred_pending_are_no_obstacle():
    optimizer = known(Auto(seconds=100), SQUARE, 60, bowl)
    points = SQUARE.random(200, np.random.default_rng(0))
    pending = [
        Solution(k, config, point, k, None)
        for k, (config, point) in enumerate(zip(SQUARE.decode(points), points, strict=True))
    ]
    optimizer.replay([], pending)
    solutions = optimizer.ask(3)
    assert [solution.number for solution in solutions] == [200, 201, 202]
    assert all(math.isfinite(value) for s in solutions for value in s.config.values())


@pytest.mark.parametrize(
    ("arguments", "why"),
    [({"seconds": 0}, "seconds must be"), ({"model_trials": 0}, "model_trials must be an int")],
)
def test_arguments_out_of_range_raise(arguments, why):
    with pytest.raises(SettingError, match=why):
        Auto(**arguments)


def test_it_is_made_again_of_its_settings():
    optimizer = Auto(seconds=0.5, model_trials=40)
    settings = json.loads(json.dumps(optimizer.settings()))
    assert make_optimizer("auto", settings).settings() == optimizer.settings()
