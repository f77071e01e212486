"""The configs that are being evaluated, as a model sees them."""

from __future__ import annotations

import numpy as np

from hpopt.core import Optimizer
from hpopt.core.proposals import Floats
from hpopt.optimizers.surrogates.encoding import Encoding

MOST_PENDING = 200  # points the model is conditioned on, as many as it is fitted to by default


def pending_features(optimizer: Optimizer, encoding: Encoding) -> Floats:
    """Return the features (q, p) of pending points, the last ones where they are many."""
    if not optimizer.pending:
        return np.empty((0, len(encoding.groups)))
    numbers = sorted(optimizer.pending)[-MOST_PENDING:]
    points = np.array([optimizer.pending[number].point for number in numbers])
    return encoding.features_at(points)
