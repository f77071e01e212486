"""The hyper-parameters of a process of learning curves that are most probable a posteriori."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hpopt.numerics.curve_process import CurveRows, common_curve, persistence, summed_by
from hpopt.numerics.gaussian_process import (
    NUGGET,
    inverse_and_log_determinant,
    matern,
    squared_distances,
)
from hpopt.numerics.gaussian_process_fit import Prior, by_lengths, most_probable

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Of q², a, log b and v² in turn: mean, deviation, bounds. The prior of q² must be narrow: with
# a deviation of 1.4 a lucky trial is explained as its own luck, and its neighbourhood is never
# searched. The bounds are any values that no sensible fit reaches.
OWN = 2 * math.log(0.1), 1.0, (-14.0, 4.0)
DECAY = 0.0, 0.7, (-2.5, 3.5)
REACH = math.log(0.7), 0.6, (-2.5, 2.5)
NOISE = 2 * math.log(0.05), 1.6, (-14.0, 0.0)


def curve_prior(n_effective: float, is_choice: NDArray[np.bool_]) -> Prior:
    """Return the prior of (log l, log s², log q², a, log b, log v²), shape (g + 5,).

    Lengthscales and scale have the prior of `Prior.for_groups`. A fit begins at the means.

    Parameters
    ----------
    n_effective, is_choice
        As in `Prior.for_groups`.
    """
    plain = Prior.for_groups(n_effective, is_choice)
    others = OWN, DECAY, REACH, NOISE

    def joined(own: Floats, each: list[float]) -> Floats:
        return np.concatenate([own[:-1], each])

    means = joined(plain.means, [mean for mean, _, _ in others])
    return Prior(
        means,
        joined(plain.deviations, [deviation for _, deviation, _ in others]),
        joined(plain.low, [low for _, _, (low, _) in others]),
        joined(plain.high, [high for _, _, (_, high) in others]),
        means,
    )


class CurvePosterior:
    """The log posterior density of hyper-parameters, up to a constant, with its gradient.

    As in `gaussian_process_fit.log_posterior`, with H = α αᵀ - K⁻¹. Each derivative of K is a
    matrix over pairs of trials times one over pairs of times, so H is summed over these pairs
    first: the lengthscales then cost as much as those of one row a trial.

    Parameters
    ----------
    rows : CurveRows
        Each trial has a row.
    prior : Prior
        Of `curve_prior`.
    """

    def __init__(self, rows: CurveRows, prior: Prior) -> None:
        self._features = rows.features - rows.features.mean(axis=0)  # differences keep more digits
        self._groups, self._targets, self._prior = rows.groups, rows.targets, prior
        trials = rows.trials
        self._starts = np.flatnonzero(np.append(True, trials[1:] != trials[:-1]))
        self._different, places = np.unique(rows.times, return_inverse=True)
        self._by_trials, self._by_times = np.ix_(trials, trials), np.ix_(places, places)
        self._common = common_curve(self._different, self._different)[self._by_times]
        self._is_at = (places[:, None] == np.arange(len(self._different))).astype(np.float64)

    def __call__(self, theta: Floats) -> tuple[float, Floats]:
        """Return density and gradient at hyper-parameters (g + 5,).

        Raises
        ------
        FloatingPointError
            The covariance cannot be factorised.
        """
        weights = np.exp(-2.0 * theta[:-5])
        scale, own, noise = math.exp(theta[-5]), math.exp(theta[-4]), math.exp(theta[-1])
        scaled = self._features * np.sqrt(weights)[self._groups]
        correlation, slope = matern(squared_distances(scaled, scaled))
        of_configs = scale * correlation
        of_configs.flat[:: len(of_configs) + 1] += own
        in_time, by_decay, by_reach = persistence(
            self._different, self._different, theta[-3], theta[-2]
        )
        of_rows, times = of_configs[self._by_trials], in_time[self._by_times]
        covariance = of_rows * times
        covariance += self._common
        covariance.flat[:: len(covariance) + 1] += noise + NUGGET
        inverse, log_determinant = inverse_and_log_determinant(covariance, scale + own + 3.0)
        alpha = inverse @ self._targets
        z = (theta - self._prior.means) / self._prior.deviations
        value = -0.5 * float(self._targets @ alpha + log_determinant + z @ z)

        inner = alpha[:, None] * alpha
        inner -= inverse
        gradient = -z / self._prior.deviations
        gradient[-1] += 0.5 * noise * inner.diagonal().sum()
        of_rows *= inner
        pairs = self._is_at.T @ (of_rows @ self._is_at)
        gradient[-3] += 0.5 * np.vdot(pairs, by_decay)
        gradient[-2] += 0.5 * np.vdot(pairs, by_reach)
        inner *= times
        pairs = summed_by(inner, self._starts)
        gradient[-4] += 0.5 * own * pairs.diagonal().sum()
        gradient[-5] += 0.5 * scale * np.vdot(pairs, correlation)
        pairs *= slope
        gradient[:-5] += scale * by_lengths(pairs, scaled, self._groups, len(weights))
        return value, gradient


def fit_curves(
    posterior: CurvePosterior, prior: Prior, start: Floats, *, evaluations: int, tolerance: float
) -> Floats:
    """Return the most probable hyper-parameters (g + 5,) that are found from a start.

    Parameters
    ----------
    start, evaluations, tolerance
        As in `fit_hyperparameters`.
    """
    return most_probable(posterior, prior, start, evaluations=evaluations, tolerance=tolerance)
