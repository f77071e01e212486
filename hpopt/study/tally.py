"""What has been found so far: the best trial, and how many there are."""

from __future__ import annotations

import math

from hpopt.core import Objective, Trial
from hpopt.numerics.ties import TIED


class Tally:
    """Count finished trials, and keep the best by the first objective.

    Attributes
    ----------
    best : Trial or None
        The earliest among equals.
    n_told, n_bad, n_new : int
        Finished trials; those of them without values; those finished since the study was opened.
    n_since_best : int
        How many finished since the best did; one that is better by rounding only is no other best.
    """

    def __init__(self, objective: Objective) -> None:
        self._objective = objective
        self.best: Trial | None = None
        self._best_loss = math.inf
        self.n_told = self.n_bad = self.n_new = self.n_since_best = 0

    def count(self, trial: Trial) -> None:
        """Count a finished trial."""
        self.n_told += 1
        self.n_new += 1
        self.n_since_best += 1
        if not trial.ok:
            self.n_bad += 1
            return
        loss = self._objective.loss(trial.outcome.values)
        if self.best is None or self._best_loss - loss > TIED * abs(self._best_loss):
            self.n_since_best = 0
        elif (loss, trial.number) > (self._best_loss, self.best.number):
            return
        self.best, self._best_loss = trial, loss
