"""A strategy that follows the trials of an Optuna study on one space."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial

from hpopt.core import (
    Objective,
    Optimizer,
    Problem,
    Solution,
    Trial,
    failed,
    objectives_of,
)
from hpopt.integrations.optuna.distributions import value_of
from hpopt.integrations.optuna.trials import Known, Reader, drawn
from hpopt.numerics.sampling import keyed_generator, keyed_seed
from hpopt.space import Space

# Keeps the draws where nothing new is left apart from all others.
REPEATED = 12


class FollowedProblem(Problem):
    """What a study of Optuna's searches; Optuna evaluates it."""

    def __init__(
        self, space: Space, objectives: tuple[Objective, ...], constraints: Sequence[str]
    ) -> None:
        self.space, self.objectives = space, objectives
        self.constraints = dict.fromkeys(constraints, ("<=", 0.0))

    def is_like(self, other: FollowedProblem) -> bool:
        """Return whether another problem is the same."""
        mine, theirs = (self.objectives, self.constraints), (other.objectives, other.constraints)
        return mine == theirs and self.space == other.space

    def evaluate(self, config: Any, trial: Any) -> Any:
        """Raise, as Optuna calls the objective."""
        raise NotImplementedError("Optuna evaluates its trials itself")


class Following:
    """Propose parameters for one trial after another.

    What is proposed follows from the seed and the trials: the optimizer is told what has finished
    since the last call; whenever that is not all that has happened (another process had asked, a
    value was fixed by the user, a space has changed), a fresh one is told everything.

    Trials have the numbers of their order here, without those that do not fit the space.

    Parameters
    ----------
    optimizer : Optimizer
        Not bound; it stays so.
    seed : int
    problem : Problem
        Its space is one of codes.
    distributions : mapping of str to BaseDistribution
    n_trials : int, optional
    """

    def __init__(
        self,
        optimizer: Optimizer,
        seed: int,
        problem: FollowedProblem,
        distributions: Mapping[str, BaseDistribution],
        n_trials: int | None,
    ) -> None:
        self._template, self._seed, self.problem = optimizer, seed, problem
        self._distributions, self._n_trials = distributions, n_trials
        self._digest = digest_of(problem.space)
        names = [each.name for each in objectives_of(problem)]
        self._reader = Reader(problem.space, self._digest, distributions, names, seed)
        self.optimizer: Optimizer | None = None
        self._points: list[bytes] = []
        self._last: Any = None

    def propose(
        self, trials: Sequence[FrozenTrial], own: int
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the parameters for a trial, and what is to be noted of them."""
        known = self._reader.known(trials, own)
        point = self._asked(known)
        if point is None:  # every config has been tried: Optuna goes on all the same
            point = drawn(self.problem.space, keyed_generator(self._seed, own, REPEATED, 0))
        config = self.problem.space.decode(point[None])[0]
        params = {name: value_of(self._distributions[name], code) for name, code in config.items()}
        return params, {"space": self._digest, "point": point.tolist()}

    def _asked(self, known: Sequence[Known]) -> NDArray[np.float64] | None:
        if self.optimizer is None or not self._has_caught_up(self.optimizer, known):
            self.optimizer = self._replayed(known)
        optimizer = self.optimizer
        solutions = optimizer.ask()
        if not solutions and optimizer.pending:
            # A generation does not wait for the rest of the one before: Optuna cannot wait.
            solutions = self._replayed(known, without_running=True).ask()
        elif solutions:
            self._points.append(solutions[0].point.tobytes())
        return solutions[0].point if solutions else None

    def _has_caught_up(self, optimizer: Optimizer, known: Sequence[Known]) -> bool:
        """Tell what has finished; return whether the optimizer knows just these trials then."""
        if len(known) < len(self._points):
            return False
        new = []
        for rank, each in enumerate(known):
            if rank < len(self._points) and each.point.tobytes() != self._points[rank]:
                return False
            if each.outcome is not None and rank not in optimizer.history:
                new.append((each.order, rank, each))
        for order, rank, each in sorted(new, key=lambda one: one[0]):
            if self._last is not None and order < self._last:
                return False
            self._last = order
            trial = Trial(self._solution(rank, each), each.outcome)  # type: ignore[arg-type]
            if rank in optimizer.pending:
                optimizer.tell(trial)
            elif rank == optimizer.n_asked:
                optimizer.add(trial)
                self._points.append(each.point.tobytes())
            else:
                return False
        running = {rank for rank, each in enumerate(known) if each.outcome is None}
        return running == set(optimizer.pending)

    def _replayed(self, known: Sequence[Known], *, without_running: bool = False) -> Optimizer:
        """Return a fresh optimizer that was told these trials in the order of their ends."""
        optimizer = copy.deepcopy(self._template).bind(self.problem, seed=self._seed)
        if self._n_trials is not None:
            optimizer.expect(self._n_trials)
        ranked = list(enumerate(known))
        done = sorted((e.order, rank, e) for rank, e in ranked if e.outcome is not None)
        told = [Trial(self._solution(rank, e), e.outcome) for _, rank, e in done if e.outcome]
        pending = [self._solution(rank, e) for rank, e in ranked if e.outcome is None]
        if without_running:
            lost = failed("it has no result yet", status="lost")
            optimizer.replay([*told, *(Trial(solution, lost) for solution in pending)])
            return optimizer
        optimizer.replay(told, pending)
        self._points = [each.point.tobytes() for each in known]
        self._last = done[-1][0] if done else None
        return optimizer

    def _solution(self, rank: int, known: Known) -> Solution:
        return Solution(rank, known.config, known.point, keyed_seed(self._seed, rank))


def digest_of(space: Space) -> str:
    """Return a short digest of a space."""
    text = json.dumps(space.to_json(), sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()


def objectives_in(study: Study, names: Sequence[str] | None = None) -> tuple[Objective, ...]:
    """Return the objectives of a study, named as in Optuna's tables where they have no names."""
    directions = [
        "maximize" if each == StudyDirection.MAXIMIZE else "minimize" for each in study.directions
    ]
    if names is None:
        several = len(directions) > 1
        names = [f"values_{k}" if several else "value" for k in range(len(directions))]
    return tuple(Objective(*pair) for pair in zip(names, directions, strict=True))  # type: ignore[arg-type]
