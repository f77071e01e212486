import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hpopt.numerics import differential

seeds = st.integers(0, 2**32)


@given(st.integers(4, 30), seeds)
def test_others_differ_from_one_another_and_from_their_own(n, seed):
    drawn = differential.distinct_partners(n, 3, np.random.default_rng(seed))
    for own, places in enumerate(drawn.tolist()):
        assert len({own, *places}) == 4
        assert all(0 <= place < n for place in places)


def test_each_other_is_as_likely():
    rng, counts = np.random.default_rng(0), np.zeros(5)
    for _ in range(4000):
        counts[differential.distinct_partners(5, 3, rng)[2]] += 1
    assert counts[2] == 0
    np.testing.assert_allclose(counts[[0, 1, 3, 4]] / 4000, 0.75, atol=0.05)


@given(seeds)
def test_mutants_are_the_formula_reflected(seed):
    rng = np.random.default_rng(seed)
    a, b, c, d, e = rng.random((5, 6, 3))
    weights = rng.random((6, 1))
    found = differential.mutants(a, b, c, d, e, weights=weights)
    for i in range(6):
        for j in range(3):
            v = a[i, j] + weights[i, 0] * (b[i, j] - c[i, j] + d[i, j] - e[i, j])
            while not 0 <= v <= 1:
                v = -v if v < 0 else 2 - v
            np.testing.assert_allclose(found[i, j], v, atol=1e-12)


@given(st.integers(1, 8), st.floats(0, 1), seeds)
def test_a_trial_has_one_gene_of_its_mutant_at_least(d, rate, seed):
    mask = differential.binomial_mask(20, d, np.full((20, 1), rate), np.random.default_rng(seed))
    assert mask.any(axis=1).all()


def test_the_crossover_rate_is_that_of_the_other_genes():
    mask = differential.binomial_mask(4000, 10, np.full((4000, 1), 0.3), np.random.default_rng(0))
    assert abs(mask.mean() - (0.1 + 0.9 * 0.3)) < 0.01


def test_drawn_parameters_lie_around_their_means_and_in_their_bounds():
    rng = np.random.default_rng(0)
    weights = differential.sample_weights(0.6, 5000, rng)
    rates = differential.sample_rates(0.4, 5000, rng)
    assert weights.shape == rates.shape == (5000, 1)
    assert 0 < weights.min() <= weights.max() == 1
    assert 0 <= rates.min() <= rates.max() <= 1
    assert abs(np.median(weights) - 0.6) < 0.02
    assert abs(rates.mean() - 0.4) < 0.01


def test_the_lehmer_mean_leans_to_the_larger():
    assert differential.lehmer_mean(np.array([1.0, 3.0])) == 2.5
