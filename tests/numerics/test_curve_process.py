"""The process of curves against slow formulas and finite differences."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpopt.numerics.blas_threads import single_blas_thread
from hpopt.numerics.curve_process import CurveParameters, CurveProcess, CurveRows
from hpopt.numerics.curve_process_fit import CurvePosterior, curve_prior, fit_curves
from hpopt.numerics.gaussian_process_fit import Prior

GROUPS = np.array([0, 1, 1])
THETA = np.array([math.log(0.6), math.log(1.5), 0.3, -3.0, 0.4, -0.2, -5.0])


@pytest.fixture(autouse=True)
def _one_thread():
    with single_blas_thread():
        yield


def some_rows(n=8, seed=0):
    """Return curves of n configs in three features, of one to four values."""
    rng = np.random.default_rng(seed)
    features, lengths = rng.random((n, 3)), rng.integers(1, 5, n)
    trials = np.repeat(np.arange(n), lengths)
    times = np.concatenate([np.array([1.0, 0.6, 0.3, 0.0])[:k] for k in lengths])
    targets = np.sin(4 * features[trials, 0]) + times + 0.1 * rng.standard_normal(len(times))
    return CurveRows(features, GROUPS, trials, times, targets - targets.mean())


def slow_kernel(rows, theta, i, u, j, v):
    """Return the covariance of trial i at time u and trial j at v, as it is written."""
    lengths, (scale, own, decay, reach) = np.exp(theta[:2]), theta[2:6]
    gaps = (rows.features[i] - rows.features[j]) / lengths[GROUPS]
    rho = math.sqrt(5 * float(gaps @ gaps))
    matern = (1 + rho + rho**2 / 3) * math.exp(-rho)
    bracket = math.exp(scale) * matern + (math.exp(own) if i == j else 0.0)
    r = math.sqrt(3) * abs(u - v) / math.exp(reach)
    return bracket * math.exp(-decay * (u + v)) * (1 + r) * math.exp(-r) + 1 + u * v + (u * v) ** 2


def slow_covariance(rows, theta, one, other):
    return np.array([[slow_kernel(rows, theta, *a, *b) for b in other] for a in one])


def slow_posterior(rows, theta, trials, times):
    """Return mean and deviation by a dense system."""
    observed = list(zip(rows.trials, rows.times, strict=True))
    asked = list(zip(trials, times, strict=True))
    noise = (math.exp(theta[6]) + 1e-6) * np.eye(len(observed))
    covariance = slow_covariance(rows, theta, observed, observed) + noise
    across = slow_covariance(rows, theta, asked, observed)
    solved = np.linalg.solve(covariance, across.T)
    variance = slow_covariance(rows, theta, asked, asked).diagonal() - (across.T * solved).sum(0)
    return solved.T @ rows.targets, np.sqrt(variance)


def test_it_predicts_what_the_slow_formula_predicts():
    rows, times = some_rows(), np.array([0.0, 0.0, 0.45, 1.0])
    trials = np.array([0, 5, 5, 7])
    process = CurveProcess(rows, CurveParameters.of(THETA))
    mean, deviation = slow_posterior(rows, THETA, trials, times)
    np.testing.assert_allclose(process.predict(trials, times), (mean, deviation), atol=1e-8)
    np.testing.assert_allclose(process.mean(trials, times), mean, atol=1e-8)


def test_a_cut_predicts_new_trials_as_the_slow_formula_does():
    rows = some_rows()
    there = np.random.default_rng(1).random((5, 3))
    beside = CurveRows(np.concatenate([rows.features, there]), *_all_but_features(rows))
    expected = slow_posterior(beside, THETA, np.arange(8, 13), np.full(5, 0.2))
    cut = CurveProcess(rows, CurveParameters.of(THETA)).at(0.2)
    np.testing.assert_allclose(cut.predict(there), expected, atol=1e-8)


def _all_but_features(rows):
    return rows.groups, rows.trials, rows.times, rows.targets


def test_the_gradient_of_a_cut_is_that_of_differences():
    cut = CurveProcess(some_rows(), CurveParameters.of(THETA)).at(0.2)
    rng = np.random.default_rng(2)
    there, by_mean, by_deviation = rng.random((4, 3)), rng.random(4), rng.random(4)
    linearised = cut.linearised(there)
    np.testing.assert_allclose((linearised.mean, linearised.deviation), cut.predict(there))
    gradient = linearised.gradient(by_mean, by_deviation)
    for k, move in enumerate(1e-6 * np.eye(3)):
        (m1, s1), (m0, s0) = cut.predict(there + move), cut.predict(there - move)
        slope = (by_mean * (m1 - m0) + by_deviation * (s1 - s0)) / 2e-6
        np.testing.assert_allclose(gradient[:, k], slope, rtol=1e-5, atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_the_gradient_of_the_posterior_is_that_of_differences(seed):
    rows, prior = some_rows(seed=seed), curve_prior(2.0, np.array([False, True]))
    posterior = CurvePosterior(rows, prior)
    theta = prior.start + 0.5 * np.random.default_rng(seed).standard_normal(7)
    _, gradient = posterior(theta)
    for k, move in enumerate(1e-5 * np.eye(7)):
        difference = (posterior(theta + move)[0] - posterior(theta - move)[0]) / 2e-5
        assert gradient[k] == pytest.approx(difference, rel=1e-6, abs=1e-6)


def test_the_posterior_is_likelihood_times_prior():
    rows, prior = some_rows(), curve_prior(2.0, np.array([False, True]))
    observed = list(zip(rows.trials, rows.times, strict=True))
    covariance = slow_covariance(rows, THETA, observed, observed)
    covariance += (math.exp(THETA[6]) + 1e-6) * np.eye(len(observed))
    z = (THETA - prior.means) / prior.deviations
    quadratic = rows.targets @ np.linalg.solve(covariance, rows.targets)
    expected = -(quadratic + np.linalg.slogdet(covariance)[1] + z @ z) / 2
    assert CurvePosterior(rows, prior)(THETA)[0] == pytest.approx(expected, abs=1e-8)


def test_the_order_of_trials_does_not_matter():
    rows, order = some_rows(), np.array([3, 0, 7, 1, 6, 2, 5, 4])
    own = [np.flatnonzero(rows.trials == trial) for trial in order]
    taken = np.concatenate(own)
    trials = np.repeat(np.arange(8), [len(each) for each in own])
    turned = CurveRows(rows.features[order], GROUPS, trials, rows.times[taken], rows.targets[taken])
    one, other = (CurveProcess(each, CurveParameters.of(THETA)) for each in (rows, turned))
    times = np.zeros(8)
    np.testing.assert_allclose(
        one.predict(order, times), other.predict(np.arange(8), times), atol=1e-9
    )


def test_believing_is_refitting_with_its_own_means():
    rows, parameters = some_rows(), CurveParameters.of(THETA)
    process = CurveProcess(rows, parameters)
    trials, times = np.array([2, 6]), np.array([0.0, 0.1])
    means, _ = process.predict(trials, times)
    every = np.concatenate([rows.trials, trials])
    order = np.argsort(every, kind="stable")
    all_times = np.concatenate([rows.times, times])[order]
    targets = np.concatenate([rows.targets, means])[order]
    refitted = CurveRows(rows.features, GROUPS, every[order], all_times, targets)
    expected, believing = CurveProcess(refitted, parameters), process.condition_on(trials, times)
    asked = np.arange(8), np.zeros(8)
    np.testing.assert_allclose(believing.predict(*asked), expected.predict(*asked), atol=1e-8)
    there = np.random.default_rng(3).random((5, 3))
    np.testing.assert_allclose(
        believing.at(0.0).predict(there), expected.at(0.0).predict(there), atol=1e-8
    )
    np.testing.assert_allclose(
        believing.at(0.0).predict(there)[0], process.at(0.0).predict(there)[0]
    )


def test_a_trial_without_rows_can_be_believed():
    rows, parameters = some_rows(), CurveParameters.of(THETA)
    with_one_more = CurveRows(np.append(rows.features, [[0.5] * 3], 0), *_all_but_features(rows))
    process = CurveProcess(with_one_more, parameters)
    mean, deviation = process.predict(np.array([8]), np.array([0.0]))
    expected = CurveProcess(rows, parameters).at(0.0).predict(np.full((1, 3), 0.5))
    np.testing.assert_allclose((mean, deviation), expected, atol=1e-8)
    believing = process.condition_on(np.array([8]), np.array([0.0]))
    assert believing.predict(np.array([8]), np.array([0.0]))[1] < 0.3 * deviation


def test_what_is_left_out_is_what_the_others_predict():
    rows, parameters = some_rows(), CurveParameters.of(THETA)
    errors, deviations = CurveProcess(rows, parameters).left_out()
    trial = 4
    others = rows.trials != trial
    kept = CurveRows(
        rows.features, GROUPS, rows.trials[others], rows.times[others], rows.targets[others]
    )
    row = np.flatnonzero(~others)[0]
    mean, deviation = CurveProcess(kept, parameters).predict(
        np.array([trial]), rows.times[row : row + 1]
    )
    assert errors[trial] == pytest.approx(rows.targets[row] - mean[0])
    assert deviations[trial] == pytest.approx(math.sqrt(deviation[0] ** 2 + parameters.nu))


def test_a_fit_finds_what_matters():
    rng = np.random.default_rng(5)
    features, trials = rng.random((40, 3)), np.repeat(np.arange(40), 3)
    times = np.tile([1.0, 0.5, 0.0], 40)
    targets = (1 - times) * np.sin(7 * features[trials, 0]) + times
    rows = CurveRows(features, np.arange(3), trials, times, targets - targets.mean())
    prior = curve_prior(3.0, np.zeros(3, dtype=bool))
    posterior = CurvePosterior(rows, prior)
    theta = fit_curves(posterior, prior, prior.start, evaluations=40, tolerance=1e-5)
    parameters = CurveParameters.of(theta)
    assert np.delete(parameters.lengths, 0).min() > parameters.lengths[0] + 1
    assert parameters.decay > 0.3  # configs differ at the end only
    assert posterior(theta)[0] > posterior(prior.start)[0] + 20


def test_the_prior_is_that_of_the_process_of_losses_where_both_have_one():
    is_choice = np.array([False, True])
    prior, plain = curve_prior(4.0, is_choice), Prior.for_groups(4.0, is_choice)
    np.testing.assert_array_equal(prior.means[:3], plain.means[:3])
    assert ((prior.low < prior.start) & (prior.start < prior.high)).all()
    np.testing.assert_allclose(np.exp(prior.means[3:] / [2, 1, 1, 2]), [0.1, 1.0, 0.7, 0.05])


def test_one_trial_of_one_value_is_enough():
    rows = CurveRows(np.array([[0.5]]), np.array([0]), np.array([0]), np.array([1.0]), np.zeros(1))
    prior = curve_prior(1.0, np.array([False]))
    theta = fit_curves(
        CurvePosterior(rows, prior), prior, prior.start, evaluations=10, tolerance=1e-4
    )
    mean, deviation = CurveProcess(rows, CurveParameters.of(theta)).at(0.0).predict(np.ones((1, 1)))
    assert np.isfinite(mean).all()
    assert deviation > 0.5
