"""Which kind of ask each number is; a stall makes random asks rare but never ends them."""

from collections import Counter

import pytest

from hpopt.optimizers.surrogates.turns import Turn, turn_of

NUMBERS = range(1280)


def turns(n_stalls, *, has_branches=True):
    return Counter(
        turn_of(number, n_stalls=n_stalls, has_branches=has_branches) for number in NUMBERS
    )


@pytest.mark.parametrize("n_stalls", [0, 1, 2, 5])
@pytest.mark.parametrize("has_branches", [False, True])
def test_at_least_every_second_number_is_near_the_best(n_stalls, has_branches):
    found = turns(n_stalls, has_branches=has_branches)
    assert found[Turn.NEAR] >= len(NUMBERS) / 2
    assert (found[Turn.RANDOM] > 0) == (n_stalls > 0)
    assert (found[Turn.ELSEWHERE] > 0) == has_branches


def test_each_stall_halves_the_share_of_random_asks_and_none_ends_them():
    shares = [turns(n)[Turn.RANDOM] / len(NUMBERS) for n in (1, 2, 3, 4, 5, 100)]
    assert shares == [1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 32, 1 / 32]
    anywhere = [turns(n, has_branches=False)[Turn.ANYWHERE] / len(NUMBERS) for n in (0, 1, 2, 100)]
    assert anywhere == [1 / 2, 1 / 4, 1 / 8, 1 / 32]


@pytest.mark.parametrize("n_stalls", [0, 1, 3, 100])
def test_a_stall_takes_no_turn_from_other_branches(n_stalls):
    assert turns(n_stalls)[Turn.ELSEWHERE] == len(NUMBERS) / 4
