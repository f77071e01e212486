"""The Gaussian process against scikit-learn's, slow formulas and finite differences."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from hpopt.numerics.blas_threads import single_blas_thread
from hpopt.numerics.gaussian_process import (
    NUGGET,
    GaussianProcess,
    Hyperparameters,
    inverse_and_log_determinant,
    matern,
    squared_distances,
)
from hpopt.numerics.gaussian_process_fit import (
    Prior,
    as_hyperparameters,
    fit_hyperparameters,
    log_posterior,
)


@pytest.fixture(autouse=True)
def _one_thread():
    """Several threads for small matrices take long where cores are busy."""
    with single_blas_thread():
        yield


GROUPS = np.array([0, 1, 2, 2, 3, 3])
LENGTHS = np.log([0.3, 0.8, 1.2, 2.0])
PARAMETERS = Hyperparameters(LENGTHS, 0.4, np.log(1e-3))


def observed(n=25, seed=0):
    rng = np.random.default_rng(seed)
    features = rng.random((n, len(GROUPS)))
    targets = np.sin(6 * features[:, 0]) + features[:, 3] - features[:, 1] ** 2
    return features, (targets - targets.mean()) / targets.std()


def of_sklearn(features, targets):
    kernel = ConstantKernel(np.exp(0.4)) * Matern(np.exp(LENGTHS)[GROUPS], nu=2.5)
    kernel = kernel + ConstantKernel(1.0) + WhiteKernel(PARAMETERS.nu)
    model = GaussianProcessRegressor(kernel, optimizer=None, alpha=0.0)
    return model.fit(features, targets)


def test_it_predicts_what_scikit_learn_predicts():
    features, targets = observed()
    there = np.random.default_rng(1).random((40, len(GROUPS)))
    mean, deviation = GaussianProcess(features, targets, GROUPS, PARAMETERS).predict(there)
    model = of_sklearn(features, targets)
    expected, noisy = model.predict(there, return_std=True)
    np.testing.assert_allclose(mean, expected, atol=1e-8)
    np.testing.assert_allclose(deviation**2 + PARAMETERS.nu, noisy**2, atol=1e-8)


def test_what_is_left_out_is_predicted_by_the_others():
    features, targets = observed()
    expected = []
    for row in range(len(targets)):
        others = np.arange(len(targets)) != row
        process = GaussianProcess(features[others], targets[others], GROUPS, PARAMETERS)
        expected.append(targets[row] - process.mean(features[[row]])[0])
    errors = GaussianProcess(features, targets, GROUPS, PARAMETERS).left_out_errors()
    np.testing.assert_allclose(errors, expected, atol=1e-7)


def test_its_likelihood_is_scikit_learns():
    features, targets = observed()
    theta = np.concatenate([LENGTHS, [0.4, np.log(1e-3)]])
    prior = Prior.for_groups(4.0, np.zeros(4, dtype=bool))
    value, _ = log_posterior(theta, features, targets, GROUPS, prior)
    z = (theta - prior.means) / prior.deviations
    likelihood = of_sklearn(features, targets).log_marginal_likelihood_value_
    constant = len(targets) / 2 * np.log(2 * np.pi)
    assert value == pytest.approx(likelihood + constant - z @ z / 2, abs=1e-7)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_the_gradient_of_the_posterior_is_that_of_differences(seed):
    rng = np.random.default_rng(seed)
    features, targets = observed(12, seed)
    prior = Prior.for_groups(3.0, np.array([False, False, True, True]))
    theta = prior.start + 0.5 * rng.standard_normal(6)
    _, gradient = log_posterior(theta, features, targets, GROUPS, prior)
    step = 1e-5
    for k, move in enumerate(step * np.eye(6)):
        high, low = (
            log_posterior(theta + s * move, features, targets, GROUPS, prior)[0] for s in (1, -1)
        )
        assert gradient[k] == pytest.approx((high - low) / (2 * step), rel=1e-4, abs=1e-4)


def test_the_gradient_of_a_prediction_is_that_of_differences():
    features, targets = observed()
    process = GaussianProcess(features, targets, GROUPS, PARAMETERS)
    rng = np.random.default_rng(2)
    there, by_mean, by_deviation = rng.random((5, 6)), rng.random(5), rng.random(5)
    gradient = process.linearised(there).gradient(by_mean, by_deviation)
    step = 1e-6
    for k, move in enumerate(step * np.eye(6)):
        (m1, s1), (m0, s0) = process.predict(there + move), process.predict(there - move)
        slope = by_mean * (m1 - m0) / (2 * step) + by_deviation * (s1 - s0) / (2 * step)
        np.testing.assert_allclose(gradient[:, k], slope, rtol=1e-4, atol=1e-5)


def test_the_kernel_is_the_slow_formula():
    one, other = np.random.default_rng(3).random((2, 4, 3))
    squares = squared_distances(one, other)
    correlation, slope = matern(squares.copy())
    for i, a in enumerate(one):
        for j, b in enumerate(other):
            rho = np.sqrt(5 * ((a - b) ** 2).sum())
            assert correlation[i, j] == pytest.approx((1 + rho + rho**2 / 3) * np.exp(-rho))
    high, low = matern(squares + 1e-6)[0], matern(squares - 1e-6)[0]
    np.testing.assert_allclose(slope, (high - low) / 2e-6, atol=1e-6)


def test_believing_is_refitting_with_its_own_means():
    features, targets = observed()
    process = GaussianProcess(features, targets, GROUPS, PARAMETERS)
    rng = np.random.default_rng(4)
    pending, there = rng.random((7, 6)), rng.random((30, 6))
    means = process.mean(pending)
    expected = GaussianProcess(
        np.concatenate([features, pending]), np.concatenate([targets, means]), GROUPS, PARAMETERS
    )
    believing = process.condition_on(pending)
    for found, want in zip(believing.predict(there), expected.predict(there), strict=True):
        np.testing.assert_allclose(found, want, atol=1e-7)
    np.testing.assert_allclose(believing.mean(there), process.mean(there), atol=1e-12)
    assert (believing.predict(pending)[1] < process.predict(pending)[1]).all()


def test_believing_in_the_same_point_twice_is_no_obstacle():
    features, targets = observed()
    process = GaussianProcess(features, targets, GROUPS, PARAMETERS)
    believing = process.condition_on(np.repeat(features[:1], 3, axis=0))
    assert np.isfinite(believing.predict(features)[1]).all()


def test_a_fit_finds_what_matters():
    rng = np.random.default_rng(5)
    features = rng.random((60, 4))
    targets = np.sin(8 * features[:, 2])
    targets = (targets - targets.mean()) / targets.std()
    prior = Prior.for_groups(4.0, np.zeros(4, dtype=bool))
    data = features, targets, np.arange(4), prior
    theta = fit_hyperparameters(*data, prior.start, evaluations=50, tolerance=1e-5)
    parameters = as_hyperparameters(theta)
    assert parameters.lengths.argmin() == 2
    assert np.delete(parameters.lengths, 2).min() > parameters.lengths[2] + 1
    assert parameters.nu < 1e-3
    more = fit_hyperparameters(*data, theta, evaluations=50, tolerance=1e-9)
    values = [log_posterior(each, *data)[0] for each in (theta, more)]
    assert values[0] <= values[1] < values[0] + 0.01


def test_noise_is_seen_as_noise():
    rng = np.random.default_rng(6)
    features = rng.random((80, 1))
    targets = features[:, 0] * 3 + 0.5 * rng.standard_normal(80)
    targets = (targets - targets.mean()) / targets.std()
    prior = Prior.for_groups(1.0, np.zeros(1, dtype=bool))
    groups = np.array([0])
    theta = fit_hyperparameters(
        features, targets, groups, prior, prior.start, evaluations=60, tolerance=1e-6
    )
    assert 0.05 < as_hyperparameters(theta).nu < 0.6


def test_identical_points_can_be_observed():
    features = np.full((6, 6), 0.5)
    process = GaussianProcess(features, np.arange(6.0) - 2.5, GROUPS, PARAMETERS)
    mean, deviation = process.predict(features[:1])
    assert abs(mean[0]) < 1e-3
    assert 0 < deviation[0] < 0.1


def test_a_singular_covariance_gets_some_jitter():
    inverse, log_determinant = inverse_and_log_determinant(np.ones((3, 3)), 1.0)
    assert np.isfinite(inverse).all()
    assert log_determinant < -10
    with pytest.raises(FloatingPointError, match="must be positive definite"):
        inverse_and_log_determinant(np.diag([1.0, -5.0]), 1.0)


def test_a_covariance_is_inverted():
    matrix = np.random.default_rng(7).random((9, 9))
    matrix = matrix @ matrix.T + np.eye(9)
    inverse, log_determinant = inverse_and_log_determinant(matrix, 1.0)
    np.testing.assert_allclose(inverse, np.linalg.inv(matrix), atol=1e-10)
    assert log_determinant == pytest.approx(np.linalg.slogdet(matrix)[1])


def test_the_prior_is_as_it_is_written():
    prior = Prior.for_groups(16.0, np.array([False, True]))
    np.testing.assert_allclose(np.exp(prior.means), [2.0, 6.0, 1.0, np.exp(-9.0)])
    assert np.exp(prior.start[-1]) + NUGGET == pytest.approx(1e-3, rel=0.01)
    assert (prior.low < prior.start).all()
    assert (prior.start < prior.high).all()


def test_blas_has_one_thread_inside_and_its_own_outside():
    from threadpoolctl import threadpool_info, threadpool_limits

    def n_threads():
        return [each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"]

    with threadpool_limits(2, user_api="blas"):  # the fixture of all tests leaves them one
        before = n_threads()
        with single_blas_thread():
            assert set(n_threads()) <= {1}
        assert n_threads() == before
