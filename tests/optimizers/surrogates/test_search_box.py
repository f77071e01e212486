"""The box near the best: it reaches beyond what is known to be flat."""

import numpy as np

from hpopt.optimizers.surrogates.encoding import Encoding
from hpopt.optimizers.surrogates.search_box import search_box
from hpopt.space import Float, Space

from ..modelling import surrogate_of

SQUARE = Space({"x": Float(0, 1), "y": Float(0, 1)})
POINTS = np.random.default_rng(0).random((80, 2))


def sides(losses):
    model = surrogate_of(SQUARE, POINTS, losses)
    box = search_box(Encoding(SQUARE), model, 0.01, np.empty((0, 2)), np.random.default_rng(0))
    assert (box.low <= model.best).all()
    assert (model.best <= box.high).all()
    return box.high - box.low


def test_half_of_it_lies_beyond_plateaus():
    fields = np.floor(POINTS * 5)
    assert sides(np.abs(fields[:, 0] - 2.2) + np.abs(fields[:, 1] - 2.4)).max() > 0.1


def test_it_is_as_small_as_it_should_be_where_nothing_is_flat():
    assert sides(((POINTS - 0.5) ** 2).sum(axis=1)).max() < 0.05
