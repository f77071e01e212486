"""The branches of a conditional space: what else there is than the one that looks best.

A model that has seen a branch a few times only, with bad values of what exists in it alone,
takes the whole branch for bad, and a search that trusts it never comes back.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hpopt.core.proposals import Floats
from hpopt.optimizers.surrogates.encoding import Encoding

MOST_BRANCHES = 12
"""Of more values than these each would be seen too rarely."""

Within = Callable[[Floats], NDArray[np.bool_]]
"""Says of features (m, p) which may be asked, shape (m,)."""


class Branches:
    """The choices of a space that other parameters depend on.

    Parameters
    ----------
    encoding : Encoding
    """

    def __init__(self, encoding: Encoding) -> None:
        space = encoding.space
        columns = [space.columns(name).start for name in space if name in space.conditions.parents]
        self._encoding = encoding
        self._features = [
            np.flatnonzero(encoding.groups == column)
            for column in columns
            if not space.ordered[column] and 1 < space.levels[column] <= MOST_BRANCHES
        ]

    def __len__(self) -> int:
        return len(self._features)

    def other_than(self, point: Floats, turn: int) -> Within:
        """Give what lies in another branch than a snapped point (d,); the choices take turns."""
        own = self._features[turn % len(self._features)]
        here = self._encoding.features(point[None])[0, own]

        def elsewhere(features: Floats) -> NDArray[np.bool_]:
            return np.asarray((features[:, own] != here).any(axis=1))

        return elsewhere
