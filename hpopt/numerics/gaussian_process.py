"""A Gaussian process with a Matérn kernel, one lengthscale for each group of features.

Rasmussen & Williams 2006, "Gaussian processes for machine learning", chapters 2 and 4,
https://gaussianprocess.org/gpml/.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NUGGET = 1e-6  # noise that is always there: without it identical points make K singular
LEAST_VARIANCE = 1e-10  # rounding may make it negative, and its logarithm is taken


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """What a kernel is made of, in natural logarithms.

    Attributes
    ----------
    lengths : ndarray (g,)
        Lengthscale of each group of features.
    scale : float
        Variance of the process.
    noise : float
        Variance of the noise, less the nugget.
    """

    lengths: Floats
    scale: float
    noise: float

    @property
    def weights(self) -> Floats:
        """Inverse squared lengthscales w = l⁻², shape (g,)."""
        return np.exp(-2.0 * self.lengths)

    @property
    def nu(self) -> float:
        """Variance of the noise, with the nugget."""
        return float(np.exp(self.noise)) + NUGGET


def squared_distances(one: Floats, other: Floats) -> Floats:
    """Return ‖a - b‖² of all rows of scaled features, shape (n, m)."""
    return _distances_to(one, _mirrored(other))


def _distances_to(one: Floats, mirrored: Floats) -> Floats:
    # ‖a - b‖² = (a, ‖a‖², 1) · (-2 b, 1, ‖b‖²): one product of matrices, no array (n, m, p).
    n, p = one.shape
    extended = np.empty((n, p + 2))
    extended[:, :p] = one
    extended[:, p] = np.add.reduce(one * one, axis=1)
    extended[:, p + 1] = 1.0
    squares: Floats = extended @ mirrored
    np.maximum(squares, 0.0, out=squares)  # rounding can make those of near points negative
    return squares


def _mirrored(other: Floats) -> Floats:
    """Return the columns (-2 b, 1, ‖b‖²) of rows b, shape (p + 2, m)."""
    m, p = other.shape
    extended = np.ones((m, p + 2))
    np.multiply(other, -2.0, out=extended[:, :p])
    extended[:, p + 1] = np.add.reduce(other * other, axis=1)
    return np.asarray(extended.T)


def matern(squares: Floats) -> tuple[Floats, Floats]:
    """Return the Matérn 5/2 correlation and its derivative by the squared distance.

    With ρ = √(5 r²) they are (1 + ρ + ρ²/3) exp(-ρ) and -(5/6) (1 + ρ) exp(-ρ): R&W, eq. 4.17.

    Parameters
    ----------
    squares : ndarray, >= 0
        Squared distances r² of scaled features. The array is overwritten by the correlation:
        allocating arrays of this size is expensive.
    """
    squares *= 5.0
    rho = np.sqrt(squares)
    decay = np.negative(rho)
    np.exp(decay, out=decay)
    rho += 1.0
    squares *= 1.0 / 3.0
    squares += rho
    squares *= decay
    rho *= decay
    rho *= -5.0 / 6.0
    return squares, rho


def inverse_and_log_determinant(covariance: Floats, size: float) -> tuple[Floats, float]:
    """Return the inverse of a covariance and the logarithm of its determinant.

    Parameters
    ----------
    covariance : ndarray (n, n), symmetric
    size : float
        Of its diagonal: what is added to it where it is not positive definite in doubles is
        1e-8, 1e-7 … 0.1 of it.

    Raises
    ------
    FloatingPointError
        It is far from positive definite.
    """
    from scipy.linalg import lapack

    potrf: Any = lapack.dpotrf
    potri: Any = lapack.dpotri
    diagonal = slice(None, None, len(covariance) + 1)  # of the flat array
    for jitter in (0.0, *(10.0**power for power in range(-8, 0))):
        jittered = covariance.copy()
        jittered.flat[diagonal] += jitter * size
        # Transposed, a row-major array is column-major, which LAPACK overwrites without a copy.
        lower, failed = potrf(jittered.T, lower=1, overwrite_a=1, clean=1)
        pivots = lower.diagonal()
        if not failed and np.isfinite(pivots).all():
            log_determinant = 2.0 * float(np.log(pivots).sum())
            half, failed = potri(lower, lower=1, overwrite_c=1)
            if not failed:
                inverse = half + half.T  # LAPACK fills the lower triangle only
                inverse.flat[diagonal] *= 0.5
                return inverse, log_determinant
    raise FloatingPointError("a covariance must be positive definite, but this one is not")


def bordered_inverse(
    inverse: Floats, covariance: Floats, own: Floats, noise: float, size: float
) -> Floats:
    """Return the inverse of a covariance with m more rows and columns.

    With Q = K⁻¹ k and the Schur complement C = k(X, X) + ν - kᵀ Q::

        [K k; kᵀ k(X, X) + ν]⁻¹ = [K⁻¹ + Q C⁻¹ Qᵀ, -Q C⁻¹; -C⁻¹ Qᵀ, C⁻¹]

    Parameters
    ----------
    inverse : ndarray (n, n)
        K⁻¹.
    covariance, own : ndarray (m, n) and (m, m)
        Of the new rows with the old ones, kᵀ, and with one another, without their noise ν.
    noise, size : float
        ν, and the size of the diagonal; see `inverse_and_log_determinant`.
    """
    solved = covariance @ inverse
    rest = own - solved @ covariance.T
    rest = (rest + rest.T) / 2  # rounding makes it asymmetric
    rest.flat[:: len(rest) + 1] += noise
    corner, _ = inverse_and_log_determinant(rest, size)
    beside = corner @ solved
    return np.block([[inverse + solved.T @ beside, -beside.T], [-beside, corner]])


class GaussianProcess:
    """The posterior of a process with given hyper-parameters.

    Its kernel is::

        k(x, x') = s² (1 + ρ + ρ²/3) exp(-ρ) + 1,   ρ² = 5 Σ_f w_g(f) (x_f - x'_f)²

    The 1 is a constant mean with a standard normal prior, integrated out (R&W, section 2.7).

    Parameters
    ----------
    features : ndarray (n, p)
        Where the process was observed.
    targets : ndarray (n,)
        What was observed; of mean 0 and deviation 1 for the priors to fit.
    groups : ndarray (p,) of int
        Which lengthscale each feature has.

    Notes
    -----
    The inverse of the covariance is kept: a prediction at m points is one product. The small
    noise on its diagonal keeps it accurate enough.
    """

    def __init__(
        self, features: Floats, targets: Floats, groups: Ints, parameters: Hyperparameters
    ) -> None:
        self.parameters, self.groups = parameters, groups
        self._roots = np.sqrt(parameters.weights)[groups]
        self._scale = float(np.exp(parameters.scale))
        self._at = features * self._roots
        self._mirrored = _mirrored(self._at)
        covariance = self._covariance(self._at)[0]
        covariance.flat[:: len(covariance) + 1] += parameters.nu
        self._inverse, _ = inverse_and_log_determinant(covariance, self._scale + 1.0)
        self._alpha = self._inverse @ targets  # R&W, algorithm 2.1

    def _covariance(self, scaled: Floats) -> tuple[Floats, Floats]:
        """Return k at scaled features against the observed ones, and dk/dr², shape (m, n)."""
        correlation, slope = matern(_distances_to(scaled, self._mirrored))
        correlation *= self._scale
        correlation += 1.0
        return correlation, slope

    def predict(self, features: Floats) -> tuple[Floats, Floats]:
        """Return mean and deviation of the process (not of the noise) at features (m, p)."""
        covariance, _ = self._covariance(features * self._roots)
        # R&W, equations 2.25 and 2.26.
        return covariance @ self._alpha, self._deviation(covariance, covariance @ self._inverse)

    def mean(self, features: Floats) -> Floats:
        """Return the mean at features (m, p), shape (m,): cheaper than both."""
        return self._covariance(features * self._roots)[0] @ self._alpha

    def left_out_errors(self) -> Floats:
        """Return how far each target is from its prediction by all others, shape (n,).

        It is α_i / (K⁻¹)_ii (R&W, equation 5.12).
        """
        return np.asarray(self._alpha / self._inverse.diagonal())

    def _deviation(self, covariance: Floats, products: Floats) -> Floats:
        variance = self._scale + 1.0 - np.add.reduce(covariance * products, axis=1)
        return np.asarray(np.sqrt(np.maximum(variance, LEAST_VARIANCE)))

    def linearised(self, features: Floats) -> Linearised:
        """Return mean and deviation at features (m, p), with what their gradients need."""
        scaled = features * self._roots
        covariance, slope = self._covariance(scaled)
        products = covariance @ self._inverse
        deviation = self._deviation(covariance, products)
        slope *= self._scale
        mean = covariance @ self._alpha
        return Linearised(
            self._roots, self._at, self._alpha, scaled, slope, products, mean, deviation
        )

    def condition_on(self, features: Floats) -> GaussianProcess:
        """Return the posterior if its own mean were observed at features (m, p) too.

        The kriging believer of Ginsbourger, Le Riche & Carraro 2010,
        https://doi.org/10.1007/978-3-642-10701-6_6: means stay, deviations shrink there.
        """
        scaled = features * self._roots
        covariance, _ = self._covariance(scaled)
        correlation, _ = matern(squared_distances(scaled, scaled))
        own = self._scale * correlation + 1.0
        other = object.__new__(GaussianProcess)
        other.parameters, other.groups = self.parameters, self.groups
        other._roots, other._scale = self._roots, self._scale
        other._at = np.concatenate([self._at, scaled])
        other._mirrored = _mirrored(other._at)
        nu = self.parameters.nu
        other._inverse = bordered_inverse(self._inverse, covariance, own, nu, self._scale + 1.0)
        # The added targets are the mean itself, so they pull the mean nowhere: α is 0 there.
        other._alpha = np.concatenate([self._alpha, np.zeros(len(features))])
        return other


@dataclass(frozen=True, slots=True)
class Linearised:
    """A prediction at m points, with what its gradient by their features needs.

    Attributes
    ----------
    roots : ndarray (p,)
        Square roots √w of the features' weights, by which they were multiplied.
    at, alpha : ndarray (n, p) and (n,)
        The scaled features X of the observed points, and the weights α of their covariances.
    scaled, slope, products : ndarray (m, p), (m, n) and (m, n)
        Scaled features, dk/dr² and V = k K⁻¹.
    mean, deviation : ndarray (m,)
    """

    roots: Floats
    at: Floats
    alpha: Floats
    scaled: Floats
    slope: Floats
    products: Floats
    mean: Floats
    deviation: Floats

    def gradient(self, by_mean: Floats, by_deviation: Floats) -> Floats:
        """Return the gradient of a function of mean and deviation by the features, shape (m, p).

        With C_bi = (g_μ α_i - g_σ V_bi / σ) dk/dr², V = k K⁻¹, the gradient by feature f is
        2 w_f (x_bf Σ_i C_bi - (C X)_bf).

        Parameters
        ----------
        by_mean, by_deviation : ndarray (m,)
            The function's derivatives.
        """
        inner = by_mean[:, None] * self.alpha
        inner -= (by_deviation / self.deviation)[:, None] * self.products
        inner *= self.slope
        gradient = self.scaled * inner.sum(axis=1)[:, None] - inner @ self.at
        return np.asarray(2.0 * self.roots * gradient)
