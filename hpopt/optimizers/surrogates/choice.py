"""Which of many points is asked: the first new one of ranked points, or a promising random one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hpopt.core import Optimizer
from hpopt.core.proposals import Floats
from hpopt.optimizers.surrogates.acquisition_search import AcquisitionSearch
from hpopt.optimizers.surrogates.constraints import OnlyProbabilities
from hpopt.optimizers.surrogates.encoding import Encoding
from hpopt.optimizers.surrogates.pending import pending_features
from hpopt.optimizers.surrogates.surrogate import Fitted
from hpopt.optimizers.surrogates.turns import Turn

# Ranked points are looked up 16 at a time: nearly always one of the first is new. After 256 known
# ones the rest is not worth ranking.
LOOKED_AT_ONCE, MOST_LOOKS = 16, 16
DRAWS = 16  # random points, of which nearly always one is promising

Which = Callable[[Floats], NDArray[np.bool_]]
"""Which of points (n, d), shape (n,)."""


def wished(
    encoding: Encoding, fitted: Fitted, pending: Floats, turn: Turn, *, values_repeat: bool
) -> tuple[Which, ...]:
    """Return what a point should be, the more important first.

    Where values repeat it should be promising, except in another branch, which is searched because
    the model of one that began badly is not to be trusted.

    Parameters
    ----------
    pending : ndarray (q, p)
        The features of pending points.
    """

    def is_promising(points: Floats) -> NDArray[np.bool_]:
        return fitted.promising(encoding.features(points), near=turn is Turn.NEAR)

    def is_likely_new(points: Floats) -> NDArray[np.bool_]:
        return fitted.likely_new(encoding.features(points), pending)

    if not values_repeat or turn is Turn.ELSEWHERE:
        return (is_likely_new,)
    return is_promising, is_likely_new


def first_new(ranked: Floats, is_new: Which, *wished: Which) -> Floats | None:
    """Return the first of points (n, d) that is new and all that is wished, shape (1, d).

    Where none is, it is the first that is all but the last, and so on; None where none is new.
    """
    found: dict[int, Floats] = {}
    for first in range(0, min(len(ranked), LOOKED_AT_ONCE * MOST_LOOKS), LOOKED_AT_ONCE):
        points = ranked[first : first + LOOKED_AT_ONCE]
        for place, which in enumerate((is_new, *wished)):
            points = points[which(points)]
            if not len(points):
                break
            found.setdefault(place, points[:1])
        if len(found) == 1 + len(wished):
            break
    return found[max(found)] if found else None


def best_new(optimizer: Optimizer, search: AcquisitionSearch, number: int) -> Floats:
    """Return the best new point that a search finds, or else a random one, shape (1, d)."""
    found = first_new(search.ranked(), lambda points: optimizer.unknown(points, before=number))
    if found is not None:
        return found
    rng = optimizer.generator(number)
    return optimizer.novel(rng.random((1, optimizer.space.d)), rng, before=number)


def likely_feasible(
    optimizer: Optimizer, encoding: Encoding, fitted: Fitted, everything: Floats | None, number: int
) -> Floats:
    """Return the new point that most likely meets all constraints, shape (1, d)."""
    likely = OnlyProbabilities(fitted.probabilities(pending_features(optimizer, encoding)))
    rng = optimizer.generator(number)
    search = AcquisitionSearch(
        encoding, fitted, rng, acquisition=likely, box=None, everything=everything
    )
    return best_new(optimizer, search, number)


def random_promising(encoding: Encoding, fitted: Fitted, rng: np.random.Generator) -> Floats:
    """Return the first of random points (1, d) that is expected in the better half of the losses.

    Where the model expects nothing, that is any point.
    """
    points = encoding.space.snap(rng.random((DRAWS, encoding.space.d)))
    first = int(fitted.promising(encoding.features(points)).argmax())
    return points[first : first + 1]
