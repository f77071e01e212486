"""Hyper-parameters that are fitted at fixed places of what was told, and at no others."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from hpopt.core.proposals import Floats
from hpopt.numerics.gaussian_process import SMOOTH, Hyperparameters
from hpopt.numerics.gaussian_process_fit import Prior, as_hyperparameters, fitted

PLACES = ((30, 1), (60, 2), (120, 4), (250, 8))
ANCHORS = ((10, 1), (60, 10), (120, 20), (250, 40))
SPARSE_PLACES, SPARSE_ANCHORS = 16, 80
EVALUATIONS = 50
AT_ANCHOR, AT_PLACE = 1e-5, 1e-4
"""How exact fits are: the tolerance of their descents."""

Data = tuple[Floats, Floats]
"""Features (m, p) and targets (m,)."""
Fit = tuple[Floats, float]
"""Logarithms of lengthscales, scale and noise, and their log posterior."""
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
    of an anchor before it, which begins at the prior: whoever takes up a search makes two fits
    for each order, however long it is, and gets the model of the one who was there all along.

    Parameters
    ----------
    prior : Prior
    groups : ndarray (p,) of int
        Which lengthscale each feature has.
    orders : sequence of {2.5, 1.5}
        Of the Matérn kernel: at each place the most probable one is taken, the first of equals.
    """

    def __init__(
        self, prior: Prior, groups: NDArray[np.int64], orders: Sequence[float] = (SMOOTH,)
    ) -> None:
        self._prior, self._groups, self._orders = prior, groups, tuple(orders)
        self._fits: dict[tuple[int, bool], list[Fit]] = {}

    def of(self, n: int, data: First) -> Hyperparameters:
        """Give the hyper-parameters for n told values."""
        place = place_of(n)
        anchor = anchor_of(place)
        fits = [(self._prior.start, -math.inf) for _ in self._orders]
        fits = self._once(data, anchor, fits, at_anchor=True)
        if place != anchor:
            fits = self._once(data, place, fits, at_anchor=False)
        chosen = max(range(len(fits)), key=lambda k: fits[k][1])
        return as_hyperparameters(fits[chosen][0], self._orders[chosen])

    def _once(self, data: First, n: int, starts: list[Fit], *, at_anchor: bool) -> list[Fit]:
        """Give the fit of each order, and make those of a place or an anchor once."""
        key = n, at_anchor
        if key not in self._fits:
            found = data(n)
            fits = starts
            if found is not None:
                fits = [
                    fitted(
                        *found,
                        self._groups,
                        self._prior,
                        start,
                        evaluations=EVALUATIONS,
                        tolerance=AT_ANCHOR if at_anchor else AT_PLACE,
                        order=order,
                    )
                    for order, (start, _) in zip(self._orders, starts, strict=True)
                ]
            self._fits = {k: v for k, v in self._fits.items() if k[1] != at_anchor}
            self._fits[key] = fits
        return self._fits[key]
