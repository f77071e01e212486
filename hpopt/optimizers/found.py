"""Evaluated configs, to be looked up by config and around a point."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hpopt.core import History
from hpopt.core.proposals import Floats
from hpopt.space import Space


class Found:
    """Points and their losses, each config once: its first result counts.

    Two points are of the same *branch* where their configs differ in ordered parameters only: the
    same parameters are active, with the same choices and the same lengths of lists. Within a branch
    a gradient makes sense.
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        self._rows: dict[bytes, int] = {}
        self._branches: dict[bytes, list[int]] = {}
        self._history = History(space.d, 1)
        self._fixed = ~space.ordered
        self._fixed[[layout.start for layout in space.sequences]] = True

    def add(self, points: Floats, losses: Floats) -> None:
        """Add points (n, d) and their losses (n,)."""
        keys, kinds = self._space.keys_of(points), self._branch_keys(points)
        for key, kind, point, loss in zip(keys, kinds, points, losses[:, None], strict=True):
            if key not in self._rows:
                row = len(self._history)
                self._rows[key] = row
                self._branches.setdefault(kind, []).append(row)
                self._history.append(row, point, loss)

    def losses(self, points: Floats) -> Floats:
        """Return the losses of points (n, d), nan where a config is not known, shape (n,)."""
        rows = np.array([self._rows.get(key, -1) for key in self._space.keys_of(points)], dtype=int)
        known = rows >= 0
        losses = np.full(len(points), np.nan)
        losses[known] = self._history.losses[rows[known], 0]
        return losses

    def best(self) -> tuple[Floats, float]:
        """Return the best point and its loss, which is infinite where no value is known."""
        if not len(self._history):
            return np.full(self._space.d, 0.5), np.inf
        row = int(np.argmin(self._history.losses[:, 0]))
        return self._history.points[row], float(self._history.losses[row, 0])

    def same_branch(self, point: Floats) -> tuple[Floats, Floats]:
        """Return the points (n, d) of a point's branch with finite losses, and these, (n,)."""
        rows = np.array(self._branches.get(self._branch_keys(point[None])[0], []), dtype=int)
        losses = self._history.losses[rows, 0]
        finite = losses < np.inf
        return self._history.points[rows[finite]], losses[finite]

    def are_same_branch(self, points: Floats, point: Floats) -> NDArray[np.bool_]:
        """Return which points (n, d) are of the branch of a point (d,), shape (n,)."""
        kind = self._branch_keys(point[None])[0]
        return np.array([other == kind for other in self._branch_keys(points)], dtype=bool)

    def _branch_keys(self, points: Floats) -> list[bytes]:
        """Return keys that are equal within a branch."""
        codes = self._space.codes(points)
        codes[:, ~self._fixed & self._space.ordered] *= 0.0  # nan where it is inactive
        codes[np.isnan(codes)] = np.inf
        return [row.tobytes() for row in codes + 0.0]
