"""What one reading of a study's trials gives: the best, the counts, the pending, the errors."""

from __future__ import annotations

import heapq
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hpopt.core import Objective, Trial, losses
from hpopt.numerics import pareto
from hpopt.study import Record

AT_ONCE = 500
"""So many trials are compared with a front at once."""


@dataclass(frozen=True, slots=True)
class Digest:
    """The state of a study.

    Attributes
    ----------
    best : list of Trial
        Best first, by the first objective.
    front : list of Trial
        Of several objectives, the trials that no other is better than in all of them, the best by
        the first objective first; empty for one objective.
    counts : dict of str to int
        Number of finished trials by status; only those that there are.
    pending : list of int
        Numbers of the trials that were started and have not finished.
    errors : list of Trial
        The last ones without values, the latest first.
    seconds : float
        How long all evaluations took together.
    """

    best: list[Trial]
    front: list[Trial]
    counts: dict[str, int]
    pending: list[int]
    errors: list[Trial]
    seconds: float

    @property
    def n_done(self) -> int:
        """How many trials have finished."""
        return sum(self.counts.values())


def digest(record: Record, *, n_best: int = 5, n_errors: int = 3) -> Digest:
    """Read a study once; memory does not grow with its trials.

    Parameters
    ----------
    record : Record
        It may be running: what ends meanwhile is in it, or not.
    n_best, n_errors : int
        How many trials to keep of each.
    """
    pending = dict.fromkeys(record.pending_numbers)
    counts: Counter[str] = Counter()
    errors: deque[Trial] = deque(maxlen=n_errors)
    front = Front(record.objectives)
    seconds = 0.0

    def fine() -> Iterator[Trial]:
        """Note every trial in passing, and give those with values."""
        nonlocal seconds
        for trial in record.iterate():
            counts[trial.status] += 1
            seconds += trial.seconds
            pending.pop(trial.number, None)
            if trial.ok:
                front.add(trial)
                yield trial
            else:
                errors.appendleft(trial)

    def order(trial: Trial) -> tuple[float, int]:
        return float(losses(record.objectives, trial.values)[0]), trial.number

    best = heapq.nsmallest(n_best, fine(), key=order)
    shown = sorted(front.trials(), key=order)
    return Digest(best, shown, dict(counts), list(pending), list(errors), seconds)


class Front:
    """Keep the front of trials that come one by one; of one objective, nothing."""

    def __init__(self, objectives: Sequence[Objective]) -> None:
        self._objectives = objectives
        self._kept: list[Trial] = []
        self._most = AT_ONCE

    def add(self, trial: Trial) -> None:
        """Take note of a trial with values."""
        if len(self._objectives) == 1:
            return
        self._kept.append(trial)
        if len(self._kept) >= self._most:
            self._most = 2 * len(self.trials()) + AT_ONCE

    def trials(self) -> list[Trial]:
        """Return the front of those so far, in the order in which they came."""
        if self._kept:
            values = np.array([losses(self._objectives, trial.values) for trial in self._kept])
            self._kept = [self._kept[row] for row in np.flatnonzero(pareto.front(values))]
        return list(self._kept)
