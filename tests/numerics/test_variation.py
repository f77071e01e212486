import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpopt.numerics import variation

seeds = st.integers(0, 2**32)


def pieces(row):
    """Count the pieces into which a row of a mask falls."""
    return 1 + int((np.diff(row.astype(int)) != 0).sum())


# -- crossover -----------------------------------------------------------------------------------


@given(st.integers(1, 40), st.integers(1, 12), st.integers(1, 4), seeds)
def test_k_points_cut_into_k_plus_1_pieces(n, d, points, seed):
    mask = variation.point_mask(n, d, points, np.random.default_rng(seed))
    assert mask.shape == (n, d)
    for row in mask:
        assert not row[0]
        assert pieces(row) == min(points, d - 1) + 1


def test_every_cut_is_as_likely():
    mask = variation.point_mask(30_000, 6, 1, np.random.default_rng(0))
    first = mask.argmax(axis=1)
    assert set(first.tolist()) == {1, 2, 3, 4, 5}
    np.testing.assert_allclose(np.bincount(first)[1:] / 30_000, 0.2, atol=0.012)


def test_every_pair_of_cuts_is_as_likely():
    mask = variation.point_mask(30_000, 5, 2, np.random.default_rng(0))
    _, counts = np.unique(mask, axis=0, return_counts=True)
    assert len(counts) == 6
    np.testing.assert_allclose(counts / 30_000, 1 / 6, atol=0.012)


def test_uniform_crossover_takes_half_of_each_gene():
    mask = variation.uniform_mask(20_000, 5, np.random.default_rng(0))
    np.testing.assert_allclose(mask.mean(axis=0), 0.5, atol=0.02)
    assert abs(np.corrcoef(mask.T.astype(float)) - np.eye(5)).max() < 0.04


# -- mutation ------------------------------------------------------------------------------------

LEVELS = np.array([0, 0, 1, 2, 5, 5, 40])
ORDERED = np.array([True, False, True, True, True, False, True])


def mutated(genes, seed=0, *, probability=1.0, step=0.5, scale=0.1):
    return variation.mutate(
        genes,
        LEVELS,
        ORDERED,
        np.random.default_rng(seed),
        probability=probability,
        step=step,
        scale=scale,
    )


def cells(genes):
    return np.minimum(np.floor(genes * LEVELS), np.maximum(LEVELS - 1, 0))


def genes_at_centres(n, seed=1):
    genes = np.random.default_rng(seed).random((n, len(LEVELS)))
    return np.where(LEVELS > 0, (cells(genes) + 0.5) / np.maximum(LEVELS, 1), genes)


@given(seeds, st.floats(0, 1), st.floats(1e-6, 5))
def test_a_mutated_gene_changes_and_stays_inside(seed, step, scale):
    genes = genes_at_centres(50, seed)
    found = mutated(genes, seed, step=step, scale=scale)
    assert ((found >= 0) & (found <= 1)).all()
    several = LEVELS > 1
    assert (cells(found)[:, several] != cells(genes)[:, several]).all()
    assert (found[:, LEVELS == 0] != genes[:, LEVELS == 0]).all()
    np.testing.assert_array_equal(found[:, LEVELS == 1], genes[:, LEVELS == 1])


@given(seeds)
def test_nothing_happens_with_probability_0(seed):
    genes = genes_at_centres(20, seed)
    np.testing.assert_array_equal(mutated(genes, seed, probability=0.0), genes)


def test_the_probability_may_differ_by_row():
    genes = genes_at_centres(4000)
    probability = np.repeat([[0.0], [0.1], [0.5], [1.0]], 1000, axis=0)
    changed = (mutated(genes, probability=probability) != genes)[:, LEVELS != 1]
    shares = changed.reshape(4, 1000, -1).mean(axis=(1, 2))
    np.testing.assert_allclose(shares, [0, 0.1, 0.5, 1], atol=0.03)


def test_steps_are_normal_and_discrete_genes_move_by_one_level_at_least():
    genes = np.full((20_000, len(LEVELS)), 0.5)
    genes[:, LEVELS == 40] = 20.5 / 40
    moves = mutated(genes, step=1.0, scale=0.05) - genes
    assert moves[:, 0].std() == pytest.approx(0.05, rel=0.05)
    assert moves[:, 0].mean() == pytest.approx(0.0, abs=0.002)
    steps_of_five = np.rint(moves[:, 4] * 5)
    assert set(steps_of_five.tolist()) == {-1.0, 1.0}
    steps_of_forty = np.floor(genes[:, 6] * 40 + moves[:, 6] * 40) - 20
    assert np.abs(steps_of_forty).min() == 1
    assert (np.abs(steps_of_forty) <= 2).mean() == pytest.approx(0.77, abs=0.03)


def test_unordered_genes_never_step():
    genes = genes_at_centres(5000)
    found = mutated(genes, step=1.0, scale=1e-9)
    assert np.abs(found - genes)[:, 1].mean() > 0.2
    jumps = np.mod(cells(found) - cells(genes), 5)[:, 5]
    np.testing.assert_allclose(
        np.bincount(jumps.astype(int), minlength=5) / 5000, [0, *[0.25] * 4], atol=0.03
    )


def test_resets_are_uniform_over_the_other_values():
    genes = genes_at_centres(20_000)
    genes[:, 4] = 0.5
    found = mutated(genes, step=0.0)
    shares = np.bincount(cells(found)[:, 4].astype(int), minlength=5) / 20_000
    np.testing.assert_allclose(shares, [0.25, 0.25, 0, 0.25, 0.25], atol=0.015)
    assert np.histogram(found[:, 0], 4, (0, 1))[0] / 20_000 == pytest.approx([0.25] * 4, abs=0.015)


# -- lists of layers -----------------------------------------------------------------------------

shapes = st.tuples(st.integers(1, 20), st.integers(1, 6), st.integers(1, 3))


@given(shapes, seeds)
def test_lengthened_is_insert(shape, seed):
    rng = np.random.default_rng(seed)
    slots, places = rng.random(shape), rng.integers(shape[1], size=shape[0])
    layers = rng.random((shape[0], shape[2]))
    before = slots.copy()
    found = variation.insert_layers(slots, places, layers)
    for row, place, layer, longer in zip(
        slots.tolist(), places, layers.tolist(), found, strict=True
    ):
        row.insert(place, layer)
        assert longer.tolist() == row[:-1]
    np.testing.assert_array_equal(slots, before)


@given(shapes, seeds)
def test_shortened_is_pop_and_the_layer_sleeps_at_the_end(shape, seed):
    rng = np.random.default_rng(seed)
    slots, places = rng.random(shape), rng.integers(shape[1], size=shape[0])
    before = slots.copy()
    found = variation.delete_layers(slots, places)
    for row, place, shorter in zip(slots.tolist(), places, found, strict=True):
        taken = row.pop(place)
        assert shorter.tolist() == [*row, taken]
    np.testing.assert_array_equal(slots, before)
