"""Ridge regression whose penalty is chosen by leaving each row out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Of features between 0 and 1: from next to none, to one that needs some hundred rows; and infinite,
# which is the mean. Steps of ten, as a third of one changes a prediction by little.
PENALTIES = (np.inf, 10.0, 1.0, 0.1, 0.01)


def fit_ridge(features: Floats, targets: Floats) -> tuple[Floats, float]:
    """Return weights w (p,) and the intercept b of targets ≈ features w + b.

    Of the penalties on |w|² the one whose predictions of each row from the others err least; if
    that is an infinite one, all weights are 0.

    Parameters
    ----------
    features : ndarray (n, p)
    targets : ndarray (n,)
        At least two.
    """
    centre, mean = features.mean(axis=0), float(targets.mean())
    left, scales, right = np.linalg.svd(features - centre, full_matrices=False)
    rotated = left.T @ (targets - mean)
    best, weights = np.inf, np.zeros(features.shape[1])
    for penalty in PENALTIES:
        kept = scales**2 / (scales**2 + penalty)
        # The share of a row's own target in its prediction, of which the mean has 1/n.
        own = 1.0 / len(targets) + left**2 @ kept
        errors = (targets - mean - left @ (kept * rotated)) / np.maximum(1.0 - own, 1e-9)
        if (error := float(errors @ errors)) < best:
            best = error
            weights = right.T @ (scales / (scales**2 + penalty) * rotated)
    return weights, mean - float(centre @ weights)
