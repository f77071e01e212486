"""The acquisition function of several objectives: expected hypervolume, and probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hpopt.core.proposals import Floats
from hpopt.numerics.hypervolume_improvement import ExpectedHypervolume
from hpopt.optimizers.surrogates.acquisition import (
    Posterior,
    Weighted,
    plus_probabilities,
    plus_with_gradient,
)


@dataclass(frozen=True, slots=True)
class FrontAcquisition:
    """Log expected hypervolume improvement plus weighted logarithms of probabilities.

    Attributes
    ----------
    processes : sequence of Posterior
        One for each objective; they may be conditioned on pending points.
    improvement : ExpectedHypervolume
    probabilities : sequence of (float, Probability)
    """

    processes: Sequence[Posterior]
    improvement: ExpectedHypervolume
    probabilities: Weighted = ()

    def __call__(self, features: Floats) -> Floats:
        """Return the value at features (m, p), shape (m,)."""
        means, deviations = zip(
            *(process.predict(features) for process in self.processes), strict=True
        )
        value = self.improvement(np.stack(means, axis=1), np.stack(deviations, axis=1))
        return plus_probabilities(value, self.probabilities, features)

    def with_gradient(self, features: Floats) -> tuple[Floats, Floats]:
        """Return the value and its gradient by the features, shapes (m,) and (m, p)."""
        there = [process.linearised(features) for process in self.processes]
        value, by_means, by_deviations = self.improvement.with_gradient(
            np.stack([each.mean for each in there], axis=1),
            np.stack([each.deviation for each in there], axis=1),
        )
        gradient = np.zeros_like(features)
        for each, by_mean, by_deviation in zip(there, by_means.T, by_deviations.T, strict=True):
            gradient += each.gradient(by_mean, by_deviation)
        return plus_with_gradient(value, gradient, self.probabilities, features)
