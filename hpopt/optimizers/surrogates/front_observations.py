"""The observations of several objectives that models learn from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hpopt.core import Optimizer
from hpopt.numerics import pareto
from hpopt.optimizers.surrogates.encoding import Ints
from hpopt.optimizers.surrogates.observations import BEST, RECENT, thinned
from hpopt.optimizers.surrogates.penalties import penalties


class FrontObservations:
    """All that an optimizer with several objectives has learned, in that order.

    Attributes
    ----------
    points : ndarray (n, d), in [0, 1]
    losses : ndarray (n, m)
        As measured; infinite where an evaluation gave no values.
    ranked : ndarray (n, m)
        The same, with penalties where a constraint is broken: see `History`.
    violations : ndarray (n, n_constraints)
        By how much constraints are broken; nan where that is not known.
    is_broken : ndarray (n,) of bool
        Which have values that do not meet all constraints.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer, history = optimizer, optimizer.history
        self.points, self.violations = history.all_points, history.all_violations
        self.losses, self.ranked = history.all_measured, history.all_losses
        self.is_broken = history.all_broken

    def __len__(self) -> int:
        return len(self.losses)

    def valued(self, n: int) -> NDArray[np.bool_]:
        """Return which of the first n evaluations gave values that are no penalties, shape (n,).

        Penalties are those of all objectives together: the smallest network may be the worst of
        many in one.
        """
        losses = self.losses[:n]
        penal = np.all([penalties(column) for column in losses.T], axis=0)
        return np.asarray(np.isfinite(losses).all(axis=1) & ~penal)

    def subset(self, n: int, most: int, *, valued: bool = False) -> Ints:
        """Return at most `most` rows to learn from, of the first n, ascending.

        Among them is the front, if it is not larger than four fifths; with it half of them are the
        best by the mean of their ranks in the objectives. The others are chosen as for one
        objective.
        """
        rows = np.flatnonzero(self.valued(n)) if valued else np.arange(n)
        if len(rows) <= most:
            return rows
        losses = self.ranked[rows]
        is_dominated = ~pareto.front(losses)
        ranks = losses.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable").sum(axis=1)
        n_best = max(round(BEST * most), int((~is_dominated).sum()))
        best = np.lexsort((ranks, is_dominated))[: min(n_best, round((1 - RECENT) * most))]
        return thinned(self._optimizer, rows, best, n, most)
