import math

import numpy as np
import pytest
from problems_for_tests import of, trial_of

from hpopt import TPE, Auto, BayesianOptimization, RandomSearch
from hpopt.optimizers.surrogates.encoding import Encoding
from hpopt.optimizers.surrogates.observations import Observations
from hpopt.optimizers.surrogates.transfer import EVERYTHING, Line, Transfer
from hpopt.space import Categorical, Float, Space

SPACE = Space(
    {"rate": Float(1e-5, 1, log=True), "x": Float(0, 1), "kind": Categorical(["a", "b", "c"])}
)
MODELLED = (Auto, BayesianOptimization, TPE)


def cost(config):
    distance = (math.log10(config["rate"]) + 3) ** 2 / 4 + (config["x"] - 0.3) ** 2
    return distance + {"a": 0.0, "b": 0.2, "c": 0.5}[config["kind"]]


def unrelated(config):
    return math.cos(40 * config["x"]) + math.cos(9 * math.log10(config["rate"]))


SOURCES = {
    "same": cost,
    "inverted": lambda config: 1 - cost(config),
    "unrelated": unrelated,
    "another unit": lambda config: 70 + 1000 * cost(config),
}


def results(source, seed, n=30):
    """Give n random points and their losses, shapes (n, d) and (n, 1)."""
    points = SPACE.random(n, np.random.default_rng(seed))
    return points, np.array([[source(config)] for config in SPACE.decode(points)])


def best_and_median(source, seed):
    points, losses = results(source, seed)
    order = losses[:, 0].argsort()
    return SPACE.decode(points[order[[0, 15]]])


def knowing(optimizer, *sources, start=()):
    """Give an optimizer that learned 30 random results of each source."""
    optimizer.bind(of(cost, SPACE), seed=1, start=start)
    for seed, source in enumerate(sources):
        optimizer.learn(*results(source, seed))
    return optimizer


def after(n, *sources):
    """Give the verdict after n results: of the best and the median known configs, and random."""
    start = [c for seed, source in enumerate(sources) for c in best_and_median(source, seed)]
    optimizer = knowing(RandomSearch(), *sources, start=start)
    for _ in range(n):
        (solution,) = optimizer.ask()
        optimizer.tell(trial_of(solution, cost(solution.config)))
    return optimizer, Transfer(Encoding(SPACE)).verdict(optimizer)


@pytest.mark.parametrize(
    ("source", "counts"),
    [("same", True), ("another unit", True), ("inverted", False), ("unrelated", False)],
)
def test_a_study_counts_where_it_ranks_alike(source, counts):
    _, verdict = after(10, SOURCES[source])
    assert verdict.kept.all() == counts
    assert verdict.kept.any() == counts


def test_each_study_is_judged_alone():
    optimizer, verdict = after(10, SOURCES["inverted"], SOURCES["same"])
    np.testing.assert_array_equal(verdict.kept, np.repeat([False, True], 30))
    observed = Observations(optimizer, verdict)
    np.testing.assert_array_equal(observed.points, optimizer.history.all_points[30:])
    np.testing.assert_array_equal(observed.losses, optimizer.history.all_losses[30:, 0])
    np.testing.assert_array_equal(observed.is_own, np.repeat([False, True], [30, 10]))


def test_another_unit_becomes_ones_own():
    optimizer, verdict = after(20, SOURCES["another unit"])
    own = [cost(config) for config in SPACE.decode(optimizer.knowledge.points)]
    np.testing.assert_allclose(verdict.losses, own, atol=1e-9)


def test_the_same_values_stay_as_they_are():
    optimizer, verdict = after(20, SOURCES["same"])
    np.testing.assert_array_equal(verdict.losses, optimizer.knowledge.losses[:, 0])


@pytest.mark.parametrize(
    ("pairs", "slope", "start", "is_sure"),
    [
        ([], 1, 0, False),
        ([(1, 1)], 1, 0, True),
        ([(1, 1.5)], 1, 0.5, False),
        ([(1, 1.5), (3, 3.5)], 1, 0.5, True),
        ([(1, 1.5), (3, 4)], 1, 0.5, False),  # by noise, perhaps
        ([(1, 10), (3, 210)], 100, -90, False),
        ([(1, 10), (3, 5)], 1, 9, False),  # it ranks them otherwise
    ],
)
def test_the_line_between_two_studies(pairs, slope, start, is_sure):
    assert Line.through(pairs, 1e-6) == Line(slope, start, is_sure)


def test_the_verdict_stays_between_two_looks():
    optimizer = knowing(RandomSearch(), cost)
    transfer, seen = Transfer(Encoding(SPACE)), []
    for _ in range(40):
        (solution,) = optimizer.ask()
        optimizer.tell(trial_of(solution, cost(solution.config)))
        seen.append(transfer.verdict(optimizer))
    assert 8 < len({id(each) for each in seen}) < 20
    assert seen[1] is not EVERYTHING


def test_an_earlier_stage_always_counts():
    optimizer = RandomSearch().bind(of(cost, SPACE))
    points = SPACE.random(9, np.random.default_rng(0))
    optimizer.learn(points, np.arange(9.0)[:, None], paid_for=True)
    assert Transfer(Encoding(SPACE)).verdict(optimizer) is EVERYTHING


@pytest.mark.parametrize("strategy", MODELLED)
def test_the_best_known_config_of_each_study_comes_first(strategy):
    sources = cost, SOURCES["another unit"]
    optimizer = knowing(strategy(), *sources)
    asked = [solution.config for solution in optimizer.ask(4)]
    (best, median), (other, _) = (best_and_median(s, seed) for seed, s in enumerate(sources))
    assert asked[:2] == [best, other]
    # No first design comes next: it begins in the middle of the space.
    assert asked[2]["x"] != 0.5
    assert asked[3] == median


def test_the_same_problem_is_not_checked_further():
    optimizer = knowing(TPE(), cost)
    _, median = best_and_median(cost, 0)
    for _ in range(12):
        (solution,) = optimizer.ask()
        assert solution.config != median
        optimizer.tell(trial_of(solution, cost(solution.config)))


@pytest.mark.parametrize("strategy", [BayesianOptimization, TPE])
def test_what_misleads_is_as_if_it_were_unknown(strategy):
    optimizer = knowing(strategy(), SOURCES["inverted"])
    for _ in range(12):
        (solution,) = optimizer.ask()
        optimizer.tell(trial_of(solution, cost(solution.config)))
    observed = getattr(optimizer, "learner", optimizer).observed
    assert len(observed) == 12
    assert "30 known results left out" in optimizer.explanation
