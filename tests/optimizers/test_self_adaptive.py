"""Self-adaptation against a literal transcription of its rule."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpopt import Float, SelfAdaptive, Space
from hpopt.errors import SettingError
from hpopt.numerics.sampling import keyed_generator
from hpopt.optimizers.genetic import Length, Mixed, Population, Step, Success

from .evolving import assert_same_children, bound, generation, losses_of, points_of
from .test_menndl import tell_again
from .test_mu_plus_lambda import SPACE, reflected, stepped_level, value


def offspring_of(parents, n, space, rng, p_i, max_step, p_e):
    drawn = rng.integers(len(parents), size=(n, 2, 2))
    chosen, uniform = rng.random((n, space.d)), rng.random((n, space.d))
    rng.random((n, space.d))
    children = []
    for i in range(n):
        child = parents[min(drawn[i, 0])].copy()
        for gene in range(space.d):
            move = max_step * (2.0 * uniform[i, gene] - 1.0)
            if space.levels[gene] == 1 or chosen[i, gene] >= p_i:
                continue
            if space.levels[gene] > 1:
                child[gene] = stepped_level(child[gene], move, int(space.levels[gene]))
            else:
                child[gene] = reflected(child[gene] + move)
        children.append(child)
    return Length(p_e, ("copy", "delete")).mutate(np.array(children), space, rng)


def some_stagnate(solution):
    return value(solution) if solution.number < 30 else 50.0 + solution.number


@pytest.mark.parametrize("worth", [value, some_stagnate])
def test_each_generation_is_that_of_the_paper(worth):
    optimizer = bound(SelfAdaptive(population=6, offspring=7, least=0.05, most=0.6), SPACE)
    rates = [0.2, 0.3, 0.2]
    asked = generation(optimizer, 99, worth)
    known = list(zip(losses_of(optimizer, asked), points_of(asked), strict=True))
    n_compared, seen = 0, [rates]
    for number in range(1, 12):
        known = sorted(known, key=lambda pair: pair[0])[:6]
        mean = math.fsum(loss for loss, _ in known) / 6
        rng = keyed_generator(0, number)
        expected = offspring_of([point for _, point in known], 7, SPACE, rng, *rates)
        offspring = optimizer.ask(99)
        n_compared += assert_same_children(optimizer, expected, offspring)
        tell_again(optimizer, offspring, worth)
        known += zip(losses_of(optimizer, offspring), points_of(offspring), strict=True)
        now = math.fsum(sorted(loss for loss, _ in known)[:6]) / 6
        factor = 1.5 if now < mean else 1 / 4
        rates = [min(max(rate * factor, 0.05), 0.6) for rate in rates]
        seen.append(rates)
    assert n_compared > 20
    assert max(rates[0] for rates in seen) > 0.3
    if worth is some_stagnate:
        assert seen[-1] == [0.05] * 3


def population(losses):
    losses = np.array(losses, dtype=float)[:, None]
    return Population(np.arange(len(losses)), np.zeros((len(losses), 1)), losses)


@given(st.lists(st.booleans(), max_size=60), st.floats(0.01, 1), st.floats(0.01, 1))
def test_rates_stay_within_their_bounds(successes, probability, most):
    adaptation = Success(least=0.01, most=1.0)
    mutations = (Step(probability, most), Length(probability))
    for success in successes:
        after = population([1.0, 1.0 if success else 3.0])
        mutations = adaptation.adapt(mutations, population([2.0, 2.0]), after)
        for rate in (mutations[0].probability, mutations[0].most, mutations[1].probability):
            assert 0.01 <= rate <= 1.0


def test_failures_do_not_count_in_the_mean():
    step = (Step(0.2, 0.2),)
    worse, better = population([1.0, 2.0]), population([1.0, math.inf])
    assert Success().adapt(step, worse, better)[0].probability == pytest.approx(0.3)
    assert Success().adapt(step, better, worse)[0].probability == pytest.approx(0.05)
    nobody = population([math.inf])
    assert Success().adapt(step, nobody, better)[0].most == pytest.approx(0.3)


def test_a_rate_that_is_left_open_stays():
    before, after = population([2.0]), population([1.0])
    assert Success().adapt((Mixed(),), before, after) == (Mixed(),)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"up": 0.5}, "up must be a number of at least 1, but got 0.5"),
        ({"least": 0.7, "most": 0.5}, "least <= most must hold, but got least=0.7, most=0.5"),
        ({"max_step": 0}, "max_step must be a positive number, but got 0"),
        ({"max_step": 1.5}, r"max_step must be a number in \[0, 1\], but got 1.5"),
        ({"least": 0.0}, "least must be a positive number, but got 0.0"),
    ],
)
def test_arguments_out_of_range_raise(arguments, why):
    with pytest.raises(SettingError, match=why):
        SelfAdaptive(**arguments)


def test_it_narrows_its_steps_when_nothing_gets_better():
    space = Space({"x": Float(0, 1)})
    optimizer = bound(SelfAdaptive(population=4, offspring=4, least=0.02), space)
    first = generation(optimizer, 99, lambda s: float(s.number))
    for _ in range(4):
        last = generation(optimizer, 99, lambda s: float(s.number))
    distances = np.abs(points_of(last) - points_of(first).T).min(axis=1)
    assert (distances <= 0.02 + 1e-12).all()
