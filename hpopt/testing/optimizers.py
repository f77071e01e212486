"""Prove that an optimizer keeps its promises: subclass the contract, say how to make one."""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np
import pytest

from hpopt.core import Fidelity, Objective, Problem
from hpopt.errors import ConfigError, SettingError
from hpopt.space import Float, Normal, Space
from hpopt.testing.landscapes import LANDSCAPES, Landscape
from hpopt.testing.observing import ObservingContract
from hpopt.testing.optimizer_runs import LARGE, SOME, check_new
from hpopt.testing.searches import BAD_RESULTS, by_number, described, search, steps

BELIEVED = Landscape(
    Space({name: Float(-9.5, 10.5, prior=Normal(0.5, 0.2)) for name in "xyz"}),
    fidelity=Fidelity(1, 27),
)
MANY_STARTS = 13  # more than such a population, so that start configs reach into the next


class OptimizerContract(ObservingContract):
    """Prove what every optimizer promises, on spaces of every kind.

    Examples
    --------
    >>> class TestMine(OptimizerContract):
    ...     def make(self):
    ...         return Mine()

    Attributes
    ----------
    order_free : bool
        Whether the trials are the same however many are asked at once and in whatever order
        their results arrive: strategies that need no results, or whole generations of them. Set
        it to False for one that learns from each result as it comes; replay must be exact all the
        same.
    seeded : bool
        Whether another seed gives other trials.
    heeds_priors : bool
        Whether it begins with the priors of parameters.
    exhaustive : bool
        Whether a finite space is tried to its end, each config once.
    chooses_fidelity : bool
        Whether it chooses the fidelities of its trials: then each problem here has some.
    n_trials : int
        How many solutions each test asks for; some generations of them, where there are such.
    problems : mapping of str to Problem
        What each test runs through; by default one for each kind of space.
    """

    # -- what is asked ---------------------------------------------------------------------------

    def test_solutions_are_numbered_and_fit_the_space(self, problem: Problem) -> None:
        """Numbers from 0; points in the cube that are the configs; a seed for each config."""
        space = problem.space
        solutions = [trial.solution for trial in self.batched(problem)[:SOME]]
        assert [solution.number for solution in solutions] == list(range(len(solutions)))
        for solution in solutions:
            assert space.validate(solution.config) == solution.config
            assert solution.point.shape == (space.d,)
            assert ((solution.point >= 0) & (solution.point <= 1)).all()
            assert space.decode(solution.point[None]) == [solution.config]
            assert not solution.point.flags.writeable
            assert 0 <= solution.seed < 2**32
            if problem.fidelity is None:
                assert solution.fidelity is None
            else:
                assert solution.fidelity is not None
                assert problem.fidelity.low <= solution.fidelity <= problem.fidelity.high
        seeds = {(space.key(solution.config), solution.seed) for solution in solutions}
        n_configs = len({key for key, _ in seeds})
        assert len({seed for _, seed in seeds}) == len(seeds) == n_configs

    def test_it_goes_on_until_nothing_is_left(self, problem: Problem) -> None:
        """An empty answer while nothing is pending means that it is finished."""
        found = self.searched(problem)
        if len(found) < self.n_trials:
            optimizer = self.bound(problem)
            optimizer.replay(found)
            assert optimizer.n_possible < LARGE
            assert optimizer.ask() == []

    def test_no_config_is_asked_twice(self, problem: Problem) -> None:
        """But at a higher fidelity. They are compared by active parameters after rounding."""
        reached: dict[bytes, float] = {}
        for trial in self.batched(problem):
            check_new(problem, reached, trial.solution)

    def test_a_failure_is_not_continued(self, problem: Problem) -> None:
        """A config without values is never asked for again, at whatever fidelity."""
        if not self.chooses_fidelity:
            pytest.skip("this optimizer leaves the fidelity as it is")
        optimizer, dead = self.bound(problem), set[bytes]()
        some_failed = BAD_RESULTS["some_failed"]
        run = steps(optimizer, problem, self.n_trials, workers=3, evaluate=some_failed)
        for asked, trial in run:
            assert not dead & {problem.space.key(solution.config) for solution in asked}
            if not trial.ok:
                dead.add(problem.space.key(trial.config))
        assert dead

    def test_start_configs_come_first(self, problem: Problem) -> None:
        """In their order, whatever the strategy; then it goes on."""
        rng = np.random.default_rng(5)
        drawn = problem.space.decode(problem.space.random(20, rng))
        unique = {problem.space.key(config): config for config in drawn}
        for start in (list(unique.values())[:2], list(unique.values())[:MANY_STARTS]):
            n = len(start) + self.n_ahead
            trials = search(self.bound(problem, start=start), problem, n, batch=4)
            assert [trial.config for trial in trials[: len(start)]] == start
            assert [trial.number for trial in trials] == list(range(len(trials)))

    def test_it_begins_with_what_is_believed(self) -> None:
        """Of its first configs more than by chance are where parameters have priors."""
        if not self.heeds_priors:
            pytest.skip("this optimizer does not begin with draws")
        found = search(self.bound(BELIEVED), BELIEVED, MANY_STARTS, batch=4)
        near = [abs(trial.config[name] - 0.5) < 0.25 for trial in found for name in "xyz"]
        assert sum(near) > 0.15 * len(near)  # 0.025 by chance

    def test_a_finite_space_is_tried_to_its_end(self) -> None:
        """Each allowed config once, then nothing, now and ever."""
        if not self.exhaustive:
            pytest.skip("this optimizer does not promise to try a whole space")
        choices = LANDSCAPES["choices"].space
        some = Landscape(Space({name: choices[name] for name in "abcd"}))  # 72 configs
        tiny, one = LANDSCAPES["tiny"], LANDSCAPES["one_config"]
        for given, batch in ((tiny, 1), (tiny, 7), (one, 1), (some, 7)):
            problem = self.landscape(given)
            grid = problem.space.grid()
            points = np.array([grid.point(index) for index in range(int(grid.size))])
            expected = set(problem.space.keys_of(points[problem.space.allowed(points)]))
            optimizer = self.bound(problem, seed=3)
            trials = search(optimizer, problem, LARGE, batch=batch)
            assert {problem.space.key(trial.config) for trial in trials} == expected
            assert len(trials) == len(expected) or self.chooses_fidelity
            assert optimizer.ask() == optimizer.ask(5) == []
            assert optimizer.n_asked == len(trials)

    # -- the same seed ---------------------------------------------------------------------------

    def test_same_seed_same_search(self, problem: Problem) -> None:
        """And another one with another seed."""
        again = search(self.bound(problem), problem, self.n_trials)
        assert described(again) == described(self.searched(problem))
        if self.seeded and problem.space.size > LARGE:
            other = search(self.bound(problem, seed=8), problem, self.n_ahead)
            first = self.searched(problem)[: self.n_ahead]
            assert [trial.config for trial in other] != [trial.config for trial in first]

    def test_batches_and_order_do_not_matter(self, problem: Problem) -> None:
        """Any number of workers, whatever the timing."""
        if not self.order_free:
            assert not self.bound(problem).order_free
            pytest.skip("this optimizer learns from each result as it comes")
        expected = described(self.searched(problem))
        searches = [[trial for _, trial in self.worked(problem)]]
        for batch, workers in ((64, 64), (4, 7)):
            run = steps(self.bound(problem), problem, self.n_trials, batch=batch, workers=workers)
            searches.append([trial for _, trial in run])
        for trials in searches:
            assert described(by_number(trials)) == expected

    def test_directions_are_applied_once(self) -> None:
        """To maximise is to minimise the negative."""
        space = LANDSCAPES["conditions"].space
        down, up = (
            self.landscape(Landscape(space, Objective("value", direction)))
            for direction in ("minimize", "maximize")
        )
        searches = [search(self.bound(problem), problem, self.n_trials) for problem in (down, up)]
        asked = [[trial.config for trial in trials] for trials in searches]
        assert asked[0] == asked[1]

    def test_ask_touches_nothing_else(self, problem: Problem) -> None:
        """No global generator, no history; the counter and what is pending, these only."""
        optimizer = self.bound(problem)
        search(optimizer, problem, 5)
        history, best = optimizer.history.numbers.copy(), optimizer.best
        before = _global_generators(), json.dumps(problem.space.to_json())
        solutions = optimizer.ask(9)
        assert (_global_generators(), json.dumps(problem.space.to_json())) == before
        assert list(optimizer.pending.values()) == solutions
        assert optimizer.n_asked == len(history) + len(solutions)
        assert optimizer.best == best
        np.testing.assert_array_equal(optimizer.history.numbers, history)

    # -- bad input -------------------------------------------------------------------------------

    def test_it_serves_one_problem(self) -> None:
        """Binding twice raises, as a strategy is its seed and what it has observed."""
        optimizer = self.bound(self.landscape("floats"))
        with pytest.raises(SettingError, match="bound already"):
            optimizer.bind(self.landscape("steps"))

    def test_a_number_of_solutions_is_a_positive_int(self) -> None:
        """Anything else raises and asks nothing."""
        optimizer = self.bound(self.landscape("floats"))
        wrong: tuple[Any, ...] = (0, -1, 1.5, True, "2")
        for n in wrong:
            with pytest.raises(SettingError, match="n must be an int of at least 1"):
                optimizer.ask(n)
        assert optimizer.n_asked == 0

    def test_wrong_start_configs_raise(self) -> None:
        """Before anything runs; the same optimizer may then be bound with better ones."""
        problem = self.landscape("tiny")
        optimizer = self.make()
        for start, why in (
            ([{"a": "z"}], "must be one of"),
            ([{"a": "q", "b": 1}, {"a": "q", "b": 1}], "different configs"),
            ([{"a": "q", "b": 2}], "forbidden"),
        ):
            with pytest.raises(ConfigError, match=why):
                optimizer.bind(problem, start=start)
        optimizer.bind(problem, start=[{"a": "q", "b": 1}])
        assert optimizer.ask()[0].config == {"a": "q", "b": 1}

    def test_settings_are_its_arguments(self) -> None:
        """What a study records is JSON data, under the names that the class takes."""
        optimizer = self.make()
        settings = optimizer.settings()
        assert list(settings) == optimizer.argument_names()
        assert json.loads(json.dumps(settings)) == settings
        assert type(optimizer).__name__ in repr(optimizer)


def _global_generators() -> str:
    return f"{random.getstate()} {np.random.get_state(legacy=False)}"
