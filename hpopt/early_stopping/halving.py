"""Successive halving as a rule of early stopping: at each rung, only the best go on."""

from __future__ import annotations

import math
import warnings
from bisect import insort
from dataclasses import dataclass

import numpy as np

from hpopt.checks import share, whole
from hpopt.core import Curve, Objective, Trial
from hpopt.early_stopping.progress import Comparison, Progress, progress
from hpopt.early_stopping.rule import EarlyStoppingRule, Experience, StopTest
from hpopt.early_stopping.rungs import check_rungs, first_rung, rungs_up_to
from hpopt.errors import StudyWarning

# The first rung, without `low`: a sixteenth of the steps, as a whole number where that is 1 or
# more. A first rung of a ninth was no better on six tasks of lcbench (.33 against .34 of random
# search's regret, both without protection).
FIRST_SHARE = 1 / 16

NEVER = (
    "low must be below the last step of complete trials, {high:g}, but got {low:g}: no trial is "
    "stopped early. Set a smaller low, or leave it out"
)


@dataclass(frozen=True)
class HalvingRule(EarlyStoppingRule):
    """Stop at each rung what is not among the best that reached it: successive halving.

    The rungs are the steps low, low · reduction, low · reduction² …, below the end of the longest
    complete trial. A trial goes on from a rung if the best that it had reported up to there is
    among the best ``1 / reduction`` of all that reached this rung, itself included (rounded up).
    This is asynchronous successive halving of the stopping kind (Li et al. 2020), which never
    waits and never goes back to a trial, with two precautions: nothing is stopped while few trials
    are complete, nor where a trial among the best quarter would have been stopped.

    Steps need not be the same in all trials: what counts at a rung is the last report at or before
    it. A trial whose last report there is nan or infinite is never among the best. A step that is
    reported several times, as once a fold, counts with the mean of its reports.

    When to use it: most configs show early that they will not win, and the search is long enough to
    find some that do. It stops more than the median rule. When not: fewer than some 20 trials.

    Parameters
    ----------
    low : float, > 0, optional
        The first rung. By default a sixteenth of the steps of the longest of the first
        `min_trials` complete trials, as a whole number where that is at least 1.
    reduction : float, at least 1.1
        One in so many goes on from a rung, and so much further is the next one.
    min_trials : int, at least 1
        How many trials must be complete, and how many must have reached a rung, before one is
        stopped there.
    protect : float, in [0, 1]
        A share of the complete trials, the best: no bar is stricter than the worst of them was at
        the same rung. At least one trial, and at most ten; 0 protects none.

    References
    ----------
    Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning", algorithm 2.
    https://arxiv.org/abs/1810.05934
    """

    low: float | None = None
    reduction: float = 3
    min_trials: int = 5
    protect: float = 0.25

    def __post_init__(self) -> None:
        example = "with 3, one trial in three goes on from each rung"
        check_rungs(self.low, self.reduction, example)
        object.__setattr__(self, "min_trials", whole("min_trials", self.min_trials, 1))
        share("protect", self.protect)

    def begin(self, objective: Objective) -> Experience:
        """Return the rungs of a study, without trials yet."""
        return _Rungs(self, objective)


class _Rungs(Comparison):
    """Keep for each rung the losses of all that reached it, sorted."""

    def __init__(self, rule: HalvingRule, objective: Objective) -> None:
        super().__init__(rule.protect, objective)
        self._rule, self._sign = rule, objective.sign
        self._low = rule.low
        self._waiting: list[Progress] = []  # until the first rung is known
        self._rungs: list[tuple[float, list[float]]] = []  # with the losses there, ascending

    def learn(self, trial: Trial) -> None:
        """Learn how far a trial had come at each rung, whatever became of it."""
        if not trial.outcome.curve:
            return
        found = self._protected.learn(trial) or progress(trial.outcome.curve, self._sign)
        self._waiting.append(found)
        protected = self._protected
        if self._low is None and protected.n >= self._rule.min_trials and protected.high > 0:
            self._low = first_rung(FIRST_SHARE, protected.high)
        if self._low is not None:
            for each in self._waiting:
                self._enter(each, self._low)
            self._waiting.clear()
        self._is_known = False

    def _enter(self, found: Progress, low: float) -> None:
        for place, rung in rungs_up_to(found.steps[-1], low, self._rule.reduction):
            if place == len(self._rungs):
                self._rungs.append((rung, []))
            if found.steps[0] <= rung:
                insort(self._rungs[place][1], found.unless_diverged(rung))

    def _made(self) -> StopTest | None:
        rule, n_complete, high = self._rule, self._protected.n, self._protected.high
        rungs = [
            (rung, losses)
            for rung, losses in self._rungs
            if min(len(losses), n_complete) >= rule.min_trials and rung < high
        ]
        if not rungs:
            if n_complete == rule.min_trials and rule.low is not None and rule.low >= high:
                warnings.warn(NEVER.format(high=high, low=rule.low), StudyWarning, stacklevel=2)
            return None
        worst = self._protected.worst_at(np.array([rung for rung, _ in rungs]))
        bars = []
        for (rung, losses), least in zip(rungs, worst.tolist(), strict=True):
            # With itself they are one more; the last that may be better than all but these.
            place = math.ceil((len(losses) + 1) / rule.reduction) - 1
            bar = losses[place] if place < len(losses) else math.inf
            bars.append((rung, max(bar, least)))
        return _BelowBar(tuple(bars), self._sign)


@dataclass(frozen=True)
class _BelowBar:
    """Compare a curve with the bars of all rungs that it has passed."""

    bars: tuple[tuple[float, float], ...]
    sign: int

    def __call__(self, curve: Curve) -> bool:
        if not curve or curve[-1][0] < self.bars[0][0]:
            return False
        found = progress(curve, self.sign)
        first, last = found.steps[0], found.steps[-1]
        return any(
            found.unless_diverged(rung) > bar for rung, bar in self.bars if first <= rung <= last
        )
