"""The base class of strategies that run others one after the other, on all results so far."""

from __future__ import annotations

import copy
import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hpopt.core import Optimizer, Phase, Solution, Trial, failed
from hpopt.core.hosting import Known, teach
from hpopt.core.origin import Origin
from hpopt.core.proposals import Floats
from hpopt.core.ranking import comparable
from hpopt.core.search import OWN
from hpopt.errors import ConfigError, SettingError
from hpopt.space import Space
from hpopt.space.narrowing import configs_in

# A third number in a generator's key: strategies use keys of one or two, so draws never coincide.
ADDED = 8


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of a search.

    Attributes
    ----------
    optimizer : Optimizer
        Not bound; a copy of it is used.
    n : int or None
        The largest number of its solutions; None for as many as there are.
    space : Space
        The study's, or one whose configs all belong to the study's.
    """

    optimizer: Optimizer
    n: int | None
    space: Space


class Stages(Optimizer):
    """Run strategies one after the other: subclass it and write `_stage`.

    A stage begins when all results before it have been told, so that the search is the same at any
    number of workers if the stages' own strategies are. It first learns all observations: trials
    of the study must not be repeated, those of other studies may. It ends with its share of
    solutions, or earlier when its optimizer has nothing left. The configs of `start` come before
    the first stage and do not count.

    Each stage's optimizer is told how many trials it will have, where that is known: its share, or
    what is left of the study's number.

    A stage is a subsearch, whose solutions are numbered from 0. Which stages there were follows
    from the history: when a search is resumed, each stage is run again through its own trials.
    """

    def _setup(self) -> None:
        self._index, self._first, self._generation = 0, len(self.start), 0
        self._inner: Optimizer | None = None
        self._share: float = 0
        self._n_expected = math.inf
        self._stops_early = False
        self._trials: list[Trial] = []

    def expect(self, trials: int) -> None:
        """Take note of how many trials the study shall have; see `Optimizer.expect`."""
        super().expect(trials)
        self._n_expected = trials

    def expect_early_stopping(self, expected: bool) -> None:
        """Take note of whether the study stops trials early; see the method of `Optimizer`."""
        super().expect_early_stopping(expected)
        self._stops_early = expected
        if self._inner is not None:
            self._inner.expect_early_stopping(expected)

    @property
    def batch_size(self) -> float:
        """The batch size of the stage."""
        return math.inf if self._inner is None else min(self._share, self._inner.batch_size)

    @property
    def order_free(self) -> bool:
        """That of the stage."""
        return self._inner is not None and self._inner.order_free

    @abstractmethod
    def _stage(self, index: int, points: Floats, losses: Floats) -> Stage | None:
        """Return the stage of an index; None after the last.

        Parameters
        ----------
        index : int
        points : ndarray (n, d), in [0, 1]
            Those of other studies, and then those observed before the stage, by number.
        losses : ndarray (n, n_objectives)
            Infinite where an evaluation gave no values, or breaks a constraint.
        """

    @property
    def phase(self) -> Phase | None:
        """The stage, and the phase of its strategy."""
        inner = self._inner
        if inner is None:
            return None
        phase = inner.phase or Phase(inner.name or type(inner).__name__)
        return replace(phase, name=f"{self._stage_in_words(self._index)}, {phase.name}")

    @property
    def chooses_fidelities(self) -> bool:
        """Whether the stage's strategy says how long each config is trained."""
        return self._inner is None or self._inner.chooses_fidelities

    def _stage_in_words(self, index: int) -> str:
        return f"stage {index + 1}"

    def _facts(self) -> Sequence[str]:
        return () if self._inner is None else self._inner.facts

    def check_stage(self, name: str, optimizer: Optimizer) -> None:
        """Raise SettingError, with `name`, where a strategy does not suit the problem."""
        try:
            found = self.subsearch(optimizer, seed=self.seed)
        except SettingError as error:
            raise SettingError(f"{name}: {error}") from None
        if found.early_stopping is not None:
            raise SettingError(
                f"{name} must not stop trials early, as a rule holds for a whole study, but got "
                f"{optimizer!r}: give its proposer, and early_stopping= to the study"
            )

    def _ask(self, number: int, n: int) -> Floats:
        return self._ask_at(number, n)[0]

    def _ask_at(self, number: int, n: int) -> tuple[Floats, Floats]:
        while self._inner is not None or self._begin(number):
            inner = self._inner
            if inner is None:  # this stage has ended already
                continue
            room = self._share - inner.n_asked
            asked = inner.ask(int(min(n, room))) if room > 0 else []
            if asked:
                own = [solution.fidelity for solution in asked]
                points = self._outside(inner, asked)
                self.note_origins(points, [self._origin(inner, solution) for solution in asked])
                return points, np.array(own, dtype=np.float64)
            if self.history.n_contiguous < number:
                break
            self._end_stage(number)
        return np.empty((0, self.space.d)), np.empty(0)

    def _tell(self, trials: Sequence[Trial]) -> None:
        trials = [self._as_learned(trial) for trial in trials]
        self._trials += (trial.without_texts() for trial in trials)
        if self._inner is not None:
            self._inner.tell([self._inside(self._inner, trial) for trial in trials])

    def _requeued(self) -> None:
        self._inner = None  # it is run again, with the added trial among its own

    # -- from stage to stage -------------------------------------------------------------------

    def _begin(self, number: int) -> bool:
        """Begin the next stage, or find where it ended; return False where it must wait."""
        if self.history.n_contiguous < self._first:
            return False
        known, is_broken = self._observations()
        losses = np.where(is_broken[:, None], np.inf, known.losses)
        which = comparable(losses, known.fidelities)
        stage = self._stage(self._index, known.points[which], losses[which])
        if stage is None:
            return False
        self._share = math.inf if stage.n is None else stage.n
        inner = self._start(stage, known)
        if number > self._first:
            asked = self._n_rerun(copy.deepcopy(inner), number)
            if asked is None:
                return False
            if self._first + asked < number:
                self._end_stage(self._first + asked)
                return True
            self._replay(inner)
        self._inner = inner
        return True

    def _end_stage(self, first: int) -> None:
        """Let the next stage begin with the number `first`."""
        self._inner, self._index, self._first = None, self._index + 1, first
        ended = [t.generation for t in self._trials if t.number < first]
        # A study has each generation once: those of the next stage are counted on.
        self._generation = max([self._generation, *(1 + g for g in ended if g is not None)])
        self._trials = [trial for trial in self._trials if trial.number >= first]

    def _observations(self) -> tuple[Known, NDArray[np.bool_]]:
        """Return what is known when a stage begins, and which of it breaks a constraint."""
        history, rows = self.history, self.history.rows(np.arange(self._first))
        own = Known(
            history.points[rows],
            history.measured[rows],
            history.violations[rows],
            np.full(len(rows), OWN),
            history.fidelities[rows],
        )
        is_broken = np.concatenate([self.knowledge.is_broken, history.is_broken[rows]])
        return Known.before(self).followed_by(own), is_broken

    def _start(self, stage: Stage, known: Known) -> Optimizer:
        """Return the stage's optimizer, which has learned all that is known."""
        # A seed of its own for each stage: equal strategies must not draw equal configs.
        seed = int(self.generator(self._index).integers(2**63))
        try:
            inner = self.subsearch(stage.optimizer, seed=seed, space=stage.space)
        except SettingError:  # it suits the whole space, as was checked, but not this one
            inner = self.subsearch(stage.optimizer, seed=seed)
        if inner.space is not self.space:
            rows, configs = configs_in(inner.space, self.space.decode(known.points))
            known = known.take(rows).moved_to(inner.space.encode(configs))
        n = min(self._share, self._n_expected - self._first)
        if 0 < n < math.inf:  # none are left where the study goes on beyond its first number
            inner.expect(int(n))
        inner.expect_early_stopping(self._stops_early)
        teach(inner, known)
        return inner

    def _n_rerun(self, inner: Optimizer, number: int) -> int | None:
        """Return how many solutions, of those before `number`, belong to this stage.

        The optimizer is asked again, and told in the order of numbers; a trial of another config
        than it proposes was added by the user. None where results are missing to know.
        """
        trials = {trial.number: trial for trial in self._trials}
        last = min(self._share, number - self._first)
        while inner.n_asked < last:
            asked = inner.ask(int(last - inner.n_asked))
            if not asked:
                return None if inner.pending else inner.n_asked
            n_own = self._n_own(inner, asked, trials)
            numbers = [solution.number + self._first for solution in asked[:n_own]]
            inner.tell([self._inside(inner, trials[k]) for k in numbers if k in trials])
            if n_own < len(asked):
                inner.take_back(len(asked) - n_own)
                inner.add(self._as_inner(inner, trials[self._first + inner.n_asked]))
        return None if last < number - self._first and inner.pending else inner.n_asked

    def _replay(self, inner: Optimizer) -> None:
        """Replay the stage's trials, in the order in which they were told."""
        told = [trial for trial in self._trials if trial.number >= self._first]
        pending = [s for k, s in sorted(self.pending.items()) if k >= self._first]
        inner.replay(
            [self._as_inner(inner, trial) for trial in told],
            [self._inner_solution(inner, solution) for solution in pending],
        )

    def _n_own(self, inner: Optimizer, asked: Sequence[Solution], told: Mapping[int, Trial]) -> int:
        """Return how many solutions, from the first, were evaluated under their numbers."""
        keys = self.space.keys_of(self._outside(inner, asked))
        for place, (solution, key) in enumerate(zip(asked, keys, strict=True)):
            trial = told.get(solution.number + self._first)
            if trial is not None and self.space.keys_of(trial.solution.point[None]) != [key]:
                return place
        return len(asked)

    # -- between the spaces --------------------------------------------------------------------

    def _outside(self, inner: Optimizer, asked: Sequence[Solution]) -> Floats:
        """Return the points of a stage's solutions in the study's space."""
        if inner.space is self.space:
            return np.array([solution.point for solution in asked])
        points = self.space.encode([solution.config for solution in asked])
        # The stage keeps the points that the journal implies: inactive genes are not in it.
        for solution, own in zip(asked, self._inner_points(inner, points), strict=True):
            inner.pending[solution.number] = replace(solution, point=own)
        return points

    def _origin(self, inner: Optimizer, solution: Solution) -> Origin:
        """Return a stage's origin of a solution with the study's numbers."""
        parents = []
        for number in solution.parents:
            if number >= 0:
                parents.append(self._first + number)
            else:  # observed before the stage: in this study, or in another one
                point = inner.knowledge.points[-1 - number][None]
                if inner.space is not self.space:
                    point = self.space.encode(inner.space.decode(point))
                parents.append(self.proposals.first(point[0]))
        generation = solution.generation
        generation = None if generation is None else self._generation + generation
        return Origin(generation, tuple([k for k in parents if k >= 0]))

    def _inner_points(self, inner: Optimizer, points: Floats) -> Floats:
        if inner.space is self.space:
            return points
        return inner.space.encode(self.space.decode(points))

    def _as_inner(self, inner: Optimizer, trial: Trial) -> Trial:
        """Return a trial of the study as one of the stage.

        A config that a user added may lie outside the stage's space. The stage is told then that
        one of its own configs failed, as its numbers must be contiguous.
        """
        try:
            return replace(trial, solution=self._inner_solution(inner, trial.solution))
        except ConfigError:
            point = inner.space.random(1, self.generator(trial.number, ADDED, 0))
            number, (config,) = trial.number - self._first, inner.space.decode(point)
            solution = replace(trial.solution, number=number, config=config, point=point[0])
            return Trial(solution, failed("the space of this stage has no such config"))

    def _inner_solution(self, inner: Optimizer, solution: Solution) -> Solution:
        """Return a solution of the study as one of the stage."""
        point = self._inner_points(inner, solution.point[None])[0]
        return replace(solution, number=solution.number - self._first, point=point, parents=())

    def _as_learned(self, trial: Trial) -> Trial:
        """Return a trial as this strategy has learned it: see `Beliefs` on one that was stopped.

        A stage is run again without the curves by which its own strategy would believe the same.
        """
        if trial.status != "stopped" or len(self.objectives) > 1:
            return trial
        objective, history = self.objectives[0], self.history
        loss = float(history.measured[history.row(trial.number), 0])
        values = {**trial.values, objective.name: objective.sign * loss}
        return replace(trial, outcome=replace(trial.outcome, status="complete", values=values))

    def _inside(self, inner: Optimizer, trial: Trial) -> Trial:
        """Return the trial of a solution that the stage's optimizer has asked, as its own."""
        return replace(trial, solution=inner.pending[trial.number - self._first])
