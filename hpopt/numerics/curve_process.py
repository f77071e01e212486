"""A Gaussian process over configs and time: one model of all learning curves, finished or not.

Swersky, Snoek & Adams 2014, "Freeze-thaw Bayesian optimization", https://arxiv.org/abs/1406.3896,
for the idea; the kernel is another one, whose curves need not decay exponentially.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpopt.numerics.gaussian_process import (
    LEAST_VARIANCE,
    NUGGET,
    Linearised,
    bordered_inverse,
    inverse_and_log_determinant,
    matern,
    squared_distances,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CurveParameters:
    """What the kernel of curves is made of.

    Attributes
    ----------
    lengths : ndarray (g,)
        Logarithms of the lengthscales of the groups of features.
    scale, own : float
        Logarithms of the variances s² and q²: of what a config explains at the end of its curve,
        and of what is the trial's own.
    decay : float
        a: how fast both shrink (a > 0) or grow towards the beginning of the curve.
    reach : float
        Logarithm of b: over how much time deviations persist.
    noise : float
        Logarithm of the variance v² of the noise, less the nugget.
    """

    lengths: Floats
    scale: float
    own: float
    decay: float
    reach: float
    noise: float

    @staticmethod
    def of(theta: Floats) -> CurveParameters:
        """Return the parameters (g + 5,) by their names."""
        scale, own, decay, reach, noise = theta[-5:].tolist()
        return CurveParameters(theta[:-5].copy(), scale, own, decay, reach, noise)

    @property
    def weights(self) -> Floats:
        """Inverse squared lengthscales w = l⁻², shape (g,)."""
        return np.exp(-2.0 * self.lengths)

    @property
    def nu(self) -> float:
        """Variance of the noise, with the nugget."""
        return math.exp(self.noise) + NUGGET


@dataclass(frozen=True, slots=True)
class CurveRows:
    """What was observed of learning curves.

    Attributes
    ----------
    features : ndarray (N, p)
        Of the trials' configs.
    groups : ndarray (p,) of int
        Which lengthscale each feature has.
    trials, times : ndarray (n,)
        The trial of each row, ascending, and its time.
    targets : ndarray (n,)
        The values; about of mean 0 and deviation 1 for the priors to fit.
    """

    features: Floats
    groups: Ints
    trials: Ints
    times: Floats
    targets: Floats


def common_curve(one: Floats, other: Floats) -> Floats:
    """Return 1 + u u' + u² u'² of all pairs of times, shape (n, m).

    It is the covariance of a quadratic in logarithmic time whose coefficients are standard normal:
    what all trials share. Only good trials come far, yet the model is not biased by that.
    """
    products = np.multiply.outer(one, other)
    found: Floats = 1.0 + products + products * products
    return found


def persistence(
    one: Floats, other: Floats, decay: float, reach: float
) -> tuple[Floats, Floats, Floats]:
    """Return e^(-a (u + u')) M(|u - u'| / b) and its derivatives by a and log b, shapes (n, m).

    M is the Matérn 3/2 correlation, (1 + r) e^-r with r = √3 |u - u'| / b (R&W, equation 4.17).

    Parameters
    ----------
    one, other : ndarray (n,) and (m,)
        Times u and u'.
    decay, reach : float
        a and log b.
    """
    r = math.sqrt(3.0) * math.exp(-reach) * np.abs(np.subtract.outer(one, other))
    sums = np.add.outer(one, other)
    faded = np.exp(-decay * sums - r)
    value = (1.0 + r) * faded
    return value, -sums * value, r * r * faded


def summed_by(matrix: Floats, starts: Ints) -> Floats:
    """Return the sums of the blocks of a matrix (n, n) that begin at rows and columns `starts`."""
    return np.asarray(np.add.reduceat(np.add.reduceat(matrix, starts, axis=0), starts, axis=1))


class CurveProcess:
    """The posterior of all curves with given hyper-parameters.

    Trial i of config x has at time u, in [0, 1] and 0 at the end, the kernel::

        k = [s² M52(x, x') + q² 1(i = i')] e^(-a (u + u')) M32(|u - u'| / b) + 1 + u u' + u² u'²

    with a lengthscale for each group of features in the Matérn correlation M52; see `persistence`
    and `common_curve` for the others.

    Parameters
    ----------
    rows : CurveRows
        A trial may have no row yet.
    parameters : CurveParameters

    Notes
    -----
    The inverse of the covariance is kept, as in `GaussianProcess`. Rows of few different times are
    cheap: correlations are computed for pairs of trials and pairs of times only.
    """

    def __init__(self, rows: CurveRows, parameters: CurveParameters) -> None:
        self.parameters = parameters
        self._roots = np.sqrt(parameters.weights)[rows.groups]
        self._scale, self._own = math.exp(parameters.scale), math.exp(parameters.own)
        self._at = rows.features * self._roots
        self._of_configs = self._scale * matern(squared_distances(self._at, self._at))[0]
        self._of_configs.flat[:: len(self._at) + 1] = self._scale + self._own
        self._trials, self._times = rows.trials, rows.times
        covariance = self._covariance(rows.trials, rows.times, rows.trials, rows.times)
        covariance.flat[:: len(covariance) + 1] += parameters.nu
        # The common curve is 3 at u = 1.
        self._size = self._scale + self._own + 3.0
        self._inverse, _ = inverse_and_log_determinant(covariance, self._size)
        self._alpha = self._inverse @ rows.targets

    @property
    def lengths(self) -> Floats:
        """The lengthscales of the groups of features, shape (g,)."""
        return np.exp(self.parameters.lengths)

    def _in_time(self, one: Floats, other: Floats) -> tuple[Floats, Floats]:
        """Return persistence and common curve of all pairs of times, each computed once."""
        ones, places = np.unique(one, return_inverse=True)
        others, its_places = np.unique(other, return_inverse=True)
        value, _, _ = persistence(ones, others, self.parameters.decay, self.parameters.reach)
        rows = np.ix_(places, its_places)
        return value[rows], common_curve(ones, others)[rows]

    def _covariance(
        self, trials: Ints, times: Floats, its_trials: Ints, its_times: Floats
    ) -> Floats:
        value, common = self._in_time(times, its_times)
        value *= self._of_configs[np.ix_(trials, its_trials)]
        value += common
        return value

    def _prior_variance(self, times: Floats) -> Floats:
        squares = times * times
        fading = np.exp(-2.0 * self.parameters.decay * times)
        found: Floats = (self._scale + self._own) * fading + 1.0 + squares + squares * squares
        return found

    def predict(self, trials: Ints, times: Floats) -> tuple[Floats, Floats]:
        """Return mean and deviation of trials at times (m,), without the noise."""
        covariance = self._covariance(trials, times, self._trials, self._times)
        explained = np.add.reduce(covariance * (covariance @ self._inverse), axis=1)
        variance = self._prior_variance(times) - explained
        deviation = np.sqrt(np.maximum(variance, LEAST_VARIANCE))
        return covariance @ self._alpha, deviation

    def mean(self, trials: Ints, times: Floats) -> Floats:
        """Return the mean of trials at times (m,): cheaper than both."""
        return self._covariance(trials, times, self._trials, self._times) @ self._alpha

    def with_trials(self, features: Floats) -> CurveProcess:
        """Return the same posterior with more trials, of features (m, p), without rows."""
        other = object.__new__(CurveProcess)
        other.__dict__.update(self.__dict__)
        other._at = np.concatenate([self._at, features * self._roots])
        other._of_configs = self._scale * matern(squared_distances(other._at, other._at))[0]
        other._of_configs.flat[:: len(other._at) + 1] = self._scale + self._own
        return other

    def condition_on(self, trials: Ints, times: Floats) -> CurveProcess:
        """Return the posterior if its own mean were observed of trials at times (m,) too.

        Means stay, deviations shrink: the kriging believer, as in `GaussianProcess`.
        """
        parameters = self.parameters
        covariance = self._covariance(trials, times, self._trials, self._times)
        own = self._covariance(trials, times, trials, times)
        inverse = bordered_inverse(self._inverse, covariance, own, parameters.nu, self._size)
        joined = np.concatenate([self._trials, trials])
        # The rows of a trial stay together: a cut of the process sums over them.
        order = np.argsort(joined, kind="stable")
        other = object.__new__(CurveProcess)
        other.__dict__.update(self.__dict__)
        other._trials = joined[order]
        other._times = np.concatenate([self._times, times])[order]
        other._inverse = inverse[np.ix_(order, order)]
        other._alpha = np.concatenate([self._alpha, np.zeros(len(trials))])[order]
        return other

    def at(self, time: float) -> CurveCut:
        """Return the posterior of new trials at one time, for any config."""
        value, common = self._in_time(self._times, np.array([time]))
        return CurveCut(self, time, value[:, 0], common[:, 0])

    def left_out(self) -> tuple[Floats, Floats]:
        """Return what the first rows of trials would be predicted without any row of these trials.

        Returns
        -------
        errors, deviations : ndarray (t,)
            Target less mean, and deviation with the noise, of each trial that has rows. With a
            trial's block B of K⁻¹ they are those of its first row in B⁻¹ α and the root of B⁻¹:
            R&W, equations 5.10 and 5.11, for blocks.
        """
        starts = np.flatnonzero(np.append(True, self._trials[1:] != self._trials[:-1]))
        ends = np.append(starts[1:], len(self._trials))
        variances = 1.0 / self._inverse.diagonal()[starts]
        errors = variances * self._alpha[starts]
        for place in np.flatnonzero(ends - starts > 1).tolist():
            own = slice(starts[place], ends[place])
            first = np.linalg.inv(self._inverse[own, own])[0]
            errors[place], variances[place] = first @ self._alpha[own], first[0]
        return errors, np.sqrt(np.maximum(variances, LEAST_VARIANCE))


class CurveCut:
    """The process of new trials' values at one time, over configs; its `CurveProcess` makes it.

    At a fixed time u the covariances with all rows are k = E c, where c holds the covariances
    s² M52 with the N trials that have rows and a 1, and E, of shape (n, N + 1), is fixed. So the
    cut costs as much as a process of N points, whatever the number n of rows is::

        mean = cᵀ Eᵀ α,   variance = k(u, u) - cᵀ (Eᵀ K⁻¹ E) c
    """

    def __init__(
        self, process: CurveProcess, time: float, persisting: Floats, common: Floats
    ) -> None:
        trials, inverse, alpha = process._trials, process._inverse, process._alpha
        starts = np.flatnonzero(np.append(True, trials[1:] != trials[:-1]))
        n = len(starts)
        beside = np.empty((len(trials), n + 1))  # K⁻¹ E
        beside[:, :n] = np.add.reduceat(inverse * persisting, starts, axis=1)
        beside[:, n] = inverse @ common
        self._middle = np.empty((n + 1, n + 1))
        self._middle[:n] = np.add.reduceat(persisting[:, None] * beside, starts, axis=0)
        self._middle[n] = common @ beside
        self._weights = np.append(np.add.reduceat(persisting * alpha, starts), common @ alpha)
        self._prior = float(process._prior_variance(np.array([time]))[0])
        self._roots, self._scale = process._roots, process._scale
        self._at = process._at[trials[starts]]

    def _covariance(self, scaled: Floats) -> tuple[Floats, Floats]:
        """Return c at scaled features, and the derivative of its first N columns by r²."""
        correlation, slope = matern(squared_distances(scaled, self._at))
        extended = np.ones((len(scaled), len(self._at) + 1))
        np.multiply(correlation, self._scale, out=extended[:, :-1])
        return extended, slope

    def predict(self, features: Floats) -> tuple[Floats, Floats]:
        """Return mean and deviation of new trials, without noise, at features (m, p)."""
        covariance, _ = self._covariance(features * self._roots)
        return covariance @ self._weights, self._deviation(covariance, covariance @ self._middle)

    def _deviation(self, covariance: Floats, products: Floats) -> Floats:
        variance = self._prior - np.add.reduce(covariance * products, axis=1)
        return np.asarray(np.sqrt(np.maximum(variance, LEAST_VARIANCE)))

    def linearised(self, features: Floats) -> Linearised:
        """Return mean and deviation at features (m, p), with what their gradients need."""
        scaled = features * self._roots
        covariance, slope = self._covariance(scaled)
        products = covariance @ self._middle
        slope *= self._scale
        return Linearised(
            self._roots,
            self._at,
            self._weights[:-1],
            scaled,
            slope,
            products[:, :-1],
            covariance @ self._weights,
            self._deviation(covariance, products),
        )
