"""Grid search, one point at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from hpopt.core import Optimizer
from hpopt.core.proposals import Floats
from hpopt.numerics.sampling import permuted
from hpopt.space import Sequence as LayerSequence
from hpopt.space import Space

BLOCK = 64
CONTINUOUS = 5


class GridSearch(Optimizer):
    """Try every combination of a grid of values; the last parameter changes fastest.

    Use it for two or three parameters, or where a table of all combinations is the result that
    is wanted. The number of combinations multiplies with each parameter: look at `size` first.
    The grid is addressed by number and never built, so it may be astronomically large.
    Parameters that do not exist in a combination are not multiplied in.

    Parameters
    ----------
    resolution : int or mapping, optional
        How many values each ordered parameter gets, evenly spread (in the log for a log
        parameter) with both ends; a Categorical always gets all its choices. A mapping gives it
        by name, for a Sequence as an int or a mapping of its own. By default all values of a
        discrete parameter, and 5 of a continuous one.
    shuffle : bool
        Whether to visit the grid in a random order, so that a budget smaller than the grid is
        spread over all of it.

    Attributes
    ----------
    size : int
        The exact number of combinations, after `bind`; forbidden ones are counted.
    """

    name: ClassVar[str] = "grid"

    def __init__(
        self, *, resolution: int | Mapping[str, Any] | None = None, shuffle: bool = False
    ) -> None:
        self.resolution = resolution
        self.shuffle = shuffle

    @property
    def n_possible(self) -> float:
        """How many solutions it can ask for at most: the size of the grid."""
        return self.size

    def _setup(self) -> None:
        self.grid = self.space.grid(_filled_in(self.space, self.resolution))
        self.size = int(self.grid.size)
        self._position = 0

    def _ask(self, number: int, n: int) -> Floats:
        while self._position < self.size:
            stop = min(self._position + BLOCK, self.size)
            places = map(self._place, range(self._position, stop))
            points = np.array([self.grid.point(place) for place in places])
            self._position = stop
            new = self.unknown(points, before=number)
            if new.any():
                return points[new]
        return np.empty((0, self.space.d))

    def _place(self, position: int) -> int:
        return permuted(position, self.size, self.seed) if self.shuffle else position


def _filled_in(space: Space, resolution: Any) -> dict[str, Any]:
    """Give each parameter a resolution, where the user gave none."""
    filled: dict[str, Any] = {}
    for name, parameter in space.items():
        own = resolution.get(name) if isinstance(resolution, Mapping) else resolution
        if isinstance(parameter, LayerSequence):
            filled[name] = _filled_in(parameter.layer, own)
        elif own is None and parameter.size == np.inf:
            filled[name] = CONTINUOUS
        else:
            filled[name] = own
    if isinstance(resolution, Mapping):
        filled |= {name: value for name, value in resolution.items() if name not in space}
    return filled
