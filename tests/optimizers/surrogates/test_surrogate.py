"""Fits belong to places; observed is bounded, and in the order in which it came."""

import numpy as np
from problems_for_tests import of

from hpopt import RandomSearch
from hpopt.numerics.blas_threads import single_blas_thread
from hpopt.optimizers.surrogates.encoding import Encoding
from hpopt.optimizers.surrogates.observations import Observations, Ranking
from hpopt.optimizers.surrogates.refits import anchor_at, refit_at
from hpopt.optimizers.surrogates.surrogate import Surrogate
from hpopt.space import Float, Space

from ..modelling import MIXED, cost, known, searched


def test_places_and_anchors_are_where_the_schedule_says():
    assert [n for n in range(20, 70) if refit_at(n) == n] == [
        *range(20, 30),
        *range(30, 60, 2),
        60,
        64,
        68,
    ]
    for n in range(2, 2000):
        place, anchor = refit_at(n), anchor_at(refit_at(n))
        assert n - 16 < place <= n
        assert place - 80 < anchor <= place
        assert refit_at(anchor) == anchor == anchor_at(anchor)


SQUARE = Space({"x": Float(0, 1), "y": Float(0, 1)})


def observations_of(points, losses):
    optimizer = RandomSearch().bind(of(lambda c: 0.0, SQUARE))
    optimizer.learn(points, losses[:, None])
    return Observations(optimizer)


class Cut:
    """The first n of what another observed holds."""

    def __init__(self, observed, n):
        self.points, self.losses = observed.points[:n], observed.losses[:n]
        self.ranked, self.is_broken = observed.ranked[:n], observed.is_broken[:n]
        self.is_own = observed.is_own[:n]
        self.subset, self.valued = observed.subset, observed.valued
        self.n = n

    def __len__(self):
        return self.n


def test_a_model_follows_from_what_was_told_only():
    encoding = Encoding(MIXED)
    observed = Observations(known(RandomSearch(), MIXED, 90))
    steady, fresh = Surrogate(encoding, 40), None
    with single_blas_thread():
        for n in (5, 9, 15, 22, 31, 44, 45, 63, 90):
            model = steady.model(Cut(observed, n))
            fresh = Surrogate(encoding, 40).model(Cut(observed, n))
            np.testing.assert_array_equal(model.lengths, fresh.lengths)
            np.testing.assert_array_equal(model.means, fresh.means)
    assert len(fresh.points) == 40


def test_equal_losses_give_no_model():
    observed = Observations(known(RandomSearch(), MIXED, 10, lambda config: 1.0))
    assert Surrogate(Encoding(MIXED), 40).model(observed) is None


def test_what_failed_is_no_loss_where_losses_differ():
    points = np.random.default_rng(0).random((30, 2))
    losses = np.where(points[:, 0] < 0.4, np.inf, points[:, 1])
    model = Surrogate(Encoding(SQUARE), 200).model(observations_of(points, losses))
    np.testing.assert_array_equal(model.points, points[np.isfinite(losses)])
    assert model.feasibility is not None
    losses = np.where(points[:, 0] < 0.4, np.inf, 1.0)
    model = Surrogate(Encoding(SQUARE), 200).model(observations_of(points, losses))
    assert len(model.points) == 30  # it is the only difference there is
    assert model.feasibility is None


def test_knowledge_comes_before_history():
    optimizer = known(RandomSearch(), MIXED, 7)
    assert len(Observations(optimizer)) == 7
    np.testing.assert_array_equal(Observations(optimizer).losses, optimizer.knowledge.losses[:, 0])
    alone = searched(RandomSearch(), MIXED, cost, 9)
    np.testing.assert_array_equal(Observations(alone).points, alone.history.points)


def test_the_best_the_recent_and_some_others_are_kept():
    observed = Observations(known(RandomSearch(), MIXED, 300))
    rows = observed.subset(300, 100)
    assert len(rows) == 100
    assert (np.diff(rows) > 0).all()
    best = np.argsort(observed.losses, kind="stable")[:50]
    assert np.isin(best, rows).all()
    assert np.isin(range(285, 300), rows).all()
    np.testing.assert_array_equal(observed.subset(80, 100), np.arange(80))
    np.testing.assert_array_equal(observed.subset(300, 100, valued=True), rows)
    before = observed.subset(295, 100)
    assert np.isin(before, rows).mean() > 0.85  # the choice of the others hardly changes


def test_a_ranking_is_the_order_of_the_losses_however_they_came_in():
    losses = np.random.default_rng(0).integers(0, 20, 60).astype(float)
    losses[::7] = np.inf
    ranking = Ranking()
    for n in (1, 2, 30, 31, 60):
        ranking.learn(losses[:n])
        assert ranking.best(25) == np.argsort(losses[:n], kind="stable")[:25].tolist()
        assert ranking.n_values == np.isfinite(losses[:n]).sum()
