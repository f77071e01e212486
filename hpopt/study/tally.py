"""What has been found so far: the best trial, and how many there are."""

from __future__ import annotations

from collections.abc import Sequence

from hpopt.core import Objective, Ranking, Trial
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

    def __init__(self, objectives: Sequence[Objective]) -> None:
        self._ranking = Ranking(objectives)
        self.best: Trial | None = None
        self.n_told = self.n_bad = self.n_new = self.n_since_best = 0

    def count(self, trial: Trial) -> None:
        """Count a finished trial."""
        self.n_told += 1
        self.n_new += 1
        self.n_since_best += 1
        if not trial.ok:
            self.n_bad += 1
            return
        mine = self._ranking.key(trial)
        best = None if self.best is None else self._ranking.key(self.best)
        if best is None or best[0] - mine[0] > TIED * abs(best[0]):
            self.n_since_best = 0
        elif mine > best:
            return
        self.best = trial
