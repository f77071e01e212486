"""Values that evaluations return in place of failing: an accuracy of 0, a loss of 1e3."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hpopt.core.proposals import Floats

# Three equal worst losses are no coincidence; five others are the fewest that a first design has.
FEWEST_EQUAL, FEWEST_OTHERS = 3, 5
# A penalty is farther from all others than these are from one another. A chance level is not: there
# are values next to it.
FAR = 1.0


def penalties(losses: Floats) -> NDArray[np.bool_]:
    """Return which losses are penalties: equal, the worst, and far from all others.

    A process sees a cliff there, and takes the valley beside it for noise.

    Parameters
    ----------
    losses : ndarray (n,)
        Infinite where an evaluation gave no value.

    Returns
    -------
    ndarray (n,) of bool
        None of the infinite ones.
    """
    finite = np.isfinite(losses)
    worst = losses[finite].max(initial=-np.inf)
    equal = finite & (losses == worst)
    others = losses[finite & ~equal]
    if equal.sum() < FEWEST_EQUAL or len(others) < FEWEST_OTHERS:
        return np.zeros_like(finite)
    low, high = others.min() / 2, others.max() / 2  # halves: no overflow
    # Where the others are equal, too, the two levels are all there is to learn from.
    is_far = low < high and worst / 2 - high > FAR * (high - low)
    return equal if is_far else np.zeros_like(equal)
