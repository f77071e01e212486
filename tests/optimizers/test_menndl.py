"""MENNDL against its paper, gene by gene."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from problems_for_tests import MIXED

from hpopt import MENNDL, Float, FunctionProblem, Int, Space
from hpopt.errors import SettingError
from hpopt.numerics.sampling import keyed_generator
from hpopt.optimizers.genetic import AboveMean, Population

from .evolving import assert_same_children, bound, generation, losses_of, points_of

CNN = Space({name: Int(1, 8) if "kernel" in name else Int(16, 126) for name in (
    "kernel1", "output1", "kernel2", "output2", "kernel3", "output3")})  # fmt: skip


def accuracy_lost(solution):
    return float(np.abs(solution.point - np.linspace(0.2, 0.8, len(solution.point))).sum())


def some_fail(solution):
    return None if solution.number % 10 in (2, 5, 8) else accuracy_lost(solution)


def survivors_of(points, losses):
    """Remove the individuals with a fitness below the average of their generation."""
    fine = [loss for loss in losses if loss < math.inf]
    mean = math.fsum(fine) / len(fine)
    return [p for p, loss in zip(points, losses, strict=True) if loss <= mean or loss == min(fine)]


def next_generation(survivors, n, rng, p_c=0.6, p_m=0.05):
    """Transcribe §3.1, one gene after the other."""
    n_gene = len(survivors[0])
    cuts = rng.integers(n_gene + 1, size=(n, 1))
    crossed = rng.random((n, 1))
    mutated, drawn = rng.random((n, n_gene)), rng.random((n, n_gene))
    children = []
    for i in range(n):
        one, following = survivors[i % len(survivors)], survivors[(i + 1) % len(survivors)]
        child = list(one)
        if crossed[i, 0] < p_c:
            for gene in range(cuts[i, 0], n_gene):
                child[gene] = following[gene]
        for gene in range(n_gene):
            if mutated[i, gene] < p_m:
                child[gene] = drawn[i, gene]
        children.append(child)
    return children


@pytest.mark.parametrize("space", [CNN, MIXED], ids=["the paper's", "mixed"])
@pytest.mark.parametrize("value", [accuracy_lost, some_fail])
def test_each_generation_is_that_of_the_paper(space, value):
    optimizer = bound(MENNDL(population=40), space, seed=5)
    asked = generation(optimizer, 99, value)
    first = keyed_generator(5, 0).random((40, space.d))
    assert assert_same_children_of_first(optimizer, first, asked) >= 38
    n_compared = 0
    for number in range(1, 7):
        survivors = survivors_of(points_of(asked), losses_of(optimizer, asked))
        assert 2 <= len(survivors) < 40
        expected = next_generation(survivors, 40, keyed_generator(5, number))
        offspring = optimizer.ask(99)
        n_compared += assert_same_children(optimizer, expected, offspring)
        tell_again(optimizer, offspring, value)
        asked = offspring
    assert n_compared > 0.3 * 6 * 40


def assert_same_children_of_first(optimizer, expected, asked):
    found = optimizer.space.snap(expected)
    return sum(np.array_equal(x, s.point) for x, s in zip(found, asked, strict=True))


def tell_again(optimizer, solutions, value):
    class Asked:
        ask = staticmethod(lambda n: solutions)
        tell = optimizer.tell

    generation(Asked, 1, value)


losses = st.lists(
    st.one_of(st.floats(-1e300, 1e300), st.just(math.inf), st.integers(-3, 3).map(float)),
    min_size=1,
    max_size=30,
)


@given(losses)
def test_it_keeps_exactly_those_at_or_above_the_mean(losses):
    n = len(losses)
    told = Population(np.arange(n), np.zeros((n, 1)), np.array(losses)[:, None])
    kept = AboveMean().replace(told.best(0), told, n).numbers.tolist()
    fine = [loss for loss in losses if loss < math.inf]
    if not fine:
        assert kept == []
        return
    mean = math.fsum(loss / len(fine) for loss in fine)
    room = 1e-12 * max(abs(loss) for loss in fine)
    assert kept == sorted(kept)
    for number, loss in enumerate(losses):
        if abs(loss - mean) > room:
            assert (number in kept) == (loss < mean)
    assert losses.index(min(fine)) in kept


def test_where_all_failed_a_generation_is_drawn():
    optimizer = bound(MENNDL(population=10), CNN)
    generation(optimizer, 10, lambda s: None)
    second = points_of(optimizer.ask(99))
    np.testing.assert_array_equal(second, CNN.snap(keyed_generator(0, 1).random((10, CNN.d))))


def test_a_single_survivor_has_all_children():
    space = Space({name: Float(0, 1) for name in "abcdefgh"})
    optimizer = bound(MENNDL(population=10, mutation_probability=0.3), space)
    first = generation(optimizer, 10, lambda s: 0.0 if s.number == 4 else 1.0)
    children = points_of(optimizer.ask(99))
    inherited = (children == first[4].point).mean()
    assert 0.5 < inherited < 0.9


def test_generations_times_individuals_is_an_end():
    import hpopt

    problem = FunctionProblem(lambda config: config["kernel1"], dict(CNN))
    result = hpopt.optimize(problem, MENNDL(population=8, generations=4), seed=0, progress=False)
    assert len(result.trials) == 32


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"population": 1}, "population must be an int of at least 2, but got 1"),
        ({"generations": 0}, "generations must be an int of at least 1, but got 0"),
        ({"crossover_probability": 1.2}, r"crossover_probability must be a number in \[0, 1\]"),
        ({"mutation_probability": None}, r"mutation_probability must be a number in \[0, 1\]"),
    ],
)
def test_arguments_out_of_range_raise(arguments, why):
    with pytest.raises(SettingError, match=why):
        MENNDL(**arguments)
