"""Rules of early stopping on their way: what is known when a solution is asked goes with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from hpopt.core import Objective, Solution, Trial
from hpopt.early_stopping import EarlyStoppingRule, Experience, Snapshot


class TravellingRules:
    """Keep for each pending solution the snapshot that its evaluation gets.

    Parameters
    ----------
    objective : Objective
        What evaluations report.
    """

    def __init__(self, objective: Objective) -> None:
        self._objective = objective
        self._rule: EarlyStoppingRule | None = None
        self._experience: Experience | None = None
        self._snapshots: dict[int, Snapshot] = {}

    def begin(self, rule: EarlyStoppingRule | None) -> bool:
        """Follow this rule from now on; say whether it has to `catch_up`."""
        if rule is not None and rule == self._rule:
            return False
        self._rule = rule
        self._experience = None if rule is None else rule.begin(self._objective)
        self._snapshots.clear()
        return self._experience is not None

    def catch_up(self, told: Iterable[Trial], pending: Mapping[int, int]) -> None:
        """Learn from a journal, and give pending solutions what was known when they were asked.

        Parameters
        ----------
        told : iterable of Trial
            In the order of learning.
        pending : mapping of int to int
            Number of a pending solution → how many of these had been learned when it was asked.
        """
        if self._experience is None:
            return
        waiting = sorted((after, number) for number, after in pending.items())
        place = 0
        for n_learned, trial in enumerate(told):
            while place < len(waiting) and waiting[place][0] <= n_learned:
                self._give(waiting[place][1], self._experience.snapshot())
                place += 1
            self._experience.learn(trial)
        for _, number in waiting[place:]:
            self._give(number, self._experience.snapshot())

    def give(self, solutions: Sequence[Solution]) -> None:
        """Give solutions that are asked now what is known now."""
        if self._experience is None or not solutions:
            return
        snapshot = self._experience.snapshot()
        for solution in solutions:
            self._give(solution.number, snapshot)

    def of(self, number: int) -> Snapshot | None:
        """Give the snapshot of a pending solution."""
        return self._snapshots.get(number)

    def learn(self, trials: Sequence[Trial]) -> None:
        """Learn from trials in this order."""
        if self._experience is not None:
            for trial in trials:
                self._experience.learn(trial)

    def drop(self, number: int) -> None:
        """Forget the snapshot of a solution that has finished."""
        self._snapshots.pop(number, None)

    def _give(self, number: int, snapshot: Snapshot | None) -> None:
        if snapshot is not None:
            self._snapshots[number] = snapshot
