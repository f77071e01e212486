"""Prove that a problem can be searched: subclass the contract, say how to make it, run pytest."""

from __future__ import annotations

import copy
import math
import shutil
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import cloudpickle
import pytest

from hpopt.core import (
    Outcome,
    Previous,
    Problem,
    Solution,
    evaluate,
    evaluate_together,
    fingerprint_of,
    losses,
    objectives_of,
)
from hpopt.core.curves import by_objective
from hpopt.core.handle import Curve
from hpopt.core.problem import check_problem
from hpopt.errors import ProblemError
from hpopt.problems.keras.metrics import direction_of


class ProblemContract:
    """Prove what every problem promises, on configs sampled from its own space.

    Give it little data and few epochs: each test evaluates a few configs.

    Examples
    --------
    >>> class TestMine(ProblemContract):
    ...     def make(self):
    ...         return Mine(epochs=1)

    Attributes
    ----------
    n_configs : int
        How many sampled configs must evaluate.
    repeatable : bool
        Whether the same config and seed give the same values. Set it to False for what cannot
        repeat itself, such as a measured time: a search over it cannot be repeated either.
    varying : tuple of str
        Names of values that may differ all the same, such as measured seconds among them.
    """

    n_configs: ClassVar[int] = 2
    repeatable: ClassVar[bool] = True
    varying: ClassVar[tuple[str, ...]] = ()

    def make(self) -> Problem:
        """Make the problem: a fresh one at each call."""
        raise NotImplementedError(f"{type(self).__name__}.make must give a problem")

    @pytest.fixture(autouse=True)
    def _folders(self, tmp_path: Path) -> None:
        self._folder = tmp_path

    @pytest.fixture
    def problem(self) -> Problem:
        """Return a fresh problem."""
        return self.make()

    def test_it_is_well_formed(self, problem: Problem) -> None:
        """It has a space, objectives, and perhaps a fidelity."""
        assert check_problem(problem) is problem
        assert objectives_of(problem)

    def test_its_directions_are_sane(self, problem: Problem) -> None:
        """An objective whose name tells which way it is good has that direction."""
        for objective in objectives_of(problem):
            try:
                expected = direction_of(objective.name)
            except ProblemError:
                continue
            assert objective.direction == expected, (
                f"{objective.name!r} is to be {objective.direction}d, but by its name it is good "
                f"to {expected} it"
            )

    def test_its_fingerprint_is_that_of_a_copy(self, problem: Problem) -> None:
        """It depends on data and settings, not on the process or the moment."""
        copied = cloudpickle.loads(cloudpickle.dumps(problem))
        assert fingerprint_of(problem) == fingerprint_of(problem) == fingerprint_of(copied)

    def test_sampled_configs_have_values(self, problem: Problem) -> None:
        """Each gives all objectives, finite, and a curve of finite numbers."""
        for number, config in enumerate(problem.space.sample(self.n_configs, seed=0)):
            outcome = self._evaluated(problem, config, number)
            assert all(map(math.isfinite, losses(objectives_of(problem), outcome.values)))
            reports = by_objective(outcome.curve, [each.name for each in objectives_of(problem)])
            assert all(math.isfinite(value) for each in reports.values() for _, value in each)

    def test_the_same_seed_gives_the_same_values(self, problem: Problem) -> None:
        """Also after another trial, in another copy of the problem."""
        if not self.repeatable:
            pytest.skip("the problem says that it cannot repeat itself")
        config, another = problem.space.sample(2, seed=1)
        first = self._evaluated(problem, config)
        self._evaluated(problem, another, 1)
        again = self._evaluated(problem, config)
        assert self._constant(again) == self._constant(first)
        assert again.curve == first.curve

    def test_an_evaluation_changes_nothing(self, problem: Problem) -> None:
        """Neither the config that is journaled, nor what may be chosen, nor what is wanted."""
        space, objectives = problem.space.to_json(), objectives_of(problem)
        config = problem.space.sample(1, seed=2)[0]
        kept = copy.deepcopy(config)
        self._evaluated(problem, config)
        assert config == kept
        assert problem.space.to_json() == space
        assert objectives_of(problem) == objectives

    def test_it_can_be_sent_to_a_worker_process(self, problem: Problem) -> None:
        """Pickled before and after an evaluation, it is the same problem there."""
        config = problem.space.sample(1, seed=3)[0]
        sent = cloudpickle.loads(cloudpickle.dumps(problem))
        outcome = self._evaluated(sent, config)
        sent_later = cloudpickle.loads(cloudpickle.dumps(sent))
        for copied in (sent, sent_later):
            assert copied.space == problem.space
            assert objectives_of(copied) == objectives_of(problem)
        if self.repeatable:
            values = self._constant(self._evaluated(problem, config))
            assert values == self._constant(outcome)

    def test_a_batch_gives_what_one_by_one_gives(self, problem: Problem) -> None:
        """For configs of one `batch_key`, whatever their number."""
        if problem.max_batch == 1:
            pytest.skip("the problem takes no batches")
        groups: dict[Hashable, list[Solution]] = {}
        for number, config in enumerate(problem.space.sample(4 * self.n_configs, seed=6)):
            solution = self._solution(problem, config, number)
            groups.setdefault(problem.batch_key(solution), []).append(solution)
        key = max(groups, key=lambda each: len(groups[each]))
        group = groups[key][: problem.max_batch]
        if len(group) == 1:  # every config has a key of its own: the same one goes with itself
            group = [group[0], self._solution(problem, group[0].config, group[0].number)]
        folders = [self._folder / "together" / str(place) for place in range(len(group))]
        together = evaluate_together(problem, group, directories=folders)
        assert not isinstance(together, str), f"evaluate_batch must not fail, but did: {together}"
        for solution, outcome in zip(group, together, strict=True):
            assert outcome.ok, f"{solution.config} is {outcome.status}: {outcome.error}"
            if self.repeatable:
                alone = self._evaluated(problem, solution.config, solution.number)
                assert self._constant(outcome) == self._constant(alone)

    def test_it_may_be_stopped_early(self, problem: Problem) -> None:
        """A rule that stops it at its first report leaves it with values all the same."""
        self._evaluated(problem, problem.space.sample(1, seed=4)[0], early_stopping=bool)

    def test_it_spends_what_it_is_given(self, problem: Problem) -> None:
        """The least and the most of its fidelity both give values."""
        if problem.fidelity is None:
            pytest.skip("the problem has no fidelity")
        config = problem.space.sample(1, seed=5)[0]
        for fidelity in (problem.fidelity.low, problem.fidelity.high):
            self._evaluated(problem, config, fidelity=fidelity)

    def test_going_on_gives_what_one_evaluation_gives(self, problem: Problem) -> None:
        """From the lowest fidelity to the highest, also where nothing is left to go on from."""
        if problem.fidelity is None or not self.repeatable:
            pytest.skip("the problem has no fidelity, or cannot repeat itself")
        low, high = problem.fidelity.low, problem.fidelity.high
        (config,) = problem.space.sample(1, seed=5)
        alone, first, then, anew = (self._folder / name for name in ("0", "1", "2", "3"))
        expected = self._evaluated(problem, config, fidelity=high, directory=alone)
        self._evaluated(problem, config, fidelity=low, directory=first)
        for directory, previous in ((then, Previous(first, low)), (anew, Previous(first, low))):
            found = self._evaluated(
                problem, config, fidelity=high, directory=directory, previous=previous
            )
            assert self._constant(found) == self._constant(expected)
            shutil.rmtree(first, ignore_errors=True)

    def _evaluated(
        self,
        problem: Problem,
        config: dict[str, Any],
        number: int = 0,
        *,
        fidelity: float | None = None,
        directory: Path | None = None,
        previous: Previous | None = None,
        early_stopping: Callable[[Curve], bool] | None = None,
    ) -> Outcome:
        """Evaluate a config that must give values."""
        outcome = evaluate(
            problem,
            self._solution(problem, config, number, fidelity),
            directory=directory or self._folder / str(number),
            previous=previous,
            early_stopping=early_stopping,
        )
        assert outcome.ok, f"{config} is {outcome.status}: {outcome.traceback or outcome.error}"
        return outcome

    def _solution(
        self,
        problem: Problem,
        config: dict[str, Any],
        number: int,
        fidelity: float | None = None,
    ) -> Solution:
        point = problem.space.encode([config])[0]
        if fidelity is None and problem.fidelity is not None:
            fidelity = problem.fidelity.high
        return Solution(number, config, point, seed=12345 + number, fidelity=fidelity)

    def _constant(self, outcome: Outcome) -> Mapping[str, float]:
        return {name: v for name, v in outcome.values.items() if name not in self.varying}
