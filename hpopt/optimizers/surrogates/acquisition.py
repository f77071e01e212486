"""What is maximised to find the next config: a criterion of one process, and that it succeeds."""

from __future__ import annotations

from dataclasses import dataclass

from hpopt.core.proposals import Floats
from hpopt.numerics.gaussian_process import GaussianProcess
from hpopt.optimizers.surrogates.criterion import Criterion
from hpopt.optimizers.surrogates.success import Success

CAUTION = 2.0
"""How much the logarithm of the probability of a value counts beside the criterion."""


@dataclass(frozen=True, slots=True)
class Acquisition:
    """A criterion, and where evaluations fail twice the logarithm of the probability of a value.

    Attributes
    ----------
    process : GaussianProcess
        Of the losses; it may believe in pending points.
    criterion : Criterion
    success : Success or None
        None where nothing failed.
    """

    process: GaussianProcess
    criterion: Criterion
    success: Success | None = None

    def __call__(self, features: Floats) -> Floats:
        """Give its value at features (m, p), shape (m,)."""
        value = self.criterion(*self.process.predict(features))[0]
        if self.success is None:
            return value
        return value + CAUTION * self.success.log_probability(features)

    def with_gradient(self, features: Floats) -> tuple[Floats, Floats]:
        """Give its value and its gradient by the features, shapes (m,) and (m, p)."""
        there = self.process.linearised(features)
        value, by_mean, by_deviation = self.criterion(there.mean, there.deviation)
        gradient = there.gradient(by_mean, by_deviation)
        if self.success is None:
            return value, gradient
        log_probability, its_gradient = self.success.with_gradient(features)
        return value + CAUTION * log_probability, gradient + CAUTION * its_gradient
