"""The base class of all strategies: numbers solutions, keeps what was asked and observed."""

from __future__ import annotations

import copy
import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from hpopt import checks
from hpopt.checks import whole
from hpopt.core.beliefs import Beliefs
from hpopt.core.history import History
from hpopt.core.phase import Phase, best_in_words, recent_in_words
from hpopt.core.problem import Fidelity, Objective, Problem, check_problem, losses, objectives_of
from hpopt.core.proposals import Floats, Proposals, Vary
from hpopt.core.queue import Queue
from hpopt.core.ranking import best_first, comparable
from hpopt.core.start import start_configs
from hpopt.core.trial import Config, Solution, Trial
from hpopt.errors import SettingError
from hpopt.numerics.sampling import keyed_generator, keyed_seed
from hpopt.space import Space

Self = TypeVar("Self", bound="Optimizer")
Inner = TypeVar("Inner", bound="Optimizer")


class Optimizer(ABC):
    """A search strategy: subclass it and write `_ask`.

    The base class numbers solutions, decodes points, and keeps what is pending, what was told and
    which configs have been proposed. A strategy only turns history into points.

    A strategy's state is its seed and its observations, nothing else: draw from
    ``self.generator(k)`` with a key that follows from numbers, and derive everything kept between
    calls from `history`. Then a fresh optimizer that is told the journal goes on exactly as the old
    one would have.

    Attributes
    ----------
    name : str
        Its name in ``optimizer="..."``.
    space, objectives, fidelity, seed
        Those of the problem and the study, after `bind`.
    history : History
        The observations, as arrays.
    pending : dict of int to Solution
        The solutions that were asked and have not been told, by number.
    n_asked : int
        The number of solutions that were asked, which is the next one's number.
    start : tuple of dict
        The configs that are asked first.
    knowledge : History
        The observations of other searches, made before this one began; see `learn`.
    proposals : Proposals
        The configs that were proposed.
    """

    name: ClassVar[str] = ""

    space: Space
    objectives: tuple[Objective, ...]
    fidelity: Fidelity | None
    seed: int
    history: History
    pending: dict[int, Solution]
    n_asked: int
    start: tuple[Config, ...]
    knowledge: History
    proposals: Proposals
    _beliefs: Beliefs
    _is_paid: list[bool]
    """Of each row of `knowledge`, whether it must not be proposed again."""

    # -- for those who use it ----------------------------------------------------------------

    def bind(
        self: Self,
        problem: Problem,
        *,
        seed: checks.Seed = 0,
        start: Iterable[Mapping[str, Any]] = (),
    ) -> Self:
        """Bind the optimizer to a problem: once, before the first `ask`.

        Parameters
        ----------
        problem : Problem
            Only its space, objectives and fidelity are looked at.
        seed : int, >= 0, numpy.random.Generator or numpy.random.SeedSequence
        start : iterable of mappings
            Configs to ask first, in this order. A parameter that is left out has its default, or
            is sampled.

        Raises
        ------
        ConfigError
            A start config does not fit the space, cannot be completed, or is listed twice.
        SettingError
            The optimizer is bound already, the seed is invalid, or its settings do not suit the
            problem.
        """
        self._check_unbound()
        check_problem(problem)
        self.seed = checks.seed(seed)
        self.start = start_configs(start, problem.space, self.seed)
        self.objectives, self.fidelity = objectives_of(problem), problem.fidelity
        self._begin_search(problem.space)
        return self

    def ask(self, n: int = 1) -> list[Solution]:
        """Return up to n solutions to evaluate.

        Fewer, or none, means that results of pending ones must be told first; when none is
        pending, that nothing is left to try. Only the counter and `pending` change.
        """
        if type(n) is not int or n < 1:  # it comes with each trial, nearly always right
            n = whole("n", n, 1)
        solutions: list[Solution] = []
        while len(solutions) < n and (self._queue or self._refill(n - len(solutions))):
            solution = self._solution(self.n_asked, *self._queue.pop())
            self.n_asked += 1
            self.pending[solution.number] = solution
            solutions.append(solution)
        return solutions

    def tell(self, trials: Trial | Sequence[Trial]) -> None:
        """Learn from evaluated solutions: from all of them, or, where an error is raised, none.

        Raises
        ------
        SettingError
            One of them was not asked, or was told before.
        ProblemError
            One of them has values, but not of all objectives.
        """
        trials = [trials] if isinstance(trials, Trial) else list(trials)
        told: set[int] = set()
        # All are checked before anything is learned, so that an error leaves no trace.
        for trial in trials:
            number = trial.number
            if number not in self.pending or number in told:
                known = number in self.history or number in told
                what = "already has a result" if known else "was never asked"
                raise SettingError(
                    f"each asked solution must be told once, but number {number} {what}"
                )
            told.add(number)
        self._learn(trials)

    def replay(self, told: Sequence[Trial], pending: Sequence[Solution] = ()) -> None:
        """Continue a search where a journal ends; a long journal may come in parts.

        Parameters
        ----------
        told : sequence of Trial
            In the order in which they were observed.
        pending : sequence of Solution
            Asked, without a result yet; they keep their number and seed.
        """
        asked = [trial.solution for trial in told] + list(pending)
        if not asked:
            return
        points = np.array([solution.point for solution in asked])
        # Before learning: strategies may look up what is known while they learn.
        fidelities = None
        if self.fidelity is not None:
            own = [solution.fidelity for solution in asked]
            fidelities = np.array([self.highest if each is None else each for each in own])
        self.proposals.add(points, [solution.number for solution in asked], fidelities)
        self.pending.update((solution.number, solution) for solution in asked)
        self.n_asked = max(self.n_asked, 1 + max(solution.number for solution in asked))
        self._learn(told)

    def solution_of(self, config: Mapping[str, Any]) -> Solution:
        """Return a config with the next solution's number and seed, without asking it; see `add`.

        Raises
        ------
        ConfigError
            It does not fit the space.
        """
        # Of the highest fidelity: what a user found elsewhere is a final value.
        config = self.space.validate(config)
        point = self.space.encode([config])[0]
        point.flags.writeable = False
        return self._solution(self.n_asked, config, point, self.highest)

    def add(self, trial: Trial) -> None:
        """Learn a known result that was never asked, under the next number.

        The strategy sees a solution like any other, for example a member of the generation that is
        being evaluated, so that replaying a journal that holds it is exact.

        Parameters
        ----------
        trial : Trial
            Its solution is what `solution_of` returned.

        Raises
        ------
        SettingError
            Its number is not the next one.
        """
        if trial.number != self.n_asked:
            raise SettingError(
                f"an added trial must have the next number, {self.n_asked}, but got {trial.number}"
            )
        self._drop_queue()
        self.replay([trial])

    def learn(
        self,
        points: Floats,
        losses: Floats,
        *,
        paid_for: bool = False,
        fidelities: Floats | None = None,
    ) -> None:
        """Learn the observations of another search, after `bind` and before the first ask.

        They become part of the strategy's state: a study that is resumed must pass them again.

        Parameters
        ----------
        points : ndarray (n, d), in [0, 1]
        losses : ndarray (n, n_objectives)
            To be minimised; infinite where the evaluation gave no values.
        paid_for : bool
            Whether these configs must not be proposed again, as an earlier stage of this study
            evaluated them. What another study found may be proposed.
        fidelities : ndarray (n,), optional
            By default all are of the highest. Values below the highest that any of them has are
            not learned, as they cannot be compared with what this search finds.

        Raises
        ------
        SettingError
            Something was asked already, or the shapes do not fit.
        """
        if self.n_asked or self._queue:
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
        if fidelities is None or self.fidelity is None:
            fidelities = np.full(len(points), self.highest)
        if paid_for:
            asked = None if self.fidelity is None else fidelities
            self.proposals.add(points, [-1] * len(points), asked)
        which = comparable(losses, fidelities)
        points, losses = points[which], losses[which]
        snapped = self.space.snap(points)  # as solutions are: equal configs are equal points
        for point, row in zip(snapped, losses, strict=True):
            self.knowledge.append(len(self.knowledge), point, row)
        self.history.know(snapped, losses)
        self._is_paid += [paid_for] * len(points)
        for each in self._with_hosted():
            each._learned()

    def expect(self, trials: int) -> None:
        """Note how many trials (at least 1) the study will have, before the first ask.

        A study records the number that it began with, and repeats it whenever it is resumed.
        """
        for inner in self._hosted:
            inner.expect(trials)

    @property
    def phase(self) -> Phase | None:
        """How the strategy chooses now, and why; None, the default, where it has one way only."""
        return None

    @property
    def explanation(self) -> str:
        """What the strategy does now, and why, in one line; empty without a `phase`.

        It says what the last ask did and what was told since. No model is fitted for it.
        """
        phase = self.phase
        if phase is None:
            return ""
        return self._joined(str(phase), best_in_words(self.history, self.objectives))

    @property
    def doing(self) -> str:
        """The same without the reason and the best value, as a display shows them elsewhere."""
        phase = self.phase
        return "" if phase is None else self._joined(phase.without_reason)

    @property
    def facts(self) -> Sequence[str]:
        """What is worth knowing beside the phase, in words; see `_facts`."""
        return self._facts()

    def _joined(self, *words: str) -> str:
        return "; ".join(filter(None, [*words, *self.facts, recent_in_words(self.history)]))

    @property
    def best(self) -> int | None:
        """The number of the best observed solution by the first objective; None without one.

        Of several fidelities it is among the solutions of the highest one that has values.
        """
        history = self.history
        if not len(history):
            return None
        row = int(best_first(history.losses, history.numbers, history.fidelities)[0])
        return int(history.numbers[row]) if history.losses[row, 0] < np.inf else None

    @property
    def lowest(self) -> float:
        """The lowest fidelity of the problem; nan where it has none."""
        return math.nan if self.fidelity is None else self.fidelity.low

    @property
    def highest(self) -> float:
        """The highest fidelity of the problem; nan where it has none."""
        return math.nan if self.fidelity is None else self.fidelity.high

    def continuable(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return which of these observed solutions may be asked again, the likeliest first.

        They have values, and their configs are not being evaluated at a higher fidelity, nor are
        complete at one. What the others left on disk is removed, and of these, what a limit leaves
        no room for: the last first. A strategy that knows which it will never continue leaves them
        out; by default all may be, in the order of the ranking.
        """
        rows, history = self.history.rows(numbers), self.history
        return numbers[best_first(history.losses[rows], numbers, history.fidelities[rows])]

    @property
    def early_stopping(self) -> Mapping[str, Any] | None:
        """The rule of early stopping that a study must run its trials with; None, the default.

        It has the rule's ``name`` and settings, as in a run file.
        """
        return None

    @property
    def n_possible(self) -> float:
        """The largest number of solutions that it can ask for: an int, or inf.

        A strategy that asks for a config at several fidelities counts each.
        """
        return self.space.size

    @property
    def batch_size(self) -> float:
        """The number of solutions that can be asked before results are needed: an int, or inf."""
        return math.inf

    def settings(self) -> dict[str, Any]:
        """Return the arguments as JSON data, which a study records."""
        return {name: _as_json(getattr(self, name)) for name in self.argument_names()}

    @classmethod
    def argument_names(cls) -> list[str]:
        """Return the names of the arguments that the class takes; each is an attribute too."""
        if cls.__init__ is object.__init__:
            return []
        return list(inspect.signature(cls.__init__).parameters)[1:]

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={value!r}" for name, value in self.settings().items())
        return f"{type(self).__name__}({inside})"

    # -- for those who write one ---------------------------------------------------------------

    @abstractmethod
    def _ask(self, number: int, n: int) -> Floats:
        """Return the points of the next solutions.

        Parameters
        ----------
        number : int
            The first one's number, at least ``len(self.start)``; the others follow it.
        n : int
            How many are wanted.

        Returns
        -------
        ndarray (m, d), in [0, 1]
            Without rows where results must be told first or nothing is left. More than n rows are
            welcome where they do not depend on results that are still to come, as in a generation.
            Pass them through `novel`, so that nothing is proposed twice.
        """

    def _facts(self) -> Sequence[str]:
        """Return what is worth knowing beside the phase, in words; it must cost little."""
        return ()

    def _ask_at(self, number: int, n: int) -> tuple[Floats, Floats]:
        """Return the points of the next solutions, as `_ask` does, and the fidelity of each.

        By default those of `_ask`, at the highest fidelity. A strategy that chooses fidelities
        writes both: here what comes next, in `_ask` its new configs alone. A known config may
        come again at a higher fidelity than it has been asked at, by the point that it has in
        `history`, and not passed through `novel`. It has the seed that it had, so the evaluation
        may go on where it ended.

        Returns
        -------
        points : ndarray (m, d), in [0, 1]
        fidelities : ndarray (m,)
            From the problem's lowest to its highest; nan where it has none.
        """
        points = self._ask(number, n)
        return points, np.full(len(points), self.highest)

    def _start_fidelity(self, number: int) -> float:
        """Return at which fidelity the start config of a number is asked: the highest."""
        return self.highest

    def _setup(self) -> None:  # noqa: B027
        """Prepare for the bound space; check settings against it."""

    def _learned(self) -> None:  # noqa: B027
        """Update what depends on `knowledge`, which has grown."""

    def _requeued(self) -> None:  # noqa: B027
        """Go back to the first point that `_ask` returned and that was not asked yet.

        Only a strategy that keeps its place from one call of `_ask` to the next needs it.
        """

    def _tell(self, trials: Sequence[Trial]) -> None:  # noqa: B027
        """Learn from trials, which `history` already holds."""

    def generator(self, *key: int) -> np.random.Generator:
        """Return the random generator of a key: with the same key, the same draws."""
        return keyed_generator(self.seed, *key)

    def novel(
        self,
        points: Floats,
        rng: np.random.Generator,
        *,
        before: int,
        vary: Vary | None = None,
    ) -> Floats:
        """Replace points that are forbidden or known, or that repeat an earlier row.

        See `Proposals.novel`.
        """
        return self.proposals.novel(points, rng, before=before, vary=vary)

    def unknown(self, points: Floats, *, before: int) -> NDArray[np.bool_]:
        """Return which points are allowed, not proposed under lower numbers, and repeat no row.

        See `Proposals.unknown`.
        """
        return self.proposals.unknown(points, before=before)

    # -- for those who run another one inside their own -----------------------------------------

    def host(self, inner: Inner) -> Inner:
        """Return a copy of a strategy that works on this one's search; call it in `_setup`.

        It has this one's space, seed, start configs, history, pending solutions, proposals and
        knowledge, and learns from then on whatever this one learns, just before it. Ask it by
        `propose` in `_ask`, or by `propose_at` in `_ask_at`; its `ask` and `tell` are not used.

        A strategy that knows no fidelities would take each fidelity of a config for another
        config: host it as ``Proposer(inner)``, which shows it one value for each.

        Parameters
        ----------
        inner : Optimizer
            Not bound; it stays so, and may be hosted again.

        Raises
        ------
        SettingError
            `inner` is bound already or its settings do not suit the problem, or this strategy has
            learned or asked something.
        """
        if self.n_asked or len(self.history.all_losses):
            raise SettingError(
                "strategies must be hosted before anything is asked or told, but got "
                f"{type(inner).__name__} after that: call host in _setup"
            )
        hosted = self._unbound_copy(inner)
        hosted.seed, hosted.start = self.seed, self.start
        hosted._begin_search(self.space, self)  # may host others itself, which share them too
        self._hosted.append(hosted)
        return hosted

    def propose(self, number: int, n: int) -> Floats:
        """Return the points of the next solutions, as `_ask` does: how a host asks.

        Parameters
        ----------
        number : int
            The host's number of the first one.
        n : int

        Returns
        -------
        ndarray (m, d), in [0, 1]
            Of new configs, where the strategy chooses fidelities.
        """
        self.n_asked = number  # the host has asked all before it, of whichever strategy
        return self._ask(number, n)

    def propose_at(self, number: int, n: int) -> tuple[Floats, Floats]:
        """Return the points of the next solutions and their fidelities, as `_ask_at` does."""
        self.n_asked = number
        return self._ask_at(number, n)

    def subsearch(
        self,
        inner: Inner,
        *,
        seed: int,
        space: Space | None = None,
        has_fidelity: bool = True,
    ) -> Inner:
        """Return a copy of a strategy bound to a search of its own within this one.

        Its solutions have numbers of their own, from 0, and it is told nothing but what it is
        told: use `learn`, `ask`, `tell`, `replay` and `take_back` as a study would.

        Parameters
        ----------
        inner : Optimizer
            Not bound; it stays so.
        seed : int, >= 0
        space : Space, optional
            By default this one's.
        has_fidelity : bool
            Whether it has this one's fidelity, where there is one.

        Raises
        ------
        SettingError
            `inner` is bound already, or its settings do not suit the problem.
        """
        own = self._unbound_copy(inner)
        own.seed, own.start = seed, ()
        own.fidelity = self.fidelity if has_fidelity else None
        own._begin_search(self.space if space is None else space)
        return own

    def take_back(self, n: int) -> None:
        """Take back the last n asked solutions: the next `ask` returns them again."""
        for _ in range(n):
            self.n_asked -= 1
            solution = self.pending.pop(self.n_asked)
            self._queue.put_back(solution)

    # -- state ---------------------------------------------------------------------------------

    def _check_unbound(self) -> None:
        if hasattr(self, "space"):
            raise SettingError(
                "an optimizer serves one study, but this one is bound already: make another "
                f"{type(self).__name__}"
            )

    def _unbound_copy(self, inner: Inner) -> Inner:
        inner._check_unbound()
        found = copy.deepcopy(inner)
        found.objectives, found.fidelity = self.objectives, self.fidelity
        return found

    def _begin_search(self, space: Space, host: Optimizer | None = None) -> None:
        """Begin with nothing asked or told; with a host, with what that one has."""
        self.space, self.n_asked = space, 0
        self._is_past_start = False
        self._hosted: list[Optimizer] = []
        if host is None:
            self.history = History(space.d, len(self.objectives))
            self.knowledge = History(space.d, len(self.objectives))
            self.pending, self.proposals = {}, Proposals(space, self.seed)
            self._is_paid = []
            self._beliefs = Beliefs(self.objectives[0].sign)
        else:  # the objects themselves: what the host notes is known here at once
            self.history, self.knowledge = host.history, host.knowledge
            self.pending, self.proposals = host.pending, host.proposals
            self._is_paid = host._is_paid
        self._queue = Queue(space, self.proposals, self.fidelity, self.generator)
        self._setup()

    def _with_hosted(self) -> Iterator[Optimizer]:
        """Yield the strategies inside this one, theirs first, and this one."""
        for inner in self._hosted:
            yield from inner._with_hosted()
        yield self

    def _refill(self, n: int) -> bool:
        """Put the next points into the queue; return whether there were any."""
        number = self.n_asked
        points = self._start_left()
        if len(points):
            at = [self._start_fidelity(number + place) for place in range(len(points))]
            return self._queue.add(number, points, np.array(at, dtype=np.float64))
        points, fidelities = self._ask_at(number, n)
        if not len(points):
            return False
        return self._queue.add(number, points, np.asarray(fidelities, dtype=np.float64))

    def _solution(self, number: int, config: Config, point: Floats, fidelity: float) -> Solution:
        if self.fidelity is None:
            return Solution(number, config, point, keyed_seed(self.seed, number))
        # One config, one seed, so that its evaluation may go on where an earlier one ended.
        first = min(number, self.proposals.first(point, number))
        seed = keyed_seed(self.seed, first if first >= 0 else number)
        return Solution(number, config, point, seed, self.fidelity.level(fidelity))

    def _start_left(self) -> Floats:
        """Return the points of the start configs that have not been proposed."""
        # Once no start config is left none will be, and looking them up would slow each ask.
        if not self.start or self._is_past_start:
            return np.empty((0, self.space.d))
        points = self.space.encode(self.start)
        left = points[self.proposals.unknown(points, before=self.n_asked)]
        self._is_past_start = not len(left)
        return left

    def _drop_queue(self) -> None:
        """Forget points that were drawn and not asked: they are drawn again for other numbers."""
        self._queue.drop(self.n_asked)
        self._is_past_start = False
        for each in self._with_hosted():
            each._requeued()

    def _learn(self, trials: Sequence[Trial]) -> None:
        rows = [
            losses(self.objectives, trial.outcome.values if trial.ok else {}) for trial in trials
        ]
        for trial, row in zip(trials, rows, strict=True):
            solution = self.pending.pop(trial.number)
            if len(row) == 1:  # a curve is of one objective
                row[0] = self._beliefs.believed(trial, float(row[0]))
            self.history.append(solution.number, solution.point, row, solution.fidelity)
        if trials:
            for each in self._with_hosted():
                each._tell(trials)


def _as_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _as_json(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(part) for part in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return repr(value)
