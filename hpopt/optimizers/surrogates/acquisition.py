"""What is maximised to find the next config: a criterion of one process, and what else must be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from hpopt.core.proposals import Floats
from hpopt.numerics.gaussian_process import GaussianProcess
from hpopt.optimizers.surrogates.criterion import Criterion


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
