"""What is kept from ask to ask against what is made anew."""

import numpy as np
import pytest

from hpopt.numerics.parzen import log_mixture
from hpopt.optimizers.surrogates.encoding import Encoding
from hpopt.optimizers.surrogates.kernels import Kernels, ObservedKernels
from hpopt.space import Categorical, Float, Int, Space

from ..modelling import MIXED

FLAT = Space({"x": Float(0, 1), "n": Int(1, 9), "m": Int(1, 99), "c": Categorical(["a", "b", "c"])})


@pytest.mark.parametrize("space", [MIXED, FLAT], ids=["conditional", "flat"])
def test_it_is_what_a_new_one_would_be(space):
    rng = np.random.default_rng(0)
    kernels, points = Kernels(Encoding(space)), space.random(120, rng)
    old = ObservedKernels(kernels)
    for n in (3, 4, 30, 31, 32, 119, 120):
        good = sorted(rng.choice(n, 3, replace=False).tolist())
        kept = None if n < 119 else np.union1d(good, rng.choice(n, 50, replace=False))
        pending = space.random(n % 4, rng)
        found = old.bad(points[:n], good, kept, pending).copy()
        new = ObservedKernels(kernels).bad(points[:n], good, kept, pending)
        np.testing.assert_array_equal(found, new)
        assert old.good(points[:n], good).rows.tolist() == (
            ObservedKernels(kernels).good(points[:n], good).rows.tolist()
        )


def test_the_bad_are_all_but_the_good():
    rng = np.random.default_rng(1)
    kernels, points = Kernels(Encoding(MIXED)), MIXED.random(40, rng)
    good = [2, 17, 39]
    rows = ObservedKernels(kernels).bad(points[:-2], good[:2], None, points[-2:])
    bad = np.delete(points, good[:2], axis=0)
    direct = kernels.rows(bad, kernels.scale(36))
    uniform = kernels.factors.of_uniform(kernels.scale(36))
    asked = kernels.factors.of_points(*kernels.arguments(MIXED.random(20, rng)))
    expected = log_mixture(asked, np.concatenate([uniform, direct]))
    np.testing.assert_allclose(log_mixture(asked, rows), expected, rtol=1e-5)


def test_the_scale_moves_in_steps():
    kernels = Kernels(Encoding(FLAT))
    assert kernels.scale(1000) is kernels.scale(950)
    assert kernels.scale(1000) is not kernels.scale(1200)
    widths = [kernels.scale(n).width for n in (0, 1, 5, 50, 500)]
    assert widths == sorted(widths, reverse=True)
