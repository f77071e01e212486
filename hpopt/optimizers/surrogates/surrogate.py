"""The Gaussian processes of a space: of its losses, of what fails, and when they are refitted."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpopt.core import Objective
from hpopt.core.proposals import Floats
from hpopt.numerics.gaussian_process import GaussianProcess
from hpopt.numerics.gaussian_process_fit import (
    Noise,
    Prior,
    as_hyperparameters,
    fit_hyperparameters,
)
from hpopt.numerics.rank_transform import RankTransform, rank_transform
from hpopt.optimizers.surrogates.acquisition import Success
from hpopt.optimizers.surrogates.encoding import Encoding
from hpopt.optimizers.surrogates.evidence import Evidence
from hpopt.optimizers.surrogates.plateaus import Metric, Plateaus

PLACES = ((30, 1), (60, 2), (120, 4), (250, 8))
ANCHORS = ((10, 1), (60, 10), (120, 20), (250, 40))
SPARSE_PLACES, SPARSE_ANCHORS = 16, 80
EVALUATIONS = 50
AT_ANCHOR, AT_PLACE = 1e-5, 1e-4
"""How exact fits are: the tolerance of their descents."""

Data = tuple[Floats, Floats]
"""Features (m, p) and targets (m,)."""
First = Callable[[int], Data | None]
"""Gives the data of the first n told values; None where there is nothing to learn."""


def place_of(n: int) -> int:
    """Give where the hyper-parameters for n told values are fitted: after every 1st, 2nd … 16th."""
    return _rounded(n, PLACES, SPARSE_PLACES)


def anchor_of(n: int) -> int:
    """Give the place whose fit, begun at the prior, is where the fit for n values begins."""
    return _rounded(n, ANCHORS, SPARSE_ANCHORS)


def _rounded(n: int, steps: tuple[tuple[int, int], ...], last: int) -> int:
    step = next((step for below, step in steps if n < below), last)
    return n - n % step


class FitsAtPlaces:
    """Fit hyper-parameters, which follow from what was told up to there and nothing else.

    They are fitted at places of what was told, 1 to 16 values apart. Each fit begins at the fit
    of an anchor before it, which begins at the prior: whoever takes up a search makes two fits,
    however long it is, and gets the model of the one who has been there all along.

    Parameters
    ----------
    prior : Prior
    groups : ndarray (p,) of int
        Which lengthscale each feature has.
    """

    def __init__(self, prior: Prior, groups: NDArray[np.int64]) -> None:
        self._prior, self._groups = prior, groups
        self._thetas: dict[tuple[int, bool], Floats] = {}

    def of(self, n: int, data: First) -> Floats:
        """Give the logarithms of lengthscales, scale and noise for n told values."""
        place = place_of(n)
        anchor = anchor_of(place)
        start = self._once(data, anchor, self._prior.start, at_anchor=True)
        if place == anchor:
            return start
        return self._once(data, place, start, at_anchor=False)

    def _once(self, data: First, n: int, start: Floats, *, at_anchor: bool) -> Floats:
        key = n, at_anchor
        if key not in self._thetas:
            found = data(n)
            theta = start
            if found is not None:
                theta = fit_hyperparameters(
                    *found,
                    self._groups,
                    self._prior,
                    start,
                    evaluations=EVALUATIONS,
                    tolerance=AT_ANCHOR if at_anchor else AT_PLACE,
                )
            self._thetas = {k: v for k, v in self._thetas.items() if k[1] != at_anchor}
            self._thetas[key] = theta
        return self._thetas[key]


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
    warp : RankTransform
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
    warp: RankTransform
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

    def _valued(self, evidence: Evidence, n: int) -> tuple[NDArray[np.int64], RankTransform]:
        """Give the rows, of the first n, that the losses are learned from, and their targets."""
        rows = evidence.kept(n, self._most, valued=True)
        warp = rank_transform(evidence.losses[rows])
        if warp.is_flat and len(rows) < n:
            rows = evidence.kept(n, self._most)
            warp = rank_transform(evidence.losses[rows])
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


GRADES = (
    (0.5, "decides within half of its range, or less"),
    (1.5, "matters"),
    (4.0, "matters little"),
    (np.inf, "hardly matters"),
)


def grade(length: float) -> str:
    """Say what a lengthscale means."""
    return next(words for below, words in GRADES if length < below)


def in_words(encoding: Encoding, fitted: Fitted, objective: Objective) -> str:
    """Give a line for each coordinate, what matters most first, and one for the noise."""
    told = encoding.space.levels != 1
    order = [j for j in np.argsort(fitted.lengths, kind="stable").tolist() if told[j]]
    width = max((len(encoding.names[j]) for j in order), default=0)
    lines = [
        f"{encoding.names[j]:<{width}}  {grade(fitted.lengths[j])} "
        f"(lengthscale {fitted.lengths[j]:.2g})"
        for j in order
    ]
    noise = float(np.sqrt(fitted.process.parameters.nu)) * fitted.warp.slope
    lines.append(f"noise of {objective.name}: about {noise:.2g}")
    return "\n".join(lines)
