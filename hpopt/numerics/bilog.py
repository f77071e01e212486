"""A transform of the values of an outcome constraint, which are met up to 0.

Eriksson & Poloczek 2021, "Scalable constrained Bayesian optimization",
https://arxiv.org/abs/2002.08526, section 2, with a scale.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NO_SCALE = 1e-100  # a median of 0, or nearly so, says nothing about the scale: the largest does


def bilog(values: Floats) -> Floats:
    """Return values of mean square 1 and the same signs, in which large ones are less far apart.

    ::

        c = sign(g) log(1 + |g| / median |g|)

    They are not centred: 0 stays the border of what is feasible.

    Parameters
    ----------
    values : ndarray (n,)
        What is above 0 breaks the constraint. All finite.

    Returns
    -------
    ndarray (n,)
        All 0 where the values are.
    """
    sizes = np.abs(values)
    largest = float(sizes.max(initial=0.0))
    if not largest:
        return np.zeros_like(values)
    sizes = sizes / largest  # squares of enormous values would overflow
    median = float(np.median(sizes))
    bent = np.sign(values) * np.log1p(sizes / (median if median > NO_SCALE else 1.0))
    return np.asarray(bent / np.sqrt(np.mean(bent * bent)))
