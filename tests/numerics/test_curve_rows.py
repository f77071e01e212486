"""Levels, times and the transform of curves by values that are known, and by their laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from hpopt.numerics.curve_rows import (
    Bend,
    halved_levels,
    kept_rows,
    log_times,
    n_mute,
    reports_at,
)


def test_levels_are_halves_as_whole_numbers():
    assert halved_levels(1, 52).tolist() == [2, 3, 7, 13, 26, 52]
    assert halved_levels(1, 27).tolist() == [2, 3, 7, 14, 27]
    assert halved_levels(1, 1).tolist() == [1]
    assert halved_levels(0.1, 1.0).tolist() == [0.125, 0.25, 0.5, 1.0]
    assert halved_levels(100, 1600).tolist() == [100, 200, 400, 800, 1600]


@given(st.integers(1, 50), st.integers(0, 1000))
def test_levels_are_different_and_within(low, more):
    levels = halved_levels(low, low + more)
    assert levels[-1] == low + more
    assert levels[0] >= low
    assert (np.diff(levels) > 0).all()


def test_times_are_1_at_the_least_and_0_at_the_end():
    np.testing.assert_allclose(log_times(np.array([1.0, 4.0, 16.0]), 1, 16), [1.0, 0.5, 0.0])
    assert log_times(np.array([7.0]), 7, 7).tolist() == [0.0]


def test_a_curve_is_looked_at_before_each_level_and_at_its_end():
    steps = np.arange(1.0, 11.0)
    assert steps[reports_at(steps, np.array([2.0, 4.0, 8.0, 16.0]))].tolist() == [2, 4, 8, 10]
    every_third = np.array([3.0, 6.0, 9.0])
    assert every_third[reports_at(every_third, np.array([2.0, 4.0, 8.0]))].tolist() == [3, 6, 9]
    assert reports_at(np.empty(0), np.array([1.0])).tolist() == []


def test_losses_are_bent_above_the_median_only():
    last = np.array([1.0, 2.0, 3.0, 4.0, 100.0])
    bend = Bend.of(last, last)
    bent = bend.targets(last) * bend.deviation + bend.mean
    np.testing.assert_allclose(bent, [-1.0, -0.5, 0.0, 0.4, 2 - 2 / (1 + 48.5 / 2)])
    np.testing.assert_allclose(bend.targets(last).mean(), 0.0, atol=1e-12)
    np.testing.assert_allclose(bend.targets(last).std(), 1.0)
    assert bend.targets(np.array([np.nan, np.inf])).tolist() == [bend.worst] * 2
    assert bend.worst > bend.targets(last).max()


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20), st.floats(1e-3, 1e3))
def test_bending_has_an_inverse_and_no_unit(values, unit):
    losses = np.array(values)
    bend = Bend.of(losses, losses)
    assert (bend.is_flat) == (losses.max() == losses.min()) or bend.spread > 0
    if bend.spread < 1e-6 * np.ptp(losses):
        return
    targets = bend.targets(losses)
    there = targets < bend.worst - 0.01 / bend.deviation
    np.testing.assert_allclose(
        bend.losses(targets)[there], losses[there], rtol=1e-6, atol=1e-6 * np.ptp(losses)
    )
    scaled = Bend.of(unit * losses, unit * losses).targets(unit * losses)
    np.testing.assert_allclose(scaled, targets, atol=1e-6)


def test_enormous_losses_are_bent_as_others_are():
    losses = np.array([1.0, 2.0, 3.0, 7.0])
    enormous = 1e307 * losses
    plain, bend = Bend.of(losses, losses), Bend.of(enormous, enormous)
    np.testing.assert_allclose(bend.targets(enormous), plain.targets(losses), rtol=1e-9)
    assert bend.losses(np.array([9.0])) == np.inf
    mixed = np.array([-1e308, 1e308, 1.0])
    assert np.isfinite(Bend.of(mixed, mixed).targets(mixed)).all()


def test_plateaus_have_a_spread():
    for losses in ([1.0, 1.0, 1.0, 1.0, 3.0, 3.0, 3.0], [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 9.0]):
        bend = Bend.of(np.array(losses), np.array(losses))
        assert not bend.is_flat
        assert bend.targets(np.array(losses)).std() == pytest.approx(1.0)
    flat = Bend.of(np.ones(3), np.ones(5))
    assert flat.is_flat
    assert flat.targets(np.array([1.0, 5.0])).tolist() == [0.0, 0.0]
    assert np.isfinite(Bend.of(np.array([np.nan]), np.array([np.nan])).targets(np.array([np.nan])))


def test_of_many_rows_the_best_and_latest_curves_are_whole():
    n = 200
    trials = np.repeat(np.arange(n), 5)
    last = np.random.default_rng(0).random(n)
    priorities = np.random.default_rng(1).random(n)
    rows = kept_rows(trials, last, 450, priorities)
    assert len(rows) == 450
    assert (np.diff(rows) > 0).all()
    counts = np.bincount(trials[rows], minlength=n)
    best, latest = np.argsort(last)[:30], np.arange(n - 20, n)
    assert (counts[best] == 5).all()
    assert (counts[latest] == 5).all()
    assert (counts >= 1).all()
    assert kept_rows(trials[:40], last[:8], 450, priorities[:8]).tolist() == list(range(40))
    few = kept_rows(trials, last, 100, priorities)
    assert set(trials[few]) <= {*best.tolist(), *latest.tolist()}


def test_levels_are_mute_up_to_the_last_that_does_not_rank_as_the_end():
    end = np.arange(8.0)
    turned, constant, noisy = 7 - end, np.ones(8), end + np.array([0.6, -0.6] * 4)
    assert n_mute(np.stack([end, noisy, end], axis=1)) == 0
    assert n_mute(np.stack([turned, noisy, end], axis=1)) == 1
    assert n_mute(np.stack([end, constant, end], axis=1)) == 2
    assert n_mute(np.stack([turned, noisy, constant], axis=1)) == 2
    rng = np.random.default_rng(0)
    values = rng.integers(0, 5, (12, 2)).astype(float)
    correlation = stats.spearmanr(values[:, 0], values[:, 1]).statistic
    assert (n_mute(values) == 0) == (correlation >= 0.25)
