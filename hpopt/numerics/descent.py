"""The bottom of a smooth function in a box, by L-BFGS-B.

Byrd, Lu, Nocedal & Zhu 1995, "A limited memory algorithm for bound constrained optimization",
https://doi.org/10.1137/0916069, as implemented in scipy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def descended(
    loss: Callable[[Floats], tuple[float, Floats]],
    start: Floats,
    low: Floats,
    high: Floats,
    *,
    iterations: int,
) -> tuple[Floats, float]:
    """Give the best point (n,) that is found in a box, and its loss.

    Parameters
    ----------
    loss : callable
        Gives the loss of a point and its gradient (n,).
    start, low, high : ndarray (n,)
        Where to begin, clipped to the box, and the bounds.
    iterations : int
        How many to take at most.
    """
    from scipy.optimize import minimize

    gradient = start

    def value(point: Floats) -> float:
        nonlocal gradient
        found, gradient = loss(point)
        return found

    def slope(point: Floats) -> Floats:
        # It is asked for right after the value of the same point: that scipy should remember
        # both, and compare points to be sure, takes longer than many a loss.
        return gradient

    found: Any = minimize(
        value,
        np.clip(start, low, high),
        jac=slope,
        method="L-BFGS-B",
        bounds=np.stack([low, high], axis=1),
        options={"maxiter": iterations},
    )
    return np.clip(found.x, low, high), float(found.fun)
