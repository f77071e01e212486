"""Which of two trials is better: the one ranking behind every best trial and every front."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpopt import checks
from hpopt.core.constraint import Constraint, total_violation, violations
from hpopt.core.objective import Objective, losses
from hpopt.core.trial import Trial
from hpopt.errors import SettingError
from hpopt.numerics import pareto
from hpopt.numerics.hypervolume import hypervolume

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Key = tuple[bool, float, float, int]

# Trials that are compared with a front at once: each comparison costs some calls of numpy, so few
# are made, and 500 trials are little memory.
AT_ONCE = 500


class Ranking:
    """Rank trials that have values: by fidelity, by the first objective, the earlier one first.

    Values of different fidelities cannot be compared, so what has reached a higher one is better.
    What meets all constraints is better than what does not; of that, what breaks them less.
    """

    def __init__(
        self, objectives: Sequence[Objective], constraints: Sequence[Constraint] = ()
    ) -> None:
        self.objectives, self.constraints = objectives, constraints

    def is_feasible(self, trial: Trial) -> bool:
        """Return whether a trial has values that meet all constraints."""
        values = trial.outcome.values
        return trial.ok and all(each.violation(values) <= 0 for each in self.constraints)

    def is_broken(self, trial: Trial) -> bool:
        """Return whether a trial is known to break a constraint."""
        return any(each.violation(trial.outcome.values) > 0 for each in self.constraints)

    def key(self, trial: Trial) -> Key:
        """Return what trials are sorted by, the best first.

        That is whether it is infeasible, minus its fidelity, its loss or by how much it breaks the
        constraints, and its number.
        """
        is_infeasible = not self.is_feasible(trial)
        if is_infeasible:
            violation = violations(self.constraints, trial.outcome.values)
            worth = float(total_violation(self.constraints, violation))
        else:
            worth = self.objectives[0].loss(trial.outcome.values)
        return is_infeasible, -_reached(trial), worth, trial.number

    def top(self, trials: Iterable[Trial], n: int) -> list[Trial]:
        """Return the n best trials, best first; those that failed are left out.

        Those that break a constraint come last, the nearest to meeting them first.
        """
        fine = (trial for trial in trials if not trial.outcome.is_failure)
        return heapq.nsmallest(n, fine, key=self.key)

    def why_infeasible(self, trial: Trial) -> str:
        """Return which constraints a trial with values breaks, in words; empty for none."""
        said = (each.why_broken(trial.outcome.values) for each in self.constraints)
        return ", ".join(filter(None, said))

    def nearest_in_words(self, trial: Trial) -> str:
        """Return that nothing is feasible, and which trial is the nearest to it."""
        why = self.why_infeasible(trial)
        return f"no trial meets all constraints yet; the nearest is trial {trial.number} ({why})"

    def front(self, trials: Iterable[Trial]) -> list[Trial]:
        """Return the feasible trials that no other dominates, sorted by the first objective.

        They are of the highest fidelity that any feasible one has reached.
        """
        front = Front(self.objectives, self.constraints)
        for trial in trials:
            front.add(trial)
        return sorted(front.trials(), key=self.key)

    def knee(self, front: Sequence[Trial]) -> Trial | None:
        """Return the trial of a front that lies deepest in its bend; None of an empty one.

        See `hpopt.numerics.pareto.knee`.
        """
        if not front:
            return None
        found = np.array([losses(self.objectives, each.outcome.values) for each in front])
        return front[pareto.knee(found)]


def highest_fidelity(trials: Iterable[Trial]) -> float:
    """Return the highest fidelity of the trials with values; 0 where they have none."""
    return max((_reached(trial) for trial in trials if trial.ok), default=0.0)


def is_comparable(trial: Trial, highest: float) -> bool:
    """Return whether a trial has the highest fidelity, or no values and so nothing to compare."""
    return not trial.ok or _reached(trial) >= highest


def _reached(trial: Trial) -> float:
    return trial.reached or 0.0


class Front:
    """The Pareto front of trials that come one by one, in memory that grows with the front only.

    It has feasible trials of the highest fidelity only.

    Attributes
    ----------
    worst : ndarray (n_objectives,)
        The worst loss of each objective among all those trials; -inf without any.
    """

    def __init__(
        self, objectives: Sequence[Objective], constraints: Sequence[Constraint] = ()
    ) -> None:
        self._objectives, self._ranking = objectives, Ranking(objectives, constraints)
        self._candidates: list[Trial] = []
        self._most = AT_ONCE
        self._reached = 0.0
        self.worst = np.full(len(objectives), -np.inf)

    def add(self, trial: Trial) -> None:
        """Compare a trial with the others; one without final feasible values is left out."""
        reached = _reached(trial)
        # Of several objectives: one that was stopped may be better in those that it knew.
        is_stopped = trial.status == "stopped" and len(self._objectives) > 1
        if is_stopped or reached < self._reached or not self._ranking.is_feasible(trial):
            return
        if reached > self._reached:
            self._reached = reached
            self._candidates.clear()
            self.worst[:] = -np.inf
        self.worst = np.maximum(self.worst, losses(self._objectives, trial.outcome.values))
        self._candidates.append(trial)
        if len(self._candidates) >= self._most:
            # Twice the front: each trial is compared a bounded number of times on average.
            self._most = 2 * len(self.trials()) + AT_ONCE

    def trials(self) -> list[Trial]:
        """Return the front of all trials so far, in the order in which they came."""
        if self._candidates:
            values = [losses(self._objectives, each.outcome.values) for each in self._candidates]
            stays = pareto.front(np.array(values))
            self._candidates = [self._candidates[row] for row in np.flatnonzero(stays)]
        return list(self._candidates)

    def hypervolume(self, reference: Floats | None = None) -> float:
        """Return the volume between the front and reference losses, by default the worst."""
        front = [losses(self._objectives, each.outcome.values) for each in self.trials()]
        shape = (len(front), len(self._objectives))
        worst = self.worst if reference is None else reference
        with np.errstate(all="ignore"):  # of the largest numbers
            return hypervolume(np.array(front).reshape(shape), worst)


def reference_losses(
    objectives: Sequence[Objective], reference: Mapping[str, float] | Sequence[float]
) -> Floats:
    """Return the reference point of a hypervolume, as a user gives it, as losses.

    Raises
    ------
    SettingError
        It has not exactly one number for each objective.
    """
    names = [objective.name for objective in objectives]
    values: dict[str, Any] = {}
    if isinstance(reference, Mapping):
        values = dict(reference)
    elif np.shape(reference) == (len(names),):
        values = dict(zip(names, reference, strict=True))
    found = {name: checks.real(value) for name, value in values.items()}
    if set(found) != set(names) or not all(map(_is_finite, found.values())):
        raise SettingError(
            f"reference must have a number for each of the objectives {names}, but got "
            f"{reference!r}: write {{{', '.join(f'{name!r}: 1.0' for name in names)}}}"
        )
    return losses(objectives, {name: float(value) for name, value in values.items()})


def _is_finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def best_first(
    losses: Floats, numbers: Ints, fidelities: Floats, is_broken: NDArray[np.bool_] | None = None
) -> Ints:
    """Return the places of trials in the order of `Ranking`, from their arrays; bad ones are last.

    Parameters
    ----------
    losses : ndarray (n, n_objectives)
        Infinite where an evaluation gave no values, and with penalties, as in `History`.
    numbers : ndarray (n,) of int
    fidelities : ndarray (n,)
        nan where the problem has none.
    is_broken : ndarray (n,) of bool, optional
        Which do not meet all constraints; by default none.
    """
    has_values = losses[:, 0] < np.inf
    reached = np.where(has_values, np.nan_to_num(fidelities, nan=0.0), -np.inf)
    keys = [numbers, losses[:, 0], -reached]
    return np.lexsort(keys if is_broken is None else [*keys, ~has_values | is_broken])


def comparable(
    losses: Floats, fidelities: Floats, is_broken: NDArray[np.bool_] | None = None
) -> NDArray[np.bool_]:
    """Return which trials have the highest fidelity of those with values, or no values.

    Of those that meet all constraints, where there are any: what does not is comparable to them
    at a higher one, too.

    Parameters
    ----------
    losses : ndarray (n, n_objectives)
    fidelities : ndarray (n,)
    is_broken : ndarray (n,) of bool, optional
        Which do not meet all constraints; by default none.
    """
    has_values = (losses < np.inf).all(axis=1)
    meets_all = has_values if is_broken is None else has_values & ~is_broken
    reached = np.nan_to_num(fidelities, nan=0.0)
    highest: float = reached[meets_all if meets_all.any() else has_values].max(initial=0.0)
    return ~has_values | (reached >= highest)
