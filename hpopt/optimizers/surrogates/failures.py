"""Where evaluations fail: a Gaussian process of the failures."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hpopt.core.proposals import Floats
from hpopt.numerics.gaussian_process import GaussianProcess
from hpopt.numerics.gaussian_process_fit import Noise, Prior, as_hyperparameters
from hpopt.optimizers.surrogates.acquisition import Feasibility
from hpopt.optimizers.surrogates.encoding import Encoding, Ints
from hpopt.optimizers.surrogates.refits import Data, RefitSchedule

# The targets are +1 and -1: a priori a third to a half of the failures are by chance.
OF_FAILURES = Noise(mean=math.log(0.3), deviation=1.0, start=math.log(0.3))


class Valued(Protocol):
    """Observations, of which some gave no value; of one objective or of several."""

    @property
    def points(self) -> Floats:
        """Shape (n, d), in [0, 1]."""

    def __len__(self) -> int:
        """Return their number."""

    def valued(self, n: int) -> NDArray[np.bool_]:
        """Return which of the first n evaluations gave a value, shape (n,)."""

    def subset(self, n: int, most: int) -> Ints:
        """Return at most `most` rows to learn from, of the first n, ascending."""


class FailureModel:
    """The probability of a value, which depends on the observations only.

    Parameters
    ----------
    encoding : Encoding
    most : int
        How many points it is fitted to at most.
    """

    def __init__(self, encoding: Encoding, most: int) -> None:
        self._encoding, self._most = encoding, most
        d, is_choice = encoding.n_effective, ~encoding.space.ordered
        prior = Prior.for_groups(d, is_choice, noise=OF_FAILURES)
        self._schedule = RefitSchedule(prior, encoding.groups)

    def at(self, observed: Valued) -> Feasibility | None:
        """Return the model of all observations; None where none failed."""
        n = len(observed)
        data = self._data(observed, n)
        if data is None:
            return None
        theta = self._schedule.hyperparameters(n, lambda n: self._data(observed, n))
        groups = self._encoding.groups
        return Feasibility(GaussianProcess(*data, groups, as_hyperparameters(theta)))

    def _data(self, observed: Valued, n: int) -> Data | None:
        rows = observed.subset(n, self._most)
        failed = ~observed.valued(n)[rows]
        if not failed.any():
            return None
        features = self._encoding.features_at(observed.points[rows])
        return features, np.where(failed, 1.0, -1.0)
