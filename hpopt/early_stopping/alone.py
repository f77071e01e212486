"""Rules that look at the trial alone: no progress for some time, or a bound that it misses."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from hpopt.checks import flag, number, positive, real
from hpopt.core import Curve, Objective
from hpopt.early_stopping.rule import EarlyStoppingRule, Experience, NothingToLearn
from hpopt.errors import SettingError


@dataclass(frozen=True)
class PatienceRule(EarlyStoppingRule):
    """End a trial that makes no progress any more.

    A trial ends where its best value is `patience` steps old. What ends so has come as far as it
    will, so its status is ``complete``, as with a framework's own early stopping, and its value
    is final. Reports of nan or infinity are no progress.

    When to use it: trainings that converge at different times, under any strategy. It compares no
    trial with another, so it is safe from the first trial on, and saves less than rules that do.
    When not: curves with plateaus longer than `patience`.

    Parameters
    ----------
    patience : float, > 0
        In steps as they are reported: a trial that reports at 1, 2, 3 … ends at its tenth report
        after the best one where it is 10.
    min_delta : float, at least 0
        By how much a value must be better than the one before it that counted, to count.
    relative : bool
        Whether `min_delta` is a share of that value, in place of a difference.
    warmup_steps : float, at least 0
        Where patience begins: never stop before this step plus `patience`.
    """

    patience: float = 10
    min_delta: float = 0.0
    relative: bool = False
    warmup_steps: float = 0

    def __post_init__(self) -> None:
        positive("patience", self.patience)
        number("min_delta", self.min_delta, 0.0)
        flag("relative", self.relative)
        number("warmup_steps", self.warmup_steps, 0.0)

    def begin(self, objective: Objective) -> Experience:
        """Return the test, as there is nothing to learn."""
        return NothingToLearn(_OutOfPatience(self, objective.sign))


@dataclass(frozen=True)
class _OutOfPatience:
    rule: PatienceRule
    sign: int
    is_end: ClassVar[bool] = True

    def __call__(self, curve: Curve) -> bool:
        if not curve:
            return False
        rule, best = self.rule, math.inf
        since = curve[0][0]
        for step, value in curve:
            loss = self.sign * value
            by = rule.min_delta * abs(best) if rule.relative else rule.min_delta
            if math.isfinite(loss) and (best == math.inf or loss < best - by):
                since, best = step, loss
        return curve[-1][0] - max(since, rule.warmup_steps) >= rule.patience


@dataclass(frozen=True)
class ThresholdRule(EarlyStoppingRule):
    """Stop a trial that misses a bound which you know.

    Values are those of the objective, in its own direction: for one that is maximised, "worse"
    is below. Reports of nan or infinity are worse than every bound.

    When to use it: an accuracy at chance level after some epochs, a loss that explodes. When not:
    where you only know that others are better; that is what ``"median"`` and ``"halving"`` find.

    Parameters
    ----------
    reach : float, optional
        What the best value so far must have reached by `by_step`.
    by_step : float, optional
        From this step on `reach` is asked for; needed with it.
    bound : float, optional
        A trial is stopped wherever its latest value is worse than this.
    """

    reach: float | None = None
    by_step: float | None = None
    bound: float | None = None

    def __post_init__(self) -> None:
        for name in ("reach", "by_step", "bound"):
            value = getattr(self, name)
            found = None if value is None else real(value)
            if value is not None and (found is None or not math.isfinite(found)):
                raise SettingError(f"{name} must be a finite number, but got {value!r}")
        if (self.reach is None) != (self.by_step is None):
            raise SettingError(
                "reach and by_step must come together, but got "
                f"reach={self.reach!r}, by_step={self.by_step!r}"
            )
        if self.reach is None and self.bound is None:
            raise SettingError(
                "the threshold rule must have a bound, but got none: write "
                "ThresholdRule(reach=0.5, by_step=10), ThresholdRule(bound=100), or both"
            )

    def begin(self, objective: Objective) -> Experience:
        """Return the test, as there is nothing to learn."""
        return NothingToLearn(_Misses(self, objective.sign))


@dataclass(frozen=True)
class _Misses:
    rule: ThresholdRule
    sign: int

    def __call__(self, curve: Curve) -> bool:
        if not curve:
            return False
        rule, (step, value) = self.rule, curve[-1]
        if rule.bound is not None and (
            not math.isfinite(value) or self.sign * value > self.sign * rule.bound
        ):
            return True
        if rule.reach is None or rule.by_step is None or step < rule.by_step:
            return False
        finite = (self.sign * each for _, each in curve if math.isfinite(each))
        return min(finite, default=math.inf) > self.sign * rule.reach
