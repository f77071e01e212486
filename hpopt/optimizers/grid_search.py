"""Grid search, one point at a time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hpopt.core import Optimizer, Phase
from hpopt.core.proposals import Floats
from hpopt.errors import SettingError
from hpopt.numerics.sampling import permuted_index
from hpopt.space import Sequence as LayerSequence
from hpopt.space import Space

BLOCK = 64  # points decoded at once: with more, a short search decodes many in vain
CONTINUOUS = 5  # values of a continuous parameter: both ends, the middle, and the quarters
PATIENCE = 5_000  # forbidden points in a row, after which the rest is visited in a random order
# Forbidden points in a row in the random order: fewer than one in 10,000 is allowed (95 %), and the
# grid ends.
MOST_FRUITLESS = 30_000


class GridSearch(Optimizer):
    """Try every combination of a grid of values; the last parameter changes fastest.

    Use it for two or three parameters, or where a table of all combinations is wanted. The number
    of combinations multiplies with each parameter: look at `size` first. The grid is addressed by
    number and never built, so it may be astronomically large. Where `forbid` excludes 5,000
    points in a row, and more than that are left, the rest is visited in a random order; after
    30,000 forbidden ones in a row in that order the grid ends. Parameters that do not exist in a
    combination are not multiplied in.

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
    size : int or inf
        The exact number of combinations, after `bind`; forbidden ones are counted. From 10**4214
        on it is inf.

    Raises
    ------
    SettingError
        The conditions of the space are too entangled for its grid to be counted.
    """

    name: ClassVar[str] = "grid"
    plain: ClassVar[str] = "trying the points of a grid one after the other"

    def __init__(
        self, *, resolution: int | Mapping[str, Any] | None = None, shuffle: bool = False
    ) -> None:
        self.resolution = resolution
        self.shuffle = shuffle

    @property
    def n_possible(self) -> float:
        """The size of the grid."""
        return self.size

    @property
    def phase(self) -> Phase | None:
        """Whether the order is random or the grid ends, as `forbid` excludes most of it."""
        return self._phase

    def _setup(self) -> None:
        self.grid = self.space.grid(_with_defaults(self.space, self.resolution))
        self.size = self.grid.size
        if not self.grid.n_addressed:
            raise SettingError(
                "the conditions of a grid's space must be countable, but here too many "
                "combinations of parents' values must be told apart: use optimizer='random'"
            )
        if self.shuffle and self.size == math.inf:
            raise SettingError(
                "a grid that is shuffled must have fewer than 10**4214 combinations: use "
                "optimizer='random', or a resolution"
            )
        self._begin()

    def _requeued(self) -> None:
        self._begin()  # configs that were asked are known, and skipped

    def _begin(self) -> None:
        self._is_shuffled, self._is_over = self.shuffle, False
        self._phase: Phase | None = None
        self._position, self._block = 0, 1
        # How many points in a row were forbidden, and how many were looked at in their order.
        self._n_fruitless, self._n_in_order = 0, 0

    @property
    def order_free(self) -> bool:
        """It learns nothing."""
        return True

    def _ask(self, number: int, n: int) -> Floats:
        while self._position < self.grid.n_addressed and not self._is_over:
            indices = self._next_indices()
            points = np.array([self.grid.point(index) for index in indices])
            new = self.unknown(points, before=number)
            allowed = new | self.space.allowed(points)
            self._move_on(indices, points, allowed & self._are_first_seen(indices))
            if new.any():
                return points[new]
        return np.empty((0, self.space.d))

    def _are_first_seen(self, indices: list[int]) -> NDArray[np.bool_]:
        """Return which points were not looked at while the grid was visited in its order."""
        return np.array([index >= self._n_in_order for index in indices])

    def _next_indices(self) -> list[int]:
        stop = min(self._position + self._block, self.grid.n_addressed)
        positions = range(self._position, stop)
        if not self._is_shuffled:
            return list(positions)
        return [
            permuted_index(position, self.grid.n_addressed, self.seed) for position in positions
        ]

    def _move_on(self, indices: list[int], points: Floats, found: NDArray[np.bool_]) -> None:
        """Go on behind points, of which some were found to be allowed and not looked at before."""
        self._position += len(indices)
        self._block = min(4 * self._block, BLOCK)
        if found.any():
            self._n_fruitless = len(found) - 1 - int(np.flatnonzero(found)[-1])
            return
        self._n_fruitless += len(indices)
        if not self._is_shuffled:
            behind = self._behind_forbidden(indices[-1], points[-1:])
            if behind > self._position:
                self._position, self._block = behind, 1
        looked_at = f"{self._n_fruitless} of its points in a row are forbidden, of {self.size}"
        if self._is_shuffled and self._n_fruitless >= MOST_FRUITLESS:
            self._is_over = True
            self._phase = Phase("the grid ends here", looked_at)
        elif (
            not self._is_shuffled
            and self._n_fruitless >= PATIENCE
            and self.grid.n_addressed - self._position > PATIENCE
        ):
            self._phase = Phase("the rest of the grid is visited in a random order", looked_at)
            self._is_shuffled, self._n_in_order = True, self._position
            self._position, self._block, self._n_fruitless = 0, BLOCK, 0

    def _behind_forbidden(self, index: int, point: Floats) -> int:
        """Return the next number that is not forbidden by the same values as a point."""
        (config,) = self.space.decode(point)
        order, behind = list(self.space), index + 1
        for predicate in self.space.predicates:
            if predicate.names is not None and predicate(config):
                last = max(predicate.names, key=order.index)
                behind = max(behind, self.grid.after(index, last))
        return behind


def _with_defaults(space: Space, resolution: Any) -> dict[str, Any]:
    """Return the resolution of each parameter, with defaults where the user set none."""
    filled: dict[str, Any] = {}
    for name, parameter in space.items():
        own = resolution.get(name) if isinstance(resolution, Mapping) else resolution
        if isinstance(parameter, LayerSequence):
            filled[name] = _with_defaults(parameter.layer, own)
        elif own is None and parameter.size == np.inf:
            filled[name] = CONTINUOUS
        else:
            filled[name] = own
    if isinstance(resolution, Mapping):
        filled |= {name: value for name, value in resolution.items() if name not in space}
    return filled
