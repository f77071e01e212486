"""Which kind of ask each number is."""

from __future__ import annotations

from collections import Counter

import pytest

from hpopt.optimizers.surrogates.turns import Turn, turn_of


@pytest.mark.parametrize("is_stalled", [False, True])
@pytest.mark.parametrize("has_branches", [False, True])
def test_every_second_number_is_near_the_best(is_stalled, has_branches):
    turns = Counter(
        turn_of(number, is_stalled=is_stalled, has_branches=has_branches) for number in range(80)
    )
    assert turns[Turn.NEAR] == 40
    assert (turns[Turn.RANDOM] > 0) == is_stalled
    assert (turns[Turn.ELSEWHERE] > 0) == has_branches
