"""Differential evolution against Storn & Price's loop, and what it promises beside the contract."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from problems_for_tests import MIXED, of, trial_of
from scipy.stats import mannwhitneyu

from hpopt import DifferentialEvolution, RandomSearch
from hpopt.core import Objective, failed
from hpopt.core.trial import Trial
from hpopt.errors import SettingError
from hpopt.numerics import differential
from hpopt.optimizers import make_optimizer
from hpopt.space import Categorical, Float, Space

CUBE = Space({name: Float(0, 1) for name in "abcde"})


def valley(point):
    return float(((point - 0.4) ** 2).sum() + 5 * (point[0] - point[1]) ** 2)


def generation(optimizer, value):
    solutions = optimizer.ask(1000)
    optimizer.tell([trial_of(s, value(s.point)) for s in solutions])
    return np.array([s.point for s in solutions])


def best_of(optimizer, function, n, seed, fails=0.0):
    optimizer.bind(of(None, MIXED), seed=seed)
    rng, best, n_told = np.random.default_rng(seed), math.inf, 0
    while n_told < n:
        for solution in optimizer.ask(n - n_told):
            n_told += 1
            if rng.random() < fails:
                optimizer.tell(Trial(solution, failed("on purpose")))
                continue
            value = function(solution.config)
            best = min(best, value)
            optimizer.tell(trial_of(solution, value))
    return best


def mixed_loss(config):
    loss = (config["x"] / 5) ** 2 + (config["n"] / 100 - 0.7) ** 2 + (config["kind"] != "c")
    return loss + sum(abs(math.log2(layer["width"] / 64)) for layer in config["layers"]) / 4


# -- the paper -----------------------------------------------------------------------------------


def trial_vectors(strategy, population, losses, f, cr, rng):
    """Storn & Price 1997, equations (2) to (5), gene by gene; draws in the optimizer's order."""
    n, d = population.shape
    places = differential.distinct_partners(n, 3, rng)
    best = population[np.argmin(losses)]
    rng.integers(1, size=n)  # which of the best one
    rng.integers(3, size=(n, d))  # where choices come from
    uniform = rng.random((n, d))
    certain = rng.integers(d, size=n)
    trials = np.empty((n, d))
    for i in range(n):
        r1, r2, r3 = population[places[i]]
        for j in range(d):
            if strategy == "rand/1":
                v = r1[j] + f * (r2[j] - r3[j])
            elif strategy == "best/1":
                v = best[j] + f * (r1[j] - r2[j])
            else:
                x = population[i, j]
                v = x + f * (best[j] - x) + f * (r1[j] - r2[j])
            while not 0 <= v <= 1:
                v = -v if v < 0 else 2 - v
            trials[i, j] = v if uniform[i, j] <= cr or j == certain[i] else population[i, j]
    return trials


@pytest.mark.parametrize("strategy", ["rand/1", "best/1", "current-to-best/1"])
@pytest.mark.parametrize("seed", range(3))
def test_it_makes_the_decisions_of_storn_and_price(strategy, seed):
    f, cr = 0.6, 0.8
    optimizer = DifferentialEvolution(
        population=8, strategy=strategy, best_share=0.0, weight=f, crossover_rate=cr
    ).bind(of(None, CUBE), seed=seed)
    population = generation(optimizer, valley)
    losses = np.array([valley(point) for point in population])
    order = np.argsort(losses, kind="stable")
    population, losses = population[order], losses[order]
    known = {repr(config) for config in CUBE.decode(population)}
    for g in range(1, 12):
        rng = optimizer.generator(g)
        expected = trial_vectors(strategy, population, losses, f, cr, rng)
        texts = [repr(config) for config in CUBE.decode(expected)]
        new = np.array([t not in known and t not in texts[:i] for i, t in enumerate(texts)])
        trials = generation(optimizer, valley)
        assert new.mean() > 0.7
        np.testing.assert_allclose(trials[new], expected[new], atol=1e-12)
        known |= {repr(config) for config in CUBE.decode(trials)}
        for i, trial in enumerate(trials):
            if valley(trial) <= losses[i]:
                population[i], losses[i] = trial, valley(trial)


def test_adaptive_parameters_follow_what_led_to_better_members():
    """With CR 0 only one gene changes at a time; where all must change at once it has to grow."""

    def narrow(point):
        return float(np.ptp(point) * 10 + point.mean())

    changed = []
    optimizer = DifferentialEvolution(population=20, adaptive=True, crossover_rate=0.1)
    optimizer.bind(of(None, CUBE))
    members = generation(optimizer, narrow)
    losses = np.array([narrow(point) for point in members])
    order = np.argsort(losses, kind="stable")
    members, losses = members[order], losses[order]
    for _ in range(60):
        trials = generation(optimizer, narrow)
        changed.append((trials != members).mean())
        for i, trial in enumerate(trials):
            if narrow(trial) <= losses[i]:
                members[i], losses[i] = trial, narrow(trial)
    assert np.mean(changed[-30:]) > np.mean(changed[:5]) + 0.04


# -- mixed spaces --------------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["rand/1", "best/1", "current-to-best/1"]))
def test_offspring_are_valid_whatever_happens(seed, strategy):
    optimizer = DifferentialEvolution(population=6, strategy=strategy, weight=1.5, adaptive=True)
    optimizer.bind(of(None, MIXED), seed=seed)
    rng = np.random.default_rng(seed)
    for _ in range(6):
        solutions = optimizer.ask(100)
        assert len(solutions) == 6
        for solution in solutions:
            assert MIXED.validate(solution.config) == solution.config
            assert 1 <= len(solution.config["layers"]) <= 5
            value = rng.random()
            good = rng.random() < 0.7
            optimizer.tell(
                trial_of(solution, value) if good else Trial(solution, failed("on purpose"))
            )


def test_choices_come_from_members_and_are_no_numbers():
    """Of the outer choices differences would make the middle one; crossover never does."""
    space = Space({"c": Categorical(list("abc")), "x": Float(0, 1), "y": Float(0, 1)})
    drawn = np.random.default_rng(0).random((10, 2)).tolist()
    start = [{"c": "ac"[i % 2], "x": x, "y": y} for i, (x, y) in enumerate(drawn)]
    optimizer = DifferentialEvolution(population=10, crossover_rate=1.0)
    optimizer.bind(of(None, space), start=start)
    seen = set()
    for _ in range(8):
        for solution in optimizer.ask(100):
            seen.add(solution.config["c"])
            optimizer.tell(trial_of(solution, valley(solution.point[1:])))
    assert seen == {"a", "c"}


# -- beginnings ----------------------------------------------------------------------------------


def test_the_best_that_is_known_are_members():
    known = CUBE.random(30, np.random.default_rng(0))
    losses = np.array([[valley(point)] for point in known])
    losses[:5] = math.inf
    optimizer = DifferentialEvolution(population=6, crossover_rate=0.0, weight=0.0 + 1e-3)
    optimizer.bind(of(None, CUBE))
    optimizer.learn(known, losses, paid_for=True)
    best = known[np.argsort(losses[:, 0])[:6]]
    trials = np.array([solution.point for solution in optimizer.ask(100)])
    assert len(trials) == 6  # nothing is drawn first
    assert ((trials == best).sum(axis=1) == 4).all()
    few = DifferentialEvolution(population=40).bind(of(None, CUBE))
    few.learn(known, losses)
    assert len(few.ask(100)) == 15


def test_start_configs_are_part_of_the_first_population():
    start = CUBE.sample(5, seed=1)
    optimizer = DifferentialEvolution(population=8).bind(of(None, CUBE), start=start)
    first = optimizer.ask(100)
    assert len(first) == 8
    assert [solution.config for solution in first[:5]] == start


# -- convergence ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [{}, {"strategy": "best/1", "adaptive": True}, {"strategy": "rand/1", "crossover_rate": 0.9}],
    ids=str,
)
def test_it_beats_random_search_also_with_failures(arguments):
    n, seeds = 250, range(12)
    random = [best_of(RandomSearch(), mixed_loss, n, seed, fails=0.3) for seed in seeds]
    found = [
        best_of(DifferentialEvolution(**arguments), mixed_loss, n, seed, fails=0.3)
        for seed in seeds
    ]
    assert mannwhitneyu(found, random, alternative="less").pvalue < 0.01


# -- settings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"population": 3}, "population must be an int of at least 4"),
        ({"strategy": "rand/2"}, "did you mean 'rand/1'"),
        ({"weight": 0.0}, "weight must be a number in"),
        ({"crossover_rate": 1.1}, "crossover_rate must be a number in"),
        ({"best_share": -1}, "best_share must be a number in"),
        ({"adaptive": 1}, "adaptive must be True or False"),
    ],
)
def test_wrong_settings_raise(arguments, why):
    with pytest.raises(SettingError, match=why):
        DifferentialEvolution(**arguments)


def test_it_takes_one_objective():
    problem = of(None, CUBE, objectives=[Objective("a"), Objective("b")])
    with pytest.raises(SettingError, match=r"but got 2 \(a, b\): use optimizer='auto'"):
        DifferentialEvolution().bind(problem)


def test_its_settings_make_it_again():
    optimizer = DifferentialEvolution(population=7, adaptive=True)
    again = make_optimizer("differential_evolution", optimizer.settings())
    assert again.settings() == optimizer.settings()
