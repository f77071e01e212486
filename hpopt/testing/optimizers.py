"""Prove that an optimizer keeps its promises: subclass the contract, say how to make one."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

import cloudpickle
import numpy as np
import pytest

from hpopt.core import (
    Config,
    Fidelity,
    Objective,
    Optimizer,
    Outcome,
    Problem,
    Ranking,
    Solution,
    Trial,
    constraints_of,
    evaluate,
    failed,
    objectives_of,
    with_constraints,
)
from hpopt.errors import ConfigError, SettingError
from hpopt.space import Space
from hpopt.testing.landscapes import LANDSCAPES, Landscape

Evaluate = Callable[[Problem, Solution], Outcome]
LARGE = 1000  # configs: fewer are tried to their end within the tests
FIDELITY = Fidelity(1, 9)  # three rungs of the usual factor
LOOK_AHEAD = 16  # steps: more than a generation of the contract's small populations
MANY_STARTS = 13  # more than such a population, so that start configs reach into the next


class OptimizerContract:
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
    exhaustive : bool
        Whether a finite space is tried to its end, each config once.
    chooses_fidelity : bool
        Whether it chooses the fidelities of its trials: then each problem here has some.
    n_trials : int
        How many solutions each test asks for; some generations of them, where there are such.
    problems : mapping of str to Problem
        What each test runs through; by default one for each kind of space.
    """

    order_free: ClassVar[bool] = True
    seeded: ClassVar[bool] = True
    exhaustive: ClassVar[bool] = True
    chooses_fidelity: ClassVar[bool] = False
    n_trials: ClassVar[int] = 48
    problems: ClassVar[Mapping[str, Problem]] = LANDSCAPES

    def make(self) -> Optimizer:
        """Make a fresh optimizer, not bound yet; always with the same arguments."""
        raise NotImplementedError(f"{type(self).__name__}.make must give an optimizer")

    def bound(self, problem: Problem, **settings: Any) -> Optimizer:
        """Make one and bind it; seed 0 if none is given."""
        return self.make().bind(problem, **settings)

    def searched(self, problem: Problem) -> list[Trial]:
        """Return the search of seed 0, config by config: what tests compare others with.

        It is made once for all of them.
        """
        cache = _SEARCHED.setdefault(type(self), {})
        if problem not in cache:
            cache[problem] = search(self.bound(problem), problem, self.n_trials)
        return cache[problem]

    def landscape(self, problem: Problem | str) -> Problem:
        """Return a problem, or one of `LANDSCAPES` by name, with a fidelity where it needs one."""
        found = LANDSCAPES[problem] if isinstance(problem, str) else problem
        if not self.chooses_fidelity or found.fidelity is not None:
            return found
        return Landscape(found.space, objectives_of(found), FIDELITY)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run each test that takes a `problem` with all of `problems`."""
        if "problem" in metafunc.fixturenames:
            problems = {name: self.landscape(p) for name, p in self.problems.items()}
            metafunc.parametrize("problem", problems.values(), ids=problems.keys())

    # -- what is asked ---------------------------------------------------------------------------

    def test_solutions_are_numbered_and_fit_the_space(self, problem: Problem) -> None:
        """Numbers from 0; points in the cube that are the configs; a seed for each config."""
        space, n = problem.space, min(30, self.n_trials)
        solutions = [trial.solution for trial in search(self.bound(problem), problem, n, batch=5)]
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
        optimizer = self.bound(problem)
        n_told = len(search(optimizer, problem, self.n_trials))
        assert n_told == self.n_trials or (
            optimizer.n_possible < LARGE and not optimizer.ask() and not optimizer.pending
        )

    def test_no_config_is_asked_twice(self, problem: Problem) -> None:
        """But at a higher fidelity. They are compared by active parameters after rounding."""
        start = problem.space.sample(1, seed=1)
        optimizer = self.bound(problem, start=_allowed(problem, start))
        reached: dict[bytes, float] = {}
        for trial in by_number(search(optimizer, problem, self.n_trials, batch=3)):
            _check_new(problem, reached, trial.solution)

    def test_a_failure_is_not_continued(self, problem: Problem) -> None:
        """A config without values is never asked for again, at whatever fidelity."""
        if not self.chooses_fidelity:
            pytest.skip("this optimizer leaves the fidelity as it is")
        optimizer, dead = self.bound(problem), set[bytes]()
        run = steps(optimizer, problem, self.n_trials, workers=3, evaluate=BAD["some_failed"])
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
            trials = search(self.bound(problem, start=start), problem, len(start) + 12, batch=4)
            assert [trial.config for trial in trials[: len(start)]] == start
            assert [trial.number for trial in trials] == list(range(len(trials)))

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
        first, n = self.searched(problem), self.n_trials
        assert described(search(self.bound(problem), problem, n)) == described(first)
        if self.seeded and problem.space.size > LARGE:
            other = search(self.bound(problem, seed=8), problem, n)
            configs = [[trial.config for trial in trials] for trials in (first, other)]
            assert configs[0] != configs[1]

    def test_batches_and_order_do_not_matter(self, problem: Problem) -> None:
        """Any number of workers, whatever the timing."""
        if not self.order_free:
            pytest.skip("this optimizer learns from each result as it comes")
        expected = self.searched(problem)
        for batch, workers in ((64, 64), (1, 3), (4, 7)):
            found = search(
                self.bound(problem), problem, self.n_trials, batch=batch, workers=workers
            )
            assert described(by_number(found)) == described(expected)

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

    # -- taking up a search ----------------------------------------------------------------------

    def test_replay_goes_on_exactly(self, problem: Problem) -> None:
        """After any number of tells, with what is pending."""
        whole = list(steps(self.bound(problem), problem, self.n_trials, workers=3))
        for n_steps in {1, len(whole) // 3, len(whole) // 2 + 1, len(whole) - 1}:
            observed, pending = journal(whole[:n_steps])
            fresh = self.bound(problem)
            fresh.replay(observed, pending)
            assert sorted(fresh.pending) == sorted(solution.number for solution in pending)
            rest = steps(fresh, problem, self.n_trials, workers=3, n_told=len(observed))
            found = [_step(step) for step in itertools.islice(rest, LOOK_AHEAD)]
            assert found == [_step(step) for step in whole[n_steps:][:LOOK_AHEAD]]

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
                _check_new(problem, reached, solution)
            if not asked:  # it was added, and may be of any config
                key = problem.space.key(trial.config)
                reached[key] = max(reached.get(key, 0), trial.solution.fidelity or 1)
        for n_steps in {2, 9, len(whole) // 2 + 2, len(whole) - 1}:
            observed, pending = journal(whole[:n_steps])
            fresh = self.bound(problem, start=start)
            fresh.replay(observed, pending)
            found = [_step(s) for s in itertools.islice(going_on(fresh, len(observed)), LOOK_AHEAD)]
            assert found == [_step(step) for step in whole[n_steps:][:LOOK_AHEAD]]

    def test_a_copy_goes_on(self, problem: Problem) -> None:
        """Pickled with what is pending, it takes the same way as the original."""
        optimizer = self.bound(problem)
        search(optimizer, problem, self.n_trials // 3)
        waiting = optimizer.ask(4)
        copy = cloudpickle.loads(cloudpickle.dumps(optimizer))
        for each in (optimizer, copy):
            each.tell([Trial(s, evaluate(problem, s)) for s in reversed(waiting)])
        searches = [search(each, problem, LOOK_AHEAD) for each in (optimizer, copy)]
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
        rest = search(optimizer, problem, LOOK_AHEAD)
        found = described([first, *waiting, *rest])
        assert found[: len(expected)] == described(expected)[: len(found)]

    @pytest.mark.parametrize("outcome", ["all_failed", "constant", "some_failed", "enormous"])
    def test_bad_results_do_not_stop_it(self, problem: Problem, outcome: str) -> None:
        """Failures, plateaus and enormous numbers are results like others."""
        optimizer = self.bound(problem)
        trials = search(optimizer, problem, self.n_trials, batch=3, evaluate=BAD[outcome])
        assert len(trials) == self.n_trials or optimizer.n_possible < LARGE
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
        optimizer = self.bound(problem)
        whole = list(steps(optimizer, problem, self.n_trials, workers=3))
        trials = [trial for _, trial in whole]
        ranking = Ranking(objectives_of(problem), constraints_of(problem))
        (best,) = ranking.top(trials, 1)
        assert optimizer.best == (best.number if ranking.is_feasible(best) else None)
        observed, pending = journal(whole[: len(whole) // 2])
        fresh = self.bound(problem)
        fresh.replay(observed, pending)
        rest = steps(fresh, problem, self.n_trials, workers=3, n_told=len(observed))
        found = [_step(step) for step in itertools.islice(rest, LOOK_AHEAD)]
        assert found == [_step(step) for step in whole[len(whole) // 2 :][:LOOK_AHEAD]]

    # -- bad input -------------------------------------------------------------------------------

    def test_it_serves_one_problem(self) -> None:
        """Binding twice raises, as a strategy is its seed and what it has observed."""
        optimizer = self.bound(self.landscape("floats"))
        with pytest.raises(SettingError, match="bound already"):
            optimizer.bind(self.landscape("steps"))

    @pytest.mark.parametrize("n", [0, -1, 1.5, True, "2"])
    def test_a_number_of_solutions_is_a_positive_int(self, n: Any) -> None:
        """Anything else raises and asks nothing."""
        optimizer = self.bound(self.landscape("floats"))
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


# -- a study in a few lines ----------------------------------------------------------------------

Step = tuple[list[Solution], Trial]


def steps(
    optimizer: Optimizer,
    problem: Problem,
    n: int,
    *,
    batch: int = 1,
    workers: int = 1,
    n_told: int = 0,
    evaluate: Evaluate = evaluate,
    added: Mapping[int, Config] = MappingProxyType({}),
) -> Iterator[Step]:
    """Ask whenever a worker is free; yield what was asked, and the trial that ended then.

    Which of the pending ones ends next depends on their numbers only: a later one may end
    first. Stops when n have been observed in all, or when nothing is left.

    Parameters
    ----------
    n_told : int
        How many the optimizer has observed before.
    added : mapping of int to config
        Number of observations → the config whose known result is added then.
    """
    while n_told < n:
        if n_told in added:
            solution = optimizer.solution_of(added[n_told])
            trial = Trial(solution, evaluate(problem, solution))
            optimizer.add(trial)
            n_told += 1
            yield [], trial
            continue
        free = min(workers - len(optimizer.pending), n - n_told - len(optimizer.pending))
        asked: list[Solution] = []
        while len(asked) < free:
            more = optimizer.ask(min(batch, free - len(asked)))
            if not more:
                break
            asked += more
        if not optimizer.pending:
            return
        number = max(optimizer.pending, key=lambda number: (number * 7919) % 13)
        solution = optimizer.pending[number]
        trial = Trial(solution, evaluate(problem, solution))
        optimizer.tell(trial)
        n_told += 1
        yield asked, trial


def search(
    optimizer: Optimizer,
    problem: Problem,
    n: int,
    *,
    batch: int = 1,
    workers: int | None = None,
    evaluate: Evaluate = evaluate,
) -> list[Trial]:
    """Run a search; return up to n trials in the order in which they were observed.

    Without `workers`, whole batches are asked, evaluated and observed one after the other.
    """
    if workers is not None:
        run = steps(optimizer, problem, n, batch=batch, workers=workers, evaluate=evaluate)
        return [trial for _, trial in run]
    trials: list[Trial] = []
    while len(trials) < n:
        asked = optimizer.ask(min(batch, n - len(trials)))
        if not asked:
            break
        ended = [Trial(solution, evaluate(problem, solution)) for solution in asked]
        optimizer.tell(ended)
        trials += ended
    return trials


def journal(steps: Sequence[Step]) -> tuple[list[Trial], list[Solution]]:
    """Return the trials of some steps in the order in which they ended, and what was pending."""
    observed = [trial for _, trial in steps]
    numbers = {trial.number for trial in observed}
    asked = itertools.chain.from_iterable(asked for asked, _ in steps)
    return observed, [solution for solution in asked if solution.number not in numbers]


def described(trials: Sequence[Trial]) -> list[str]:
    """Return what makes a search: numbers, configs and seeds, comparable to the bit."""
    return [
        f"{t.number} {t.config!r} {t.solution.seed} {t.solution.fidelity} {dict(t.values)}"
        for t in trials
    ]


def by_number(trials: Sequence[Trial]) -> list[Trial]:
    """Sort trials by their numbers."""
    return sorted(trials, key=lambda trial: trial.number)


def _check_new(problem: Problem, reached: dict[bytes, float], solution: Solution) -> None:
    """Check that a config is asked for the first time, or at a higher fidelity than before."""
    key, fidelity = problem.space.key(solution.config), solution.fidelity or 1
    assert fidelity > reached.get(key, 0)
    reached[key] = fidelity


def _step(step: Step) -> tuple[list[str], list[str]]:
    asked, trial = step
    return [f"{s!r} {s.point.tolist()}" for s in asked], described([trial])


def _renumbered(solution: Solution, number: int) -> Solution:
    return Solution(number, solution.config, solution.point, solution.seed, solution.fidelity)


def _allowed(problem: Problem, configs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    allowed = problem.space.allowed(problem.space.encode(configs))
    return [config for config, fine in zip(configs, allowed, strict=True) if fine]


def _global_generators() -> str:
    return f"{random.getstate()} {np.random.get_state(legacy=False)}"


def _constant(problem: Problem, solution: Solution) -> Outcome:
    return Outcome("complete", dict.fromkeys(_names(problem), 1.0))


def _some_failed(problem: Problem, solution: Solution) -> Outcome:
    return failed("on purpose") if solution.number % 3 else evaluate(problem, solution)


def _enormous(problem: Problem, solution: Solution) -> Outcome:
    huge = (1.7e308, -1.7e308, 0.0, 5e-324)[solution.number % 4]
    return Outcome("complete", dict.fromkeys(_names(problem), huge))


def _names(problem: Problem) -> list[str]:
    return [objective.name for objective in objectives_of(problem)]


_SEARCHED: dict[type, dict[Problem, list[Trial]]] = {}

BAD: Mapping[str, Evaluate] = {
    "all_failed": lambda problem, solution: failed("on purpose"),
    "constant": _constant,
    "some_failed": _some_failed,
    "enormous": _enormous,
}
