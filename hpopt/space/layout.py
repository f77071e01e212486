"""Where a variable-length list lies among the coordinates of its space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SequenceLayout:
    """A Sequence as coordinates: its length, then `max_length` slots of one layer each.

    Attributes
    ----------
    start : int
        The coordinate of its length; the first slot begins at the next one.
    slot : int
        The number of coordinates of a slot.
    min_length, max_length : int
        The bounds of its length.
    """

    start: int
    slot: int
    min_length: int
    max_length: int

    @property
    def n_lengths(self) -> int:
        """How many lengths there are."""
        return self.max_length - self.min_length + 1

    @property
    def stop(self) -> int:
        """The coordinate after its last one."""
        return self.start + 1 + self.max_length * self.slot

    def lengths(self, points: Floats) -> Ints:
        """Return the number of layers at points (n, d), shape (n,)."""
        cells = np.floor(points[:, self.start] * self.n_lengths).astype(np.int64)
        return self.min_length + cells.clip(0, self.n_lengths - 1)

    def length_coordinates(self, lengths: Any) -> Floats:
        """Return the coordinates of lengths: the centres of their cells."""
        return np.asarray((np.asarray(lengths) - self.min_length + 0.5) / self.n_lengths)

    def slots(self, points: Floats) -> Floats:
        """Return the layers at points (n, d), inactive ones too, shape (n, max_length, slot)."""
        shape = len(points), self.max_length, self.slot
        return points[:, self.start + 1 : self.stop].reshape(shape)

    def replaced(self, points: Floats, lengths: Ints, slots: Floats) -> Floats:
        """Return points with these lengths and layers."""
        width = self.max_length * self.slot
        points = points.copy()
        points[:, self.start] = self.length_coordinates(lengths)
        points[:, self.start + 1 : self.stop] = slots.reshape(len(points), width)
        return points
