"""Zhan's algorithm against the paper's pseudo-code, individual by individual."""

import numpy as np
import pytest

from hpopt import Float, Int, Sequence, Space, Zhan
from hpopt.errors import SettingError
from hpopt.numerics.sampling import keyed_generator
from hpopt.optimizers.genetic import Length, OneGene

from .evolving import assert_same_children, bound, generation, losses_of, points_of
from .test_menndl import tell_again

SPACE = Space({"x": Float(0, 1), "layers": Sequence({"k": Int(1, 10**6)}, 1, 5), "y": Float(0, 1)})


def value(solution):
    return float(abs(solution.point[0] - 0.4) + abs(len(solution.config["layers"]) - 4))


def next_generation(best, n, space, rng):
    """Transcribe Algorithm A: mutate the best with a probability, cross pairs with another."""
    copies = np.array([best[i % len(best)] for i in range(n)])
    copies = Length(0.2, ("insert",)).mutate(copies, space, rng)
    copies = OneGene(0.5).mutate(copies, space, rng)
    order = np.argsort(rng.random((n // 2, space.d - 1)), axis=1)[:, 0] + 1
    crossed = rng.random((n // 2, 1))
    for pair in range(n // 2):
        if crossed[pair, 0] < 0.5:
            a, b = copies[2 * pair].copy(), copies[2 * pair + 1].copy()
            for gene in range(order[pair], space.d):
                a[gene], b[gene] = b[gene], a[gene]
            copies[2 * pair], copies[2 * pair + 1] = a, b
    return copies


def test_each_generation_is_that_of_the_paper():
    optimizer = bound(Zhan(population=25, survivors=8), SPACE, seed=3)
    asked = generation(optimizer, 99, value)
    known = list(zip(losses_of(optimizer, asked), points_of(asked), strict=True))
    n_compared = 0
    for number in range(1, 8):
        best = [point for _, point in sorted(known, key=lambda pair: pair[0])[:8]]
        expected = next_generation(best, 25, SPACE, keyed_generator(3, number))
        offspring = optimizer.ask(99)
        n_compared += assert_same_children(optimizer, expected, offspring)
        tell_again(optimizer, offspring, value)
        known += zip(losses_of(optimizer, offspring), points_of(offspring), strict=True)
    assert n_compared > 0.5 * 7 * 25


def test_layers_enter_with_the_layer_probability():
    def lengths(probability):
        optimizer = Zhan(
            population=60,
            mutation_probability=0.0,
            crossover_probability=0.0,
            layer_probability=probability,
        )
        parents = {
            tuple(layer["k"] for layer in s.config["layers"])
            for s in generation(bound(optimizer, SPACE), 60, lambda s: len(s.config["layers"]))
        }
        grown = 0
        for child in optimizer.ask(60):
            units = [layer["k"] for layer in child.config["layers"]]
            shorter = [tuple(units[:i] + units[i + 1 :]) for i in range(len(units))]
            grown += any(each in parents for each in shorter)
        return grown / 60

    assert lengths(1.0) > 0.8
    assert lengths(0.0) < 0.2


def test_by_default_half_survive():
    made = Zhan(population=25)._parts().replacement
    assert made.survivors == 12


def test_more_survivors_than_individuals_raise():
    with pytest.raises(SettingError, match="survivors <= population must hold, but got survi"):
        Zhan(population=5, survivors=6)
