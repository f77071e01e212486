"""The prior's part in an acquisition, which fades as results come in.

Hvarfner et al. 2022, "πBO: Augmenting acquisition functions with user beliefs for Bayesian
optimization", https://openreview.net/forum?id=MMAeCXIa89t, equation 6: the acquisition times
π(x)^(β / n).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hpopt.core.proposals import Floats
from hpopt.numerics.rank_transform import rank_transform
from hpopt.space import Space

POWER = 10.0  # β: as in the paper for a hundred trials
# As many pairs of results count as ranked by the prior, so that the first few do not refute it.
BELIEVED_PAIRS = 10


class PriorTerm:
    """What is added to the logarithm of an acquisition: nothing without a prior.

    It is β trust / n times the logarithm of the prior's density, after n results. The paper's has
    no trust: with it, a wrong prior is forgotten sooner.

    Parameters
    ----------
    space : Space
    points : ndarray (n, d)
        Of the results.
    losses : ndarray (n,)
        Theirs, as far as their order goes.
    """

    def __init__(self, space: Space, points: Floats, losses: Floats) -> None:
        self._prior, self.weight = space.prior, 0.0
        if self._prior is not None:
            believed = self._prior.log_density(points, space.active(points))
            self.weight = POWER * trust(believed, losses) / len(points)

    def added(self, values: Floats, points: Floats, active: NDArray[np.bool_]) -> Floats:
        """Return values (m,) at points (m, d), of which this is active, with the prior."""
        if self._prior is None or not self.weight:
            return values
        return values + self.weight * self._prior.log_density(points, active)

    def slopes(self, points: Floats) -> Floats:
        """Return the gradient of what is added by the points, shape (m, d)."""
        if self._prior is None or not self.weight:
            return np.zeros_like(points)
        return self.weight * self._prior.slopes(points)


def trust(believed: Floats, losses: Floats) -> float:
    """Return how much better than chance a prior ranks results, in [0, 1].

    With the share s of pairs that are ranked wrongly, each weighing as much as its targets differ,
    it is 1 - 2 s, or 0.

    Parameters
    ----------
    believed : ndarray (n,)
        The logarithm of its density at each.
    losses : ndarray (n,)
    """
    targets = rank_transform(losses).targets
    i, j = np.triu_indices(len(losses), 1)
    differences, beliefs = targets[i] - targets[j], believed[i] - believed[j]
    weights = np.abs(differences)
    if not weights.any():
        return 1.0
    wrong = np.where(beliefs == 0, 0.5, differences * beliefs > 0)
    share = float(weights @ wrong / weights.sum()) * len(i) / (len(i) + BELIEVED_PAIRS)
    return max(0.0, 1.0 - 2.0 * share)
