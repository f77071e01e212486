"""When the hyper-parameters of a model are fitted again, and from where a fit begins."""

from __future__ import annotations

from collections.abc import Callable, Hashable

import numpy as np
from numpy.typing import NDArray

from hpopt.core.proposals import Floats
from hpopt.numerics.gaussian_process_fit import Prior, fit_hyperparameters

# Hyper-parameters are fitted after every 1st, 2nd, 4th, 8th observation while there are fewer
# than 30, 60, 120, 250, then after every 16th: one point changes them ever less, and a fit costs
# O(n³).
REFITS, SPARSE_REFITS = ((30, 1), (60, 2), (120, 4), (250, 8)), 16
# A fit starts from the fit of its anchor, an anchor from the prior: resuming takes these two fits.
ANCHORS, SPARSE_ANCHORS = ((10, 1), (60, 10), (120, 20), (250, 40)), 80
# Which numbers change nothing is looked for at each anchor and after every 5th, 10th, 20th, 40th
# observation: it takes as long as two fits, and what changes nothing does not change soon.
LOOKS, SPARSE_LOOKS = ((60, 5), (120, 10), (250, 20)), 40
EVALUATIONS = 50  # of the posterior in a fit: a limit, which the tolerances below rarely need
AT_ANCHOR, AT_REFIT = 1e-5, 1e-4  # tolerances: a refit starts near its optimum

Data = tuple[Floats, Floats]
"""Features (m, p) and targets (m,)."""
FirstData = Callable[[int], Data | None]
"""Returns the data of the first n observations; None where there is nothing to learn."""


def refit_at(n: int) -> int:
    """Return how many of n observations the hyper-parameters in use were fitted to."""
    return _rounded_down(n, REFITS, SPARSE_REFITS)


def anchor_at(n: int) -> int:
    """Return how many observations the anchor has: the fit that a fit to n starts from."""
    return _rounded_down(n, ANCHORS, SPARSE_ANCHORS)


def looked_at(n: int) -> int:
    """Return from how many of n observations it is seen which numbers change nothing."""
    return max(anchor_at(n), _rounded_down(n, LOOKS, SPARSE_LOOKS))


def _rounded_down(n: int, steps: tuple[tuple[int, int], ...], last: int) -> int:
    step = next((step for below, step in steps if n < below), last)
    return n - n % step


class KeptFits:
    """The last fit to an anchor, and the last of another number: what is learned only grows."""

    def __init__(self) -> None:
        self._thetas: dict[bool, tuple[Hashable, Floats]] = {}

    def once(self, key: Hashable, fit: Callable[[], Floats], *, at_anchor: bool) -> Floats:
        """Return the hyper-parameters of a key, fitted now if they are not known."""
        if at_anchor not in self._thetas or self._thetas[at_anchor][0] != key:
            self._thetas[at_anchor] = key, fit()
        return self._thetas[at_anchor][1]


class RefitSchedule:
    """Hyper-parameters that depend on the observations only, not on when they were asked for.

    A fit begins at the fit of an anchor before it, and that at the prior. So whoever resumes a
    search makes two fits, however long it is, and has the same model as if it had never stopped.

    Parameters
    ----------
    prior : Prior
    groups : ndarray (p,) of int
        The lengthscale of each feature.
    """

    def __init__(self, prior: Prior, groups: NDArray[np.int64]) -> None:
        self._prior, self._groups = prior, groups
        self._fits = KeptFits()

    def hyperparameters(self, n: int, data: FirstData) -> Floats:
        """Return the logarithms of lengthscales, scale and noise for n observations."""
        fitted_to = refit_at(n)
        anchor = anchor_at(fitted_to)
        start = self._fitted_once(data, anchor, self._prior.start, at_anchor=True)
        if fitted_to == anchor:
            return start
        return self._fitted_once(data, fitted_to, start, at_anchor=False)

    def _fitted_once(self, data: FirstData, n: int, start: Floats, *, at_anchor: bool) -> Floats:
        def fit() -> Floats:
            found = data(n)
            if found is None:
                return start
            return fit_hyperparameters(
                *found,
                self._groups,
                self._prior,
                start,
                evaluations=EVALUATIONS,
                tolerance=AT_ANCHOR if at_anchor else AT_REFIT,
            )

        return self._fits.once(n, fit, at_anchor=at_anchor)
