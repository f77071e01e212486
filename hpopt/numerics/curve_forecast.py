"""What a learning curve will be at its end, forecast from curves alone: no config is looked at.

The idea of Domhan, Springenberg & Hutter 2015, "Speeding up automatic hyperparameter optimization
of deep neural networks by extrapolation of learning curves", with a Gaussian process in place of
their parametric families: linear in the number of curves, milliseconds in place of minutes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpopt.numerics.curve_process import persistence
from hpopt.numerics.curve_process_fit import DECAY, NOISE, REACH
from hpopt.numerics.curve_rows import Bend, halved_levels, log_times, reports_at
from hpopt.numerics.gaussian_process import LEAST_VARIANCE, NUGGET
from hpopt.numerics.gaussian_process_fit import Prior, most_probable

Floats = NDArray[np.float64]

# Of log q²: without configs all that differs between curves is their own.
OWN = 0.0, 1.0, (-14.0, 4.0)
EVALUATIONS, TOLERANCE = 40, 1e-4  # of a fit; some 20 evaluations of a millisecond are needed


# Errors are Student's with 4 degrees of freedom, of the process's variance: a few curves leave a
# plateau late, which a normal distribution calls impossible. On recorded curves (10 tasks, a
# quarter of each curve seen) the mean log score is .34, with a normal one -53.
NARROWER = math.sqrt(0.5)


@dataclass(frozen=True, slots=True)
class CurveForecast:
    """What many curves say of a new one: small enough to travel with a trial.

    In the units of `bend`, at the logarithmic time u, with standard normal coefficients c that are
    the same for all trials, and a process of the trial's own::

        f(u) = c0 + c1 u + c2 u² + g(u),   cov(g(u), g(u')) = q² e^(-a (u + u')) M32(|u - u'| / b)

    Attributes
    ----------
    low, high : float
        The steps at u = 1 and at the end, u = 0.
    bend : Bend
    coefficients, covariance : ndarray (3,) and (3, 3)
        Posterior mean and covariance of c.
    theta : ndarray (4,)
        log q², a, log b, and the logarithm of the variance of the noise, less the nugget.
    """

    low: float
    high: float
    bend: Bend
    coefficients: Floats
    covariance: Floats
    theta: Floats

    def end(self, steps: Floats, losses: Floats) -> tuple[float, float]:
        """Return mean and deviation of a curve's last loss, in the units of `bend`.

        The noise is part of the deviation, which is that of the loss that will be reported.

        Parameters
        ----------
        steps : ndarray (k,), > 0, ascending
            Without any the forecast is that of an average trial.
        losses : ndarray (k,)
        """
        own, decay, reach, noise = self.theta.tolist()
        places = reports_at(steps, halved_levels(self.low, self.high))
        # The last entry is the end, of which nothing is known.
        times = np.append(log_times(steps[places], self.low, self.high), 0.0)
        basis = _basis(times)
        covariance = math.exp(own) * persistence(times, times, decay, reach)[0]
        covariance += basis @ self.covariance @ basis.T
        covariance.flat[:: len(times) + 1] += math.exp(noise) + NUGGET
        mean = basis @ self.coefficients
        solved = np.linalg.solve(covariance[:-1, :-1], covariance[:-1, -1])
        shift = solved @ (self.bend.targets(losses[places]) - mean[:-1])
        variance = float(covariance[-1, -1] - solved @ covariance[:-1, -1])
        return float(mean[-1] + shift), math.sqrt(max(variance, LEAST_VARIANCE))

    def quantiles(self, shares: Sequence[float], steps: Floats, losses: Floats) -> Floats:
        """Return what a curve's last loss is below with probabilities in (0, 1), shape (s,)."""
        mean, deviation = self.end(steps, losses)
        # The inverse of Student's distribution of 4 degrees of freedom: Shaw 2006, "Sampling
        # Student's T distribution", equation 39.
        p = np.asarray(shares, dtype=np.float64)
        root = np.sqrt(4.0 * p * (1.0 - p))
        t = 2.0 * np.sign(p - 0.5) * np.sqrt(np.cos(np.arccos(root) / 3.0) / root - 1.0)
        return self.bend.losses(mean + NARROWER * deviation * t)

    def probability_below(self, threshold: float, steps: Floats, losses: Floats) -> float:
        """Return the probability that a curve's last loss is below a threshold."""
        mean, deviation = self.end(steps, losses)
        bent = float(self.bend.targets(np.array([threshold]))[0])
        t = (bent - mean) / (NARROWER * deviation)
        within = 1.0 + t * t / 4.0
        return 0.5 + 0.375 * t / math.sqrt(within) * (1.0 - t * t / (12.0 * within))


def forecast(
    curves: Sequence[tuple[Floats, Floats]],
    low: float,
    high: float,
    *,
    start: Floats | None = None,
) -> CurveForecast:
    """Return what curves, finished or not, say of others.

    Parameters
    ----------
    curves : sequence of (ndarray (k,), ndarray (k,))
        Steps in (0, high], ascending, and losses of each trial; at least one report each.
    low, high : float
        The least step of interest, and that of a complete curve; 0 < low <= high.
    start : ndarray (4,), optional
        `theta` of an earlier forecast, to begin the fit there.
    """
    levels = halved_levels(low, high)
    places = [reports_at(steps, levels) for steps, _ in curves]
    rows = [losses[at] for (_, losses), at in zip(curves, places, strict=True)]
    last = np.array([each[-1] for each in rows])
    bend = Bend.of(last, np.concatenate(rows))
    shape = len(curves), max(len(each) for each in rows)
    times, targets, known = np.zeros(shape), np.zeros(shape), np.zeros(shape, dtype=bool)
    for row, ((steps, _), at, its_losses) in enumerate(zip(curves, places, rows, strict=True)):
        times[row, : len(at)] = log_times(steps[at], low, high)
        targets[row, : len(at)] = bend.targets(its_losses)
        known[row, : len(at)] = True
    posterior = _Posterior(times, targets, known)
    theta = most_probable(
        posterior,
        _PRIOR,
        _PRIOR.start if start is None else start,
        evaluations=EVALUATIONS,
        tolerance=TOLERANCE,
    )
    return CurveForecast(low, high, bend, *posterior.coefficients(theta), theta)


def _basis(times: Floats) -> Floats:
    return np.stack([np.ones_like(times), times, times * times], axis=-1)


def _prior() -> Prior:
    means, deviations, bounds = zip(OWN, DECAY, REACH, NOISE, strict=True)
    low, high = np.array(bounds).T
    return Prior(np.array(means), np.array(deviations), low, high, np.array(means))


_PRIOR = _prior()


class _Posterior:
    """The log posterior density of `theta`, with its gradient.

    With the blocks D of trials' own covariances and the basis B of all rows, K = D + B Bᵀ::

        A = 1 + Bᵀ D⁻¹ B,   c = A⁻¹ Bᵀ D⁻¹ y,   α = D⁻¹ (y - B c)
        log|K| = log|D| + log|A|,   K⁻¹ = D⁻¹ - D⁻¹ B A⁻¹ Bᵀ D⁻¹

    of which the gradient needs the blocks only. Rows that are not known are zeros beside a 1.
    """

    def __init__(self, times: Floats, targets: Floats, known: NDArray[np.bool_]) -> None:
        n_rows = times.shape[1]
        self._targets, self._both = targets, known[:, :, None] & known[:, None, :]
        self._basis = _basis(times) * known[:, :, None]
        self._sums = times[:, :, None] + times[:, None, :]
        self._gaps = math.sqrt(3.0) * np.abs(times[:, :, None] - times[:, None, :])
        self._eye = np.eye(n_rows)
        self._unknown = self._eye * ~self._both

    def _blocks(self, theta: Floats) -> tuple[Floats, Floats, Floats]:
        """Return D without the noise, r, and D⁻¹."""
        own, decay, reach, noise = theta.tolist()
        r = math.exp(-reach) * self._gaps
        blocks = np.exp(own - decay * self._sums - r) * (1.0 + r) * self._both
        nu = (math.exp(noise) + NUGGET) * self._eye * self._both
        inverse: Floats = np.linalg.inv(blocks + nu + self._unknown)
        return blocks, r, inverse

    def coefficients(self, theta: Floats) -> tuple[Floats, Floats]:
        """Return posterior mean and covariance of c, shapes (3,) and (3, 3)."""
        _, _, inverse = self._blocks(theta)
        solved = inverse @ self._basis
        covariance: Floats = np.linalg.inv(
            np.eye(3) + np.einsum("nij,nik->jk", self._basis, solved)
        )
        return covariance @ np.einsum("nij,ni->j", solved, self._targets), covariance

    def __call__(self, theta: Floats) -> tuple[float, Floats]:
        """Return density and gradient at theta (4,)."""
        blocks, r, inverse = self._blocks(theta)
        mean, covariance = self.coefficients(theta)
        alpha = np.einsum("nij,nj->ni", inverse, self._targets - self._basis @ mean)
        log_determinant = -np.linalg.slogdet(inverse)[1].sum() - np.linalg.slogdet(covariance)[1]
        z = (theta - _PRIOR.means) / _PRIOR.deviations
        value = -0.5 * float((self._targets * alpha).sum() + log_determinant + z @ z)

        solved = inverse @ self._basis
        inner = alpha[:, :, None] * alpha[:, None, :] - inverse
        inner += solved @ covariance @ solved.transpose(0, 2, 1)
        gradient = -z / _PRIOR.deviations
        noise = inner.diagonal(axis1=1, axis2=2) * self._both.diagonal(axis1=1, axis2=2)
        gradient[3] += 0.5 * math.exp(theta[3]) * noise.sum()
        inner *= blocks
        gradient[0] += 0.5 * inner.sum()
        gradient[1] -= 0.5 * (inner * self._sums).sum()
        gradient[2] += 0.5 * (inner * (r * r / (1.0 + r))).sum()
        return value, gradient
