"""The box around the best: its side, its bounds, and what it must reach."""

import numpy as np
import pytest

from hpopt.optimizers.surrogates.trust_region import SIDE, Box, TrustRegion


def region_after(losses, n_effective=5.0):
    side = TrustRegion(n_effective, 0)
    side.learn(np.array(losses))
    return side


def test_success_doubles_the_side_and_failure_halves_it():
    assert region_after([10, 9, 8]).side == 2 * SIDE
    assert region_after([10, 9, 8, 7, 6, 5, 4, 3, 2]).side == 1.6
    assert region_after([10, 9, 9, 9, 9, 9]).side == SIDE
    assert region_after([10, 9, 9, 9, 9, 9, 9]).side == SIDE / 2
    assert region_after([10, 9, *[np.inf] * 5, 9, 9, 9, 9]).side == SIDE  # failures do not count
    assert region_after([10, *[10] * 30]).side == SIDE  # below 2^-6 it begins again
    assert region_after([10, 8, 7.99, 7.98, 7.97]).side == SIDE  # hardly better is no success
    assert region_after([10, 8, 7.9, 7.8]).side == 2 * SIDE
    assert region_after([0.1, *[0.1 - 1e-16] * 3, *[0.1] * 3]).side == SIDE / 2  # nor is rounding


@pytest.mark.parametrize(("unit", "zero"), [(1, -1e6), (1e-9, 0.0), (2.0**900, 0.0)])
def test_the_side_depends_on_neither_unit_nor_zero(unit, zero):
    losses = np.random.default_rng(1).random(80)
    for n in range(1, 81):
        side, other = region_after(losses[:n]), region_after(unit * losses[:n] + zero)
        assert (other.side, other.n_stalls) == (side.side, side.n_stalls)


def test_stalls_are_counted_where_values_repeat():
    stalls = [region_after([10, *[9] * (n + 1)]).n_stalls for n in (19, 20, 39, 40)]
    assert stalls == [0, 1, 1, 2]
    assert region_after([10, *[9] * 41, 8]).n_stalls == 0
    assert region_after([10, *range(9, 100)]).n_stalls == 1
    rounded = [9 + n + 1e-14 * (n % 2) for n in range(50)] * 2
    assert region_after([10, 9, *rounded]).n_stalls == 5
    assert not region_after([np.inf] * 10).n_stalls


def test_the_side_does_not_depend_on_how_it_is_told():
    losses = np.random.default_rng(0).random(60)
    whole, parts = TrustRegion(3.0, 5), TrustRegion(3.0, 5)
    whole.learn(losses)
    for n in range(1, 61):
        parts.learn(losses[:n])
    assert parts.side == whole.side


def test_the_box_is_longer_where_lengthscales_are():
    lengths = np.array([0.1, 0.4, 1.6, 100.0])
    ordered = np.array([True, True, True, False])
    box = Box.around(np.full(4, 0.5), 0.2, lengths, ordered)
    np.testing.assert_allclose(box.high - box.low, [0.05, 0.2, 0.8, 1.0])
    corner = Box.around(np.full(4, 0.99), 0.2, lengths, ordered)
    assert (corner.high <= 1.0).all()
    assert corner.low[1] == pytest.approx(0.89)
