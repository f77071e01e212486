"""The counts of a study, the best trial so far, and how many configs there are."""

from __future__ import annotations

import math

import numpy as np

from hpopt.core import Fidelity, Optimizer, Ranking, Trial
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
        None where no trial is feasible.
    nearest : Trial or None
        Where none is feasible, the trial that breaks the constraints least.
    n_told, n_bad, n_new : int
        Finished trials; those of them without values; those finished since the study was opened.
    n_since_best : int
        How many finished since the best did, or the nearest.
    spent : Spent
        What they have spent of the problem's fidelity.
    """

    def __init__(self, ranking: Ranking, fidelity: Fidelity | None) -> None:
        self._ranking = ranking
        self.spent = Spent(fidelity)
        self.best: Trial | None = None
        self.nearest: Trial | None = None
        self._best_key = True, math.inf, math.inf, -1
        self.n_told = self.n_bad = self.n_new = self.n_since_best = 0

    @classmethod
    def of(cls, optimizer: Optimizer) -> Tally:
        """Return the tally of a study with a bound optimizer, without trials yet."""
        return cls(Ranking(optimizer.objectives, optimizer.constraints), optimizer.fidelity)

    @property
    def nearest_in_words(self) -> str:
        """That nothing is feasible, and which trial is the nearest; empty where it is not so."""
        return "" if self.nearest is None else self._ranking.nearest_in_words(self.nearest)

    def count(self, trial: Trial) -> None:
        """Count a finished trial."""
        self.n_told += 1
        self.n_new += 1
        self.n_since_best += 1
        self.spent.add(trial)
        if trial.outcome.is_failure:
            self.n_bad += 1
            return
        key, best = self._ranking.key(trial), self._best_key
        # A trial that is better by rounding only is the best, but no progress.
        (*kind, loss, _), (*kind_of_best, least, _) = key, best
        if kind < kind_of_best or (kind == kind_of_best and least - loss > TIED * abs(least)):
            self.n_since_best = 0
        elif key > best:
            return
        is_infeasible, self._best_key = key[0], key
        self.best, self.nearest = (None, trial) if is_infeasible else (trial, None)


def n_configs(space: Space) -> float:
    """Count the configs of a space, without the forbidden ones where it is small."""
    grid = space.grid()
    if not space.predicates or grid.size > COUNTED:
        return grid.size
    return int(space.allowed(np.array([grid.point(i) for i in range(int(grid.size))])).sum())
