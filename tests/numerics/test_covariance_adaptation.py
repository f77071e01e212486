"""CMA-ES against the tutorial's own steps, its margin against probabilities, and on bowls."""

import numpy as np
import pytest
from scipy.stats import norm

from hpopt.numerics.covariance_adaptation import Normal, Rates, default_population


def literal(mean, sigma, covariance, path_sigma, path_c, generation, ranked):
    """One generation as Hansen's tutorial prints it (figure 6), in loops."""
    d, population = len(mean), len(ranked)
    raw = [np.log((population + 1) / 2) - np.log(i) for i in range(1, population + 1)]
    mu = population // 2
    mu_eff = sum(raw[:mu]) ** 2 / sum(w**2 for w in raw[:mu])
    mu_eff_minus = sum(raw[mu:]) ** 2 / sum(w**2 for w in raw[mu:])
    c_1 = 2 / ((d + 1.3) ** 2 + mu_eff)
    c_mu = min(1 - c_1, 2 * (mu_eff - 2 + 1 / mu_eff) / ((d + 2) ** 2 + mu_eff))
    alpha = min(1 + c_1 / c_mu, 1 + 2 * mu_eff_minus / (mu_eff + 2), (1 - c_1 - c_mu) / (d * c_mu))
    positive, negative = sum(w for w in raw if w > 0), -sum(w for w in raw if w < 0)
    weights = [w / positive if w >= 0 else alpha * w / negative for w in raw]
    c_sigma = (mu_eff + 2) / (d + mu_eff + 5)
    d_sigma = 1 + 2 * max(0, np.sqrt((mu_eff - 1) / (d + 1)) - 1) + c_sigma
    c_c = (4 + mu_eff / d) / (d + 4 + 2 * mu_eff / d)
    chi = np.sqrt(d) * (1 - 1 / (4 * d) + 1 / (21 * d**2))

    values, axes = np.linalg.eigh(covariance)
    root_inverse = axes @ np.diag(values**-0.5) @ axes.T
    ys = [(x - mean) / sigma for x in ranked]
    y_w = sum(weights[i] * ys[i] for i in range(mu))
    path_sigma = (1 - c_sigma) * path_sigma + np.sqrt(
        c_sigma * (2 - c_sigma) * mu_eff
    ) * root_inverse @ y_w
    norm_ = np.linalg.norm(path_sigma)
    new_sigma = sigma * np.exp(c_sigma / d_sigma * (norm_ / chi - 1))
    h = float(
        norm_ / np.sqrt(1 - (1 - c_sigma) ** (2 * (generation + 1))) < (1.4 + 2 / (d + 1)) * chi
    )
    path_c = (1 - c_c) * path_c + h * np.sqrt(c_c * (2 - c_c) * mu_eff) * y_w
    rank_mu = np.zeros((d, d))
    for w, y in zip(weights, ys, strict=True):
        signed = w if w >= 0 else w * d / np.linalg.norm(root_inverse @ y) ** 2
        rank_mu += signed * np.outer(y, y)
    keep = 1 + c_1 * (1 - h) * c_c * (2 - c_c) - c_1 - c_mu * sum(weights)
    new = keep * covariance + c_1 * np.outer(path_c, path_c) + c_mu * rank_mu
    return mean + sigma * y_w, new_sigma, new, path_sigma, path_c


def test_it_is_the_tutorial_step_by_step():
    rng = np.random.default_rng(0)
    d, population = 5, 8
    normal, rates = Normal.isotropic(rng.random(d), 0.2), Rates.for_population(d, population)
    for generation in range(30):
        points = normal.draw(population, rng)
        ranked = points[np.argsort(((points - 0.3) ** 2 * 10 ** np.arange(d)).sum(axis=1))]
        expected = literal(
            normal.mean,
            normal.sigma,
            normal.covariance,
            normal.path_sigma,
            normal.path_c,
            generation,
            ranked,
        )
        normal = normal.updated(ranked, rates)
        found = (normal.mean, normal.sigma, normal.covariance, normal.path_sigma, normal.path_c)
        for mine, want in zip(found, expected, strict=True):
            np.testing.assert_allclose(mine, want, rtol=1e-6, atol=1e-9)
        assert normal.generation == generation + 1


@pytest.mark.parametrize("shape", ["sphere", "ellipsoid", "rotated"])
def test_it_finds_the_bottom_of_bowls(shape):
    rng = np.random.default_rng(1)
    d = 6
    axes = np.linalg.qr(rng.standard_normal((d, d)))[0] if shape == "rotated" else np.eye(d)
    steepness = np.ones(d) if shape == "sphere" else 10.0 ** (4 * np.arange(d) / (d - 1))
    normal, rates = Normal.isotropic(np.full(d, 0.9), 0.3), Rates.for_population(d, 9)
    for _ in range(350):
        points = normal.draw(9, rng)
        values = ((((points - 0.3) @ axes) ** 2) * steepness).sum(axis=1)
        normal = normal.updated(points[np.argsort(values)], rates)
    np.testing.assert_allclose(normal.mean, 0.3, atol=1e-5)


def test_draws_have_its_moments():
    covariance = np.array([[1.0, 0.6], [0.6, 2.0]])
    values, axes = np.linalg.eigh(covariance)
    zero = np.zeros(2)
    normal = Normal(
        np.array([0.5, 0.2]), 0.1, covariance, zero, zero, np.array([1.0, 3.0]), 0,
        np.sqrt(values), axes,
    )  # fmt: skip
    points = normal.draw(50_000, np.random.default_rng(2))
    np.testing.assert_allclose(points.mean(axis=0), normal.mean, atol=0.01)
    np.testing.assert_allclose(points.std(axis=0), normal.deviations, rtol=0.02)


def leaving(normal, low, high):
    """Give the probabilities of being below and above the cell, by coordinate."""
    deviation = normal.deviations
    return norm.cdf(low, normal.mean, deviation), norm.sf(high, normal.mean, deviation)


def test_the_margin_keeps_whole_numbers_moving():
    alpha = 0.02
    mean = np.array([0.55, 0.05, 0.97, 0.5, 0.55])
    low = np.array([0.5, 0.0, 0.9, 0.45, np.nan])
    high = np.array([0.6, 0.1, 1.0, 0.55, np.nan])
    narrow = Normal.isotropic(mean, 1e-4)
    below, above = leaving(narrow, low, high)
    assert max(below[0], above[0], above[1], below[2]) < 1e-9
    kept = narrow.with_margin(low, high, alpha)
    below, above = leaving(kept, low, high)
    assert below[0] >= alpha / 2 * 0.999
    assert above[0] >= alpha / 2 * 0.999
    assert above[1] >= alpha * 0.999
    assert below[2] >= alpha * 0.999
    assert kept.mean[4] == mean[4]
    assert kept.deviations[4] == pytest.approx(1e-4)
    assert ((kept.mean[:4] >= low[:4]) & (kept.mean[:4] <= high[:4])).all()


def test_a_wide_distribution_needs_no_margin():
    normal = Normal.isotropic(np.array([0.52, 0.31]), 0.3)
    kept = normal.with_margin(np.array([0.5, 0.3]), np.array([0.6, 0.4]), 0.02)
    np.testing.assert_array_equal(kept.mean, normal.mean)
    np.testing.assert_array_equal(kept.stretch, normal.stretch)


def test_far_points_do_not_blow_it_up():
    normal, rates = Normal.isotropic(np.full(3, 0.5), 1e-3), Rates.for_population(3, 6)
    for _ in range(20):
        normal = normal.updated(np.ones((6, 3)), rates, np.ones(6, dtype=bool))
        assert np.isfinite(normal.covariance).all()
    assert normal.sigma < 1.0
    assert not normal.is_degenerate


def test_the_default_population_is_hansens():
    assert [default_population(d) for d in (1, 2, 10, 40)] == [4, 6, 10, 15]


@pytest.mark.parametrize(("d", "population"), [(1, 2), (1, 4), (300, 21), (3, 200)])
def test_weights_are_sane(d, population):
    rates = Rates.for_population(d, population)
    assert rates.weights[rates.weights > 0].sum() == pytest.approx(1.0)
    assert (np.diff(rates.weights) <= 1e-15).all()
    assert 0 < rates.c_1 + rates.c_mu <= 1
