"""Acquisition functions against integrals, limits and finite differences."""

import numpy as np
import pytest
from scipy import integrate, stats

from hpopt.numerics.acquisition import (
    log_bound_improvement,
    log_expected_improvement,
    log_probability_of_improvement,
    lower_confidence_bound,
)
from hpopt.numerics.normal import log_density, log_improvement


def test_expected_improvement_is_the_integral():
    for mean, deviation, best in ((0.3, 0.5, 0.1), (-1.0, 0.2, 0.0), (2.0, 1.0, 0.0)):
        expected, _ = integrate.quad(
            lambda f: (best - f) * stats.norm.pdf(f, mean, deviation),  # noqa: B023
            mean - 12 * deviation,
            best,
        )
        found = log_expected_improvement(np.array([mean]), np.array([deviation]), best)[0]
        assert np.exp(found[0]) == pytest.approx(expected, rel=1e-6)


def test_far_below_it_is_its_expansion():
    z = -np.array([30.0, 100.0, 1e4, 1e6, 1e9])
    series = log_density(z) - 2 * np.log(-z) + np.log1p(-3 / z**2 + 15 / z**4)
    np.testing.assert_allclose(log_improvement(z), series, rtol=1e-9)


def test_there_are_no_steps_where_the_formula_changes():
    for edge in (-1.0, -1e5):
        around = log_improvement(edge * (1 + np.array([-1e-9, 0.0, 1e-9])))
        np.testing.assert_allclose(around, around[1], rtol=1e-6)
    z = np.linspace(-60, 10, 20_001)
    assert (np.diff(log_improvement(z)) > 0).all()


def log_bound(mean, deviation, best):
    return log_bound_improvement(mean, deviation, best, 2.0)


def test_the_logarithm_of_a_bound_ranks_as_the_bound():
    rng = np.random.default_rng(0)
    mean, deviation = rng.uniform(-3, 30, 200), rng.uniform(0.01, 2, 200)
    values, by_mean, by_deviation = log_bound(mean, deviation, 0.7)
    bounds = lower_confidence_bound(mean, deviation, 2.0)[0]
    assert np.array_equal(values.argsort(), bounds.argsort())
    assert np.isfinite([values, by_mean, by_deviation]).all()
    gains = 0.7 + bounds
    np.testing.assert_allclose(values[gains > 0.5], np.log(gains[gains > 0.5]), atol=0.01)


@pytest.mark.parametrize(
    "function",
    [log_expected_improvement, lower_confidence_bound, log_bound, log_probability_of_improvement],
)
def test_derivatives_are_those_of_differences(function):
    rng = np.random.default_rng(0)
    mean, deviation = rng.uniform(-3, 3, 50), rng.uniform(0.2, 2, 50)
    _, by_mean, by_deviation = function(mean, deviation, 0.7)
    step = 1e-6
    slope = (
        function(mean + step, deviation, 0.7)[0] - function(mean - step, deviation, 0.7)[0]
    ) / (2 * step)
    np.testing.assert_allclose(by_mean, slope, rtol=1e-5, atol=1e-7)
    slope = (
        function(mean, deviation + step, 0.7)[0] - function(mean, deviation - step, 0.7)[0]
    ) / (2 * step)
    np.testing.assert_allclose(by_deviation, slope, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("function", [log_expected_improvement, log_probability_of_improvement])
def test_what_is_hopeless_still_has_a_finite_slope(function):
    deviation = np.array([1e-5, 1e-3, 1.0])
    for parts in (
        function(np.full(3, 8.0), deviation, -3.0),
        function(np.full(3, -8.0), deviation, 3),
    ):
        assert all(np.isfinite(part).all() for part in parts)


def test_the_probability_is_that_of_the_normal():
    found = log_probability_of_improvement(np.array([0.5]), np.array([2.0]), -1.0)[0]
    assert np.exp(found[0]) == pytest.approx(stats.norm.cdf(-1.0, 0.5, 2.0))


def test_the_bound_is_the_hope():
    value, _, _ = lower_confidence_bound(np.array([1.0, 1.0]), np.array([0.1, 0.5]), 2.0)
    np.testing.assert_allclose(value, [-0.8, 0.0])
