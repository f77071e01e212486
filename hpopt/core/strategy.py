"""The inside of an optimizer: what a strategy writes, what it uses, and others that it runs."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from hpopt.core.constraint import Constraint
from hpopt.core.history import History
from hpopt.core.objective import Objective
from hpopt.core.origin import Origin
from hpopt.core.phase import Phase
from hpopt.core.problem import Fidelity
from hpopt.core.proposals import Floats, Proposals, Vary
from hpopt.core.ranking import best_first
from hpopt.core.search import Search
from hpopt.core.trial import Config, Solution, Trial
from hpopt.errors import SettingError
from hpopt.numerics.sampling import keyed_generator
from hpopt.space import Space

Inner = TypeVar("Inner", bound="Strategy")


class Strategy(ABC):
    """Choose points by the results so far: subclass `Optimizer`, which has this inside.

    `Optimizer` says what the attributes are.
    """

    space: Space
    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...]
    fidelity: Fidelity | None
    seed: int
    start: tuple[Config, ...]
    history: History
    knowledge: History
    pending: dict[int, Solution]
    proposals: Proposals
    _bound_search: Search
    _hosted: list[Strategy]
    _start_generation: ClassVar[int | None] = None
    """The generation that the start configs belong to, where there are generations."""

    # -- what a strategy writes ----------------------------------------------------------------

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

    def expect(self, trials: int) -> None:
        """Note how many trials (at least 1) the study will have, before the first ask.

        A study records the number that it began with, and repeats it whenever it is resumed.
        """
        for inner in self._hosted:
            inner.expect(trials)

    def expect_early_stopping(self, expected: bool) -> None:
        """Note whether a rule of the study, not the strategy's own, stops trials from now on."""
        for inner in self._hosted:
            inner.expect_early_stopping(expected)

    @property
    def phase(self) -> Phase | None:
        """How the strategy chooses now, and why; None, the default, where it has one way only."""
        return None

    def _facts(self) -> Sequence[str]:
        """Return what is worth knowing beside the phase, in words; it must cost little."""
        return ()

    # -- what a strategy uses ------------------------------------------------------------------

    @property
    def n_asked(self) -> int:
        """The number of solutions that were asked, which is the next one's number."""
        return self._bound_search.n_asked

    @property
    def lowest(self) -> float:
        """The lowest fidelity of the problem; nan where it has none."""
        return self._bound_search.lowest

    @property
    def highest(self) -> float:
        """The highest fidelity of the problem; nan where it has none."""
        return self._bound_search.highest

    @property
    def best(self) -> int | None:
        """The number of the best feasible solution by the first objective; None without one.

        Of several fidelities it is among the solutions of the highest one that has any.
        """
        history = self.history
        if not len(history):
            return None
        values = history.losses, history.numbers, history.fidelities
        row = int(best_first(*values, history.is_broken)[0])
        is_feasible = history.losses[row, 0] < np.inf and not history.is_broken[row]
        return int(history.numbers[row]) if is_feasible else None

    @property
    def sources(self) -> NDArray[np.int64]:
        """Which other study each row of `knowledge` is from, from 0; -1 of an earlier stage."""
        return np.array(self._bound_search.sources, dtype=np.int64)

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
        generation: int | None = None,
        parents: Sequence[Sequence[int]] | None = None,
    ) -> Floats:
        """Replace points that are forbidden or known, or that repeat an earlier row.

        See `Proposals.novel`. Where `generation` or `parents` are given, the solutions will have
        them; see `note_origins`.

        Parameters
        ----------
        generation : int, optional
            That of all points.
        parents : sequence of sequences of int, optional
            Of each point, the numbers of the solutions that it was made from, and others are from
            `vary`. What is drawn in the place of a point has none.
        """
        points, rows = self.proposals.replaced(points, rng, before=before, vary=vary)
        if parents is not None:
            made_from = [parents[row] if row >= 0 else () for row in rows.tolist()]
            origins = [Origin(generation, tuple(dict.fromkeys(each))) for each in made_from]
            self.note_origins(points, origins)
        elif generation is not None:
            self.note_origins(points, [Origin(generation)] * len(points))
        return points

    def note_origins(self, points: Floats, origins: Sequence[Origin]) -> None:
        """Note where points come from that `_ask` is about to return, some of them or all.

        They are for people to look at, and do not change the search. Like the points they must
        follow from the seed and the observations.
        """
        noted = self._bound_search.origins
        for point, origin in zip(points, origins, strict=True):
            noted[point.tobytes()] = origin

    def _take_origins(self) -> dict[bytes, Origin]:
        """Return what was noted of points, for an ask that will return them, and forget it."""
        search = self._bound_search
        noted, search.origins = search.origins, {}
        return noted

    def _give_origins(self, noted: dict[bytes, Origin]) -> None:
        """Note again what was taken."""
        self._bound_search.origins.update(noted)

    def unknown(self, points: Floats, *, before: int) -> NDArray[np.bool_]:
        """Return which points are allowed, not proposed under lower numbers, and repeat no row.

        See `Proposals.unknown`.
        """
        return self.proposals.unknown(points, before=before)

    # -- one strategy inside another -----------------------------------------------------------

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
        if self._bound_search.is_begun:
            raise SettingError(
                "strategies must be hosted before anything is asked or told, but got "
                f"{type(inner).__name__} after that: call host in _setup"
            )
        hosted = _unbound_copy(inner)
        hosted._join(self._bound_search)  # may host others itself, which join it too
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
        return self._ask(number, n)

    def propose_at(self, number: int, n: int) -> tuple[Floats, Floats]:
        """Return the points of the next solutions and their fidelities, as `_ask_at` does."""
        return self._ask_at(number, n)

    def start_at(self, number: int) -> float:
        """Return at which fidelity the start config of a number is asked, for a host to ask."""
        return self._start_fidelity(number)

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
        own = _unbound_copy(inner)
        fidelity = self.fidelity if has_fidelity else None
        where, bounds = (self.space if space is None else space), self.constraints
        named = where, self.objectives, fidelity, seed
        own._join(Search(*named, constraints=bounds, is_inner=True))
        return own

    def _join(self, search: Search) -> None:
        """Begin to work on a search, alone or beside a host."""
        self._bound_search, self._hosted = search, []
        # What strategies use most, at hand: a search never replaces one of these objects.
        self.space, self.objectives = search.space, search.objectives
        self.constraints = search.constraints
        self.fidelity, self.seed, self.start = search.fidelity, search.seed, search.start
        self.history, self.knowledge = search.history, search.knowledge
        self.pending, self.proposals = search.pending, search.proposals
        self._setup()

    def _with_hosted(self) -> Iterator[Strategy]:
        """Yield the strategies inside this one, theirs first, and this one."""
        for inner in self._hosted:
            yield from inner._with_hosted()
        yield self

    def _check_unbound(self) -> None:
        if hasattr(self, "_bound_search"):
            raise SettingError(
                "an optimizer serves one study, but this one is bound already: make another "
                f"{type(self).__name__}"
            )


def _unbound_copy(inner: Inner) -> Inner:
    inner._check_unbound()
    return copy.deepcopy(inner)
