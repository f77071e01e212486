"""Values that differ by rounding only, and are one value: two ways to add up the same folds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TIED = 1e-12  # relative: thousands of roundings by 1e-16 add up to no more


def distinct_levels(values: Floats) -> tuple[Floats, Ints]:
    """Return the different values, ascending, and the place among them of each.

    Where one differs from the next by less than `TIED` of the larger, the least stands for all.

    Parameters
    ----------
    values : ndarray (n,), finite

    Returns
    -------
    levels : ndarray (k,)
    places : ndarray (n,) of int
    """
    levels, places = np.unique(values, return_inverse=True)
    if len(levels) > 1:
        lower, higher = levels[:-1], levels[1:]
        sizes = np.maximum(abs(lower), abs(higher))
        is_new = np.append(True, higher / 2 - lower / 2 > TIED * (sizes / 2))  # no overflow
        if not is_new.all():
            return levels[is_new], (np.cumsum(is_new) - 1)[places.ravel()]
    return levels, places.ravel()
