"""Candidates stay where they belong, and the search finds what the acquisition likes best."""

import numpy as np
import pytest

from hpopt import RandomSearch
from hpopt.numerics.blas_threads import single_blas_thread
from hpopt.optimizers.surrogates.acquisition import KINDS, Acquisition, Criterion
from hpopt.optimizers.surrogates.acquisition_search import (
    AcquisitionSearch,
    discrete_moves,
    mutants,
)
from hpopt.optimizers.surrogates.encoding import Encoding, everything_in
from hpopt.optimizers.surrogates.observations import Observations
from hpopt.optimizers.surrogates.surrogate import Surrogate
from hpopt.optimizers.surrogates.trust_region import Box
from hpopt.space import Categorical, Float, Int, Space

from ..modelling import MIXED, known

ENCODING = Encoding(MIXED)


@pytest.fixture(scope="module")
def fitted():
    with single_blas_thread():
        return Surrogate(ENCODING, 60).model(Observations(known(RandomSearch(), MIXED, 60)))


def search_of(fitted, *, kind="log_ei", box=None, encoding=ENCODING, everything=None, seed=0):
    return AcquisitionSearch(
        encoding,
        fitted,
        np.random.default_rng(seed),
        acquisition=acquisition_of(fitted, kind),
        box=box,
        everything=everything,
    )


def acquisition_of(fitted, kind="log_ei"):
    return Acquisition(fitted.process, Criterion(kind, float(fitted.warp.targets.min()), 60))


@pytest.mark.parametrize("kind", KINDS)
def test_it_finds_more_than_many_random_points(fitted, kind):
    ranked = search_of(fitted, kind=kind).ranked()
    acquisition = acquisition_of(fitted, kind)
    values = acquisition(ENCODING.features(ranked[:50]))
    assert (np.diff(values) <= 1e-9).all()
    drawn = MIXED.snap(MIXED.random(5000, np.random.default_rng(1)))
    assert values[0] >= acquisition(ENCODING.features(drawn)).max()


def test_in_a_box_numbers_stay_in_it(fitted):
    centre = fitted.points[fitted.means.argmin()]
    box = Box.around(centre, 0.3, np.ones(MIXED.d), MIXED.ordered)
    ranked = search_of(fitted, box=box).ranked()
    numbers = [ENCODING.names.index(name) for name in ("x", "rate")]
    assert (ranked[:, numbers] >= box.low[numbers] - 1e-12).all()
    assert (ranked[:, numbers] <= box.high[numbers] + 1e-12).all()
    assert np.ptp(ranked[:, numbers], axis=0).min() > 0.1


def test_what_is_forbidden_is_not_found():
    space = Space({"n": Int(0, 50), "x": Float(0, 1)}, forbid=[lambda c: c["n"] % 2 == 0])
    encoding = Encoding(space)
    optimizer = known(RandomSearch(), space, 20, lambda c: abs(c["n"] - 20) + c["x"])
    fitted = Surrogate(encoding, 60).model(Observations(optimizer))
    ranked = search_of(fitted, encoding=encoding).ranked()
    assert {config["n"] % 2 for config in space.decode(ranked)} == {1}


def test_a_small_space_is_looked_at_as_a_whole():
    space = Space({"c": Categorical(list("abc")), "n": Int(1, 4)}, forbid=[{"c": "b", "n": 2}])
    encoding = Encoding(space)
    everything = everything_in(encoding)
    assert len(everything) == 11
    assert everything_in(ENCODING) is None
    optimizer = known(RandomSearch(), space, 6, lambda c: c["n"] + (c["c"] == "a"))
    fitted = Surrogate(encoding, 60).model(Observations(optimizer))
    ranked = search_of(fitted, encoding=encoding, everything=everything).ranked()
    assert sorted(space.keys_of(ranked)) == sorted(space.keys_of(everything))


def test_mutants_change_something_that_matters():
    rng = np.random.default_rng(2)
    parents = MIXED.snap(MIXED.random(4, rng))
    found = mutants(ENCODING, parents, 400, rng)
    assert ((found >= 0) & (found <= 1)).all()
    keys = set(MIXED.keys_of(parents))
    same = [key in keys for key in MIXED.keys_of(found)]
    assert np.mean(same) < 0.1  # a layer may step by less than its cell in the log
    near = [(np.abs(found - parent) < 1e-9)[:, :3].all(axis=1).sum() for parent in parents]
    assert near[0] > near[3]


def test_discrete_moves_are_one_step_away():
    rng = np.random.default_rng(3)
    points = MIXED.snap(MIXED.random(5, rng))
    rows, moved = discrete_moves(
        ENCODING, points, MIXED.active(points), None, rng, most=64, most_choices=12
    )
    assert np.bincount(rows, minlength=5).max() <= 64
    before, after = MIXED.codes(points)[rows], MIXED.codes(moved)
    active = ~np.isnan(before) & ~np.isnan(after)
    assert ((before != after) & active).sum(axis=1).tolist() == [1] * len(rows)
    few = discrete_moves(ENCODING, points, MIXED.active(points), None, rng, most=3, most_choices=1)
    assert np.bincount(few[0], minlength=5).tolist() == [3] * 5


def test_continuous_spaces_have_no_discrete_moves():
    encoding = Encoding(Space({"x": Float(0, 1)}))
    points = np.array([[0.5]])
    rows, moved = discrete_moves(
        encoding, points, points > 0, None, np.random.default_rng(0), most=9, most_choices=9
    )
    assert len(rows) == len(moved) == 0
