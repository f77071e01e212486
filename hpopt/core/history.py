"""The observations of an optimizer, as arrays that grow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpopt.core.constraint import Constraint, are_met, ranked_losses

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
        early, what it is believed to have ended at: see `Beliefs`. Of one that breaks a constraint,
        penalties instead, above all other losses: see `ranked_losses`.
    measured : ndarray (n, n_objectives)
        The losses without penalties: for models.
    violations : ndarray (n, n_constraints)
        By how much the constraints are broken, each in its value's unit: at most 0 where it is met,
        nan where that is not known.
    is_broken : ndarray (n,) of bool
        Which have values that do not meet all constraints.
    fidelities : ndarray (n,)
        What each evaluation might spend, or the highest where more would change nothing (see
        `Trial.reached`); nan where the problem has no fidelity. A config that was continued has a
        row for each of its fidelities.
    all_points, all_losses, all_measured, all_violations : ndarray (k + n, …)
        The same, after what was known before the first of them; see `know`.
    """

    def __init__(self, d: int, n_objectives: int, constraints: Sequence[Constraint] = ()) -> None:
        self._constraints = constraints
        self._n = self._n_known = 0
        self._numbers = np.empty(FIRST_CAPACITY, dtype=np.int64)
        self._points = np.empty((FIRST_CAPACITY, d))
        self._losses = np.empty((FIRST_CAPACITY, n_objectives))
        # Without constraints the two are the same.
        self._measured = np.empty_like(self._losses) if constraints else self._losses
        self._violations = np.empty((FIRST_CAPACITY, len(constraints)))
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
    def measured(self) -> NDArray[np.float64]:
        """Their losses without penalties, shape (n, n_objectives)."""
        return self._measured[self._n_known : self._n]

    @property
    def violations(self) -> NDArray[np.float64]:
        """By how much they break the constraints, shape (n, n_constraints)."""
        return self._violations[self._n_known : self._n]

    @property
    def is_broken(self) -> NDArray[np.bool_]:
        """Which have values that do not meet all constraints, shape (n,)."""
        return self.all_broken[self._n_known :]

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
    def all_measured(self) -> NDArray[np.float64]:
        """The losses of `all_points` without penalties, shape (k + n, n_objectives)."""
        return self._measured[: self._n]

    @property
    def all_violations(self) -> NDArray[np.float64]:
        """By how much `all_points` break the constraints, shape (k + n, n_constraints)."""
        return self._violations[: self._n]

    @property
    def all_broken(self) -> NDArray[np.bool_]:
        """Which of `all_points` have values that do not meet all constraints, shape (k + n,)."""
        if not self._constraints:
            return np.zeros(self._n, dtype=bool)
        return np.isfinite(self.all_losses).all(axis=1) & ~are_met(self.all_violations)

    @property
    def n_contiguous(self) -> int:
        """The largest k for which the numbers 0 … k-1 have all been observed."""
        # It only grows, so all calls together look at each number once.
        while self._n_contiguous < len(self._rows) and self._rows[self._n_contiguous] >= 0:
            self._n_contiguous += 1
        return self._n_contiguous

    def know(
        self,
        points: NDArray[np.float64],
        losses: NDArray[np.float64],
        violations: NDArray[np.float64] | None = None,
    ) -> None:
        """Add points known from elsewhere, before the first observation, to `all_points` only."""
        for row, (point, loss) in enumerate(zip(points, losses, strict=True)):
            self._put(-1, point, loss, np.nan, None if violations is None else violations[row])
        self._n_known = self._n

    def append(
        self,
        number: int,
        point: NDArray[np.float64],
        losses: NDArray[np.float64],
        fidelity: float | None = None,
        violations: NDArray[np.float64] | None = None,
    ) -> None:
        """Add one solution, with its losses as measured, in amortised constant time."""
        if number >= len(self._rows):
            longer = np.full(max(2 * len(self._rows), number + 1), -1, dtype=np.int64)
            longer[: len(self._rows)] = self._rows
            self._rows = longer
        self._rows[number] = len(self)  # -1 where a number has not been observed
        self._put(number, point, losses, np.nan if fidelity is None else fidelity, violations)

    def _put(
        self,
        number: int,
        point: NDArray[np.float64],
        losses: NDArray[np.float64],
        fidelity: float,
        violations: NDArray[np.float64] | None,
    ) -> None:
        row = self._n
        if row == len(self._numbers):
            self._grow()
        self._numbers[row] = number
        self._points[row] = point
        self._fidelities[row] = fidelity
        self._losses[row] = losses
        if self._constraints:
            self._measured[row] = losses
            self._violations[row] = np.nan if violations is None else violations
            self._losses[row] = ranked_losses(losses, self._constraints, self._violations[row])
        self._n += 1

    def _grow(self) -> None:
        self._numbers = _double(self._numbers)
        self._points = _double(self._points)
        self._losses = _double(self._losses)
        self._fidelities = _double(self._fidelities)
        self._measured = _double(self._measured) if self._constraints else self._losses
        self._violations = _double(self._violations)

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
