"""A rule of early stopping on its way: what is known when a solution is asked goes with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from hpopt.core import Objective, Solution, Trial
from hpopt.early_stopping import EarlyStoppingRule, StopTest


class TravellingRule:
    """Keep for each pending solution the test that its evaluation gets.

    Parameters
    ----------
    rule : EarlyStoppingRule
    objective : Objective
        What evaluations report.
    """

    def __init__(self, rule: EarlyStoppingRule, objective: Objective) -> None:
        self.rule = rule
        self._experience = rule.begin(objective)
        self._tests: dict[int, StopTest] = {}

    def catch_up(self, trials: Iterable[Trial], pending: Mapping[int, int]) -> None:
        """Learn from a journal, and give pending solutions what was known when they were asked.

        Parameters
        ----------
        trials : iterable of Trial
            In the order of learning.
        pending : mapping of int to int
            Number of a pending solution → how many of these had been learned when it was asked.
        """
        waiting = sorted((after, number) for number, after in pending.items())
        place = 0
        for n_learned, trial in enumerate(trials):
            while place < len(waiting) and waiting[place][0] <= n_learned:
                self._send_with([waiting[place][1]])
                place += 1
            self._experience.learn(trial)
        self._send_with([number for _, number in waiting[place:]])

    def send_with(self, solutions: Sequence[Solution]) -> None:
        """Give solutions that are asked now what is known now."""
        self._send_with([solution.number for solution in solutions])

    def _send_with(self, numbers: Sequence[int]) -> None:
        test = self._experience.snapshot() if numbers else None
        if test is not None:
            self._tests.update(dict.fromkeys(numbers, test))

    def test_for(self, number: int) -> StopTest | None:
        """Return the test that goes with a pending solution; None where nothing is known."""
        return self._tests.get(number)

    def learn(self, trials: Sequence[Trial]) -> None:
        """Learn from trials in this order."""
        for trial in trials:
            self._experience.learn(trial)

    def drop(self, trials: Sequence[Trial]) -> None:
        """Forget the tests of what has finished."""
        for trial in trials:
            self._tests.pop(trial.number, None)
