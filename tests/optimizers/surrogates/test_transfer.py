import math

import numpy as np
import pytest
from problems_for_tests import of, trial_of

from hpopt import TPE, Auto, BayesianOptimization, RandomSearch
from hpopt.optimizers.surrogates.encoding import Encoding
from hpopt.optimizers.surrogates.observations import Observations
from hpopt.optimizers.surrogates.transfer import EVERYTHING, Transfer
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


def knowing(optimizer, *sources, n=30):
    """Give an optimizer that learned n random results of each source."""
    optimizer.bind(of(cost, SPACE), seed=1)
    for seed, source in enumerate(sources):
        points = SPACE.random(n, np.random.default_rng(seed))
        losses = np.array([[source(config)] for config in SPACE.decode(points)])
        optimizer.learn(points, losses)
    return optimizer


def after(n, *sources):
    """Give the verdict on sources after n random results of a search."""
    optimizer = knowing(RandomSearch(), *sources)
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
    own = np.array([cost(config) for config in SPACE.decode(optimizer.knowledge.points)])
    assert abs(np.median(verdict.losses - own)) < 0.1
    assert 0.5 < np.polyfit(own, verdict.losses, 1)[0] < 2


def test_the_same_values_stay_as_they_are():
    optimizer, verdict = after(20, SOURCES["same"])
    np.testing.assert_array_equal(verdict.losses, optimizer.knowledge.losses[:, 0])


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
    optimizer = knowing(strategy(), cost, SOURCES["another unit"])
    known, losses = optimizer.knowledge.points, optimizer.knowledge.losses[:, 0]
    best = known[[losses[:30].argmin(), 30 + losses[30:].argmin()]]
    asked = optimizer.ask(4)
    assert [solution.config for solution in asked[:2]] == SPACE.decode(best)
    # No first design comes next: it begins in the middle of the space.
    assert asked[2].config["x"] != 0.5
    # The fourth is a config that a search without knowledge asks.
    assert asked[3].config in [s.config for s in strategy().bind(of(cost, SPACE), seed=1).ask(4)]


@pytest.mark.parametrize("strategy", [BayesianOptimization, TPE])
def test_what_misleads_is_as_if_it_were_unknown(strategy):
    optimizer = knowing(strategy(), SOURCES["inverted"])
    for _ in range(12):
        (solution,) = optimizer.ask()
        optimizer.tell(trial_of(solution, cost(solution.config)))
    observed = getattr(optimizer, "learner", optimizer).observed
    assert len(observed) == 12
    assert "30 known results left out" in optimizer.explanation
