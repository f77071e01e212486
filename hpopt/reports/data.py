"""The one data layer: a study's trials as arrays, from which every table and picture is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpopt.core import STATUSES, Constraint, Fidelity, Objective, Ranking
from hpopt.core.trial import WITH_VALUES
from hpopt.numerics import pareto
from hpopt.reports.columns import Column
from hpopt.space import Space

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

AT_ONCE = 500  # points compared with a front at once: each takes a row of a matrix


@dataclass(frozen=True, slots=True)
class Cause:
    """One kind of error: messages that differ in their numbers only.

    Attributes
    ----------
    status : str
    error : str
        The message of its first trial.
    first : int
        The number of that trial.
    """

    status: str
    error: str
    first: int


@dataclass(frozen=True, eq=False)
class StudyData:
    """All finished trials of a study by number, one row each, as arrays.

    Attributes
    ----------
    name : str
        That of its file without ending; "study" in memory.
    header : dict
        The study's metadata.
    objectives, constraints, fidelity, space
        The study's.
    numbers : ndarray (n,) of int
        Ascending.
    status : ndarray (n,) of int
        Places in `hpopt.core.STATUSES`.
    started, seconds : ndarray (n,)
        Seconds since the epoch, and how long it took.
    memory : ndarray (n,)
        Peak bytes; nan where it is not known.
    fidelities, reached : ndarray (n,)
        That of the evaluation, and that which its values are of; nan without one.
    generations : ndarray (n,) of int
        From 0; -1 where the strategy has none.
    parents : dict of int to tuple of int
        Number of a trial → those that it was made from, where it was; all have lower numbers. A
        config that goes on at a higher fidelity has the one that it goes on from.
    workers : ndarray (n,) of int
        Places in `worker_names`; -1 where it is not known.
    worker_names : tuple of str
    values : dict of str to ndarray (n,)
        All numbers that evaluations returned, objectives first; nan where there is none.
    columns : tuple of Column
        The parameters, in the order of the space.
    causes : tuple of Cause
        Why trials have no values.
    cause : ndarray (n,) of int
        Places in `causes`; -1 for trials without an error.
    is_feasible : ndarray (n,) of bool
        Has values that meet all constraints.
    """

    name: str
    header: dict[str, Any]
    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...]
    fidelity: Fidelity | None
    space: Space
    numbers: Ints
    status: Ints
    started: Floats
    seconds: Floats
    memory: Floats
    fidelities: Floats
    reached: Floats
    generations: Ints
    parents: Mapping[int, tuple[int, ...]]
    workers: Ints
    worker_names: tuple[str, ...]
    values: Mapping[str, Floats]
    columns: tuple[Column, ...]
    causes: tuple[Cause, ...]
    cause: Ints
    is_feasible: Bools
    worth: Floats
    """What `Ranking` sorts by after feasibility and fidelity, shape (n,): a loss or a violation."""

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def ranking(self) -> Ranking:
        """The study's."""
        return Ranking(self.objectives, self.constraints)

    @cached_property
    def ok(self) -> Bools:
        """Which trials have values: complete, or stopped early."""
        return np.isin(self.status, [STATUSES.index(each) for each in WITH_VALUES])

    @cached_property
    def is_failure(self) -> Bools:
        """Which trials were to have values and have none."""
        return np.asarray(~self.ok & (self.status != STATUSES.index("infeasible")))

    @cached_property
    def is_stopped(self) -> Bools:
        """Which trials were stopped early."""
        return np.asarray(self.status == STATUSES.index("stopped"))

    @cached_property
    def is_comparable(self) -> Bools:
        """Which trials have values of the highest fidelity that a feasible one has reached."""
        reached = np.nan_to_num(self.reached, nan=0.0)
        known = self.is_feasible if self.is_feasible.any() else self.ok
        return np.asarray(self.ok & (reached >= reached[known].max(initial=0.0)))

    def losses(self, objective: Objective | None = None) -> Floats:
        """Return an objective's values to be minimised, by default the first's; nan without."""
        chosen = self.objectives[0] if objective is None else objective
        return chosen.sign * self.values[chosen.name]

    @cached_property
    def order(self) -> Ints:
        """The rows of the trials that did not fail, best first, as `Ranking` has them."""
        rows = np.flatnonzero(~self.is_failure)
        reached = np.nan_to_num(self.reached[rows], nan=0.0)
        keys = (self.numbers[rows], self.worth[rows], -reached, ~self.is_feasible[rows])
        return rows[np.lexsort(keys)]

    @property
    def best(self) -> int | None:
        """The row of the best feasible trial; None where there is none."""
        first = self.order[:1]
        return int(first[0]) if len(first) and self.is_feasible[first[0]] else None

    @cached_property
    def on_front(self) -> Bools:
        """Which trials no other dominates, as in `Record.front`; of one objective the best."""
        several = len(self.objectives) > 1
        fit = self.is_feasible & self.is_comparable & ~(self.is_stopped & several)
        rows = np.flatnonzero(fit)
        losses = np.column_stack([self.losses(each)[rows] for each in self.objectives])
        front = np.empty(0, dtype=np.int64)
        for start in range(0, len(rows), AT_ONCE):
            some = np.concatenate([front, np.arange(start, min(start + AT_ONCE, len(rows)))])
            front = some[pareto.front(losses[some])]
        found = np.zeros(len(self), dtype=bool)
        found[rows[front]] = True
        return found

    @cached_property
    def best_so_far(self) -> Floats:
        """The best of the first objective after each trial, nan before the first; shape (n,).

        Of feasible trials of the highest fidelity.
        """
        losses = np.where(self.is_feasible & self.is_comparable, self.losses(), np.inf)
        best = np.minimum.accumulate(losses)
        return np.where(np.isinf(best), np.nan, self.objectives[0].sign * best)

    def column(self, name: str) -> Column | None:
        """Return the column of a name; None where there is none."""
        return next((each for each in self.columns if each.name == name), None)

    def counts(self) -> dict[str, int]:
        """Return how many trials have each status; only those that there are."""
        found = np.bincount(self.status, minlength=len(STATUSES))
        return {name: int(n) for name, n in zip(STATUSES, found, strict=False) if n}
