"""The acceptance rule of simulated annealing, on whole arrays of chains.

Kirkpatrick, Gelatt & Vecchi 1983, "Optimization by simulated annealing",
https://doi.org/10.1126/science.220.4598.671; Metropolis et al. 1953.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def accept_moves(old: Floats, new: Floats, temperature: float, uniform: Floats) -> Bools:
    """Return a mask (n,) of the chains that accept their proposal: ``u < exp(-(new - old) / T)``.

    Parameters
    ----------
    old, new : ndarray (n,)
        Losses of the states and the proposals. An infinite one is accepted only in place of
        another.
    temperature : float, >= 0
        In units of the loss; at 0 no worse proposal is accepted.
    uniform : ndarray (n,), in [0, 1)
    """
    no_worse = new <= old
    # The logarithm of both sides, scaled first: neither overflows for enormous losses.
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        rises = new / 2 - old / 2
        uphill = rises < -np.log(uniform) * (temperature / 2)
    return np.asarray(no_worse | (np.isfinite(new) & uphill))


def loss_spread(losses: Floats) -> float:
    """Return the median less the minimum of the finite losses (n,); 0 without any.

    The worse half does not count, as it is often absurd (networks that diverged).
    """
    finite = losses[np.isfinite(losses)]
    if not finite.size:
        return 0.0
    largest = float(np.finfo(np.float64).max)
    half = float(np.median(finite / 2)) - float(finite.min()) / 2  # halves cannot overflow
    return 2 * min(half, largest / 2)
