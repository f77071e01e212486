"""Which of the ranked points is asked, and which random one."""

import numpy as np

from hpopt.optimizers.surrogates.choice import first_new, random_promising, wished
from hpopt.optimizers.surrogates.encoding import Encoding
from hpopt.optimizers.surrogates.turns import Turn
from hpopt.space import Float, Space

from ..modelling import surrogate_of

RANKED = np.arange(40.0)[:, None]


def below(bound):
    return lambda points: points[:, 0] < bound


def at_least(bound):
    return lambda points: points[:, 0] >= bound


def test_it_is_the_first_that_is_all_that_is_wished():
    assert first_new(RANKED, at_least(3), at_least(5), at_least(37))[0, 0] == 37


def test_what_cannot_be_had_is_given_up_the_last_wish_first():
    nothing = below(0)
    assert first_new(RANKED, at_least(3), at_least(5), nothing)[0, 0] == 5
    assert first_new(RANKED, at_least(3), nothing, at_least(37))[0, 0] == 3
    assert first_new(RANKED, nothing, at_least(5)) is None
    assert first_new(RANKED[:0], at_least(3)) is None


SQUARE = Space({"x": Float(0, 1), "y": Float(0, 1)})
POINTS = np.random.default_rng(0).random((60, 2))
MODEL = surrogate_of(SQUARE, POINTS, POINTS[:, 0])


def test_a_random_point_is_expected_in_the_better_half():
    found = [
        random_promising(Encoding(SQUARE), MODEL, np.random.default_rng(seed))[0]
        for seed in range(40)
    ]
    usual = np.median(POINTS[:5, 0])  # the first design is of five
    assert max(found, key=lambda point: point[0])[0] < usual + 0.1
    assert np.ptp([point[1] for point in found]) > 0.8


def test_only_where_values_repeat_a_point_should_be_promising_and_nowhere_in_another_branch():
    def kept(turn, *, values_repeat):
        points, none = np.random.default_rng(1).random((300, 2)), np.empty((0, 2))
        wishes = wished(Encoding(SQUARE), MODEL, none, turn, values_repeat=values_repeat)
        for wish in wishes:
            points = points[wish(points)]
        return points[:, 0].max()

    assert kept(Turn.ANYWHERE, values_repeat=False) > 0.9
    assert kept(Turn.ELSEWHERE, values_repeat=True) > 0.9
    assert kept(Turn.NEAR, values_repeat=True) < 0.7
