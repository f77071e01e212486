"""The (μ + λ) evolution against a literal transcription."""

import math

import numpy as np
import pytest

from hpopt import Categorical, Float, Int, MuPlusLambda, Sequence, Space
from hpopt.errors import SettingError
from hpopt.numerics.sampling import keyed_generator
from hpopt.optimizers.genetic import Length

from .evolving import assert_same_children, bound, generation, losses_of, points_of
from .test_menndl import tell_again

SPACE = Space(
    {
        "look_back": Float(0, 1),
        "rate": Float(0, 1),
        "kind": Categorical(["lstm"]),
        "layers": Sequence({"cells": Float(0, 1)}, 1, 4),
    }
)


def value(solution):
    return float(np.abs(solution.point - 0.37).sum())


def reflected(x):
    x %= 2.0
    return 2.0 - x if x > 1.0 else x


def offspring_of(parents, n, space, rng, p_i, scale, p_e):
    """Transcribe: binary tournament, a Gaussian step for each gene with p_i, length with p_e.

    `parents` are sorted; the genes of one value stay, the length steps by one level at least.
    """
    drawn = rng.integers(len(parents), size=(n, 2, 2))
    chosen, steps = rng.random((n, space.d)), rng.standard_normal((n, space.d))
    rng.random((n, space.d))  # for choices, of which this space has none
    children = []
    for i in range(n):
        child = parents[min(drawn[i, 0])].copy()
        for gene in range(space.d):
            move = scale * steps[i, gene]
            if space.levels[gene] == 1 or chosen[i, gene] >= p_i:
                continue
            if space.levels[gene] > 1:
                child[gene] = stepped_level(child[gene], move, int(space.levels[gene]))
            else:
                child[gene] = reflected(child[gene] + move)
        children.append(child)
    return Length(p_e, ("copy", "delete")).mutate(np.array(children), space, rng)


def stepped_level(x, move, levels):
    least = 1 / levels
    there = reflected(x + (math.copysign(least, move) if abs(move) < least else move))
    cell, before = (min(int(each * levels), levels - 1) for each in (there, x))
    if cell == before:
        there = x + least if before < levels / 2 - 0.5 else x - least
    return there


def test_each_generation_is_that_of_the_paper():
    settings = {"mutation_probability": 0.4, "scale": 0.2, "length_probability": 0.3}
    optimizer = bound(MuPlusLambda(population=6, offspring=9, patience=None, **settings), SPACE)
    asked = generation(optimizer, 99, value)
    assert len(asked) == 6
    known = list(zip(losses_of(optimizer, asked), points_of(asked), strict=True))
    n_compared = 0
    for number in range(1, 12):
        known = sorted(known, key=lambda pair: pair[0])[:6]
        rng = keyed_generator(0, number)
        parents = [point for _, point in known]
        expected = offspring_of(parents, 9, SPACE, rng, *settings.values())
        offspring = optimizer.ask(99)
        assert len(offspring) == 9
        n_compared += assert_same_children(optimizer, expected, offspring)
        tell_again(optimizer, offspring, value)
        known += zip(losses_of(optimizer, offspring), points_of(offspring), strict=True)
    assert n_compared > 0.6 * 11 * 9


def test_it_begins_again_with_the_best():
    space = Space({"x": Float(0, 1), "y": Float(0, 1)})
    optimizer = bound(MuPlusLambda(population=5, offspring=4, patience=3, carried=2), space)
    best = generation(optimizer, 99, lambda s: float(s.number))[:2]
    for _ in range(3):
        assert len(generation(optimizer, 99, lambda s: float(s.number))) == 4
    drawn = generation(optimizer, 99, lambda s: 100.0 + s.number)
    assert len(drawn) == 3
    np.testing.assert_array_equal(points_of(drawn), keyed_generator(0, 4).random((3, 2)))
    family = np.concatenate([points_of(best), points_of(drawn)])
    children = points_of(generation(optimizer, 99))
    assert np.mean([(family == child).any() for child in children]) >= 0.5


def test_it_goes_on_while_it_improves():
    space = Space({"x": Float(0, 1), "y": Float(0, 1)})
    optimizer = bound(MuPlusLambda(population=5, offspring=4, patience=2), space)
    sizes = [len(generation(optimizer, 99, lambda s: -float(s.number))) for _ in range(12)]
    assert sizes == [5] + [4] * 11


def test_lists_stay_within_their_bounds():
    space = Space({"layers": Sequence({"k": Int(1, 9)}, 2, 4)})
    optimizer = bound(MuPlusLambda(length_probability=1.0), space)
    lengths = {len(s.config["layers"]) for _ in range(8) for s in generation(optimizer, 99)}
    assert lengths == {2, 3, 4}


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"offspring": 0}, "offspring must be an int of at least 1, but got 0"),
        ({"scale": 0}, "scale must be a positive number, but got 0"),
        ({"patience": 0}, "patience must be an int of at least 1, but got 0"),
        ({"population": 4, "carried": 4}, "carried < population must hold, but got carried=4"),
    ],
)
def test_arguments_out_of_range_raise(arguments, why):
    with pytest.raises(SettingError, match=why):
        MuPlusLambda(**arguments)
