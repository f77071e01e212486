"""How far a trial had come by a step, and how far the best had, which are never stopped."""

from __future__ import annotations

import math
from abc import abstractmethod
from bisect import bisect_right, insort
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpopt.core import Curve, Objective, Trial
from hpopt.core.curves import step_means
from hpopt.early_stopping.rule import Experience, StopTest

Floats = NDArray[np.float64]

# Protected trials at most: more would loosen the bar of a long search for a noisy few.
MOST_PROTECTED = 10


@dataclass(frozen=True)
class Progress:
    """The least loss up to each reported step.

    Attributes
    ----------
    steps : ndarray (k,), ascending
    best : ndarray (k,)
        Infinite before the first finite report.
    has_value : ndarray (k,) of bool
        Whether the step's own reports are finite; else the training may have diverged.
    """

    steps: Floats
    best: Floats
    has_value: NDArray[np.bool_]

    def at(self, steps: Floats) -> Floats:
        """Return the least loss at or before each step; infinite before the first report."""
        places = np.searchsorted(self.steps, steps, side="right")
        return np.append(math.inf, self.best)[places]

    def unless_diverged(self, step: float) -> float:
        """Return the least loss at or before a step; infinite where its latest is not finite."""
        place = bisect_right(self.steps, step) - 1
        return float(self.best[place]) if place >= 0 and self.has_value[place] else math.inf


def progress(curve: Curve, sign: int) -> Progress:
    """Return the progress of a curve of values; `sign` makes losses of them.

    A step that is reported several times, as once a fold, counts with the mean of its reports.
    """
    steps, losses = step_means(curve, sign)
    has_value = np.isfinite(losses)
    return Progress(steps, np.minimum.accumulate(np.where(has_value, losses, np.inf)), has_value)


class Protected:
    """The best of the complete trials: where they had been stopped, a bar is too strict.

    Parameters
    ----------
    share : float, in [0, 1]
        Of the complete trials with a curve, the best to protect: at least one, and at most ten.
    """

    def __init__(self, share: float, objective: Objective) -> None:
        self._share, self._objective = share, objective
        self._best: list[tuple[float, int, Progress]] = []  # with loss and number, best first
        self.n = 0
        self.high = -math.inf

    def learn(self, trial: Trial) -> Progress | None:
        """Learn from a complete trial with a curve, and return its progress; else None."""
        if trial.status != "complete" or not trial.outcome.curve:
            return None
        found = progress(trial.outcome.curve, self._objective.sign)
        self.n += 1
        self.high = max(self.high, float(found.steps[-1]))
        loss = self._objective.loss(trial.outcome.values)
        insort(self._best, (loss, trial.number, found), key=lambda entry: entry[:2])
        del self._best[MOST_PROTECTED:]
        return found

    def worst_at(self, steps: Floats) -> Floats:
        """Return the worst that a protected trial had reached at each step, -inf without any."""
        n = math.ceil(self._share * self.n)
        worst = np.full(len(steps), -np.inf)
        for _, _, each in self._best[:n]:
            worst = np.maximum(worst, each.at(steps))
        return worst

    def worst(self, most: int) -> Progress:
        """Return the same as a curve, from the first step to the last complete one's end.

        At most `most` steps of it are kept: in between, the one before counts, which is worse.
        """
        steps = np.unique(np.concatenate([each.steps for _, _, each in self._best]))
        steps = np.union1d(steps[:: -(-len(steps) // most)], self.high)
        return Progress(steps, self.worst_at(steps), np.ones(len(steps), dtype=bool))


class Comparison(Experience):
    """The experience of a rule that compares trials with others, and protects the best.

    Its test is made when it is asked for after something was learned: then `_is_known` is False.
    """

    def __init__(self, protect: float, objective: Objective) -> None:
        self._protected = Protected(protect, objective)
        self._test: StopTest | None = None
        self._is_known = True

    def snapshot(self) -> StopTest | None:
        """Return the test of what is known now; None while there are too few trials."""
        if not self._is_known:
            self._test, self._is_known = self._made(), True
        return self._test

    @abstractmethod
    def _made(self) -> StopTest | None: ...
