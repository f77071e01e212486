"""Extrapolation: stop what will hardly beat the best, by a model of learning curves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hpopt.checks import real, share, whole
from hpopt.core import Curve, Objective, Trial
from hpopt.early_stopping.progress import Comparison, Floats, Progress
from hpopt.early_stopping.rule import (
    EarlyStoppingRule,
    Experience,
    StopTest,
    first_step,
    warmup,
)
from hpopt.errors import SettingError
from hpopt.numerics.curve_forecast import CurveForecast, forecast

Reports = tuple[Floats, Floats]

# The model is fitted anew when there are an eighth more curves: what it says of a curve hardly
# changes in between, and a fit takes tens of milliseconds.
GROWTH = 1.125
# Curves of a fit, the latest: a fit takes a time linear in them, .1 s for so many.
MOST_CURVES = 200
# Reports of a curve that are kept: the model looks at some ten, at halved steps.
MOST_REPORTS = 200
LARGEST = 1e100  # the model squares losses; a larger one has diverged


@dataclass(frozen=True)
class ExtrapolationRule(EarlyStoppingRule):
    """Stop what will be better than the best with a small probability only.

    A model of all curves so far, finished or not, forecasts the last value of a curve from its
    reports, with a probability (after Domhan et al. 2015; see `hpopt.numerics.curve_forecast`).
    A trial is stopped where it will be better than the best complete trial with less than
    `probability`. As for the median rule, nothing is stopped in the first tenth of the steps, nor
    where a trial among the best quarter was no better at the same step.

    Steps should count from 0 or 1 to the same end in all trials. Reports of nan or infinity are
    left out.

    When to use it: long curves of one kind, such as epochs of networks. When not: fewer than some
    20 trials, or trials of different lengths.

    Parameters
    ----------
    probability : float, in (0, 1)
        The larger, the more is stopped.
    warmup_steps : float, at least 0, optional
        Never stop before this step. By default a tenth of the steps of the longest complete trial.
    min_trials : int, at least 1
        How many trials must be complete before one is stopped.
    protect : float, in [0, 1]
        A share of the complete trials, the best: what is as good at a step as the worst of them
        was there is not stopped. At least one trial, and at most ten; 0 protects none.

    References
    ----------
    Domhan et al. 2015, "Speeding up automatic hyperparameter optimization of deep neural networks
    by extrapolation of learning curves". https://www.ijcai.org/Proceedings/15/Papers/487.pdf
    """

    probability: float = 0.05
    warmup_steps: float | None = None
    min_trials: int = 5
    protect: float = 0.25

    def __post_init__(self) -> None:
        found = real(self.probability)
        if found is None or not 0 < found < 1:
            raise SettingError(
                f"0 < probability < 1 must hold, but got {self.probability!r}: what beats the "
                "best with a smaller probability is stopped"
            )
        warmup(self.warmup_steps)
        object.__setattr__(self, "min_trials", whole("min_trials", self.min_trials, 1))
        share("protect", self.protect)

    def begin(self, objective: Objective) -> Experience:
        """Return the curves of a study, without trials yet."""
        return _Curves(self, objective)


class _Curves(Comparison):
    """Keep the curves, thinned, and fit a model of them whenever there are enough more."""

    def __init__(self, rule: ExtrapolationRule, objective: Objective) -> None:
        super().__init__(rule.protect, objective)
        self._rule, self._objective = rule, objective
        self._curves: list[Reports] = []
        self._best = math.inf
        self._model: _Model | None = None
        self._n_fitted, self._next_fit = 0, 1.0

    def learn(self, trial: Trial) -> None:
        """Learn the finite reports of a curve, whatever became of the trial."""
        if self._protected.learn(trial) is not None:
            self._best = min(self._best, self._objective.loss(trial.outcome.values))
        reports = _finite(trial.outcome.curve, self._objective.sign)
        if not len(reports[0]):
            return
        self._curves.append(_thinned(*reports))
        n = len(self._curves)
        # Which curves a model is fitted to follows from what was learned, not from who asked when.
        if self._protected.n >= self._rule.min_trials and n >= self._next_fit:
            self._n_fitted, self._next_fit, self._model = n, n * GROWTH, None
        self._is_known = False

    def _made(self) -> StopTest | None:
        if not self._n_fitted or not math.isfinite(self._best):
            return None
        if self._model is None:
            curves = self._curves[: self._n_fitted]
            self._model = _Model.of(curves[-MOST_CURVES:])
        rule = self._rule
        return _HardlyBetter(
            self._model,
            self._best,
            rule.probability,
            first_step(rule.warmup_steps, self._protected.high),
            self._protected.worst(MOST_REPORTS),
            self._objective.sign,
        )


@dataclass(frozen=True)
class _Model:
    """A forecast of curves whose steps may begin at 0."""

    forecast: CurveForecast
    shift: float

    @staticmethod
    def of(curves: Sequence[Reports]) -> _Model:
        low = min(float(steps[0]) for steps, _ in curves)
        high = max(float(steps[-1]) for steps, _ in curves)
        shift = 0.0 if low > 0 else 1.0 - low  # times must be above 0, for their logarithm
        shifted = [(steps + shift, losses) for steps, losses in curves]
        with np.errstate(all="ignore"):  # of losses that differ beyond all measure
            return _Model(forecast(shifted, low + shift, high + shift), shift)

    def probability_below(self, bar: float, steps: Floats, losses: Floats) -> float:
        steps = steps + self.shift
        known = (steps > 0) & (steps < self.forecast.high)
        with np.errstate(all="ignore"):  # where it is nan, nothing is stopped
            return self.forecast.probability_below(bar, steps[known], losses[known])


@dataclass(frozen=True)
class _HardlyBetter:
    """Ask the model whether a curve has a chance."""

    model: _Model
    best: float
    probability: float
    first: float
    protected: Progress
    sign: int

    def __call__(self, curve: Curve) -> bool:
        if not curve or not self.first <= curve[-1][0] < self.protected.steps[-1]:
            return False
        steps, losses = _finite(curve, self.sign)
        if not len(steps) or losses.min() <= self.protected.at(steps[-1:])[0]:
            return False
        return self.model.probability_below(self.best, steps, losses) < self.probability


def _finite(curve: Curve, sign: int) -> Reports:
    steps, values = np.array(curve, dtype=np.float64).reshape(-1, 2).T
    known = np.abs(values) < LARGEST  # and nan is not
    return steps[known], sign * values[known]


def _thinned(steps: Floats, losses: Floats) -> Reports:
    places = np.unique(np.linspace(0, len(steps) - 1, MOST_REPORTS).round().astype(np.int64))
    return steps[places], losses[places]
