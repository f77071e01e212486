"""The observations of an optimizer, as arrays that grow."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FIRST_CAPACITY = 64  # doubled as needed: any value from 16 to 1,000 does


class History:
    """Solutions in the order in which they were observed.

    Attributes
    ----------
    numbers : ndarray (n,) of int
        The solutions' numbers.
    points : ndarray (n, d), in [0, 1]
    losses : ndarray (n, n_objectives)
        To be minimised; infinite where an evaluation gave no values. Of a trial that was stopped
        early, what it is believed to have ended at: see `Beliefs`.
    fidelities : ndarray (n,)
        What each evaluation might spend; nan where the problem has no fidelity. A config that was
        continued has a row for each of its fidelities.
    all_points, all_losses : ndarray (k + n, …)
        The same, after what was known before the first of them; see `know`.
    """

    def __init__(self, d: int, n_objectives: int) -> None:
        self._n = self._n_known = 0
        self._numbers = np.empty(FIRST_CAPACITY, dtype=np.int64)
        self._points = np.empty((FIRST_CAPACITY, d))
        self._losses = np.empty((FIRST_CAPACITY, n_objectives))
        self._fidelities = np.empty(FIRST_CAPACITY)
        self._rows = np.full(FIRST_CAPACITY, -1, dtype=np.int64)
        self._n_contiguous = 0

    def __len__(self) -> int:
        return self._n - self._n_known

    @property
    def numbers(self) -> NDArray[np.int64]:
        """The solutions' numbers, shape (n,)."""
        return self._numbers[self._n_known : self._n]

    @property
    def points(self) -> NDArray[np.float64]:
        """Their points, shape (n, d), in [0, 1]."""
        return self._points[self._n_known : self._n]

    @property
    def losses(self) -> NDArray[np.float64]:
        """Their losses, shape (n, n_objectives)."""
        return self._losses[self._n_known : self._n]

    @property
    def fidelities(self) -> NDArray[np.float64]:
        """Their fidelities, shape (n,); nan where the problem has none."""
        return self._fidelities[self._n_known : self._n]

    @property
    def all_points(self) -> NDArray[np.float64]:
        """The points known before and those observed, shape (k + n, d)."""
        return self._points[: self._n]

    @property
    def all_losses(self) -> NDArray[np.float64]:
        """The losses of `all_points`, shape (k + n, n_objectives)."""
        return self._losses[: self._n]

    @property
    def n_contiguous(self) -> int:
        """The largest k for which the numbers 0 … k-1 have all been observed."""
        # It only grows, so all calls together look at each number once.
        while self._n_contiguous < len(self._rows) and self._rows[self._n_contiguous] >= 0:
            self._n_contiguous += 1
        return self._n_contiguous

    def know(self, points: NDArray[np.float64], losses: NDArray[np.float64]) -> None:
        """Add points known from elsewhere, before the first observation, to `all_points` only."""
        for point, row in zip(points, losses, strict=True):
            self._put(-1, point, row, np.nan)
        self._n_known = self._n

    def append(
        self,
        number: int,
        point: NDArray[np.float64],
        losses: NDArray[np.float64],
        fidelity: float | None = None,
    ) -> None:
        """Add one solution, in amortised constant time."""
        if number >= len(self._rows):
            longer = np.full(max(2 * len(self._rows), number + 1), -1, dtype=np.int64)
            longer[: len(self._rows)] = self._rows
            self._rows = longer
        self._rows[number] = len(self)  # -1 where a number has not been observed
        self._put(number, point, losses, np.nan if fidelity is None else fidelity)

    def _put(
        self,
        number: int,
        point: NDArray[np.float64],
        losses: NDArray[np.float64],
        fidelity: float,
    ) -> None:
        if self._n == len(self._numbers):
            self._numbers = _double(self._numbers)
            self._points = _double(self._points)
            self._losses = _double(self._losses)
            self._fidelities = _double(self._fidelities)
        self._numbers[self._n] = number
        self._points[self._n] = point
        self._losses[self._n] = losses
        self._fidelities[self._n] = fidelity
        self._n += 1

    def __contains__(self, number: int) -> bool:
        return 0 <= number < len(self._rows) and bool(self._rows[number] >= 0)

    def row(self, number: int) -> int:
        """Return the row of an observed number."""
        return int(self._rows[number])

    def rows(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows of observed numbers."""
        return self._rows[numbers]


def _double(array: NDArray[Any]) -> NDArray[Any]:
    longer = np.empty((2 * len(array), *array.shape[1:]), dtype=array.dtype)
    longer[: len(array)] = array
    return longer
