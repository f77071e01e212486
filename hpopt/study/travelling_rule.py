"""A rule of early stopping on its way: what is known when a solution is asked goes with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from hpopt.core import Constraint, Objective, Ranking, Solution, Trial
from hpopt.early_stopping import EarlyStoppingRule, StopTest


class TravellingRule:
    """Keep for each pending solution the test that its evaluation gets.

    A trial that breaks a constraint is nothing for others to be compared with: it is not learned.
    """

    def __init__(
        self,
        rule: EarlyStoppingRule,
        objectives: Sequence[Objective],
        constraints: Sequence[Constraint] = (),
    ) -> None:
        self.rule = rule
        self._ranking = Ranking(objectives, constraints)
        self._experience = rule.begin_several(objectives)
        self._tests: dict[int, StopTest] = {}

    def catch_up(self, trials: Iterable[Trial], pending: Mapping[int, int]) -> None:
        """Learn from a journal, and give pending solutions what was known when they were asked.

        `pending` has for each number how many of the trials had been learned then.
        """
        waiting = sorted((after, number) for number, after in pending.items())
        place = 0
        for n_learned, trial in enumerate(trials):
            while place < len(waiting) and waiting[place][0] <= n_learned:
                self._send_with([waiting[place][1]])
                place += 1
            self.learn([trial])
        self._send_with([number for _, number in waiting[place:]])

    def send_with(self, solutions: Sequence[Solution]) -> None:
        """Send what is known now with solutions that are asked now."""
        self._send_with([solution.number for solution in solutions])

    def _send_with(self, numbers: Sequence[int]) -> None:
        # One test for all: a snapshot does not change with what is learned later.
        test = self._experience.snapshot() if numbers else None
        if test is not None:
            self._tests.update(dict.fromkeys(numbers, test))

    def test_for(self, number: int) -> StopTest | None:
        """Return the test that goes with a pending solution; None where nothing is known."""
        return self._tests.get(number)

    def learn(self, trials: Sequence[Trial]) -> None:
        """Learn from trials in this order."""
        for trial in trials:
            if not self._ranking.is_broken(trial):
                self._experience.learn(trial)

    def drop(self, trials: Sequence[Trial]) -> None:
        """Forget the tests of what has finished."""
        for trial in trials:
            self._tests.pop(trial.number, None)
