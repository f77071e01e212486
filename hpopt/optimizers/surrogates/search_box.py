"""The box that the steps near the best search."""

from __future__ import annotations

import numpy as np

from hpopt.core.proposals import Floats
from hpopt.optimizers.surrogates.acquisition_search import in_box
from hpopt.optimizers.surrogates.encoding import Encoding
from hpopt.optimizers.surrogates.surrogate import LIKELY, Fitted
from hpopt.optimizers.surrogates.trust_region import LONGEST, Box

SAMPLE = 64  # random points of a box: its share of new values is known within some 6 %


def search_box(
    encoding: Encoding, fitted: Fitted, side: float, pending: Floats, rng: np.random.Generator
) -> Box:
    """Return the trust region of a side around the observed point of the best posterior mean.

    However small, it holds the next values of a number that has few, and half of it lies beyond
    plateaus: else hardly anything in it would be new.

    Parameters
    ----------
    pending : ndarray (q, p)
        The features of pending points.
    """
    centre, space = fitted.best, encoding.space
    while True:
        box = Box.around(centre, side, fitted.lengths, space.ordered)
        box = box.including(*encoding.beside(centre))
        if side >= LONGEST or fitted.duplicates is None:
            return box
        features = encoding.features_at(in_box(encoding, box, SAMPLE, rng))
        if fitted.likely_new(features, pending).mean() >= LIKELY:
            return box
        side *= 2
