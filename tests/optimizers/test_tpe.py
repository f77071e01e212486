"""What the Parzen estimator promises beside the contract."""

import json

import numpy as np
import pytest
from problems_for_tests import of, trial_of
from scipy.stats import mannwhitneyu

from hpopt import TPE, RandomSearch
from hpopt.core import Solution
from hpopt.errors import SettingError
from hpopt.optimizers import make_optimizer
from hpopt.space import Categorical, Float, Space

from .modelling import BAD_VALUES, MIXED, ODD_SPACES, cost, known, searched, told

SQUARE = Space({"x": Float(0, 1), "y": Float(0, 1)})


def bowl(config):
    return (config["x"] - 0.3) ** 2 + (config["y"] - 0.7) ** 2


def test_it_beats_random_search():
    bests = [
        [searched(make(), MIXED, cost, 60, seed).history.losses.min() for seed in range(12)]
        for make in (TPE, RandomSearch)
    ]
    assert mannwhitneyu(*bests, alternative="less").pvalue < 0.01


def test_with_failures_at_random_it_improves():
    rng = np.random.default_rng(0)
    optimizer = searched(TPE(), MIXED, lambda c: None if rng.random() < 0.3 else cost(c), 80)
    losses = optimizer.history.losses[:, 0]
    assert len(losses) == 80
    first, last = losses[:25], losses[-25:]
    assert np.median(last[np.isfinite(last)]) < np.median(first[np.isfinite(first)])


def test_parameters_are_seen_together():
    """The valley lies along the diagonal: where x is large y must be large too."""
    optimizer = searched(TPE(), SQUARE, lambda c: abs(c["x"] - c["y"]), 120)
    points = optimizer.history.points[-60:]
    assert np.abs(points[:, 0] - points[:, 1]).mean() < 0.12
    assert np.corrcoef(points.T)[0, 1] > 0.3


def test_pending_points_keep_the_others_away():
    def distance_to_pending(optimizer, pending):
        optimizer.replay([], pending)
        points = np.array([solution.point for solution in optimizer.ask(10)])
        return np.abs(points - [0.3, 0.7]).max(axis=1).mean()

    rng = np.random.default_rng(0)
    near = [0.3, 0.7] + 0.02 * rng.standard_normal((40, 2))
    pending = [
        Solution(k, config, point, k, None)
        for k, (config, point) in enumerate(zip(SQUARE.decode(near), near, strict=True))
    ]
    free, crowded = (
        distance_to_pending(known(TPE(), SQUARE, 60, bowl), each) for each in ([], pending)
    )
    assert crowded > free


def test_knowledge_takes_the_refit_at_the_first_configs():
    optimizer = known(TPE(), SQUARE, 100, bowl)
    points = np.array([solution.point for solution in optimizer.ask(20)])
    assert np.abs(points - [0.3, 0.7]).max(axis=1).mean() < 0.3


def test_what_failed_is_never_good():
    optimizer = searched(TPE(), SQUARE, lambda c: None if c["x"] < 0.6 else c["y"], 60)
    assert (optimizer.history.points[-20:, 0] > 0.6).mean() > 0.6


def test_it_is_taken_up_where_it_was():
    trials, one = [], TPE().bind(of(cost, MIXED))
    for _ in range(60):
        (solution,) = one.ask()
        trials.append(told(solution, cost(solution.config)))
        one.tell(trials[-1])
    other = TPE().bind(of(cost, MIXED))
    other.replay(trials)
    assert one.ask()[0].config == other.ask()[0].config


@pytest.mark.parametrize("values", BAD_VALUES.values(), ids=BAD_VALUES)
def test_bad_values_do_not_stop_it(values):
    optimizer = TPE(first=5).bind(of(cost, MIXED))
    keys = set()
    for k in range(25):
        (solution,) = optimizer.ask()
        assert MIXED.validate(solution.config) == solution.config
        keys.add(MIXED.key(solution.config))
        optimizer.tell(told(solution, values(k)))
    assert len(keys) == 25


@pytest.mark.parametrize("space", ODD_SPACES.values(), ids=ODD_SPACES)
def test_odd_spaces_are_searched_to_their_end(space):
    optimizer = searched(TPE(first=2), space, lambda c: float(len(str(c)) + c.get("x", 0)), 14)
    assert len(optimizer.history) == min(14, space.size)


@pytest.mark.parametrize(("n", "d"), [(5000, 3), (40, 300)])
def test_large_histories_and_spaces(n, d):
    space = Space({f"x{j}": Float(0, 1) for j in range(d)})
    optimizer = known(TPE(), space, n, lambda c: (c["x0"] - 0.5) ** 2)
    values = []
    for _ in range(10):
        (solution,) = optimizer.ask()
        values.append((solution.config["x0"] - 0.5) ** 2)
        optimizer.tell(trial_of(solution, values[-1]))
    assert len(set(values)) == 10
    if d == 3:
        assert np.mean(values) < 1 / 12  # what random configs would have


def test_good_ones_of_many_choices_are_tried_again():
    space = Space({"c": Categorical(list(range(2000))), "x": Float(0, 1)})
    optimizer = searched(TPE(first=10), space, lambda c: c["x"] + 10 * (c["c"] % 2), 60)
    assert len(np.unique(optimizer.history.points[30:, 0])) < 20
    assert np.mean([c["c"] % 2 for c in space.decode(optimizer.history.points[30:])]) < 0.3


MISTAKES = {
    "first": ({"first": 0}, "first must be an int of at least 2, but got 0"),
    "candidates": ({"candidates": 0}, "candidates must be an int of at least 1"),
    "share": ({"good_share": 1.5}, r"good_share must be a number in \[0, 1\], but got 1.5"),
    "most good": ({"most_good": 2.0}, "most_good must be an int of at least 1"),
}


@pytest.mark.parametrize(("arguments", "why"), MISTAKES.values(), ids=MISTAKES)
def test_arguments_out_of_range_raise(arguments, why):
    with pytest.raises(SettingError, match=why):
        TPE(**arguments)


def test_it_is_made_again_of_its_settings():
    optimizer = TPE(first=7, candidates=24, good_share=0.2, most_good=10)
    settings = json.loads(json.dumps(optimizer.settings()))
    assert make_optimizer("tpe", settings).settings() == optimizer.settings()
