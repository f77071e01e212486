"""The acquisition function of a config: a criterion of the losses' process, and probabilities.

One of several criteria is drawn for each ask, after Cowen-Rivers et al. 2022 (HEBO),
https://arxiv.org/abs/2012.03826, section 4.3, without their search for a Pareto front. Feasibility
is learned as by Gelbart, Snoek & Adams 2014, "Bayesian optimization with unknown constraints",
https://arxiv.org/abs/1403.5607, with the classifier of Rasmussen & Williams 2006, section 6.5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from hpopt.core.proposals import Floats
from hpopt.numerics import acquisition
from hpopt.numerics.acquisition import Valued, log_probability_of_improvement
from hpopt.numerics.gaussian_process import GaussianProcess, Linearised

KINDS = ("log_ei", "lcb", "log_pi")
# Drawn from where the best config is part of what is searched: there the probability of improvement
# would prefer a small, sure gain to any large one. Log EI alone was not better.
DRAWN = ("log_ei", "log_ei", "lcb")
MARGIN = 0.01  # of log PI, in deviations of the targets: without one, no gain at all is likeliest


@dataclass(frozen=True, slots=True)
class Criterion:
    """How promising a prediction is.

    Attributes
    ----------
    kind : {"log_ei", "lcb", "log_pi", "log_lcb"}
        The last ranks as ``"lcb"``, and is a logarithm as the others are.
    best : float
        The target to improve on.
    n : int
        The number of known values: the confidence bound's κ is √(1 + ln n).
    """

    kind: str
    best: float
    n: int

    @property
    def kappa(self) -> float:
        """How many deviations the confidence bound lies below the mean."""
        return math.sqrt(1 + math.log(self.n))

    def __call__(self, mean: Floats, deviation: Floats) -> Valued:
        """Return the value and its derivatives by mean and deviation, each of shape (n,)."""
        if self.kind == "log_ei":
            return acquisition.log_expected_improvement(mean, deviation, self.best)
        if self.kind == "lcb":
            return acquisition.lower_confidence_bound(mean, deviation, self.kappa)
        if self.kind == "log_lcb":
            return acquisition.log_bound_improvement(mean, deviation, self.best, self.kappa)
        return log_probability_of_improvement(mean, deviation, self.best - MARGIN)


class Probability(Protocol):
    """The probability of something at a config."""

    def log_probability(self, features: Floats) -> Floats:
        """Return log P at features (m, p), shape (m,)."""

    def with_gradient(self, features: Floats) -> tuple[Floats, Floats]:
        """Return log P and its gradient by the features, shapes (m,) and (m, p)."""


Weighted = Sequence[tuple[float, Probability]]
"""Probabilities, each with the weight of its logarithm."""


def plus_probabilities(value: Floats, weighted: Weighted, features: Floats) -> Floats:
    """Return a value (m,) at features (m, p) plus the weighted logarithms of probabilities."""
    for weight, probability in weighted:
        value = value + weight * probability.log_probability(features)
    return value


def plus_with_gradient(
    value: Floats, gradient: Floats, weighted: Weighted, features: Floats
) -> tuple[Floats, Floats]:
    """Return the same, and the gradient by the features, shapes (m,) and (m, p)."""
    for weight, probability in weighted:
        log_probability, its_gradient = probability.with_gradient(features)
        value, gradient = value + weight * log_probability, gradient + weight * its_gradient
    return value, gradient


class Posterior(Protocol):
    """What is believed of the losses of configs."""

    def predict(self, features: Floats) -> tuple[Floats, Floats]:
        """Return mean and deviation at features (m, p), shapes (m,)."""

    def linearised(self, features: Floats) -> Linearised:
        """Return the same, with what their gradients need."""


class Score(Protocol):
    """How promising configs are; an `Acquisition`, or one of several objectives."""

    def __call__(self, features: Floats) -> Floats:
        """Return the value at features (m, p), shape (m,)."""

    def with_gradient(self, features: Floats) -> tuple[Floats, Floats]:
        """Return the value and its gradient by the features, shapes (m,) and (m, p)."""


class Feasibility:
    """The probability of a value, from a process of +1 for failed and -1 for other evaluations.

    With the process's mean μ and variance σ², and the noise ν::

        P(value | x) = Φ(-μ / √(σ² + ν))

    The fitted noise is the share of failures that no place explains. Where evaluations fail at
    random it is large, and a failure says little about its surroundings; where they fail in a part
    of the space it is small. Of a constraint's values the noise is none of the probability's, and
    left out.
    """

    def __init__(self, process: GaussianProcess, *, has_noise: bool = True) -> None:
        self._process = process
        self._nu = process.parameters.nu if has_noise else 0.0

    def log_probability(self, features: Floats) -> Floats:
        """Return log P at features (m, p), shape (m,)."""
        mean, deviation = self._process.predict(features)
        return log_probability_of_improvement(mean, self._with_noise(deviation), 0.0)[0]

    def with_gradient(self, features: Floats) -> tuple[Floats, Floats]:
        """Return log P and its gradient by the features, shapes (m,) and (m, p)."""
        there = self._process.linearised(features)
        spread = self._with_noise(there.deviation)
        value, by_mean, by_spread = log_probability_of_improvement(there.mean, spread, 0.0)
        # d spread / d deviation = deviation / spread, as spread² = deviation² + ν.
        return value, there.gradient(by_mean, by_spread * there.deviation / spread)

    def _with_noise(self, deviation: Floats) -> Floats:
        return np.sqrt(deviation * deviation + self._nu)


@dataclass(frozen=True, slots=True)
class Acquisition:
    """A criterion plus weighted logarithms of probabilities.

    Attributes
    ----------
    process : Posterior
        Of the losses; it may be conditioned on pending points.
    criterion : Criterion
    probabilities : sequence of (float, Probability)
    """

    process: Posterior
    criterion: Criterion
    probabilities: Weighted = ()

    def __call__(self, features: Floats) -> Floats:
        """Return the value at features (m, p), shape (m,)."""
        value = self.criterion(*self.process.predict(features))[0]
        return plus_probabilities(value, self.probabilities, features)

    def with_gradient(self, features: Floats) -> tuple[Floats, Floats]:
        """Return the value and its gradient by the features, shapes (m,) and (m, p)."""
        there = self.process.linearised(features)
        value, by_mean, by_deviation = self.criterion(there.mean, there.deviation)
        gradient = there.gradient(by_mean, by_deviation)
        return plus_with_gradient(value, gradient, self.probabilities, features)
