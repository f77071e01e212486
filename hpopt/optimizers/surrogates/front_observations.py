"""The observations of several objectives that models learn from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hpopt.numerics import pareto
from hpopt.optimizers.surrogates.encoding import Ints
from hpopt.optimizers.surrogates.observations import BEST, RECENT, Observed
from hpopt.optimizers.surrogates.penalties import penalties


class FrontObservations(Observed):
    """All that an optimizer with several objectives has learned.

    Of a subset the front is the best, if it is not larger than four fifths; with it half of them
    are the best by the mean of their ranks in the objectives.
    """

    def valued(self, n: int) -> NDArray[np.bool_]:
        """Return which of the first n evaluations gave values that are no penalties, shape (n,).

        Penalties are those of all objectives together: the smallest network may be the worst of
        many in one.
        """
        losses = self.losses[:n]
        penal = np.all([penalties(column) for column in losses.T], axis=0)
        return np.asarray(np.isfinite(losses).all(axis=1) & ~penal)

    def _best(self, rows: Ints, most: int) -> Ints:
        losses = self.ranked[rows]
        is_dominated = ~pareto.front(losses)
        ranks = losses.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable").sum(axis=1)
        n_best = max(round(BEST * most), int((~is_dominated).sum()))
        return np.lexsort((ranks, is_dominated))[: min(n_best, round((1 - RECENT) * most))]
