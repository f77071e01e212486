"""Parzen estimators against slow loops, and what is drawn from them against their density."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import norm, truncnorm

from hpopt.numerics.parzen import Factors, Parzen, log_mixture
from hpopt.numerics.parzen_tables import (
    Scale,
    bandwidth,
    cell_edges,
    cell_tables,
    choice_tables,
)

WIDTH = 0.17


CENTRES = np.array([0.1, 0.3, 0.6, 0.9])
UNIFORMS = np.array([[1 / 3, 1 / 3, 1 / 3, 0.0], np.diff(cell_edges(CENTRES))])
NONE = 4


def random_parts(rng, n, exist=0.7):
    """Give numbers (n, 2) and codes (n, 2) of 3 choices and 4 cells, some of which do not exist."""
    codes = np.stack([rng.integers(3, size=n), rng.integers(4, size=n)], axis=1)
    there = rng.random((n, 4)) < exist
    return rng.random((n, 2)), there[:, :2], np.where(there[:, 2:], codes, NONE)


def scales_of(n, widths):
    """The scales of 3 choices and 4 cells, and their tables."""
    cells = cell_tables(CENTRES[None], cell_edges(CENTRES)[None], np.array(widths))
    tables = np.concatenate([choice_tables(UNIFORMS[:1], np.array(n)), cells], axis=1)
    return Scale.from_tables(widths, tables, UNIFORMS, 2), tables


def parzen_of(rng, n, exist=0.7, *, always=(False, False)):
    parts = random_parts(rng, n, exist)
    parts[1][:, np.array(always)] = True
    (scale,), (tables,) = scales_of([n], [WIDTH])
    return Parzen(Factors(np.array(always), [3, 4]), *parts, scale), parts, tables


def slow_density(kernels, tables, point):
    """The mixture of products, one factor after the other; the uniform kernel is the last."""
    (x, x_exist, code), total, n = point, 0.0, len(kernels[0])
    for i in range(n + 1):
        density = 1.0
        for j in range(2):
            if x_exist[j] and i < n and kernels[1][i, j]:
                c = kernels[0][i, j]
                density *= truncnorm.pdf(x[j], -c / WIDTH, (1 - c) / WIDTH, c, WIDTH)
        for j in range(2):
            if code[j] != NONE:
                own = i < n and kernels[2][i, j] != NONE
                row = tables[j][kernels[2][i, j]] if own else UNIFORMS[j]
                density *= row[code[j]]
        total += density
    return total / (n + 1)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 12), st.tuples(st.booleans(), st.booleans()))
def test_the_density_is_the_slow_sum(seed, n, always):
    rng = np.random.default_rng(seed)
    parzen, kernels, tables = parzen_of(rng, n, always=always)
    points = random_parts(rng, 5)
    points[1][:, np.array(always)] = True
    found = parzen.log_density(*points)
    for row, value in enumerate(found):
        expected = slow_density(kernels, tables, [part[row] for part in points])
        assert np.exp(value) == pytest.approx(expected, rel=2e-5)


def test_it_is_a_density():
    rng = np.random.default_rng(0)
    parzen, _, _ = parzen_of(rng, 6, exist=1.0)
    grid = (np.arange(60) + 0.5) / 60
    x, y = (axis.ravel() for axis in np.meshgrid(grid, grid))
    total, exist = 0.0, np.ones((len(x), 2), dtype=bool)
    for a in range(3):
        for b in range(4):
            codes = np.tile([a, b], (len(x), 1))
            density = np.exp(parzen.log_density(np.stack([x, y], 1), exist, codes))
            total += density.mean()
    assert total == pytest.approx(1.0, abs=1e-3)


def test_draws_follow_the_density():
    rng = np.random.default_rng(1)
    parzen, kernels, tables = parzen_of(rng, 3, exist=1.0)
    numbers, codes = parzen.draw(rng.random((40_000, 5)))
    assert numbers.shape == codes.shape == (40_000, 2)
    assert ((numbers >= 0) & (numbers <= 1)).all()
    a = kernels[0][:, 0]
    for threshold in (0.25, 0.5, 0.8):
        below = truncnorm.cdf(threshold, -a / WIDTH, (1 - a) / WIDTH, a, WIDTH)
        expected = (below.sum() + threshold) / 4
        assert (numbers[:, 0] < threshold).mean() == pytest.approx(expected, abs=0.01)
    shares = np.bincount(codes[:, 0], minlength=3) / 40_000
    own = sum(tables[0][c, :3] for c in kernels[2][:, 0])
    np.testing.assert_allclose(shares, (own + 1 / 3) / 4, atol=0.01)


def test_draws_of_what_does_not_exist_are_uniform():
    rng = np.random.default_rng(2)
    parzen, _, _ = parzen_of(rng, 5, exist=0.0)
    numbers, codes = parzen.draw(rng.random((20_000, 5)))
    assert numbers.mean() == pytest.approx(0.5, abs=0.01)
    np.testing.assert_allclose(np.bincount(codes[:, 0]) / 20_000, 1 / 3, atol=0.02)


def test_without_kernels_it_is_uniform():
    rng = np.random.default_rng(3)
    parzen, _, _ = parzen_of(rng, 0)
    assert len(parzen) == 1
    numbers, codes = parzen.draw(rng.random((50, 5)))
    exist = np.ones((50, 2), dtype=bool)
    found = parzen.log_density(numbers, exist, codes)
    np.testing.assert_allclose(np.exp(found), UNIFORMS[1][codes[:, 1]] / 3, rtol=1e-5)


def test_a_mark_takes_a_kernel_out():
    rng = np.random.default_rng(4)
    parzen, _, _ = parzen_of(rng, 6)
    factors, points = Factors(np.zeros(2, dtype=bool), [3, 4]), random_parts(rng, 9)
    rows = factors.of_points(*points)
    marked = parzen.rows.copy()
    marked[[2, 5], factors.mark] = -1e6
    others = np.delete(parzen.rows, [2, 5], axis=0)
    np.testing.assert_allclose(log_mixture(rows, marked), log_mixture(rows, others), rtol=1e-5)


def test_what_is_too_large_for_sums_of_exponentials_is_summed_all_the_same():
    rng = np.random.default_rng(6)
    points = rng.random((5, 3)).astype(np.float32)
    for factor in (1.0, 300.0, -300.0):
        kernels = (factor * rng.random((4, 3))).astype(np.float32)
        shares = (points @ kernels.T).astype(np.float64)
        reach = np.abs(shares).max()
        np.testing.assert_allclose(
            log_mixture(points, kernels, reach), logsumexp(shares, axis=1), rtol=1e-5
        )


@pytest.mark.parametrize("width", [0.02, 0.17, 0.9])
def test_no_kernel_reaches_farther_than_its_scale_says(width):
    rng = np.random.default_rng(7)
    (scale,), _ = scales_of([9], [width])
    factors, (numbers, exist, codes) = Factors(np.ones(2, bool), [3, 4]), random_parts(rng, 50, 1.0)
    numbers[:5] = [0.0, 1.0]
    rows = factors.of_points(numbers, exist, codes)
    logs = rows @ factors.of_kernels(numbers, exist, codes, scale).T
    assert logs.max() <= scale.reach
    assert (rows @ factors.of_uniform(scale).T).min() >= -scale.reach


def test_each_row_is_made_as_if_it_were_alone():
    rng = np.random.default_rng(5)
    factors = Factors(np.ones(11, dtype=bool), [])
    (scale,) = Scale.from_tables([WIDTH], np.empty((1, 0, 1, 1)), np.empty((0, 1)), 11)
    numbers, codes = rng.random((40, 11)), np.empty((40, 0), dtype=np.int64)
    exist = np.ones((40, 11), dtype=bool)
    rows = factors.of_kernels(numbers, exist, codes, scale)
    for k in range(40):
        one = slice(k, k + 1)
        alone = factors.of_kernels(numbers[one], exist[one], codes[one], scale)
        np.testing.assert_array_equal(alone, rows[one])


def test_cells_have_the_probabilities_of_the_normal():
    centres = (np.arange(5) + 0.5) / 5
    edges = cell_edges(centres)
    np.testing.assert_allclose(edges, np.arange(6) / 5)
    padded = np.append(centres, 0.0)[None], np.append(edges, 1.0)[None]
    table = cell_tables(*padded, np.array([0.2]))[0, 0, :5]
    np.testing.assert_allclose(table.sum(axis=1), 1.0)
    for row, centre in zip(table, centres, strict=True):
        cells = np.diff(norm.cdf(edges, centre, 0.2))
        np.testing.assert_allclose(row, [*(cells / cells.sum()), 0.0], atol=1e-15)
    narrow = cell_tables(*padded, np.array([1e-6]))[0, 0]
    assert narrow[2, 1] > 0.1  # half a cell at least


def test_choices_keep_a_share_for_the_others():
    table = choice_tables(np.array([[0.25, 0.25, 0.25, 0.25, 0.0]]), np.array([9]))[0, 0, :4]
    np.testing.assert_allclose(table.sum(axis=1), 1.0)
    assert table[1, 1] == pytest.approx(0.9 + 0.1 / 4)
    assert table[1, 2] == pytest.approx(0.1 / 4)


def test_scales_made_at_once_are_as_each_alone():
    together, _ = scales_of([3, 9], [0.3, 0.1])
    for scale, n in zip(together, (3, 9), strict=True):
        (alone,), _ = scales_of([n], [scale.width])
        np.testing.assert_array_equal(scale.logs, alone.logs)
        np.testing.assert_array_equal(scale.sums, alone.sums)
        assert scale.reach == alone.reach


def test_the_width_shrinks_to_a_floor():
    widths = [bandwidth(n, 10.0) for n in (0, 1, 2, 10, 100, 10_000)]
    assert widths[0] >= 0.5
    assert widths == sorted(widths, reverse=True)
    assert bandwidth(100, 10.0) == pytest.approx(0.2 * 100 ** (-1 / 14), rel=0.011)
    assert bandwidth(10**9, 1.0) == pytest.approx(0.01, rel=0.011)


def with_large(rng, n, exist):
    """A density of a number, of 3 choices and of 5, whose tables are made or not, and its parts."""
    there = rng.random((n, 3)) < exist
    numbers, choices = (
        rng.random((n, 1)),
        np.stack([rng.integers(3, size=n), rng.integers(5, size=n)]),
    )
    uniforms = np.array([[1 / 3] * 3 + [0, 0], [1 / 5] * 5])
    n_kernels = np.array([float(n)])
    tabled = np.where(there[:, 1:], choices.T, 5)
    (scale,) = Scale.from_tables([WIDTH], choice_tables(uniforms, n_kernels), uniforms, 1)
    one = Parzen(Factors(np.zeros(1, bool), [3, 5]), numbers, there[:, :1], tabled, scale)
    uniforms = uniforms[:1, :3]
    codes = np.where(there[:, 1:], choices.T, [3, -1])
    tables = choice_tables(uniforms, n_kernels)
    (scale,) = Scale.from_tables([WIDTH], tables, uniforms, 1, large=[5], n=n_kernels)
    other = Parzen(Factors(np.zeros(1, bool), [3], 1), numbers, there[:, :1], codes, scale)
    return one, other, (numbers, there[:, :1], tabled, codes)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 12), st.sampled_from([0.0, 0.6, 1.0]))
def test_many_choices_have_the_density_of_tables(seed, n, exist):
    rng = np.random.default_rng(seed)
    one, other, _ = with_large(rng, n, exist)
    _, _, (numbers, there, tabled, codes) = with_large(rng, 7, 0.7)
    found = other.log_density(numbers, there, codes)
    np.testing.assert_allclose(found, one.log_density(numbers, there, tabled), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("exist", [0.0, 0.5, 1.0])
def test_many_choices_are_drawn_as_from_tables(exist):
    rng = np.random.default_rng(3)
    one, other, _ = with_large(rng, 4, exist)
    uniforms = rng.random((40_000, 4))
    (numbers, codes), (expected, tabled) = other.draw(uniforms), one.draw(uniforms)
    np.testing.assert_array_equal(numbers, expected)
    np.testing.assert_array_equal(codes[:, 0], tabled[:, 0])
    shares, of_tables = (np.bincount(each[:, 1], minlength=5) / 40_000 for each in (codes, tabled))
    np.testing.assert_allclose(shares, of_tables, atol=0.01)
