"""What kind of ask a number is: in the trust region, in another branch, at random, or anywhere."""

from __future__ import annotations

from enum import Enum

# One config in four comes from another branch, where one may still win. More were worse; and fewer
# in a stall lost a branch that had begun badly.
ELSEWHERE = 4
# One in four is random at first while the search stalls. Each further stall without a new best
# halves that share, down to one in 32: random configs found nothing, and what is left are steps
# near the best. It never reaches 0, as no number of failures shows that nothing is left, and a new
# best brings all of it back.
RANDOM_WHEN_STALLED, MOST_HALVINGS = 4, 3


class Turn(Enum):
    """A kind of ask."""

    RANDOM = "random"
    ELSEWHERE = "in another branch than the best config's"
    NEAR = "in the trust region"
    ANYWHERE = "anywhere"


def turn_of(number: int, *, n_stalls: int, has_branches: bool) -> Turn:
    """Return the kind of ask that a number is.

    Parameters
    ----------
    number : int
    n_stalls : int, >= 0
        How many stalls there were since the last new best; see `TrustRegion.n_stalls`.
    has_branches : bool
    """
    if number % 2:
        return Turn.NEAR
    if has_branches and number % ELSEWHERE == ELSEWHERE // 2:
        return Turn.ELSEWHERE
    if not n_stalls:
        return Turn.ANYWHERE
    place = number % random_period(n_stalls)
    if place == 0:
        return Turn.RANDOM
    # As many from anywhere as at random; those that become fewer give their turns to steps near
    # the best.
    return Turn.ANYWHERE if place == random_period(n_stalls) // 2 else Turn.NEAR


def random_period(n_stalls: int) -> int:
    """Return of how many numbers one is random after one stall and more."""
    return RANDOM_WHEN_STALLED << min(max(n_stalls - 1, 0), MOST_HALVINGS)
