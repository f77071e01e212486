"""Where constraints are met: a Gaussian process of the values of each.

Gardner et al. 2014, "Bayesian optimization with inequality constraints",
https://proceedings.mlr.press/v32/gardner14.html, with values transformed as by Eriksson & Poloczek
2021, https://arxiv.org/abs/2002.08526.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from hpopt.core.proposals import Floats
from hpopt.numerics.bilog import bilog
from hpopt.numerics.gaussian_process import GaussianProcess
from hpopt.numerics.gaussian_process_fit import Prior, as_hyperparameters
from hpopt.optimizers.surrogates.acquisition import (
    Feasibility,
    Probability,
    Weighted,
    plus_probabilities,
    plus_with_gradient,
)
from hpopt.optimizers.surrogates.encoding import Encoding, Ints
from hpopt.optimizers.surrogates.refits import Data, RefitSchedule

# Of log P(a constraint is met) beside the criterion. With 2 what is feasible is never left where
# it lies in pieces (a share of .43 in place of .69 on C2-DTLZ2).
CONSTRAINT_WEIGHT = 1.0


class Bounded(Protocol):
    """Observations with the values of constraints."""

    @property
    def points(self) -> Floats:
        """Shape (n, d), in [0, 1]."""

    @property
    def violations(self) -> Floats:
        """Shape (n, k): at most 0 where a constraint is met, nan where that is not known."""

    def __len__(self) -> int:
        """Return their number."""

    def subset(self, n: int, most: int, *, valued: bool = False) -> Ints:
        """Return at most `most` rows to learn from, of the first n, ascending."""


@dataclass(frozen=True, slots=True)
class ConstraintProcesses:
    """A process of each constraint, in which what is above 0 breaks it."""

    processes: tuple[GaussianProcess, ...]

    def probabilities(self, pending: Floats) -> list[tuple[float, Probability]]:
        """Return the probability that each is met, with its weight.

        Parameters
        ----------
        pending : ndarray (q, p)
            The features of pending points, which count as known.
        """
        believed = (p.condition_on(pending) if len(pending) else p for p in self.processes)
        return [(CONSTRAINT_WEIGHT, Feasibility(each, has_noise=False)) for each in believed]


class ConstraintModels:
    """The models of all constraints, which depend on the observations only.

    Parameters
    ----------
    encoding : Encoding
    n_constraints : int
    most : int
        How many points a model is fitted to at most.
    """

    def __init__(self, encoding: Encoding, n_constraints: int, most: int) -> None:
        self._encoding, self._most = encoding, most
        prior = Prior.for_groups(encoding.n_effective, ~encoding.space.ordered)
        self._schedules = [RefitSchedule(prior, encoding.groups) for _ in range(n_constraints)]

    def at(self, observed: Bounded) -> ConstraintProcesses:
        """Return the models of all observations, of what is known of each constraint."""
        found = (self._process(observed, k) for k in range(len(self._schedules)))
        return ConstraintProcesses(tuple(each for each in found if each is not None))

    def _process(self, observed: Bounded, k: int) -> GaussianProcess | None:
        n = len(observed)
        data = self._data(observed, k, n)
        if data is None:
            return None
        theta = self._schedules[k].hyperparameters(n, lambda n: self._data(observed, k, n))
        return GaussianProcess(*data, self._encoding.groups, as_hyperparameters(theta))

    def _data(self, observed: Bounded, k: int, n: int) -> Data | None:
        rows = observed.subset(n, self._most, valued=True)
        rows = rows[np.isfinite(observed.violations[rows, k])]
        if not len(rows):
            return None
        features = self._encoding.features_at(observed.points[rows])
        return features, bilog(observed.violations[rows, k])


@dataclass(frozen=True, slots=True)
class OnlyProbabilities:
    """The weighted logarithms of probabilities, where there is nothing to improve on yet."""

    probabilities: Weighted

    def __call__(self, features: Floats) -> Floats:
        """Return the value at features (m, p), shape (m,)."""
        return plus_probabilities(np.zeros(len(features)), self.probabilities, features)

    def with_gradient(self, features: Floats) -> tuple[Floats, Floats]:
        """Return the value and its gradient by the features, shapes (m,) and (m, p)."""
        value, gradient = np.zeros(len(features)), np.zeros_like(features)
        return plus_with_gradient(value, gradient, self.probabilities, features)
