"""The state of one search: what was asked and observed, and what was known before it began."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np

from hpopt.core.beliefs import Beliefs
from hpopt.core.constraint import Constraint, violations
from hpopt.core.curves import by_objective
from hpopt.core.history import History
from hpopt.core.objective import Objective, losses
from hpopt.core.origin import UNKNOWN, Origin
from hpopt.core.problem import Fidelity
from hpopt.core.proposals import Floats, Proposals
from hpopt.core.queue import Queue
from hpopt.core.ranking import comparable
from hpopt.core.trial import Config, Solution, Trial
from hpopt.errors import SettingError
from hpopt.numerics.sampling import keyed_generator, keyed_seed
from hpopt.space import Space

OWN = -1
"""The source of what this study evaluated itself, in an earlier stage."""


class Search:
    """Number solutions, and keep what was asked, observed and known.

    A strategy has one search, and the strategies that it hosts work on the same one. The search
    does not know how points are chosen.

    Parameters
    ----------
    space : Space
    objectives : sequence of Objective
    fidelity : Fidelity or None
    seed : int, >= 0
    start : tuple of dict
        The configs to ask first, complete.
    constraints : tuple of Constraint
    is_inner : bool
        Whether it is a search within another, which looks up what parents in `knowledge` are.

    Attributes
    ----------
    history : History
        The observations, as arrays.
    knowledge : History
        The observations of other searches, made before this one began.
    sources : list of int
        Of each row of `knowledge`, which study it is from, by a number; `OWN` of an earlier stage
        of the same study, which must not be proposed again.
    pending : dict of int to Solution
        The solutions that were asked and have not been told, by number.
    proposals : Proposals
        The configs that were proposed.
    queue : Queue
        The points that were drawn for the next numbers, and not asked yet.
    origins : dict of bytes to Origin
        Those of the points that are being proposed; see `Strategy.note_origins`.
    n_asked : int
        The number of solutions that were asked, which is the next one's number.
    """

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        fidelity: Fidelity | None,
        seed: int,
        start: tuple[Config, ...] = (),
        *,
        constraints: tuple[Constraint, ...] = (),
        is_inner: bool = False,
    ) -> None:
        self.space, self.objectives, self.fidelity = space, tuple(objectives), fidelity
        self.seed, self.start, self.constraints = seed, start, constraints
        self.history = History(space.d, len(self.objectives), constraints)
        self.knowledge = History(space.d, len(self.objectives), constraints)
        self.sources: list[int] = []
        self.pending: dict[int, Solution] = {}
        self.proposals = Proposals(space, seed)
        self.queue = Queue(space, self.proposals, fidelity, partial(keyed_generator, seed))
        self.origins: dict[bytes, Origin] = {}
        self.n_asked = 0
        self._is_inner = is_inner
        self._is_past_start = False
        self._beliefs = [
            Beliefs(each.sign, is_alone=len(self.objectives) == 1) for each in self.objectives
        ]

    @property
    def lowest(self) -> float:
        """The lowest fidelity of the problem; nan where it has none."""
        return math.nan if self.fidelity is None else self.fidelity.low

    @property
    def highest(self) -> float:
        """The highest fidelity of the problem; nan where it has none."""
        return math.nan if self.fidelity is None else self.fidelity.high

    @property
    def is_begun(self) -> bool:
        """Whether anything was asked, observed or learned."""
        return bool(self.n_asked or len(self.history.all_losses))

    # -- asking --------------------------------------------------------------------------------

    def start_left(self) -> Floats:
        """Return the points of the start configs that have not been proposed."""
        # Once no start config is left none will be, and looking them up would slow each ask.
        if not self.start or self._is_past_start:
            return np.empty((0, self.space.d))
        points = self.space.encode(self.start)
        left = points[self.proposals.unknown(points, before=self.n_asked)]
        self._is_past_start = not len(left)
        return left

    def ask(self) -> Solution:
        """Return the first of the queue, which is pending from then on."""
        solution = self.solution(*self.queue.pop())
        self.n_asked += 1
        self.pending[solution.number] = solution
        return solution

    def solution(
        self, config: Config, point: Floats, fidelity: float, origin: Origin = UNKNOWN
    ) -> Solution:
        """Return a config with the next number and its seed, without asking it."""
        number, (generation, parents) = self.n_asked, origin
        if parents and not self._is_inner:
            parents = tuple([k for k in parents if 0 <= k < number])
        if self.fidelity is None:
            seed = keyed_seed(self.seed, number)
            return Solution(number, config, point, seed, None, generation, parents)
        # One config, one seed, so that its evaluation may go on where an earlier one ended.
        first = min(number, self.proposals.first(point, number))
        if 0 <= first < number and not parents:  # it goes on from the last of its config
            asked = self.proposals.fidelities(point)
            parents = (max((k for k in asked if k < number), default=first),)
        seed = keyed_seed(self.seed, first if first >= 0 else number)
        level = self.fidelity.level(fidelity)
        return Solution(number, config, point, seed, level, generation, parents)

    def take_back(self, n: int) -> None:
        """Put the last n asked solutions back into the queue."""
        for _ in range(n):
            self.n_asked -= 1
            self.queue.put_back(self.pending.pop(self.n_asked))

    def drop_queue(self) -> None:
        """Forget points that were drawn and not asked: they are drawn again for other numbers."""
        self.queue.drop(self.n_asked)
        self._is_past_start = False

    def note_asked(self, solutions: Sequence[Solution]) -> None:
        """Note solutions as asked, under the numbers that they have; at least one."""
        points = np.array([solution.point for solution in solutions])
        fidelities = None
        if self.fidelity is not None:
            own = [solution.fidelity for solution in solutions]
            fidelities = np.array([self.highest if each is None else each for each in own])
        self.proposals.add(points, [solution.number for solution in solutions], fidelities)
        self.pending.update((solution.number, solution) for solution in solutions)
        self.n_asked = max(self.n_asked, 1 + max(solution.number for solution in solutions))

    # -- observing -----------------------------------------------------------------------------

    def check_pending(self, trials: Sequence[Trial]) -> None:
        """Raise SettingError unless the solutions of all trials are pending, each there once."""
        told: set[int] = set()
        for trial in trials:
            number = trial.number
            if number not in self.pending or number in told:
                known = number in self.history or number in told
                what = "already has a result" if known else "was never asked"
                raise SettingError(
                    f"each asked solution must be told once, but number {number} {what}"
                )
            told.add(number)

    def observe(self, trials: Sequence[Trial]) -> None:
        """Add the trials of pending solutions to the history: all, or with an error none."""
        rows = [
            losses(self.objectives, trial.outcome.values if trial.ok else {}) for trial in trials
        ]
        for trial, row in zip(trials, rows, strict=True):
            solution = self.pending.pop(trial.number)
            if trial.outcome.curve:
                self._believe(trial, row)
            broken = violations(self.constraints, trial.outcome.values)
            self.history.append(solution.number, solution.point, row, trial.reached, broken)

    def _believe(self, trial: Trial, row: Floats) -> None:
        """Put what a trial that was stopped is believed to have ended at in place of its losses."""
        curves = by_objective(trial.outcome.curve, [each.name for each in self.objectives])
        for place, objective in enumerate(self.objectives):
            curve = curves.get(objective.name, [])
            row[place] = self._beliefs[place].believed(trial, float(row[place]), curve)

    def know(
        self,
        points: Floats,
        losses: Floats,
        fidelities: Floats | None,
        violations: Floats | None,
        *,
        paid_for: bool,
    ) -> None:
        """Add observations of another search to the knowledge; see `Optimizer.learn`."""
        if self.n_asked or self.queue:
            raise SettingError(
                f"knowledge must come before the first solution, but {self.n_asked} were asked"
            )
        points, losses = np.asarray(points, dtype=np.float64), np.asarray(losses, dtype=np.float64)
        shapes = (len(points), self.space.d), (len(points), len(self.objectives))
        if (points.shape, losses.shape) != shapes:
            raise SettingError(
                f"points and losses must have the shapes {shapes[0]} and {shapes[1]}, but have "
                f"{points.shape} and {losses.shape}"
            )
        known = History(self.space.d, len(self.objectives), self.constraints)
        # Equal configs are equal points, as those of solutions are.
        known.know(self.space.snap(points), losses, violations)
        if fidelities is None or self.fidelity is None:
            fidelities = np.full(len(points), self.highest)
        if paid_for:
            asked = None if self.fidelity is None else fidelities
            self.proposals.add(points, [-1] * len(points), asked)
        which = comparable(known.all_losses, fidelities, known.all_broken)
        columns = (known.all_points[which], losses[which], known.all_violations[which])
        for point, row, broken in zip(*columns, strict=True):
            self.knowledge.append(len(self.knowledge), point, row, violations=broken)
        self.history.know(*columns)
        source = OWN if paid_for else 1 + max(self.sources, default=OWN)
        self.sources += [source] * int(which.sum())
