"""Curves of configs: what segments tell, how they are joined, and when a model is fitted."""

import math

import numpy as np
import pytest

from hpopt.core import Outcome, Solution, Trial
from hpopt.optimizers.surrogates.curve_model import fit_at
from hpopt.optimizers.surrogates.curves import ObservedCurves, Segment

LEVELS = np.array([1.0, 2.0, 4.0, 8.0])
POINT = np.array([0.5])


def segment(curve, loss, reached, *, config=0, status="complete", sign=1):
    """Return what a trial tells that reported a curve."""
    found = {"value": loss} if math.isfinite(loss) else {}
    outcome = Outcome(status if found else "failed", found, curve=tuple(curve))
    trial = Trial(Solution(config, {}, POINT, 0, reached), outcome)
    return Segment.of(trial, config, loss=sign * loss, reached=reached, sign=sign, levels=LEVELS)


def joined(*segments, high=8.0):
    (curve,) = ObservedCurves(segments, high).curves
    return list(zip(curve.steps, curve.losses, strict=True))


def test_a_curve_is_told_at_levels():
    curve = [(step, 1.0 / step) for step in range(1, 7)]
    assert joined(segment(curve, 1 / 6, 6)) == [(1, 1), (2, 1 / 2), (4, 1 / 4), (6, 1 / 6)]


def test_of_a_curve_that_does_not_end_in_the_value_the_value_counts():
    assert joined(segment([(1, 9.0), (4, 7.0)], 3.0, 4)) == [(4, 3.0)]
    assert joined(segment([], 3.0, 4)) == [(4, 3.0)]


def test_reports_of_nan_are_left_out_and_of_a_step_the_last_counts():
    curve = [(1, 5.0), (1, 4.0), (2, math.nan), (4, 2.0)]
    assert joined(segment(curve, 2.0, 4)) == [(1, 4.0), (4, 2.0)]


def test_what_is_maximised_is_turned():
    assert joined(segment([(1, 0.5), (2, 0.7)], 0.7, 2, sign=-1)) == [(1, -0.5), (2, -0.7)]


def test_segments_are_joined_and_paid_once():
    first = segment([(1, 4.0), (2, 3.0)], 3.0, 2)
    rest = segment([(3, 2.5), (4, 2.0)], 2.0, 4)
    whole = segment([(1, 4.0), (2, 3.0), (3, 2.5), (4, 2.0)], 2.0, 4)
    assert joined(first, rest) == joined(first, whole) == [(1, 4), (2, 3), (4, 2)]
    observed = ObservedCurves([first, rest, segment([], 1.0, 8, config=1)], 8.0)
    assert observed.work == pytest.approx(1.5)
    assert observed.n_complete == 1
    assert (observed.place(1), observed.place(7)) == (1, -1)


def test_one_without_a_value_is_dead_where_it_ended():
    curve = joined(segment([(1, 4.0)], 4.0, 1), segment([(2, 3.0)], math.nan, 4))
    assert curve[:2] == [(1, 4), (2, 3)]
    assert curve[2][0] == 4
    assert math.isnan(curve[2][1])
    assert ObservedCurves([segment([], math.nan, 2)], 8.0).curves[0].is_over


def test_levels_that_say_nothing_are_left_out():
    rng = np.random.default_rng(0)
    ends = rng.permutation(8) + 1.0
    curves = []
    for config, end in enumerate(ends):
        values = [9 - end, 9 - end, end + 0.5, end]
        curve = [*zip(LEVELS.tolist(), values, strict=True)]
        curves.append(segment(curve, end, 8, config=config))
    assert ObservedCurves(curves[:3], 8.0).audible(LEVELS).tolist() == LEVELS.tolist()
    observed = ObservedCurves(curves, 8.0)
    assert observed.audible(LEVELS).tolist() == [4, 8]
    places, steps, _ = observed.rows(4.0)
    assert places.tolist() == np.repeat(np.arange(8), 2).tolist()
    assert steps.tolist() == [4, 8] * 8


def test_fits_are_few_and_begin_at_anchors():
    fits = [fit_at(n) for n in range(1, 500)]
    assert all(anchor <= fitted <= n for n, (fitted, anchor) in enumerate(fits, start=1))
    assert all(fitted > n / 1.13 - 1 for n, (fitted, _) in enumerate(fits, start=1))
    assert len(set(fits)) < 60
    assert len({anchor for _, anchor in fits}) < 14
    assert fits == sorted(fits)
