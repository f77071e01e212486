"""Forecasts of curves: against a dense formula, and calibrated on curves that were not seen."""

import math
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from hpopt.numerics import curve_forecast
from hpopt.numerics.curve_forecast import CurveForecast, forecast
from hpopt.numerics.curve_process import persistence
from hpopt.numerics.curve_rows import Bend

DATA = Path(os.environ.get("HPOPT_DATA", Path(__file__).parents[3] / "shared" / "data"))
THETA = np.array([0.2, 0.4, -0.3, -4.0])
PLAIN = Bend(1.0, 0.0, 1.0, 0.0, 1.0)


def power_laws(n, seed, high=64):
    """Return n curves c + a t^-b of different ends, with a little noise."""
    rng = np.random.default_rng(seed)
    steps = np.arange(1.0, high + 1)
    end, rise, rate = rng.random((n, 1)), 0.5 + rng.random((n, 1)), 0.3 + rng.random((n, 1))
    return steps, end + rise * steps**-rate + 0.005 * rng.standard_normal((n, high))


def exponentials(n, seed, high=64):
    """Return n curves that fall exponentially, of which a fifth stays at a chance level."""
    rng = np.random.default_rng(seed)
    steps = np.arange(1.0, high + 1)
    pace, end = 2 + 20 * rng.random((n, 1)), 0.1 + 0.6 * rng.random((n, 1))
    losses = end + (1 - end) * np.exp(-steps / pace)
    losses[rng.random(n) < 0.2] = 1.0
    return steps, losses + 0.003 * rng.standard_normal((n, high))


def test_it_is_the_dense_formula():
    rng = np.random.default_rng(0)
    times, known = np.sort(rng.random((3, 4)))[:, ::-1], np.tri(3, 4, 1, dtype=bool)
    targets = rng.standard_normal((3, 4)) * known
    posterior = curve_forecast._Posterior(times * known, targets, known)
    rows = np.argwhere(known)
    u, y = times[known], targets[known]
    basis = np.stack([np.ones_like(u), u, u * u], axis=1)
    own, decay, reach, noise = THETA
    covariance = basis @ basis.T + (math.exp(noise) + 1e-6) * np.eye(len(u))
    same = rows[:, :1] == rows[:, 0]
    covariance += same * math.exp(own) * persistence(u, u, decay, reach)[0]
    z = (THETA - curve_forecast._PRIOR.means) / curve_forecast._PRIOR.deviations
    quadratic = y @ np.linalg.solve(covariance, y)
    expected = -(quadratic + np.linalg.slogdet(covariance)[1] + z @ z) / 2
    value, gradient = posterior(THETA)
    assert value == pytest.approx(expected)
    mean, spread = posterior.coefficients(THETA)
    np.testing.assert_allclose(mean, basis.T @ np.linalg.solve(covariance, y))
    across = np.linalg.solve(covariance, basis)
    np.testing.assert_allclose(spread, np.eye(3) - basis.T @ across, atol=1e-10)
    for k, move in enumerate(1e-5 * np.eye(4)):
        difference = (posterior(THETA + move)[0] - posterior(THETA - move)[0]) / 2e-5
        assert gradient[k] == pytest.approx(difference, rel=1e-6, abs=1e-6)


def test_the_end_of_a_partial_curve_is_conditioned_on_it():
    known = CurveForecast(1, 8, PLAIN, np.array([0.1, 0.5, -0.2]), 0.01 * np.eye(3), THETA)
    steps, losses = np.array([1.0, 2.0, 4.0]), np.array([-0.3, -0.5, -0.8])
    u = np.array([1.0, 2 / 3, 1 / 3, 0.0])
    basis = np.stack([np.ones(4), u, u * u], axis=1)
    covariance = math.exp(0.2) * persistence(u, u, 0.4, -0.3)[0] + 0.01 * basis @ basis.T
    covariance += (math.exp(-4.0) + 1e-6) * np.eye(4)
    prior = basis @ known.coefficients
    share = np.linalg.solve(covariance[:3, :3], covariance[:3, 3])
    mean, deviation = known.end(steps, losses)
    assert mean == pytest.approx(prior[3] + share @ (losses - prior[:3]))
    assert deviation == pytest.approx(math.sqrt(covariance[3, 3] - share @ covariance[:3, 3]))
    assert known.end(np.empty(0), np.empty(0)) == (
        pytest.approx(0.1),
        pytest.approx(covariance[3, 3] ** 0.5),
    )


def test_quantiles_are_those_of_student():
    known = CurveForecast(1, 8, PLAIN, np.array([-2.0, 0.5, -0.2]), 0.01 * np.eye(3), THETA)
    curve = np.array([1.0, 2.0]), np.array([-2.0, -2.5])
    mean, deviation = known.end(*curve)
    shares = [0.05, 0.25, 0.5, 0.75]
    expected = mean + deviation * math.sqrt(0.5) * stats.t.ppf(shares, 4)
    quantiles = known.quantiles(shares, *curve)
    np.testing.assert_allclose(known.bend.targets(quantiles), expected)
    found = [known.probability_below(each, *curve) for each in quantiles]
    np.testing.assert_allclose(found, shares, atol=1e-9)


def test_it_travels():
    steps, losses = power_laws(10, 0)
    known = forecast([(steps, each) for each in losses], 1, 64)
    again = pickle.loads(pickle.dumps(known))
    assert len(pickle.dumps(known)) < 2000
    curve = steps[:16], losses[0, :16]
    assert again.end(*curve) == known.end(*curve)


def test_the_order_of_curves_does_not_matter():
    steps, losses = power_laws(10, 0)
    curves = [(steps[: 6 * k + 4], each[: 6 * k + 4]) for k, each in enumerate(losses)]
    one, other = (forecast(each, 1, 64).end(*curves[1]) for each in (curves, curves[::-1]))
    np.testing.assert_allclose(one, other, rtol=1e-3)


def test_curves_of_nothing_but_nan_are_no_obstacle():
    steps = np.array([1.0, 2.0])
    known = forecast([(steps, np.array([1.0, np.nan])), (steps, np.full(2, np.nan))], 1, 8)
    assert np.isfinite(known.end(steps, np.array([np.nan, 2.0]))).all()
    assert 0 <= known.probability_below(1.0, steps, np.array([1.0, 0.9])) <= 1


def judged(steps, losses, n_seen, share):
    """Return shares within 50 % and 90 % intervals, and log scores of ours and of a simple rule.

    The rule: the last value, shifted and spread as in the complete curves. Both scores are of
    Student's distribution with 4 degrees of freedom, in the units of the transform.
    """
    low, high = steps[0], steps[-1]
    known = forecast([(steps, each) for each in losses[:n_seen]], low, high)
    k = max(1, int(np.searchsorted(steps, share * high, side="right")))
    bent = known.bend.targets(losses)
    shifts = bent[:n_seen, -1] - bent[:n_seen, k - 1]
    spread = max(shifts.std(ddof=1), 1e-3)
    inside, ours, simple = [], [], []
    for curve, its_bent in zip(losses[n_seen:], bent[n_seen:], strict=True):
        data = steps[:k], curve[:k]
        chance = known.probability_below(curve[-1], *data)
        inside.append([abs(chance - 0.5) < 0.25, abs(chance - 0.5) < 0.45])
        mean, deviation = known.end(*data)
        ours.append(_log_score(its_bent[-1], mean, deviation))
        simple.append(_log_score(its_bent[-1], its_bent[k - 1] + shifts.mean(), spread))
    return np.array([*np.mean(inside, axis=0), np.mean(ours), np.mean(simple)])


def _log_score(value, mean, deviation):
    return stats.t.logpdf(value, 4, mean, deviation * math.sqrt(0.5))


@pytest.mark.parametrize("family", [power_laws, exponentials])
def test_it_is_calibrated_on_curves_that_it_has_not_seen(family):
    half, most, ours, simple = np.mean([judged(*family(40, s), 15, 0.25) for s in range(4)], axis=0)
    assert 0.4 < half < 0.8
    assert most > 0.8  # too wide where all curves are of one simple form, never too narrow
    assert ours > simple


def recorded_curves():
    """Yield the losses (n, 50) of TaskSet's recorded trainings that did not diverge."""
    for path in sorted((DATA / "benchmarks" / "curves").glob("taskset-*.npz")):
        with np.load(path) as file:
            losses = file["valid_loss"][:, 1:].astype(np.float64)
        yield losses[np.isfinite(losses).all(axis=1)]


@pytest.mark.skipif(
    not (DATA / "benchmarks" / "curves").is_dir(),
    reason=f"the recorded curves are not in {DATA}: set HPOPT_DATA",
)
def test_it_is_calibrated_on_recorded_curves():
    steps, rng = np.arange(1.0, 51.0), np.random.default_rng(0)
    figures = [
        judged(steps, losses[rng.permutation(len(losses))[:45]], 15, 0.25)
        for losses in recorded_curves()
        for _ in range(2)
    ]
    half, most, ours, simple = np.mean(figures, axis=0)
    assert 0.4 < half < 0.9  # many stay at the chance level, where any interval is too wide
    assert 0.8 < most < 0.98
    assert ours > simple
