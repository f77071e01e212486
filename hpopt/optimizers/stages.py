"""Strategies that run others one after the other, each told what those before it found."""

from __future__ import annotations

import copy
import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hpopt.core import (
    Optimizer,
    Solution,
    Trial,
    failed,
)
from hpopt.core.proposals import Floats
from hpopt.errors import ConfigError, SettingError
from hpopt.space import Space
from hpopt.space.narrowing import configs_in

ADDED = 8
"""Keeps these draws apart from those of strategies, which have keys of one or two numbers."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of a search.

    Attributes
    ----------
    optimizer : Optimizer
        Not bound; a copy of it is used.
    n : int or None
        How many solutions it is asked for at most; None for as many as there are.
    space : Space
        What it works on: that of the study, or one whose configs all belong to that.
    """

    optimizer: Optimizer
    n: int | None
    space: Space


class Stages(Optimizer):
    """Run strategies one after the other: subclass it and write `_stage`.

    A stage begins when everything before it has been told, so that the search is the same at
    any number of workers, as far as the stages' own strategies are. It learns, before it is
    first asked, all that was told: the trials of the study as paid for, what other studies found
    as known. It ends with its share of solutions, or earlier when its optimizer has nothing
    left. Configs that the user gave come before the first stage and are no part of its share.

    The stage's solutions have numbers of their own, from 0. Which stages there were follows from
    what was told: when a search is taken up, each stage is driven again through its own trials.
    """

    def _setup(self) -> None:
        self._index, self._first = 0, len(self.start)
        self._inner: Optimizer | None = None
        self._share: float = 0
        self._told: list[Trial] = []

    @property
    def batch_size(self) -> float:
        """How many solutions it asks for before it waits for their results: as its stage does."""
        return math.inf if self._inner is None else min(self._share, self._inner.batch_size)

    @abstractmethod
    def _stage(self, index: int, points: Floats, losses: Floats) -> Stage | None:
        """Give stage number `index`; None where there is none.

        Parameters
        ----------
        index : int
        points : ndarray (n, d), in [0, 1]
            What was told before it began, by number, after what other studies found.
        losses : ndarray (n, n_objectives)
        """

    def check_stage(self, name: str, optimizer: Optimizer) -> None:
        """Raise SettingError, with `name`, where a strategy does not suit the problem."""
        try:
            self.subsearch(optimizer, seed=self.seed)
        except SettingError as error:
            raise SettingError(f"{name}: {error}") from None

    def _ask(self, number: int, n: int) -> Floats:
        while self._inner is not None or self._begin(number):
            inner = self._inner
            if inner is None:  # it has been passed already
                continue
            room = self._share - inner.n_asked
            asked = inner.ask(int(min(n, room))) if room > 0 else []
            if asked:
                return self._outside(inner, asked)
            if self.history.unbroken < number:
                break
            self._pass(number)
        return np.empty((0, self.space.d))

    def _tell(self, trials: Sequence[Trial]) -> None:
        self._told += map(_without_texts, trials)
        if self._inner is not None:
            self._inner.tell([self._inside(self._inner, trial) for trial in trials])

    def _requeued(self) -> None:
        self._inner = None  # it is driven again, with what was added among its trials

    # -- from stage to stage -------------------------------------------------------------------

    def _begin(self, number: int) -> bool:
        """Begin the stage that is due, or find where it ended; False where it must wait."""
        if self.history.unbroken < self._first:
            return False
        points, losses, paid = self._known()
        stage = self._stage(self._index, points, losses)
        if stage is None:
            return False
        self._share = math.inf if stage.n is None else stage.n
        inner = self._bound(stage, points, losses, paid)
        if number > self._first:
            asked = self._driven(copy.deepcopy(inner), number)
            if asked is None:
                return False
            if self._first + asked < number:
                self._pass(self._first + asked)
                return True
            self._take_up(inner)
        self._inner = inner
        return True

    def _pass(self, first: int) -> None:
        """Let the next stage begin with this number."""
        self._inner, self._index, self._first = None, self._index + 1, first
        self._told = [trial for trial in self._told if trial.number >= first]

    def _known(self) -> tuple[Floats, Floats, list[bool]]:
        """Give what is known when the stage begins, and which of it was paid for."""
        rows = self.history.rows(np.arange(self._first))
        points = np.concatenate([self.knowledge.points, self.history.points[rows]])
        losses = np.concatenate([self.knowledge.losses, self.history.losses[rows]])
        return points, losses, self._is_paid + [True] * self._first

    def _bound(self, stage: Stage, points: Floats, losses: Floats, paid: list[bool]) -> Optimizer:
        """Give the stage's optimizer, bound and told all that is known."""
        seed = int(self.generator(self._index).integers(2**63))
        try:
            inner = self.subsearch(stage.optimizer, seed=seed, space=stage.space)
        except SettingError:  # it suits the whole space, as was checked, but not this one
            inner = self.subsearch(stage.optimizer, seed=seed)
        if inner.space is not self.space:
            rows, configs = configs_in(inner.space, self.space.decode(points))
            points = inner.space.encode(configs)
            losses, paid = losses[rows], [paid[row] for row in rows]
        bought = np.array(paid, dtype=bool)
        for which, paid_for in ((~bought, False), (bought, True)):
            if which.any():
                inner.learn(points[which], losses[which], paid_for=paid_for)
        return inner

    def _driven(self, inner: Optimizer, number: int) -> int | None:
        """Give how many solutions, of those before `number`, were asked in this stage.

        The optimizer is asked again, and told in the order of numbers; a trial that is not what
        it proposes was added by the user. None means that what it was told does not say yet.
        """
        told = {trial.number: trial for trial in self._told}
        last = min(self._share, number - self._first)
        while inner.n_asked < last:
            asked = inner.ask(int(last - inner.n_asked))
            if not asked:
                return None if inner.pending else inner.n_asked
            n_own = self._n_own(inner, asked, told)
            numbers = [solution.number + self._first for solution in asked[:n_own]]
            inner.tell([self._inside(inner, told[k]) for k in numbers if k in told])
            if n_own < len(asked):
                inner.take_back(len(asked) - n_own)
                inner.add(self._as_inner(inner, told[self._first + inner.n_asked]))
        return None if last < number - self._first and inner.pending else inner.n_asked

    def _take_up(self, inner: Optimizer) -> None:
        """Have the stage's optimizer know its trials, in the order in which they were told."""
        told = [trial for trial in self._told if trial.number >= self._first]
        pending = [s for k, s in sorted(self.pending.items()) if k >= self._first]
        inner.replay(
            [self._as_inner(inner, trial) for trial in told],
            [self._inner_solution(inner, solution) for solution in pending],
        )

    def _n_own(self, inner: Optimizer, asked: Sequence[Solution], told: Mapping[int, Trial]) -> int:
        """Return how many solutions, from the first, are what was evaluated under their numbers."""
        keys = self.space.keys_of(self._outside(inner, asked))
        for place, (solution, key) in enumerate(zip(asked, keys, strict=True)):
            trial = told.get(solution.number + self._first)
            if trial is not None and self.space.keys_of(trial.solution.point[None]) != [key]:
                return place
        return len(asked)

    # -- between the spaces --------------------------------------------------------------------

    def _outside(self, inner: Optimizer, asked: Sequence[Solution]) -> Floats:
        """Give the points of a stage's solutions in the study's space."""
        if inner.space is self.space:
            return np.array([solution.point for solution in asked])
        points = self.space.encode([solution.config for solution in asked])
        # The stage must remember what will be in the journal, not the genes that sleep there.
        for solution, own in zip(asked, self._inner_points(inner, points), strict=True):
            inner.pending[solution.number] = replace(solution, point=own)
        return points

    def _inner_points(self, inner: Optimizer, points: Floats) -> Floats:
        if inner.space is self.space:
            return points
        return inner.space.encode(self.space.decode(points))

    def _as_inner(self, inner: Optimizer, trial: Trial) -> Trial:
        """Return a trial of the study as one of the stage.

        The space of a stage may have no room for what a user added. The stage is told then that
        one of its own configs failed, as numbers must stay without a gap.
        """
        try:
            return replace(trial, solution=self._inner_solution(inner, trial.solution))
        except ConfigError:
            point = inner.space.random(1, self.generator(trial.number, ADDED, 0))
            number, (config,) = trial.number - self._first, inner.space.decode(point)
            solution = replace(trial.solution, number=number, config=config, point=point[0])
            return Trial(solution, failed("the space of this stage has no such config"))

    def _inner_solution(self, inner: Optimizer, solution: Solution) -> Solution:
        """Give a solution of the study as one of the stage."""
        point = self._inner_points(inner, solution.point[None])[0]
        return replace(solution, number=solution.number - self._first, point=point)

    def _inside(self, inner: Optimizer, trial: Trial) -> Trial:
        """Give a trial that the stage's optimizer was asked for as one of the stage."""
        return replace(trial, solution=inner.pending[trial.number - self._first])


def _without_texts(trial: Trial) -> Trial:
    """Return a trial without what only people read: it is kept as long as its stage lasts."""
    outcome = trial.outcome
    if not (outcome.curve or outcome.traceback or outcome.info):
        return trial
    return replace(trial, outcome=replace(outcome, curve=(), traceback=None, info={}))
