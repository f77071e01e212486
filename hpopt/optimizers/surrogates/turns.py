"""What kind of ask a number is: in the trust region, in another branch, at random, or anywhere."""

from __future__ import annotations

from enum import Enum

# After a stall one config in four is random. One in four comes from another branch, halfway between
# two random ones. The trust region has the odd numbers, so neither takes a turn from it. More turns
# for other branches were worse.
RANDOM_WHEN_STALLED, ELSEWHERE = 4, 4


class Turn(Enum):
    """A kind of ask."""

    RANDOM = "random"
    ELSEWHERE = "in another branch than the best config's"
    NEAR = "in the trust region"
    ANYWHERE = "anywhere"


def turn_of(number: int, *, is_stalled: bool, has_branches: bool) -> Turn:
    """Return the kind of ask that a number is."""
    if number % 2:
        return Turn.NEAR
    if is_stalled and number % RANDOM_WHEN_STALLED == 0:
        return Turn.RANDOM
    if has_branches and (number + ELSEWHERE // 2) % ELSEWHERE == 0:
        return Turn.ELSEWHERE
    return Turn.ANYWHERE


def round_elsewhere(number: int) -> int:
    """Return how many turns of other branches came before a number."""
    return (number + ELSEWHERE // 2) // ELSEWHERE
