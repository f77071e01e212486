"""The median rule: stop what is worse than the median of the trials before it."""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hpopt.checks import share, whole
from hpopt.core import Curve, Objective, Trial
from hpopt.early_stopping.progress import Comparison
from hpopt.early_stopping.rule import (
    EarlyStoppingRule,
    Experience,
    StopTest,
    first_step,
    warmup,
)


@dataclass(frozen=True)
class MedianRule(EarlyStoppingRule):
    """Stop what is worse than the median of the trials before it.

    An evaluation is stopped at a step where the best that it has reported so far is worse than
    the median, over all complete trials that reported at this step, of the mean of what each had
    reported up to it. This is Google Vizier's rule (Golovin et al. 2017), with two precautions:
    nothing is stopped in the first tenth of the steps, nor where a trial among the best quarter
    would have been stopped. ``MedianRule(warmup_steps=0, protect=0)`` is the rule as published.

    Reports of nan or infinity are left out of all of these; an evaluation that has reported
    nothing else is not stopped. A trial that reports a step several times, as once a fold, counts
    once there, by its mean after the last of these reports.

    When to use it: training curves that can be compared step by step, from some 20 trials on. When
    not: evaluations that start slow and win late (raise `warmup_steps`), or steps that differ
    from trial to trial, so that few trials share one.

    Parameters
    ----------
    warmup_steps : float, at least 0, optional
        Never stop before this step. By default a tenth of the steps of the longest complete trial.
    min_trials : int, at least 1
        How many complete trials must have reported at a step before one is stopped there.
    protect : float, in [0, 1]
        A share of the complete trials, the best: no bar is stricter than the worst of them was at
        the same step. At least one trial, and at most ten; 0 protects none.

    References
    ----------
    Golovin et al. 2017, "Google Vizier: A Service for Black-Box Optimization", section 3.2.2.
    https://doi.org/10.1145/3097983.3098043
    """

    warmup_steps: float | None = None
    min_trials: int = 5
    protect: float = 0.25

    def __post_init__(self) -> None:
        warmup(self.warmup_steps)
        object.__setattr__(self, "min_trials", whole("min_trials", self.min_trials, 1))
        share("protect", self.protect)

    def begin(self, objective: Objective) -> Experience:
        """Return the medians of a study, without trials yet."""
        return _Medians(self, objective)


class _Medians(Comparison):
    """Keep for each step the running means of all complete trials, sorted, as losses."""

    def __init__(self, rule: MedianRule, objective: Objective) -> None:
        super().__init__(rule.protect, objective)
        self._rule, self._sign = rule, objective.sign
        self._means: dict[float, list[float]] = {}

    def learn(self, trial: Trial) -> None:
        """Learn the curve of a complete trial."""
        if self._protected.learn(trial) is None:
            return
        for step, mean in self._running_means(trial.curve).items():
            if math.isfinite(mean):
                insort(self._means.setdefault(step, []), mean)
        self._is_known = False

    def _running_means(self, curve: Curve) -> dict[float, float]:
        """Return the mean of all values up to each step's last report."""
        total, n = 0.0, 0
        means: dict[float, float] = {}
        for step, value in curve:
            if math.isfinite(value):
                total, n = total + self._sign * value, n + 1
                means[step] = total / n
        return means

    def _made(self) -> StopTest | None:
        first = first_step(self._rule.warmup_steps, self._protected.high)
        bars = {
            step: _median(means)
            for step, means in self._means.items()
            if step >= first and len(means) >= self._rule.min_trials
        }
        if not bars:
            return None
        worst = self._protected.worst_at(np.array(list(bars)))
        # Where a protected trial had nothing finite yet, all others go on, too.
        found = {
            step: max(bar, least)
            for (step, bar), least in zip(bars.items(), worst.tolist(), strict=True)
            if least < math.inf
        }
        return _WorseThanMedian(found, self._sign)


def _median(ascending: list[float]) -> float:
    middle = len(ascending) // 2
    # Halves, as the sum of two large means overflows.
    lower = ascending[middle] if len(ascending) % 2 else ascending[middle - 1]
    return lower / 2 + ascending[middle] / 2


@dataclass(frozen=True)
class _WorseThanMedian:
    """Compare the best of a curve with the bar at its last step."""

    bars: Mapping[float, float]
    sign: int

    def __call__(self, curve: Curve) -> bool:
        if not curve:
            return False
        bar = self.bars.get(curve[-1][0])
        if bar is None:
            return False
        losses = (self.sign * value for _, value in curve if math.isfinite(value))
        return min(losses, default=-math.inf) > bar
