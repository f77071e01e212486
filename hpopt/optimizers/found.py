"""What has been found, to be looked up by config and around a point."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hpopt.core import History
from hpopt.core.proposals import Floats
from hpopt.space import Space


class Found:
    """Points and their losses, each config once: the first that came counts.

    Two points are *sisters* where their configs differ in ordered parameters only: the same
    parameters exist in both, with the same choices and the same lengths of lists. Among sisters
    a gradient makes sense.

    Parameters
    ----------
    space : Space
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        self._rows: dict[bytes, int] = {}
        self._sisters: dict[bytes, list[int]] = {}
        self._history = History(space.d, 1)
        self._fixed = ~space.ordered
        self._fixed[[layout.start for layout in space.sequences]] = True

    def add(self, points: Floats, losses: Floats) -> None:
        """Take up points (n, d) and their losses (n,)."""
        keys, kinds = self._space.keys_of(points), self._kinds(points)
        for key, kind, point, loss in zip(keys, kinds, points, losses[:, None], strict=True):
            if key not in self._rows:
                row = len(self._history)
                self._rows[key] = row
                self._sisters.setdefault(kind, []).append(row)
                self._history.append(row, point, loss)

    def losses(self, points: Floats) -> Floats:
        """Give the losses of points (n, d): nan where a config is not known, shape (n,)."""
        rows = np.array([self._rows.get(key, -1) for key in self._space.keys_of(points)], dtype=int)
        known = rows >= 0
        losses = np.full(len(points), np.nan)
        losses[known] = self._history.losses[rows[known], 0]
        return losses

    def best(self) -> tuple[Floats, float]:
        """Give the best point and its loss; infinite where nothing good is known."""
        if not len(self._history):
            return np.full(self._space.d, 0.5), np.inf
        row = int(np.argmin(self._history.losses[:, 0]))
        return self._history.points[row], float(self._history.losses[row, 0])

    def sisters(self, point: Floats) -> tuple[Floats, Floats]:
        """Give the sisters of a point (d,) that have a finite loss: points (n, d), losses (n,)."""
        rows = np.array(self._sisters.get(self._kinds(point[None])[0], []), dtype=int)
        losses = self._history.losses[rows, 0]
        finite = losses < np.inf
        return self._history.points[rows[finite]], losses[finite]

    def are_sisters(self, points: Floats, point: Floats) -> NDArray[np.bool_]:
        """Say which points (n, d) are sisters of a point (d,), shape (n,)."""
        kind = self._kinds(point[None])[0]
        return np.array([other == kind for other in self._kinds(points)], dtype=bool)

    def _kinds(self, points: Floats) -> list[bytes]:
        """Give keys that sisters share."""
        codes = self._space.codes(points)
        codes[:, ~self._fixed & self._space.ordered] *= 0.0  # nan where it does not exist
        codes[np.isnan(codes)] = np.inf
        return [row.tobytes() for row in codes + 0.0]
