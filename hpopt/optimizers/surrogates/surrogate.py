"""The Gaussian process of a space's losses, fitted at fixed places of what was told."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpopt.core.proposals import Floats
from hpopt.numerics.gaussian_process import GaussianProcess
from hpopt.numerics.gaussian_process_fit import Prior, as_hyperparameters, fitted
from hpopt.numerics.half_rank import HalfRank, half_rank
from hpopt.optimizers.surrogates.encoding import Encoding
from hpopt.optimizers.surrogates.evidence import Evidence

PLACES = ((30, 1), (60, 2), (120, 4), (250, 8))
ANCHORS = ((10, 1), (60, 10), (120, 20), (250, 40))
SPARSE_PLACES, SPARSE_ANCHORS = 16, 80
ITERATIONS, MORE_ITERATIONS = 40, 15


def place_of(n: int) -> int:
    """Give where the hyper-parameters for n told values are fitted: after every 1st, 2nd … 16th."""
    return _rounded(n, PLACES, SPARSE_PLACES)


def anchor_of(n: int) -> int:
    """Give the place whose fit, begun at the prior, is where the fit for n values begins."""
    return _rounded(n, ANCHORS, SPARSE_ANCHORS)


def _rounded(n: int, steps: tuple[tuple[int, int], ...], last: int) -> int:
    step = next((step for below, step in steps if n < below), last)
    return n - n % step


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model of what is known.

    Attributes
    ----------
    process : GaussianProcess
    points : ndarray (n, d)
        What it was fitted to.
    means : ndarray (n,)
        Its means there.
    warp : HalfRank
        From losses to targets and back; its targets are what it was fitted to.
    lengths : ndarray (d,)
        Lengthscales of the coordinates.
    """

    process: GaussianProcess
    points: Floats
    means: Floats
    warp: HalfRank
    lengths: Floats

    @property
    def noise_share(self) -> float:
        """The noise's share of the variance of what is told, in [0, 1]."""
        parameters = self.process.parameters
        return parameters.nu / (parameters.nu + float(np.exp(parameters.scale)))


class Surrogate:
    """Fit models, each of which follows from what was told up to it, and from nothing else.

    Hyper-parameters are fitted at places of what was told, 1 to 16 values apart. Each fit begins
    at the fit of an anchor before it, which begins at the prior: whoever takes up a search makes
    two fits, however long it is, and gets the model of the one who has been there all along.

    Parameters
    ----------
    encoding : Encoding
    most : int
        How many points a model is fitted to.
    """

    def __init__(self, encoding: Encoding, most: int) -> None:
        self._encoding, self._most = encoding, most
        self._prior = Prior.of(encoding.n_effective, ~encoding.space.ordered)
        self._thetas: dict[tuple[int, bool], NDArray[np.float64]] = {}
        self._fitted: tuple[int, Fitted | None] = (-1, None)

    def of(self, evidence: Evidence) -> Fitted | None:
        """Give the model of all that is known; None where the losses cannot be told apart."""
        n = len(evidence)
        if self._fitted[0] != n:
            self._fitted = (n, self._fit(evidence, n))
        return self._fitted[1]

    def _fit(self, evidence: Evidence, n: int) -> Fitted | None:
        points, warp = self._data(evidence, n)
        if warp.is_flat:
            return None
        theta = self._theta(evidence, place_of(n))
        features = self._encoding.features(points)
        groups = self._encoding.groups
        process = GaussianProcess(features, warp.targets, groups, as_hyperparameters(theta))
        return Fitted(process, points, process.mean(features), warp, np.exp(theta[:-2]))

    def _theta(self, evidence: Evidence, n: int) -> Floats:
        """Give the hyper-parameters of the first n values, from the fit of their anchor."""
        anchor = anchor_of(n)
        start = self._once(evidence, anchor, self._prior.start, ITERATIONS, at_anchor=True)
        if n == anchor:
            return start
        return self._once(evidence, n, start, MORE_ITERATIONS, at_anchor=False)

    def _once(
        self, evidence: Evidence, n: int, start: Floats, iterations: int, *, at_anchor: bool
    ) -> Floats:
        key = n, at_anchor
        if key not in self._thetas:
            points, warp = self._data(evidence, n)
            if warp.is_flat:
                theta = start
            else:
                features, groups = self._encoding.features(points), self._encoding.groups
                starts = [(start, iterations)]
                theta = fitted(features, warp.targets, groups, self._prior, starts)
            self._thetas = {k: v for k, v in self._thetas.items() if k[1] != at_anchor}
            self._thetas[key] = theta
        return self._thetas[key]

    def _data(self, evidence: Evidence, n: int) -> tuple[Floats, HalfRank]:
        rows = evidence.kept(n, self._most)
        points = self._encoding.space.snap(evidence.points[rows])
        return points, half_rank(evidence.losses[rows])
