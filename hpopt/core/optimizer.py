"""The base class of all strategies: what a study, or whoever drives a search, calls."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from hpopt import checks
from hpopt.checks import whole
from hpopt.core.amounts import counted
from hpopt.core.origin import Origin
from hpopt.core.phase import best_in_words, recent_in_words
from hpopt.core.problem import Problem, check_problem, constraints_of, objectives_of
from hpopt.core.proposals import Floats
from hpopt.core.ranking import best_first
from hpopt.core.search import Search
from hpopt.core.start import start_configs
from hpopt.core.strategy import Strategy
from hpopt.core.trial import Solution, Trial
from hpopt.errors import SettingError

Self = TypeVar("Self", bound="Optimizer")


class Optimizer(Strategy):
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
    plain : str
        What it does all the time, in words for those who do not know the strategy; a display shows
        it where there is no `phase`.
    space, objectives, constraints, fidelity, seed
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
    plain: ClassVar[str] = ""

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
            Only its space, objectives, constraints and fidelity are looked at.
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
        seed = checks.seed(seed)
        configs = start_configs(start, problem.space, seed)
        named = problem.space, objectives_of(problem), problem.fidelity
        self._join(Search(*named, seed, configs, constraints=constraints_of(problem)))
        return self

    def ask(self, n: int = 1) -> list[Solution]:
        """Return up to n solutions to evaluate.

        Fewer, or none, means that results of pending ones must be told first; when none is
        pending, that nothing is left to try. Only the counter and `pending` change.
        """
        if type(n) is not int or n < 1:  # it comes with each trial, nearly always right
            n = whole("n", n, 1)
        search = self._bound_search
        solutions: list[Solution] = []
        while len(solutions) < n and (search.queue or self._refill(n - len(solutions))):
            solutions.append(search.ask())
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
        # All are checked before anything is learned, so that an error leaves no trace.
        self._bound_search.check_pending(trials)
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
        if asked:
            # Before learning: strategies may look up what is known while they learn.
            self._bound_search.note_asked(asked)
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
        return self._bound_search.solution(config, point, self.highest)

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
        self._bound_search.drop_queue()
        for each in self._with_hosted():
            each._requeued()
        self.replay([trial])

    def take_back(self, n: int) -> None:
        """Take back the last n asked solutions: the next `ask` returns them again."""
        self._bound_search.take_back(n)

    def learn(
        self,
        points: Floats,
        losses: Floats,
        *,
        paid_for: bool = False,
        fidelities: Floats | None = None,
        violations: Floats | None = None,
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
        violations : ndarray (n, n_constraints), optional
            By how much they break the constraints, as in `History`; by default not known.

        Raises
        ------
        SettingError
            Something was asked already, or the shapes do not fit.
        """
        self._bound_search.know(points, losses, fidelities, violations, paid_for=paid_for)
        for each in self._with_hosted():
            each._learned()

    @property
    def explanation(self) -> str:
        """What the strategy does now, and why, in one line.

        It says what the last ask did and what was told since. No model is fitted for it. Without a
        `phase` it is empty, or says that a fidelity is not chosen.
        """
        phase, full = self.phase, "" if self.chooses_fidelities else self._full_in_words()
        if phase is None:
            return full
        return self._joined(str(phase), full, best_in_words(self.history, self.objectives))

    @property
    def doing(self) -> str:
        """The same without the reason and the best value, as a display shows them elsewhere.

        Without a phase it is `plain`.
        """
        phase = self.phase
        said = self.plain if phase is None else phase.without_reason
        return self._joined(said) if said else ""

    @property
    def facts(self) -> Sequence[str]:
        """What is worth knowing beside the phase, in words; see `_facts`."""
        return self._facts()

    @property
    def chooses_fidelities(self) -> bool:
        """Whether it says how long each config is trained; else all get the highest fidelity."""
        return type(self)._ask_at is not Optimizer._ask_at

    def _full_in_words(self) -> str:
        """Return that all configs get the highest fidelity, where the problem has lower ones."""
        if self.fidelity is None or self.lowest == self.highest:
            return ""
        return f"every config gets all {counted(self.highest, self.fidelity.name)}"

    def _joined(self, *words: str) -> str:
        return "; ".join(filter(None, [*words, *self.facts, recent_in_words(self.history)]))

    def continuable(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return which of these observed solutions may be asked again, the likeliest first.

        They have values, and their configs are not being evaluated at a higher fidelity, nor are
        complete at one. What the others left on disk is removed, and of these, what a limit leaves
        no room for: the last first. A strategy that knows which it will never continue leaves them
        out; by default all may be, in the order of the ranking.
        """
        rows, history = self.history.rows(numbers), self.history
        values = history.losses[rows], numbers, history.fidelities[rows]
        return numbers[best_first(*values, history.is_broken[rows])]

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

    @property
    def order_free(self) -> bool:
        """Whether what can be asked now does not depend on the results that are still to come.

        So it is with strategies that learn nothing, or at the end of a generation: to ask for more
        at once costs them nothing. By default results are learned as they come.
        """
        return False

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

    # -- inside --------------------------------------------------------------------------------

    def _refill(self, n: int) -> bool:
        """Put the next points into the queue; return whether there were any."""
        search = self._bound_search
        number = search.n_asked
        points = search.start_left()
        if len(points):
            at = [self._start_fidelity(number + place) for place in range(len(points))]
            generations = [each._start_generation for each in self._with_hosted()]
            own = Origin(next((each for each in generations if each is not None), None))
            origins = {point.tobytes(): own for point in points}
            return search.queue.add(number, points, np.array(at, dtype=np.float64), origins)
        search.origins = {}
        points, fidelities = self._ask_at(number, n)
        if not len(points):
            return False
        levels = np.asarray(fidelities, dtype=np.float64)
        return search.queue.add(number, points, levels, search.origins)

    def _learn(self, trials: Sequence[Trial]) -> None:
        self._bound_search.observe(trials)
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
