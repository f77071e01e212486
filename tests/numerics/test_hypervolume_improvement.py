"""Log expected hypervolume improvement against Monte Carlo, one loss, differences and limits."""

import numpy as np
import pytest

from hpopt.numerics.acquisition import log_expected_improvement
from hpopt.numerics.hypervolume import Boxes, everything_below, hypervolume, non_dominated_boxes
from hpopt.numerics.hypervolume_improvement import ExpectedHypervolume


def example(m, n=8):
    rng = np.random.default_rng(m)
    front = np.abs(rng.standard_normal((n, m)))
    front /= np.linalg.norm(front, axis=1, keepdims=True)
    return front, np.full(m, 1.1), rng


@pytest.mark.parametrize("m", [2, 3, 4])
def test_it_is_the_mean_growth_of_the_volume(m):
    front, reference, rng = example(m)
    means, deviations = rng.uniform(0.3, 0.9, (3, m)), rng.uniform(0.1, 0.4, (3, m))
    boxes = non_dominated_boxes(front, reference)
    samples = means[:, None] + deviations[:, None] * rng.standard_normal((3, 5_000, m))
    volumes = np.array([boxes.volumes(each) for each in samples])
    found = np.exp(ExpectedHypervolume(boxes)(means, deviations))
    errors = volumes.std(axis=1) / np.sqrt(5_000)
    assert (np.abs(volumes.mean(axis=1) - found) < 4 * errors).all()


@pytest.mark.parametrize("m", [2, 3, 4])
def test_a_sure_prediction_adds_its_volume(m):
    front, reference, rng = example(m)
    means = rng.uniform(0.1, 0.5, (4, m))
    grown = [hypervolume(np.vstack([front, mean]), reference) for mean in means]
    boxes = non_dominated_boxes(front, reference)
    found = np.exp(ExpectedHypervolume(boxes)(means, np.full((4, m), 1e-9)))
    np.testing.assert_allclose(found, np.array(grown) - hypervolume(front, reference), atol=1e-7)


def test_without_a_front_it_is_the_product_of_the_improvements():
    rng = np.random.default_rng(0)
    means, deviations = rng.standard_normal((5, 3)), rng.uniform(0.1, 2, (5, 3))
    expected = sum(
        log_expected_improvement(means[:, j], deviations[:, j], 0.5)[0] for j in range(3)
    )
    found = ExpectedHypervolume(everything_below(np.full(3, 0.5)))(means, deviations)
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("m", [2, 3, 4])
def test_derivatives_are_those_of_differences(m):
    front, reference, rng = example(m)
    expected = ExpectedHypervolume(non_dominated_boxes(front, reference))
    means, deviations = rng.uniform(-0.5, 2.5, (30, m)), rng.uniform(0.05, 1, (30, m))
    value, by_means, by_deviations = expected.with_gradient(means, deviations)
    np.testing.assert_allclose(value, expected(means, deviations))
    for j, step in enumerate(1e-6 * np.eye(m)):
        slope = (expected(means + step, deviations) - expected(means - step, deviations)) / 2e-6
        np.testing.assert_allclose(by_means[:, j], slope, rtol=1e-5, atol=1e-6)
        slope = (expected(means, deviations + step) - expected(means, deviations - step)) / 2e-6
        np.testing.assert_allclose(by_deviations[:, j], slope, rtol=1e-5, atol=1e-6)


def test_what_is_hopeless_still_has_a_finite_value_and_slope():
    front, reference, _ = example(3)
    expected = ExpectedHypervolume(non_dominated_boxes(front, reference))
    means = np.array([[9.0, 9, 9], [-9, 9, 9], [1e6, 0, 0], [-1e3, -1e3, -1e3]])
    for deviation in (1e-5, 1e-2, 1.0):
        for part in expected.with_gradient(means, np.full((4, 3), deviation)):
            assert np.isfinite(part).all()


def test_a_box_without_volume_has_a_finite_logarithm():
    boxes = Boxes(np.array([[0.5, -np.inf]]), np.array([[0.5, 1.0]]))
    for part in ExpectedHypervolume(boxes).with_gradient(np.zeros((1, 2)), np.ones((1, 2))):
        assert np.isfinite(part).all()
