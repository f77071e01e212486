import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpopt.numerics import annealing

losses = st.floats(-1e3, 1e3)


@given(losses, losses, st.floats(1e-3, 1e3), st.floats(1e-9, 1, exclude_max=True))
def test_acceptance_is_the_metropolis_rule(old, new, temperature, uniform):
    slow = new <= old or uniform < math.exp(min(0.0, -(new - old) / temperature))
    on_the_edge = new > old and math.isclose(
        uniform, math.exp(-(new - old) / temperature), rel_tol=1e-9
    )
    found = annealing.accept_moves(
        np.array([old]), np.array([new]), temperature, np.array([uniform])
    )
    assert found[0] == slow or on_the_edge


def test_failures_are_never_taken_but_always_left():
    inf = math.inf
    old, new = np.array([1.0, inf, inf, 1.7e308]), np.array([inf, inf, 5.0, -1.7e308])
    found = annealing.accept_moves(old, new, 1e300, np.zeros(4))
    assert found.tolist() == [False, True, True, True]


def test_at_0_only_what_is_no_worse_is_taken():
    found = annealing.accept_moves(np.ones(3), np.array([0.9, 1.0, 1.1]), 0.0, np.full(3, 0.5))
    assert found.tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("values", "expected"),
    [([], 0.0), ([math.inf], 0.0), ([3.0], 0.0), ([1.0, 4.0, math.inf, 1e9], 3.0), ([2, 4], 1.0)],
)
def test_the_spread_is_the_median_less_the_minimum(values, expected):
    assert annealing.loss_spread(np.array(values, dtype=float)) == expected


def test_the_spread_of_enormous_losses_is_finite():
    assert np.isfinite(annealing.loss_spread(np.array([-1.7e308, 1.7e308, 1.7e308])))
