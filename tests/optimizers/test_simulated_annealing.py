"""Simulated annealing against the textbook's loop, and what it promises beside the contract."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from problems_for_tests import MIXED, of, trial_of
from scipy.stats import mannwhitneyu

from hpopt import RandomSearch, SimulatedAnnealing
from hpopt.core import Objective, failed
from hpopt.core.trial import Trial
from hpopt.errors import SettingError
from hpopt.optimizers import make_optimizer
from hpopt.optimizers.genetic.population import Population
from hpopt.space import Float, Space

CUBE = Space({name: Float(0, 1) for name in "abcde"})


def ripples(point):
    return float(((point - 0.4) ** 2).sum() + 0.1 * np.cos(20 * point).sum())


def batch(optimizer, value=ripples):
    solutions = optimizer.ask(1000)
    optimizer.tell([trial_of(s, value(s.point)) for s in solutions])
    return np.array([s.point for s in solutions])


def mixed_loss(config):
    loss = (config["x"] / 5) ** 2 + (config["n"] / 100 - 0.7) ** 2 + (config["kind"] != "c")
    return loss + sum(abs(math.log2(layer["width"] / 64)) for layer in config["layers"]) / 4


def best_of(optimizer, n, seed, fails=0.3):
    optimizer.bind(of(None, MIXED), seed=seed)
    rng, best, n_told = np.random.default_rng(seed), math.inf, 0
    while n_told < n:
        for solution in optimizer.ask(n - n_told):
            n_told += 1
            if rng.random() < fails:
                optimizer.tell(Trial(solution, failed("on purpose")))
                continue
            best = min(best, mixed_loss(solution.config))
            optimizer.tell(trial_of(solution, mixed_loss(solution.config)))
    return best


# -- the paper -----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_it_makes_the_decisions_of_the_textbook(seed):
    """One chain: propose, take it if it is better or by chance; cool; begin again at the best."""
    arguments = {"temperature": 0.5, "cooling": 0.7, "coldest": 0.02, "reheat": 0.4}
    optimizer = SimulatedAnnealing(chains=1, **arguments).bind(of(None, CUBE), seed=seed)
    (state,) = batch(optimizer)
    loss = ripples(state)
    losses, best, heat, n_reheated = [loss], (loss, state), 0.5, 0
    for k in range(1, 60):
        standing = Population(np.array([0]), state[None], np.array([[loss]]))
        expected = optimizer._proposals(standing, heat, optimizer.generator(k))
        (proposal,) = batch(optimizer)
        np.testing.assert_array_equal(proposal, expected[0])
        new = ripples(proposal)
        losses.append(new)
        temperature = heat * (np.median(losses) - min(losses))
        uniform = optimizer.generator(k, 1).random()
        if new <= loss or uniform < math.exp(-(new - loss) / temperature):
            state, loss = proposal, new
        best = min(best, (new, proposal), key=lambda pair: pair[0])
        heat *= 0.7
        if heat < 0.02:
            heat, n_reheated = 0.5 * 0.4, n_reheated + 1
            loss, state = best
    assert n_reheated > 3


# -- proposals -----------------------------------------------------------------------------------


def test_each_chain_proposes_one_config_a_batch_close_to_where_it_is():
    optimizer = SimulatedAnnealing(chains=5, step_probability=1.0, scale=0.01)
    optimizer.bind(of(None, CUBE))
    states = batch(optimizer, lambda point: 0.0)
    proposals = batch(optimizer, lambda point: 0.0)
    assert len(states) == len(proposals) == 5
    assert (np.abs(proposals - states) < 0.06).all()
    changed = proposals != states
    assert changed.any(axis=1).all()
    assert changed.mean() < 0.8


def test_steps_shorten_as_it_cools():
    optimizer = SimulatedAnnealing(chains=8, step_probability=1.0, cooling=0.8, coldest=0.0001)
    optimizer.bind(of(None, CUBE))
    states, lengths = batch(optimizer, lambda point: 1.0), []
    for _ in range(25):
        proposals = batch(optimizer, lambda point: 1.0)  # no worse, so they are always taken
        lengths.append(np.abs(proposals - states)[proposals != states].mean())
        states = proposals
    assert np.mean(lengths[-5:]) < 0.3 * np.mean(lengths[:5])


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32))
def test_proposals_are_valid_whatever_happens(seed):
    optimizer = SimulatedAnnealing(chains=4, cooling=0.5).bind(of(None, MIXED), seed=seed)
    rng = np.random.default_rng(seed)
    for _ in range(12):
        for solution in optimizer.ask(100):
            assert MIXED.validate(solution.config) == solution.config
            good = rng.random() < 0.7
            optimizer.tell(
                trial_of(solution, rng.random()) if good else Trial(solution, failed("no"))
            )


def test_it_goes_uphill_while_it_is_hot_only():
    """All chains are at 0 and all proposals at 1: which genes do the next proposals have?"""
    known = CUBE.random(30, np.random.default_rng(0))
    inherited = []
    for temperature in (10.0, 1e-3):
        optimizer = SimulatedAnnealing(
            chains=30, temperature=temperature, coldest=1e-9, step_probability=0.0
        ).bind(of(None, CUBE))
        optimizer.learn(known, np.zeros((30, 1)))
        batch(optimizer, lambda point: 1.0)
        inherited.append(np.isin(batch(optimizer, lambda point: 1.0), known).mean())
    hot, cold = inherited
    assert hot < cold - 0.1


# -- beginnings ----------------------------------------------------------------------------------


def test_chains_begin_at_the_best_that_is_known():
    known = CUBE.random(20, np.random.default_rng(0))
    losses = np.array([[ripples(point)] for point in known])
    optimizer = SimulatedAnnealing(chains=3, scale=1e-4, step_probability=1.0)
    optimizer.bind(of(None, CUBE))
    optimizer.learn(known, losses, paid_for=True)
    best = known[np.argsort(losses[:, 0])[:3]]
    proposals = np.array([solution.point for solution in optimizer.ask(100)])
    assert (np.abs(proposals - best) < 0.01).all()


def test_start_configs_are_where_chains_begin():
    start = CUBE.sample(2, seed=1)
    optimizer = SimulatedAnnealing(chains=3).bind(of(None, CUBE), start=start)
    first = optimizer.ask(100)
    assert [solution.config for solution in first[:2]] == start
    assert len(first) == 3


# -- convergence ---------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [{}, {"chains": 2, "cooling": 0.8}], ids=str)
def test_it_beats_random_search_also_with_failures(arguments):
    n, seeds = 160, range(12)
    random = [best_of(RandomSearch(), n, seed) for seed in seeds]
    found = [best_of(SimulatedAnnealing(**arguments), n, seed) for seed in seeds]
    assert mannwhitneyu(found, random, alternative="less").pvalue < 0.01


# -- settings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"chains": 0}, "chains must be an int of at least 1"),
        ({"temperature": 0}, "temperature must be a positive number"),
        ({"cooling": 1.0}, "cooling must be a number in"),
        ({"temperature": 0.02, "coldest": 0.01}, r"coldest < temperature \* reheat must hold"),
        ({"reheat": 2}, "reheat must be a number in"),
        ({"scale": -1}, "scale must be a positive number"),
        ({"step_probability": 2}, "step_probability must be a number in"),
    ],
)
def test_wrong_settings_raise(arguments, why):
    with pytest.raises(SettingError, match=why):
        SimulatedAnnealing(**arguments)


def test_it_takes_one_objective():
    problem = of(None, CUBE, objectives=[Objective("a"), Objective("b")])
    with pytest.raises(SettingError, match="must have one objective"):
        SimulatedAnnealing().bind(problem)


def test_its_settings_make_it_again():
    optimizer = SimulatedAnnealing(chains=7)
    again = make_optimizer("annealing", optimizer.settings())
    assert again.settings() == optimizer.settings()
