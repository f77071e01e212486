"""What optimizers promise of what they have observed: it is their state, all of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

import cloudpickle
import numpy as np
import pytest

from hpopt.core import (
    Optimizer,
    Problem,
    Ranking,
    Solution,
    Trial,
    constraints_of,
    evaluate,
    objectives_of,
    with_constraints,
)
from hpopt.errors import SettingError
from hpopt.testing.optimizer_runs import LARGE, SOME, OptimizerRuns, check_new
from hpopt.testing.searches import (
    BAD_RESULTS,
    Step,
    by_number,
    described,
    journal,
    search,
    step_described,
    steps,
)

GoOn = Callable[[Optimizer, int], Iterator[Step]]


class ObservingContract(OptimizerRuns):
    """Prove that a search can be taken up anywhere, and that every result is learned."""

    # -- taking up a search ----------------------------------------------------------------------

    def test_replay_goes_on_exactly(self, problem: Problem) -> None:
        """After any number of tells, with what is pending."""
        whole = self.worked(problem)

        def going_on(optimizer: Optimizer, n_told: int) -> Iterator[Step]:
            return steps(optimizer, problem, self.n_trials, workers=3, n_told=n_told)

        for n_steps in {1, len(whole) // 2 + 1, len(whole) - 1}:
            self._check_replay(self.bound(problem), whole, n_steps, going_on)

    def test_known_results_may_be_added(self, problem: Problem) -> None:
        """At any time: they take the next numbers, start configs wait, and replay is exact."""
        rng = np.random.default_rng(11)
        known = problem.space.decode(problem.space.random(5, rng))
        start = [known[4]] if problem.space.size > LARGE else []
        places = (0, 1, 9, self.n_trials // 2)
        added = dict(zip(places, known[:4], strict=True))

        def going_on(optimizer: Optimizer, n_told: int) -> Iterator[Step]:
            return steps(optimizer, problem, self.n_trials, workers=3, n_told=n_told, added=added)

        whole = list(going_on(self.bound(problem, start=start), 0))
        trials = by_number([trial for _, trial in whole])
        assert [trial.number for trial in trials] == list(range(len(trials)))
        assert [trial.config for trial in trials[:2]] == known[:2]
        assert not start or trials[2].config == start[0]
        reached: dict[bytes, float] = {}
        for asked, trial in whole:
            for solution in asked:
                check_new(problem, reached, solution)
            if not asked:  # it was added, and may be of any config
                key = problem.space.key(trial.config)
                reached[key] = max(reached.get(key, 0), trial.solution.fidelity or 1)
        for n_steps in (2, len(whole) // 2 + 2):  # between the known results, and after them
            self._check_replay(self.bound(problem, start=start), whole, n_steps, going_on)

    def test_a_copy_goes_on(self, problem: Problem) -> None:
        """Pickled with what is pending, it takes the same way as the original."""
        optimizer = self.bound(problem)
        search(optimizer, problem, self.n_trials // 3)
        waiting = optimizer.ask(4)
        copy = cloudpickle.loads(cloudpickle.dumps(optimizer))
        for each in (optimizer, copy):
            each.tell([Trial(s, evaluate(problem, s)) for s in reversed(waiting)])
        searches = [search(each, problem, self.n_ahead) for each in (optimizer, copy)]
        assert described(searches[0]) == described(searches[1])

    # -- what is observed ------------------------------------------------------------------------

    def test_what_was_not_asked_or_told_before_raises(self, problem: Problem) -> None:
        """And nothing changes, also of the rest of the call."""
        expected = self.searched(problem)
        optimizer = self.bound(problem)
        first = search(optimizer, problem, 1)[0]
        waiting = [Trial(s, evaluate(problem, s)) for s in optimizer.ask()]
        stranger = Trial(_renumbered(first.solution, 10_000), first.outcome)
        for wrong in (first, [*waiting, first], stranger, [*waiting, stranger], waiting * 2):
            if wrong:
                with pytest.raises(SettingError, match="must be told once"):
                    optimizer.tell(wrong)
        optimizer.tell(waiting)
        rest = search(optimizer, problem, self.n_ahead)
        found = described([first, *waiting, *rest])
        assert found[: len(expected)] == described(expected)[: len(found)]

    @pytest.mark.parametrize("outcome", BAD_RESULTS)
    def test_bad_results_do_not_stop_it(self, problem: Problem, outcome: str) -> None:
        """Failures, plateaus and enormous numbers are results like others."""
        optimizer, n = self.bound(problem), min(SOME, self.n_trials)
        trials = search(optimizer, problem, n, batch=3, evaluate=BAD_RESULTS[outcome])
        assert len(trials) == n or optimizer.n_possible < LARGE
        if outcome == "all_failed":
            assert optimizer.best is None
        if outcome == "constant":
            highest = max(trial.solution.fidelity or 0 for trial in trials)
            at_highest = [t.number for t in trials if (t.solution.fidelity or 0) == highest]
            assert optimizer.best == min(at_highest)

    def test_the_best_is_known(self) -> None:
        """The least loss at the highest fidelity; the lowest number among equals."""
        problem = self.landscape("steps")
        optimizer = self.bound(problem)
        trials = search(optimizer, problem, self.n_trials, batch=6, workers=6)
        (best,) = Ranking(objectives_of(problem)).top(trials, 1)
        assert optimizer.best == best.number

    def test_constraints_are_known(self) -> None:
        """The best is among what meets them, and replay is as exact as without any."""
        free = self.landscape("steps")
        values = [t.values["value"] for t in search(self.bound(free), free, 12)]
        problem = with_constraints(free, {"value": (">=", float(np.median(values)))})

        def going_on(optimizer: Optimizer, n_told: int) -> Iterator[Step]:
            return steps(optimizer, problem, self.n_trials, workers=3, n_told=n_told)

        optimizer = self.bound(problem)
        whole = list(going_on(optimizer, 0))
        trials = [trial for _, trial in whole]
        ranking = Ranking(objectives_of(problem), constraints_of(problem))
        (best,) = ranking.top(trials, 1)
        assert optimizer.best == (best.number if ranking.is_feasible(best) else None)
        self._check_replay(self.bound(problem), whole, len(whole) // 2, going_on)

    def _check_replay(
        self, fresh: Optimizer, whole: Sequence[Step], n_steps: int, going_on: GoOn
    ) -> None:
        """Check that a fresh optimizer goes on after so many steps as the whole search did."""
        observed, pending = journal(whole[:n_steps])
        fresh.replay(observed, pending)
        assert sorted(fresh.pending) == sorted(solution.number for solution in pending)
        rest = itertools.islice(going_on(fresh, len(observed)), self.n_ahead)
        expected = whole[n_steps:][: self.n_ahead]
        assert [*map(step_described, rest)] == [*map(step_described, expected)]


def _renumbered(solution: Solution, number: int) -> Solution:
    return Solution(number, solution.config, solution.point, solution.seed, solution.fidelity)
