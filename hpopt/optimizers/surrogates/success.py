"""How likely an evaluation is to give a value: a second process, of what failed and what did not.

Constrained search in the manner of Gelbart, Snoek & Adams 2014, "Bayesian optimization with
unknown constraints", https://arxiv.org/abs/1403.5607; the classifier is that of Rasmussen &
Williams 2006, section 6.5.
"""

from __future__ import annotations

import numpy as np

from hpopt.core.proposals import Floats
from hpopt.numerics.acquisition import log_probability_of_improvement
from hpopt.numerics.gaussian_process import GaussianProcess


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
