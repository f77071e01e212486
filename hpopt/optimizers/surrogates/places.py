"""Hyper-parameters that are fitted at fixed places of what was told, and at no others."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hpopt.core.proposals import Floats
from hpopt.numerics.gaussian_process_fit import Prior, fitted

PLACES = ((30, 1), (60, 2), (120, 4), (250, 8))
ANCHORS = ((10, 1), (60, 10), (120, 20), (250, 40))
SPARSE_PLACES, SPARSE_ANCHORS = 16, 80
EVALUATIONS = 50
AT_ANCHOR, AT_PLACE = 1e-5, 1e-4
"""How exact fits are: the tolerance of their descents."""

Data = tuple[Floats, Floats]
"""Features (m, p) and targets (m,)."""
First = Callable[[int], Data | None]
"""Gives the data of the first n told values; None where there is nothing to learn."""


def place_of(n: int) -> int:
    """Give where the hyper-parameters for n told values are fitted: after every 1st, 2nd … 16th."""
    return _rounded(n, PLACES, SPARSE_PLACES)


def anchor_of(n: int) -> int:
    """Give the place whose fit, begun at the prior, is where the fit for n values begins."""
    return _rounded(n, ANCHORS, SPARSE_ANCHORS)


def _rounded(n: int, steps: tuple[tuple[int, int], ...], last: int) -> int:
    step = next((step for below, step in steps if n < below), last)
    return n - n % step


class FitsAtPlaces:
    """Fit hyper-parameters, which follow from what was told up to there and nothing else.

    They are fitted at places of what was told, 1 to 16 values apart. Each fit begins at the fit
    of an anchor before it, which begins at the prior: whoever takes up a search makes two fits,
    however long it is, and gets the model of the one who has been there all along.

    Parameters
    ----------
    prior : Prior
    groups : ndarray (p,) of int
        Which lengthscale each feature has.
    """

    def __init__(self, prior: Prior, groups: NDArray[np.int64]) -> None:
        self._prior, self._groups = prior, groups
        self._thetas: dict[tuple[int, bool], Floats] = {}

    def of(self, n: int, data: First) -> Floats:
        """Give the logarithms of lengthscales, scale and noise for n told values."""
        place = place_of(n)
        anchor = anchor_of(place)
        start = self._once(data, anchor, self._prior.start, at_anchor=True)
        if place == anchor:
            return start
        return self._once(data, place, start, at_anchor=False)

    def _once(self, data: First, n: int, start: Floats, *, at_anchor: bool) -> Floats:
        key = n, at_anchor
        if key not in self._thetas:
            found = data(n)
            theta = start
            if found is not None:
                theta = fitted(
                    *found,
                    self._groups,
                    self._prior,
                    start,
                    evaluations=EVALUATIONS,
                    tolerance=AT_ANCHOR if at_anchor else AT_PLACE,
                )
            self._thetas = {k: v for k, v in self._thetas.items() if k[1] != at_anchor}
            self._thetas[key] = theta
        return self._thetas[key]
