"""Where good values are believed to lie: a density over each coordinate that has a prior.

Hvarfner, Stoll, Souza, Lindauer, Hutter & Nardi 2022, "πBO: Augmenting acquisition functions with
user beliefs for Bayesian optimization", https://openreview.net/forum?id=MMAeCXIa89t.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpopt.checks import positive, real
from hpopt.errors import SpaceError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

WIDTH = 0.2  # of a range: the deviation of a prior that is a value only
# The share of a number's draws that are anywhere in its range: a wrong prior rules nothing out.
ANYWHERE = 0.1
NARROWEST = 1e-6  # deviation: as good as a constant
WIDEST = 1e6  # deviation: as good as none
# Positions of a table: over the range, and so many deviations around the centre.
SPREAD, AROUND, WITHIN = 257, 513, 6.0


@dataclass(frozen=True)
class Normal:
    """A prior of a number: a normal distribution, cut at the ends of the range.

    Parameters
    ----------
    mean : float
        Where good values are believed to lie.
    sd : float, > 0, optional
        The standard deviation: in the number's own unit, or with ``log=True`` in powers of ten, so
        that ``Normal(1e-3, 0.5)`` is 1e-3 within a factor of three or so. By default a fifth of the
        range.
    """

    mean: float
    sd: float | None = None

    def __post_init__(self) -> None:
        mean = real(self.mean)
        if mean is None or not math.isfinite(mean):
            raise SpaceError(f"mean of a prior must be a finite number, but got {self.mean!r}")
        # Plain, as a space is stored as JSON.
        object.__setattr__(self, "mean", mean)
        if self.sd is not None:
            sd = positive("sd of a prior", self.sd, error=SpaceError)
            object.__setattr__(self, "sd", sd)


class Belief(ABC):
    """The density of one coordinate."""

    @abstractmethod
    def quantiles(self, shares: Floats) -> Floats:
        """Return the positions below which these shares of the mass lie, any shape."""

    @abstractmethod
    def log_density(self, positions: Floats) -> Floats:
        """Return the logarithm of the density: 0 where it is that of a uniform coordinate."""

    @abstractmethod
    def slope(self, positions: Floats) -> Floats:
        """Return the derivative of the logarithm."""


class Bell(Belief):
    """A normal density on [0, 1], and a uniform one with a tenth of the mass."""

    def __init__(self, centre: float, deviation: float) -> None:
        self._centre = centre
        self._deviation = min(max(deviation, NARROWEST), WIDEST)
        near = centre + self._deviation * np.linspace(-WITHIN, WITHIN, AROUND)
        at = np.unique(np.concatenate([np.linspace(0.0, 1.0, SPREAD), near.clip(0.0, 1.0)]))
        self._share = 1.0
        self._share = (1.0 - ANYWHERE) / float(_masses(at, self._bell(at)).sum())
        masses = _masses(at, self._bell(at) + ANYWHERE)
        self._at = at
        self._cumulated = np.concatenate([[0.0], np.cumsum(masses) / masses.sum()])

    def _bell(self, positions: Floats) -> Floats:
        away = (positions - self._centre) / self._deviation
        return np.asarray(self._share * np.exp(-0.5 * away * away))

    def quantiles(self, shares: Floats) -> Floats:
        return np.asarray(np.interp(shares, self._cumulated, self._at))

    def log_density(self, positions: Floats) -> Floats:
        return np.asarray(np.log(self._bell(positions) + ANYWHERE))

    def slope(self, positions: Floats) -> Floats:
        bell = self._bell(positions)
        toward = (self._centre - positions) / self._deviation**2
        return np.asarray(bell / (bell + ANYWHERE) * toward)


class Weights(Belief):
    """The weights of k values, which are k equal cells of [0, 1]."""

    def __init__(self, weights: Sequence[float]) -> None:
        shares = np.array(weights) / sum(weights)
        self._logs = np.log(shares * len(shares))
        self._edges = np.linspace(0.0, 1.0, len(shares) + 1)
        self._cumulated = np.concatenate([[0.0], np.cumsum(shares)])

    def quantiles(self, shares: Floats) -> Floats:
        return np.asarray(np.interp(shares, self._cumulated, self._edges))

    def log_density(self, positions: Floats) -> Floats:
        n = len(self._logs)
        return np.asarray(self._logs[np.minimum((positions * n).astype(np.int64), n - 1)])

    def slope(self, positions: Floats) -> Floats:
        return np.zeros_like(positions)


class Prior:
    """The densities of some coordinates, each on its own; the others are uniform.

    Parameters
    ----------
    parts : sequence of (ndarray of int, Belief)
        The coordinates that share a density.
    """

    def __init__(self, parts: Sequence[tuple[Ints, Belief]]) -> None:
        self._parts = parts

    def points(self, uniforms: Floats) -> Floats:
        """Return the points of uniform draws (n, d): quantiles, so that they stay as even."""
        points = np.array(uniforms)
        for columns, belief in self._parts:
            points[:, columns] = belief.quantiles(uniforms[:, columns])
        return points

    def log_density(self, points: Floats, active: Bools) -> Floats:
        """Return the logarithm of the density of points (n, d) by what is active, shape (n,)."""
        total = np.zeros(len(points))
        for columns, belief in self._parts:
            own = np.where(active[:, columns], belief.log_density(points[:, columns]), 0.0)
            total += own.sum(axis=1)
        return total

    def slopes(self, points: Floats) -> Floats:
        """Return the gradient of the logarithm, as if everything were active, shape (n, d)."""
        gradient = np.zeros_like(points)
        for columns, belief in self._parts:
            gradient[:, columns] = belief.slope(points[:, columns])
        return gradient


def _masses(at: Floats, density: Floats) -> Floats:
    """Return the mass between positions, by the trapezium rule."""
    return np.asarray(np.diff(at) * (density[1:] + density[:-1]) / 2)


# -- what users write --------------------------------------------------------------------------


def checked_normal(prior: Any, low: float, high: float) -> float | Normal | None:
    """Return the prior of a number in its canonical form.

    Raises
    ------
    SpaceError
        It is none, or lies outside the range.
    """
    if prior is None:
        return None
    if isinstance(prior, Mapping):
        if not {"mean"} <= set(prior) <= {"mean", "sd"}:
            raise SpaceError(f"prior must have a mean, and may have an sd, but got {dict(prior)!r}")
        prior = Normal(prior["mean"], prior.get("sd"))
    mean = real(prior.mean if isinstance(prior, Normal) else prior)
    if mean is None:
        raise SpaceError(
            f"prior of a number must be a number or a Normal(mean, sd), but got {prior!r}"
        )
    if not low <= mean <= high:
        raise SpaceError(f"prior must lie in [{low}, {high}], but got {mean!r}")
    return prior if isinstance(prior, Normal | int) else mean


def checked_weights(prior: Any, noun: str, n: int) -> tuple[float, ...]:
    """Return the weight of each of n listed values, which are called `noun`.

    Raises
    ------
    SpaceError
        There is no positive weight for each.
    """
    if isinstance(prior, str) or not isinstance(prior, Sequence):
        raise SpaceError(
            f"prior must be weights of some {noun}, as {{value: weight}}, or of all, as a list, "
            f"but got {prior!r}"
        )
    if len(prior) != n:
        raise SpaceError(f"prior must have a weight for each of {n} {noun}, but got {len(prior)}")
    weights = [real(weight) or 0.0 for weight in prior]
    if not all(weight > 0 for weight in weights) or not math.isfinite(sum(weights)):
        raise SpaceError(
            f"weights of a prior must be finite and above 0, but got {list(prior)}: what must not "
            f"be tried, leave out of the {noun}"
        )
    return tuple(map(float, weights))


def prior_to_json(prior: Any) -> Any:
    """Return a canonical prior as JSON data."""
    if isinstance(prior, Normal):
        return {"mean": prior.mean} | ({} if prior.sd is None else {"sd": prior.sd})
    return list(prior) if isinstance(prior, tuple) else prior
