"""The counts of a study, the best trial so far, and how many configs there are."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from hpopt.core import Fidelity, Objective, Ranking, Trial
from hpopt.core.spent import Spent
from hpopt.numerics.ties import TIED
from hpopt.space import Space

# Configs that are looked at one by one to count the forbidden ones: that takes a tenth of a
# second, and few studies get through a larger space.
COUNTED = 10_000


class Tally:
    """Count finished trials, and keep the best by the first objective.

    Attributes
    ----------
    best : Trial or None
    n_told, n_bad, n_new : int
        Finished trials; those of them without values; those finished since the study was opened.
    n_since_best : int
        How many finished since the best did.
    spent : Spent
        What they have spent of the problem's fidelity.
    """

    def __init__(self, objectives: Sequence[Objective], fidelity: Fidelity | None) -> None:
        self._key = Ranking(objectives).key
        self.spent = Spent(fidelity)
        self.best: Trial | None = None
        self._best_key = math.inf, math.inf, -1
        self.n_told = self.n_bad = self.n_new = self.n_since_best = 0

    def count(self, trial: Trial) -> None:
        """Count a finished trial."""
        self.n_told += 1
        self.n_new += 1
        self.n_since_best += 1
        self.spent.add(trial)
        if not trial.ok:
            self.n_bad += 1
            return
        key, best = self._key(trial), self._best_key
        # A trial that is better by rounding only is the best, but no progress.
        if key[0] < best[0] or (key[0] == best[0] and best[1] - key[1] > TIED * abs(best[1])):
            self.n_since_best = 0
        elif key > best:
            return
        self.best, self._best_key = trial, key


def n_configs(space: Space) -> float:
    """Count the configs of a space, without the forbidden ones where it is small."""
    grid = space.grid()
    if not space.predicates or grid.size > COUNTED:
        return grid.size
    return int(space.allowed(np.array([grid.point(i) for i in range(int(grid.size))])).sum())
