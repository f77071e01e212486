"""The truncated normal against scipy's, high precision integrals and the paper's figures."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from hpopt.numerics.truncated_normal import (
    fit_truncated_normal,
    log_normal_between,
    log_probability_below,
)


def test_the_papers_figures():
    """DLOPT, listing 2: its mean and deviation give its log p to all digits printed."""
    found = log_probability_below(0.01, 0.81072833698353519, 0.1104613706995357, 0.0, 2.0)
    assert found == pytest.approx(-29.906005813483684, abs=5e-14)
    assert np.exp(found) == pytest.approx(1.0279848149134584e-13, rel=1e-13)


@pytest.mark.parametrize(
    ("low", "high"),
    [(-1, 1), (0, 3), (-3, -2), (5, 6), (-40, -39), (38, 39), (-0.5, 30), (2, 2.001), (-9, -8.999)],
)
def test_an_interval_has_what_its_density_adds_up_to(low, high):
    nearest = np.clip(0, low, high)
    area, _ = integrate.quad(lambda z: np.exp((nearest**2 - z**2) / 2), low, high, epsabs=0)
    expected = np.log(area) - nearest**2 / 2 - np.log(2 * np.pi) / 2
    assert log_normal_between(low, high) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("width", [1e-3, 1e-5, 1.1e-5, 1e-7, 1e-12])
@pytest.mark.parametrize("low", [-7.0, -0.3, 0.0, 4.0])
def test_narrow_intervals_lose_no_digits(low, width):
    high = low + width
    middle, width = (low + high) / 2, high - low
    expected = stats.norm.logpdf(middle) + np.log(width)
    expected += np.log1p((middle**2 - 1) * width**2 / 24)  # the next term of the series
    assert log_normal_between(low, high) == pytest.approx(expected, abs=1e-9)


def test_an_empty_interval_has_nothing():
    assert log_normal_between(1.0, 1.0) == -np.inf
    assert log_normal_between(-np.inf, np.inf) == 0.0


@given(mean=st.floats(-1, 3), std=st.floats(0.02, 5), threshold=st.floats(0.001, 1.99))
def test_it_is_scipys_truncated_normal(mean, std, threshold):
    ends = (0 - mean) / std, (2 - mean) / std
    expected = stats.truncnorm.logcdf(threshold, *ends, loc=mean, scale=std)
    found = float(log_probability_below(threshold, mean, std, 0, 2))
    assert found <= 0
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-9)


@given(
    mean=st.floats(-1e6, 1e6),
    std=st.floats(0, 1e6),
    thresholds=st.tuples(st.floats(0.001, 1.9), st.floats(0.001, 1.9)),
)
def test_it_is_a_probability_whatever_the_moments(mean, std, thresholds):
    low, high = (log_probability_below(t, mean, std, 0, 2) for t in sorted(thresholds))
    assert high <= 0
    assert low <= high or low == pytest.approx(high, rel=1e-6)


def test_there_is_no_floor():
    found = log_probability_below(0.01, 0.8, np.array([1e-2, 1e-3, 1e-100]), 0, 2)
    np.testing.assert_allclose(found[:2], -(0.79**2) / 2 / np.array([1e-4, 1e-6]), rtol=2e-3)
    assert found[2] < -1e100


def test_without_deviation_all_lies_at_one_point():
    means = np.array([-1.0, 0.005, 0.8, 3.0])
    for std in (0.0, 1e-320):
        found = log_probability_below(0.01, means, std, 0, 2)
        np.testing.assert_array_equal(found, [0, 0, -np.inf, -np.inf])


def test_of_a_very_wide_one_it_is_the_share_of_the_interval():
    found = log_probability_below(0.01, 0.8, np.array([1e3, 1e6, 1e12]), 0, 2)
    np.testing.assert_allclose(found, np.log(0.005), rtol=1e-6)


@pytest.mark.parametrize("mean, std", [(np.nan, 1), (np.inf, 1), (0.5, np.inf), (0.5, np.nan)])
def test_what_is_not_finite_tells_nothing(mean, std):
    assert log_probability_below(0.01, mean, std, 0, 2) == -np.inf


def test_thresholds_outside_the_interval():
    assert log_probability_below(2.5, 0.8, 0.1, 0, 2) == 0
    assert log_probability_below(-0.1, 0.8, 0.1, 0, 2) == -np.inf


@pytest.mark.parametrize(("mean", "std"), [(0.8, 0.11), (0.3, 0.25), (0.1, 0.2), (1.8, 0.4)])
def test_the_fit_finds_what_was_drawn_from(mean, std):
    ends = (0 - mean) / std, (2 - mean) / std
    samples = stats.truncnorm.rvs(*ends, loc=mean, scale=std, size=5000, random_state=0)
    found = fit_truncated_normal(samples, 0, 2)
    assert found == pytest.approx((mean, std), abs=0.05)
    best = stats.truncnorm.logpdf(
        samples, (0 - found[0]) / found[1], (2 - found[0]) / found[1], *found
    ).sum()
    for other in ((mean, std), (samples.mean(), samples.std()), (found[0] + 0.01, found[1])):
        a, b = (0 - other[0]) / other[1], (2 - other[0]) / other[1]
        assert stats.truncnorm.logpdf(samples, a, b, *other).sum() <= best + 1e-6


def test_the_fit_of_equal_samples_has_no_deviation():
    assert fit_truncated_normal(np.full(5, 0.3), 0, 2) == (pytest.approx(0.3), 0.0)


def test_the_fit_of_a_slope_stays_within_bounds():
    samples = np.random.default_rng(0).exponential(0.3, 300).clip(0, 2)
    location, scale = fit_truncated_normal(samples, 0, 2)
    assert np.isfinite([location, scale]).all()
    assert location < 0
