"""Targets: the good half keeps its metric, the bad half its ranks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, rankdata

from hpopt.numerics.rank_transform import rank_transform

LOSSES = st.lists(st.one_of(st.floats(allow_nan=True), st.just(np.inf)), min_size=1, max_size=40)


def slow(losses):
    """The formula as it is written, for finite and well-scaled losses without ties."""
    median = np.median(losses)
    good = [y for y in losses if y <= median]
    spread = np.sqrt(np.mean([(y - median) ** 2 for y in good]))
    above = sorted(y for y in losses if y > median)
    warped = []
    for y in losses:
        if y > median:
            share = 0.5 + (above.index(y) + 1) / (2 * (len(above) + 1))
            warped.append(median + spread * norm.ppf(share))
        else:
            warped.append(y)
    return (np.array(warped) - np.mean(warped)) / np.std(warped)


@pytest.mark.parametrize("n", [2, 3, 10, 51])
def test_it_is_the_slow_formula(n):
    losses = np.random.default_rng(n).standard_normal(n) * 7 + 100
    np.testing.assert_allclose(rank_transform(losses).targets, slow(losses), atol=1e-10)


def test_one_huge_value_changes_little():
    losses = np.random.default_rng(0).random(20)
    spoiled = np.append(losses, 1e12)
    usual = rank_transform(np.append(losses, 1.5)).targets
    np.testing.assert_allclose(rank_transform(spoiled).targets, usual, atol=1e-12)


def test_what_failed_is_one_more_bad_value():
    losses = np.array([0.0, 1.0, 2.0, 3.0, np.inf, np.nan, -np.inf])
    targets = rank_transform(losses).targets
    assert len(set(targets[4:].tolist())) == 1
    assert targets[4] > targets[:4].max()
    assert (np.diff(targets[:4]) > 0).all()


def test_many_failures_do_not_hide_the_metric_of_the_good_half():
    losses = np.append(np.arange(8.0), np.full(100, np.inf))
    targets = rank_transform(losses).targets
    steps = np.diff(targets[:4])
    np.testing.assert_allclose(steps, steps[0])


def test_where_half_of_them_tie_it_is_normal_scores():
    losses = np.array([0.0] * 6 + [1.0, 5.0, 7.0, 7.0])
    scores = norm.ppf((rankdata(losses) - 0.5) / len(losses))
    expected = (scores - scores.mean()) / scores.std()
    np.testing.assert_allclose(rank_transform(losses).targets, expected, atol=1e-12)


@pytest.mark.parametrize(
    "losses",
    [[3.0], [2.0, 2.0, 2.0], [np.inf, np.nan], [1 + 1e-15 * i for i in range(9)], [0.0, -0.0]],
    ids=str,
)
def test_nothing_to_learn_is_flat(losses):
    warp = rank_transform(np.array(losses))
    assert warp.is_flat
    assert (warp.targets == 0).all()


@given(LOSSES)
def test_any_losses_give_standardised_targets_in_their_order(losses):
    losses = np.array(losses)
    warp = rank_transform(losses)
    assert np.isfinite(warp.targets).all()
    if warp.is_flat:
        return
    assert warp.targets.mean() == pytest.approx(0, abs=1e-6)
    assert warp.targets.std() == pytest.approx(1, abs=1e-6)
    finite = np.isfinite(losses)
    order = np.argsort(losses[finite], kind="stable")
    assert (np.diff(warp.targets[finite][order]) >= 0).all()


@pytest.mark.parametrize("scale", [1e-300, 1e-12, 1.0, 1e300])
def test_the_scale_does_not_matter(scale):
    losses = np.random.default_rng(1).standard_normal(30)
    expected = rank_transform(losses)
    found = rank_transform(losses * scale)
    np.testing.assert_allclose(found.targets, expected.targets, atol=1e-9)


def test_losses_are_found_again():
    losses = np.random.default_rng(2).standard_normal(31) * 5
    warp = rank_transform(losses)
    np.testing.assert_allclose(warp.losses(warp.targets), losses, atol=1e-12)
    below = warp.losses(np.array([warp.targets.min() - 1.0]))
    assert below[0] == pytest.approx(losses.min() - warp.slope)
    assert warp.losses(np.array([50.0]))[0] == losses.max()
