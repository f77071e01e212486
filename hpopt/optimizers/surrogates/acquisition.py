"""What is maximised to find the next config: an acquisition function and feasibility.

One of three acquisition functions is drawn for each ask. The idea of Cowen-Rivers et al. 2022
(HEBO), https://arxiv.org/abs/2012.03826, section 4.3, that several disagree to good effect, without
its search for a Pareto front. Feasibility is learned in the manner of Gelbart, Snoek & Adams 2014,
"Bayesian optimization with unknown constraints", https://arxiv.org/abs/1403.5607; the classifier is
that of Rasmussen & Williams 2006, section 6.5.
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
from hpopt.numerics.gaussian_process import GaussianProcess

KINDS = ("log_ei", "lcb", "log_pi")
DRAWN = ("log_ei", "log_ei", "lcb")
"""One of these is drawn where the best config is among what is searched: the probability of
improvement would take a small gain that is sure before any large one that is not."""
MARGIN = 0.01


@dataclass(frozen=True, slots=True)
class Criterion:
    """How promising a prediction is.

    Attributes
    ----------
    kind : {"log_ei", "lcb", "log_pi"}
    best : float
        The target to improve on.
    n : int
        How many values are known: the confidence bound's κ is √(1 + ln n).
    """

    kind: str
    best: float
    n: int

    def __call__(self, mean: Floats, deviation: Floats) -> Valued:
        """Give value and derivatives by mean and deviation, each of shape (n,)."""
        if self.kind == "log_ei":
            return acquisition.log_expected_improvement(mean, deviation, self.best)
        if self.kind == "lcb":
            kappa = math.sqrt(1 + math.log(self.n))
            return acquisition.lower_confidence_bound(mean, deviation, kappa)
        return acquisition.log_probability_of_improvement(mean, deviation, self.best - MARGIN)


class Success:
    """The probability of a value, from a process of +1 for what failed and -1 for what did not.

    Its noise says how much of failing no place explains: where evaluations fail at random it is
    large, and what failed says little of its surroundings; where they fail in a part of the
    space it is small. With the process's mean μ and variance σ², and the noise ν::

        P(value | x) = Φ(-μ / √(σ² + ν))

    Parameters
    ----------
    process : GaussianProcess
    """

    def __init__(self, process: GaussianProcess) -> None:
        self._process = process

    def log_probability(self, features: Floats) -> Floats:
        """Give log P at features (m, p), shape (m,)."""
        mean, deviation = self._process.predict(features)
        return log_probability_of_improvement(mean, self._with_noise(deviation), 0.0)[0]

    def with_gradient(self, features: Floats) -> tuple[Floats, Floats]:
        """Give log P and its gradient by the features, shapes (m,) and (m, p)."""
        there = self._process.linearised(features)
        spread = self._with_noise(there.deviation)
        value, by_mean, by_spread = log_probability_of_improvement(there.mean, spread, 0.0)
        return value, there.gradient(by_mean, by_spread * there.deviation / spread)

    def _with_noise(self, deviation: Floats) -> Floats:
        return np.sqrt(deviation * deviation + self._process.parameters.nu)


class Chance(Protocol):
    """How likely something is at a config."""

    def log_probability(self, features: Floats) -> Floats:
        """Give log P at features (m, p), shape (m,)."""

    def with_gradient(self, features: Floats) -> tuple[Floats, Floats]:
        """Give log P and its gradient by the features, shapes (m,) and (m, p)."""


@dataclass(frozen=True, slots=True)
class Acquisition:
    """A criterion, and logarithms of what else must happen for a config to be worth it.

    Attributes
    ----------
    process : GaussianProcess
        Of the losses; it may believe in pending points.
    criterion : Criterion
    chances : sequence of (float, Chance)
        Those probabilities, each with how much it counts beside the criterion.
    """

    process: GaussianProcess
    criterion: Criterion
    chances: Sequence[tuple[float, Chance]] = ()

    def __call__(self, features: Floats) -> Floats:
        """Give its value at features (m, p), shape (m,)."""
        value = self.criterion(*self.process.predict(features))[0]
        for weight, chance in self.chances:
            value = value + weight * chance.log_probability(features)
        return value

    def with_gradient(self, features: Floats) -> tuple[Floats, Floats]:
        """Give its value and its gradient by the features, shapes (m,) and (m, p)."""
        there = self.process.linearised(features)
        value, by_mean, by_deviation = self.criterion(there.mean, there.deviation)
        gradient = there.gradient(by_mean, by_deviation)
        for weight, chance in self.chances:
            log_probability, its_gradient = chance.with_gradient(features)
            value, gradient = value + weight * log_probability, gradient + weight * its_gradient
        return value, gradient
