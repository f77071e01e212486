"""Learning curves as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hpopt.core.handle import Curve

Floats = NDArray[np.float64]


def by_objective(curve: Curve, names: Sequence[str]) -> dict[str, list[tuple[float, float]]]:
    """Return what a curve has of each objective that it has anything of, as (step, value).

    A report of one number is of the first.
    """
    found: dict[str, list[tuple[float, float]]] = {}
    for step, value in curve:
        named = value if isinstance(value, Mapping) else {names[0]: value}
        for name in names:
            if name in named:
                found.setdefault(name, []).append((step, named[name]))
    return found


def step_means(curve: Curve, sign: int) -> tuple[Floats, Floats]:
    """Return the steps of a curve and the mean loss of the reports of each.

    A step is reported several times where there are folds. Its mean is not finite where one of its
    reports is not.

    Parameters
    ----------
    curve : sequence of (step, value)
        The steps do not go down.
    sign : int
        1 where values are minimised, else -1.

    Returns
    -------
    steps : ndarray (k,), ascending
    losses : ndarray (k,)
    """
    reports = np.array(curve, dtype=np.float64).reshape(-1, 2)
    steps, places, counts = np.unique(reports[:, 0], return_inverse=True, return_counts=True)
    # Shares are summed, as the sum of two large values overflows.
    losses = np.bincount(places, sign * reports[:, 1] / counts[places], len(steps))
    return steps, losses.astype(np.float64)  # without reports they are ints
