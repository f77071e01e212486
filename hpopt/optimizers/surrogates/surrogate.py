"""The Gaussian processes of a space: of its losses, and of what fails."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpopt.core.proposals import Floats
from hpopt.numerics.gaussian_process import GaussianProcess
from hpopt.numerics.gaussian_process_fit import Noise, Prior, as_hyperparameters
from hpopt.numerics.half_rank import HalfRank, half_rank
from hpopt.optimizers.surrogates.encoding import Encoding
from hpopt.optimizers.surrogates.evidence import Evidence
from hpopt.optimizers.surrogates.places import Data, FitsAtPlaces
from hpopt.optimizers.surrogates.plateaus import Metric, Plateaus
from hpopt.optimizers.surrogates.success import Success

OF_FAILURES = Noise(mean=math.log(0.3), deviation=1.0, start=math.log(0.3))
"""Of +1 and -1: a priori a third of what fails, or a half, is by chance."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model of what is known.

    Attributes
    ----------
    process : GaussianProcess
        Of the losses.
    points : ndarray (n, d)
        What it was fitted to: what gave a value.
    means : ndarray (n,)
        Its means there.
    warp : HalfRank
        From losses to targets and back; its targets are what it was fitted to.
    lengths : ndarray (d,)
        Lengthscales of the coordinates.
    success : Success or None
        Where evaluations give values; None where none failed.
    plateaus : Plateaus or None
        Where they give other values than known ones; None where no plateaus are seen.
    """

    process: GaussianProcess
    points: Floats
    means: Floats
    warp: HalfRank
    lengths: Floats
    success: Success | None
    plateaus: Plateaus | None

    @property
    def best(self) -> Floats:
        """The point of the best mean, among those it was fitted to, shape (d,)."""
        return np.asarray(self.points[self.means.argmin()])

    @property
    def noise_share(self) -> float:
        """The noise's share of the variance of what is told, in [0, 1]."""
        parameters = self.process.parameters
        return parameters.nu / (parameters.nu + float(np.exp(parameters.scale)))


class Surrogate:
    """Fit models, each of which follows from what was told up to it, and from nothing else.

    What failed is no loss: it is learned apart, so that a failure by chance does not spoil a
    good place. Only where the losses themselves cannot be told apart it counts as the worst.

    Parameters
    ----------
    encoding : Encoding
    most : int
        How many points a model is fitted to.
    """

    def __init__(self, encoding: Encoding, most: int) -> None:
        self._encoding, self._most = encoding, most
        d, is_choice = encoding.n_effective, ~encoding.space.ordered
        self._of_losses = FitsAtPlaces(Prior.of(d, is_choice), encoding.groups)
        prior = Prior.of(d, is_choice, noise=OF_FAILURES)
        self._of_failures = FitsAtPlaces(prior, encoding.groups)
        self._fitted: tuple[int, Fitted | None] = (-1, None)

    def of(self, evidence: Evidence) -> Fitted | None:
        """Give the model of all that is known; None where the losses cannot be told apart."""
        n = len(evidence)
        if self._fitted[0] != n:
            self._fitted = (n, self._fit(evidence, n))
        return self._fitted[1]

    def _fit(self, evidence: Evidence, n: int) -> Fitted | None:
        rows, warp = self._valued(evidence, n)
        if warp.is_flat:
            return None

        def losses(n: int) -> Data | None:
            rows, warp = self._valued(evidence, n)
            return None if warp.is_flat else (self._features(evidence, rows), warp.targets)

        theta = self._of_losses.of(n, losses)
        points = self._points(evidence, rows)
        features = self._encoding.features(points)
        process = self._process(features, warp.targets, theta)
        lengths, told = np.exp(theta[:-2]), evidence.losses[rows]
        valued = bool(np.isfinite(told).all())
        return Fitted(
            process,
            points,
            process.mean(features),
            warp,
            lengths,
            self._success(evidence, n) if valued else None,
            self._plateaus(features, told, lengths) if valued else None,
        )

    def _valued(self, evidence: Evidence, n: int) -> tuple[NDArray[np.int64], HalfRank]:
        """Give the rows, of the first n, that the losses are learned from, and their targets."""
        rows = evidence.kept(n, self._most, valued=True)
        warp = half_rank(evidence.losses[rows])
        if warp.is_flat and len(rows) < n:
            rows = evidence.kept(n, self._most)
            warp = half_rank(evidence.losses[rows])
        return rows, warp

    def _success(self, evidence: Evidence, n: int) -> Success | None:
        """Give where evaluations give values; None where all of the first n did."""

        def failures(n: int) -> Data | None:
            rows = evidence.kept(n, self._most)
            failed = ~np.isfinite(evidence.losses[rows])
            if not failed.any():
                return None
            return self._features(evidence, rows), np.where(failed, 1.0, -1.0)

        data = failures(n)
        if data is None:
            return None
        return Success(self._process(*data, self._of_failures.of(n, failures)))

    def _plateaus(self, features: Floats, losses: Floats, lengths: Floats) -> Plateaus | None:
        """Give where losses differ from known ones; None where that is everywhere.

        Near is what is so in lengthscales, or in shares of the ranges; numbers in steps have
        plateaus where continuous ones have; and some choices change nothing.
        """
        encoding, groups = self._encoding, self._encoding.groups
        if not encoding.smooth.any():
            return None
        numeric = encoding.smooth.copy()
        numeric[encoding.stepped] = True
        kinds = (encoding.smooth, numeric) if encoding.stepped.size else (encoding.smooth,)
        roots = 1.0 / lengths[groups]
        plain = np.ones_like(roots)
        metrics = [
            Metric(each, kind[groups], ~kind[groups]) for each in (roots, plain) for kind in kinds
        ]
        choices = [groups == column for column in encoding.choices]
        return Plateaus.seen(features, losses, metrics, choices)

    def _points(self, evidence: Evidence, rows: NDArray[np.int64]) -> Floats:
        return self._encoding.space.snap(evidence.points[rows])

    def _features(self, evidence: Evidence, rows: NDArray[np.int64]) -> Floats:
        return self._encoding.features(self._points(evidence, rows))

    def _process(self, features: Floats, targets: Floats, theta: Floats) -> GaussianProcess:
        return GaussianProcess(features, targets, self._encoding.groups, as_hyperparameters(theta))
