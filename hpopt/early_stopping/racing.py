"""Racing: stop what is behind the best trial at the same step by more than it will catch up."""

from __future__ import annotations

import math
from bisect import insort
from collections import deque
from dataclasses import dataclass

import numpy as np

from hpopt.checks import number, whole
from hpopt.core import Curve, Objective, Trial
from hpopt.core.curves import step_means
from hpopt.early_stopping.progress import Floats
from hpopt.early_stopping.rule import EarlyStoppingRule, Experience, StopTest

# Complete trials that say how far gaps still change: the best half of the latest so many. Those of
# bad trials change more, and say nothing of one that might win.
# With random search, 30 candidates of five folds, on five tasks (benchmarks/sklearn_search.py): of
# 200 searches 3 % ended a little worse than without a rule, after 2.4 times fewer fits. A margin of
# 1 loses 6 % (2.7 times fewer), all complete trials in place of the better half 0.5 % (2.2 times).
MOST_TRIALS = 60
SHARE = 0.5


@dataclass(frozen=True)
class RacingRule(EarlyStoppingRule):
    """Stop what is behind the best trial by more than complete trials ever caught up from there.

    At each step a trial is compared with the best complete trial at the same step, not at its end:
    the first fold of a cross-validation may be an easy one, for both. It is stopped where its gap
    is larger than `margin` times the usual change of such gaps from this step to the end, the root
    mean square over the better half of the complete trials.

    When to use it: reports that are means over folds, over data sets or repetitions, in the same
    order for all trials. When not: learning curves that cross, as those of networks do; use
    ``"halving"`` or ``"median"``.

    Parameters
    ----------
    margin : float, at least 0
        The larger, the less is stopped: with 2 one in forty of those that would have ended at the
        best value, if gaps change by chance.
    min_trials : int, at least 1
        How many trials must be complete before one is stopped.

    References
    ----------
    Maron and Moore 1994, "Hoeffding races"; Birattari et al. 2002, "A racing algorithm for
    configuring metaheuristics", which compare by blocks as here.
    """

    margin: float = 2.0
    min_trials: int = 3

    def __post_init__(self) -> None:
        number("margin", self.margin, 0.0)
        object.__setattr__(self, "min_trials", whole("min_trials", self.min_trials, 1))

    def begin(self, objective: Objective) -> Experience:
        """Return the race of a study, without trials yet."""
        return _Race(self, objective)


@dataclass(frozen=True)
class _Run:
    """A complete trial: its losses by step, ascending steps."""

    final: float
    number: int
    steps: Floats
    losses: Floats

    def at(self, steps: Floats) -> Floats:
        """Return its loss at each step; nan where it has none."""
        places = np.searchsorted(self.steps, steps).clip(max=len(self.steps) - 1)
        return np.where(self.steps[places] == steps, self.losses[places], np.nan)


class _Race(Experience):
    """Keep the best complete trial, and how gaps to it have changed."""

    def __init__(self, rule: RacingRule, objective: Objective) -> None:
        self._rule, self._objective = rule, objective
        self._latest: deque[_Run] = deque(maxlen=MOST_TRIALS)
        self._best: _Run | None = None
        self._n, self._test, self._is_known = 0, None, True  # type: int, StopTest | None, bool

    def learn(self, trial: Trial) -> None:
        """Learn the curve of a complete trial."""
        if trial.status != "complete" or not trial.outcome.curve:
            return
        steps, losses = step_means(trial.outcome.curve, self._objective.sign)
        final = self._objective.loss(trial.outcome.values)
        if not math.isfinite(final):
            return
        run = _Run(final, trial.number, steps, losses)
        self._latest.append(run)
        self._n += 1
        if self._best is None or final < self._best.final:
            self._best = run
        self._is_known = False

    def snapshot(self) -> StopTest | None:
        """Return the test of what is known now; None while there are too few trials."""
        if not self._is_known:
            self._test, self._is_known = self._made(), True
        return self._test

    def _made(self) -> StopTest | None:
        best = self._best
        if best is None or self._n < self._rule.min_trials:
            return None
        others: list[tuple[float, int, _Run]] = []
        for each in self._latest:
            if each is not best:
                insort(others, (each.final, each.number, each), key=lambda entry: entry[:2])
        rivals = [each for _, _, each in others[: max(1, math.ceil(SHARE * len(others)))]]
        gaps = np.array([each.at(best.steps) - best.losses for each in rivals])
        ends = np.array([each.final - best.final for each in rivals])
        with np.errstate(all="ignore"):
            changes = np.square(ends[:, None] - gaps)
            known = np.isfinite(changes)
            usual = np.sqrt(np.where(known, changes, 0).sum(0) / known.sum(0))
        bars = {
            float(step): (float(loss), float(margin))
            for step, loss, margin in zip(best.steps, best.losses, usual, strict=True)
            if math.isfinite(loss) and math.isfinite(margin)
        }
        return _Behind(bars, best.final, self._rule.margin, self._objective.sign) if bars else None


@dataclass(frozen=True)
class _Behind:
    """Compare the last report of a curve with that of the best trial at the same step."""

    bars: dict[float, tuple[float, float]]
    final: float
    margin: float
    sign: int

    def _gap(self, curve: Curve) -> tuple[float, float]:
        steps, losses = step_means(curve[-1:], self.sign) if curve else (np.empty(0), np.empty(0))
        bar = self.bars.get(float(steps[0])) if len(steps) else None
        if bar is None:
            return math.nan, math.nan
        return float(losses[0]) - bar[0], bar[1]

    def __call__(self, curve: Curve) -> bool:
        gap, change = self._gap(curve)
        return gap > self.margin * change

    def forecast(self, curve: Curve) -> float | None:
        """Return the value that a trial ends at, if its gap to the best one stays as it is."""
        gap, _ = self._gap(curve)
        return None if math.isnan(gap) else self.sign * (self.final + gap)
