"""Covariance matrix adaptation, with margins for discrete coordinates.

Hansen 2016, "The CMA evolution strategy: a tutorial", https://arxiv.org/abs/1604.00772;
Hamano, Saito, Nomura & Shirakawa 2022, "CMA-ES with margin", https://arxiv.org/abs/2205.13482.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST_EIGENVALUE = 1e-30  # negative weights (eq. 47) may push one below 0 by rounding
WORST_CONDITION = 1e14  # of C: beyond it eigenvectors of doubles are noise (Hansen, appendix B.3)
LARGEST_STEP_CHANGE = 1.0  # of log σ: one lucky long path must not blow up the distribution
LARGEST_STEP = 1e8  # sides of the unit cube: whatever draws lie that far have diverged


def default_population(d: int) -> int:
    """Return λ = 4 + ⌊3 ln d⌋: Hansen, equation 48."""
    return 4 + math.floor(3 * math.log(d))


@dataclass(frozen=True, slots=True)
class Rates:
    """Weights and learning rates: Hansen, equations 49 to 58.

    Attributes
    ----------
    weights : ndarray (λ,)
        Of the individuals from best to worst: positive ones sum to 1.
    """

    weights: Floats
    mu_eff: float
    c_sigma: float
    d_sigma: float
    c_c: float
    c_1: float
    c_mu: float
    chi: float

    @staticmethod
    def for_population(d: int, population: int) -> Rates:
        """Return the rates for d dimensions and λ individuals."""
        # Equation 49: the better half has positive weights, the other half negative ones.
        raw = math.log((population + 1) / 2) - np.log(np.arange(1, population + 1))
        positive, negative = np.maximum(raw, 0.0), np.minimum(raw, 0.0)
        mu_eff = float(positive.sum() ** 2 / (positive**2).sum())
        mu_eff_minus = float(negative.sum() ** 2 / max((negative**2).sum(), 1e-300))
        c_1 = 2 / ((d + 1.3) ** 2 + mu_eff)  # equation 57
        # Equation 58 with α_cov = 2.
        c_mu = min(1 - c_1, 2 * (mu_eff - 2 + 1 / mu_eff) / ((d + 2) ** 2 + mu_eff))
        c_sigma = (mu_eff + 2) / (d + mu_eff + 5)  # equation 55
        # How much the negative weights sum to: the last keeps the covariance positive definite.
        alphas = (
            1 + c_1 / max(c_mu, 1e-300),  # equation 50
            1 + 2 * mu_eff_minus / (mu_eff + 2),  # equation 51
            (1 - c_1 - c_mu) / max(d * c_mu, 1e-300),  # equation 52
        )
        below = -negative.sum()
        # Equation 53.
        weights = positive / positive.sum() + (min(alphas) * negative / below if below else 0.0)
        return Rates(
            weights,
            mu_eff,
            c_sigma,
            # d_sigma, equation 55.
            1 + 2 * max(0.0, math.sqrt((mu_eff - 1) / (d + 1)) - 1) + c_sigma,
            # c_c, equation 56.
            (4 + mu_eff / d) / (d + 4 + 2 * mu_eff / d),
            c_1,
            c_mu,
            # The mean length of a standard normal vector, below equation 44.
            math.sqrt(d) * (1 - 1 / (4 * d) + 1 / (21 * d**2)),
        )


@dataclass(frozen=True, slots=True)
class Normal:
    """The search distribution m + σ A N(0, C), with its evolution paths.

    Attributes
    ----------
    mean : ndarray (d,)
    covariance : ndarray (d, d)
    path_sigma, path_c : ndarray (d,)
    stretch : ndarray (d,)
        The diagonal of A: 1 where no margin stretches it.
    roots, axes : ndarray (d,), ndarray (d, d)
        Square roots of the covariance's eigenvalues, and its eigenvectors.
    """

    mean: Floats
    sigma: float
    covariance: Floats
    path_sigma: Floats
    path_c: Floats
    stretch: Floats
    generation: int
    roots: Floats
    axes: Floats

    @staticmethod
    def isotropic(mean: Floats, sigma: float) -> Normal:
        """Return the distribution m + σ N(0, I)."""
        d = len(mean)
        zero, one = np.zeros(d), np.ones(d)
        return Normal(mean, sigma, np.eye(d), zero, zero, one, 0, one, np.eye(d))

    def draw(self, n: int, rng: np.random.Generator) -> Floats:
        """Draw n points: x = m + σ A B D z, shape (n, d); Hansen, equations 38 to 40."""
        z = rng.standard_normal((n, len(self.mean)))
        steps = (z * self.roots) @ self.axes.T
        return np.asarray(self.mean + self.sigma * self.stretch * steps)

    @property
    def deviations(self) -> Floats:
        """Standard deviation of each coordinate."""
        return self.sigma * self.stretch * np.sqrt(np.diag(self.covariance))

    @property
    def is_degenerate(self) -> bool:
        """Whether its covariance or step size can no longer be computed with."""
        condition = (self.roots.max() / self.roots.min()) ** 2
        return not (condition < WORST_CONDITION and 0 < self.sigma < LARGEST_STEP)

    def updated(
        self, ranked: Floats, rates: Rates, foreign: NDArray[np.bool_] | None = None
    ) -> Normal:
        """Move towards the better points and take on their shape.

        Parameters
        ----------
        ranked : ndarray (λ, d)
            From best to worst.
        rates : Rates
            Of λ individuals.
        foreign : ndarray (λ,) of bool, optional
            Which of them are no draws of this distribution: moved back into bounds, replaced.
            They may be far in a narrow direction: their step is shortened to √d + 2d / (d + 2)
            deviations at most (Hansen 2011, https://hal.inria.fr/inria-00628254, equation 3).

        Notes
        -----
        Hansen, equations 41 to 47 with y = A⁻¹ (x - m) / σ.
        """
        d = len(self.mean)
        steps = (ranked - self.mean) / (self.sigma * self.stretch)
        # D⁻¹ Bᵀ y has the length of C^(-1/2) y, and needs no further product.
        whitened = (steps @ self.axes) / self.roots
        lengths = np.sqrt((whitened**2).sum(axis=1))
        longest = math.sqrt(d) + 2 * d / (d + 2)
        shorter = np.minimum(1.0, longest / np.maximum(lengths, 1e-300))
        shorter = np.where(np.False_ if foreign is None else foreign, shorter, 1.0)[:, None]
        steps, whitened = steps * shorter, whitened * shorter

        weights = np.maximum(rates.weights, 0.0)
        step = weights @ steps  # equation 41
        keep_sigma = math.sqrt(rates.c_sigma * (2 - rates.c_sigma) * rates.mu_eff)
        # Equation 43, C^(-1/2) = B D⁻¹ Bᵀ.
        path_sigma = (1 - rates.c_sigma) * self.path_sigma + keep_sigma * (
            self.axes @ (weights @ whitened)
        )
        norm = float(np.linalg.norm(path_sigma))
        # Equation 44.
        change = rates.c_sigma / rates.d_sigma * (norm / rates.chi - 1)
        sigma = self.sigma * math.exp(min(change, LARGEST_STEP_CHANGE))

        generation = self.generation + 1
        # 1 - h_σ: a path that is too long must not stretch the covariance as well (equation 45).
        settled = math.sqrt(1 - (1 - rates.c_sigma) ** (2 * generation)) * rates.chi
        stalled = 0.0 if norm / settled < 1.4 + 2 / (d + 1) else 1.0
        keep_c = math.sqrt(rates.c_c * (2 - rates.c_c) * rates.mu_eff)
        path_c = (1 - rates.c_c) * self.path_c + (1 - stalled) * keep_c * step

        # Equation 46: a negative weight counts by how far out its step lies.
        signed = np.where(
            rates.weights >= 0,
            rates.weights,
            rates.weights * d / np.maximum((whitened**2).sum(axis=1), 1e-300),
        )
        # Equation 47; δ(h_σ) makes up for the path that was not updated.
        loss = 1 - rates.c_1 - rates.c_mu * rates.weights.sum()
        loss += rates.c_1 * stalled * rates.c_c * (2 - rates.c_c)
        covariance = loss * self.covariance
        covariance = covariance + rates.c_1 * np.outer(path_c, path_c)
        covariance = covariance + rates.c_mu * (steps.T * signed) @ steps
        covariance = (covariance + covariance.T) / 2  # rounding makes it asymmetric
        eigenvalues, axes = np.linalg.eigh(covariance)
        if eigenvalues[0] < LEAST_EIGENVALUE:
            eigenvalues = np.maximum(eigenvalues, LEAST_EIGENVALUE)
            covariance = (axes * eigenvalues) @ axes.T
        mean = self.mean + self.sigma * self.stretch * step  # equation 42 with c_m = 1
        roots = np.sqrt(eigenvalues)
        return Normal(
            mean, sigma, covariance, path_sigma, path_c, self.stretch, generation, roots, axes
        )

    def with_margin(self, low: Floats, high: Floats, alpha: float) -> Normal:
        """Move mean and A so that discrete coordinates leave their cell now and then.

        Hamano et al., section 4: a coordinate whose mean lies in an outer cell goes to the next
        one with probability α at least (equations 8 and 9), one in an inner cell to each side
        with α/2 at least (equations 10 to 15).

        Parameters
        ----------
        low, high : ndarray (d,)
            The edges of the cell of [0, 1] that the mean lies in; nan where there are no cells.
        alpha : float, in (0, 1/3)
            Usually 1 / (d λ).
        """
        from scipy.special import ndtr, ndtri

        discrete = np.isfinite(low)
        mean = np.where(discrete, self.mean.clip(0.0, 1.0), 0.25)
        low, high = np.where(discrete, low, 0.0), np.where(discrete, high, 0.5)
        deviation = np.maximum(self.deviations, 1e-300)

        # Outer cells, equations 8 and 9: the mean goes no further from the next cell than this.
        outer = (low <= 0.0) | (high >= 1.0)
        threshold = np.where(low <= 0.0, high, low)
        away = np.minimum(np.abs(mean - threshold), -ndtri(alpha) * deviation)
        at_edge = threshold + np.where(low <= 0.0, -away, away)

        # Inner cells, equations 10 to 15: both tails are raised to α/2, what that takes from the
        # middle is shared out, and mean and deviation follow from the two quantiles.
        below, above = ndtr((low - mean) / deviation), ndtr((mean - high) / deviation)
        least = alpha / 2
        floor_low, floor_high = np.maximum(below, least), np.maximum(above, least)
        middle = 1 - below - above
        excess = 1 - floor_low - floor_high - middle
        room = np.maximum(floor_low + floor_high + middle - 3 * least, 1e-300)
        quantile_low = -ndtri(floor_low + excess / room * (floor_low - least))
        quantile_high = -ndtri(floor_high + excess / room * (floor_high - least))
        together = np.maximum(quantile_low + quantile_high, 1e-300)
        inside = (low * quantile_high + high * quantile_low) / together
        stretched = (high - low) / together / deviation * self.stretch

        moved = discrete & ~outer & ((below < least) | (above < least))
        mean = np.where(discrete & outer, at_edge, np.where(moved, inside, self.mean))
        return replace(self, mean=mean, stretch=np.where(moved, stretched, self.stretch))
