"""The strategy that proposes new configs inside one that chooses fidelities."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hpopt.core.history import History
from hpopt.core.optimizer import Optimizer
from hpopt.core.origin import Origin
from hpopt.core.phase import Phase
from hpopt.core.proposals import Floats
from hpopt.core.search import OWN
from hpopt.core.strategy import Strategy
from hpopt.core.trial import Solution, Trial

Ints = NDArray[np.int64]
Learns = Callable[[History, Ints], Sequence[int]]
"""From a history, and the number of the config of each of its rows, to the rows to learn from: one
a config, in the order in which they are learned. It must follow from these alone."""

SEED = 9  # of the key of a proposer's own seed; the third number keeps it apart from other draws


def latest(history: History, configs: Ints) -> list[int]:
    """Choose the value of each config at its highest fidelity so far.

    For any strategy, also one that waits for each of its configs, as a generation does.
    """
    rows: dict[int, int] = {}  # keeps the order in which configs were first told
    fidelities = history.fidelities.tolist()
    for row, config in enumerate(configs.tolist()):
        if config not in rows or fidelities[row] >= fidelities[rows[config]]:
            rows[config] = row
    return list(rows.values())


def first(history: History, configs: Ints) -> list[int]:
    """Choose the first value of each config: of one fidelity, where all begin at the same.

    Nothing that was learned changes, so a model is never made anew.
    """
    rows: dict[int, int] = {}
    for row, config in enumerate(configs.tolist()):
        rows.setdefault(config, row)
    return list(rows.values())


def at_highest(least: int) -> Learns:
    """Return a choice of the values at the highest fidelity at which there are `least` or more.

    For models; a strategy that waits for its configs would wait for those of lower fidelities for
    ever. Failures are learned whatever their fidelity. Where no fidelity has so many values, it is
    the lowest.
    """

    def choose(history: History, configs: Ints) -> list[int]:
        rows = latest(history, configs)
        fails = np.asarray(np.isinf(history.losses).any(axis=1))
        levels, counts = np.unique(history.fidelities[~fails], return_counts=True)
        enough = levels[counts >= least]
        level = [*levels[:1], *enough][-1:]
        chosen = np.flatnonzero(np.isin(history.fidelities, level) & ~fails).tolist()
        has_value = {configs[row] for row in chosen}
        return sorted([*chosen, *(r for r in rows if fails[r] and configs[r] not in has_value)])

    return choose


class Proposer(Optimizer):
    """Have a strategy that knows no fidelities propose the new configs of one that does.

    It searches by itself, as `subsearch` does, over the configs of its host: the one that was
    first proposed is its solution 0, whoever proposed it, and so on. It is shown one value of each
    as if there were no fidelity. Where a value that it has learned changes, since the config was
    continued, it is made anew and shown all again: its state follows from what the host was told,
    so replay is exact.

    Parameters
    ----------
    strategy : Optimizer
        Not bound; it stays so.
    learns : callable
        Which value of each config it is shown: `latest`, `first`, ``at_highest(least)``, or
        another function of these arguments.

    Examples
    --------
    A strategy of two rungs, where `_promoted` returns the point that is to go on to the highest
    fidelity, or no row:

    >>> class TwoRungs(Optimizer):
    ...     def _setup(self):
    ...         self._new = self.host(Proposer(TPE(), learns=first))
    ...
    ...     def _start_fidelity(self, number):
    ...         return self.lowest
    ...
    ...     def _ask(self, number, n):
    ...         return self._new.propose(number, 1)
    ...
    ...     def _ask_at(self, number, n):
    ...         points, fidelity = self._promoted(), self.highest
    ...         if not len(points):
    ...             points, fidelity = self._ask(number, n), self.lowest
    ...         return points, np.full(len(points), fidelity)
    """

    _expected: int | None
    _inner: Optimizer | None

    def __init__(self, strategy: Optimizer, *, learns: Learns = latest) -> None:
        self.strategy, self.learns = strategy, learns

    @property
    def phase(self) -> Phase | None:
        """That of the strategy."""
        return None if self._inner is None else self._inner.phase

    @property
    def batch_size(self) -> float:
        """That of the strategy."""
        return math.inf if self._inner is None else self._inner.batch_size

    def expect(self, trials: int) -> None:
        """Note how many trials the study will have."""
        self._expected = trials
        self._inner = None

    def _setup(self) -> None:
        self._expected = None
        self._trials: dict[int, Trial] = {}
        self._inner = None
        self._configs: list[int] = []  # of each of its solutions, the config's number here
        # Of each value that it was told, its number, and that of the trial here.
        self._told: list[tuple[int, int]] = []
        self._config_of_row: list[int] = []
        self._fresh()  # raises where the strategy does not suit the problem

    def _learned(self) -> None:
        self._inner = None

    def _tell(self, trials: Sequence[Trial]) -> None:
        self._trials.update((trial.number, trial.without_texts()) for trial in trials)

    def _ask(self, number: int, n: int) -> Floats:
        configs = self.proposals.firsts(before=number)
        told = self._to_learn(configs)
        inner = self._inner
        if inner is None or not self._goes_on(inner, configs, told):
            inner, self._told = self._fresh(), []
            inner.replay([], [self._inside(configs, place) for place in range(len(configs))])
        new = told[len(self._told) :]
        for place, _ in new:  # it may have been hidden
            inner.pending.setdefault(place, self._inside(configs, place))
        inner.tell([Trial(inner.pending[k], self._trials[own].outcome) for k, own in new])
        valued = set(self._config_of_row)
        for place in [*inner.pending]:
            if configs[place] in valued:  # at a fidelity that is not to be learned: it is hidden
                del inner.pending[place]
        self._inner, self._configs, self._told = inner, configs, told
        asked = inner.ask(n)
        points = np.array([each.point for each in asked]).reshape(-1, self.space.d)
        origins = [
            Origin(each.generation, tuple([configs[k] for k in each.parents if k >= 0]))
            for each in asked
        ]
        self.note_origins(points, origins)
        return points

    def _to_learn(self, configs: Sequence[int]) -> list[tuple[int, int]]:
        """Return its number and the trial's, of all that is to be learned, in order."""
        history, known = self.history, self._config_of_row
        known += [self.proposals.first(each) for each in history.points[len(known) :]]
        place_of = {config: place for place, config in enumerate(configs)}
        rows = self.learns(history, np.array(known, dtype=np.int64))
        # Those that an earlier stage has paid for have no number here, and are left out.
        return [
            (place_of[known[row]], int(history.numbers[row]))
            for row in rows
            if known[row] in place_of
        ]

    def _goes_on(
        self, inner: Optimizer, configs: Sequence[int], told: Sequence[tuple[int, int]]
    ) -> bool:
        """Return whether the strategy has asked these configs, and learned the first of these."""
        n = len(self._configs)
        return (
            inner.n_asked == len(configs)
            and configs[:n] == self._configs
            and told[: len(self._told)] == self._told
            and all(
                np.array_equal(inner.pending[place].point, self._inside(configs, place).point)
                for place in range(n, len(configs))
            )
        )

    def _inside(self, configs: Sequence[int], place: int) -> Solution:
        """Return the solution under which the strategy knows a config."""
        number = configs[place]
        own = self.pending[number] if number in self.pending else self._trials[number].solution
        return replace(own, number=place, fidelity=None, parents=())

    def _fresh(self) -> Optimizer:
        seed = int(self.generator(SEED, 0, 0).integers(2**63))
        inner = self.subsearch(self.strategy, seed=seed, has_fidelity=False)
        if self._expected is not None:
            inner.expect(self._expected)
        teach(inner, Known.before(self))
        return inner


class Known(NamedTuple):
    """Observations of a search, a row each.

    Attributes
    ----------
    points : ndarray (n, d)
    losses : ndarray (n, n_objectives)
        As measured.
    violations : ndarray (n, n_constraints)
    sources : ndarray (n,) of int
        Which study each is from; `OWN` where its config must not be proposed again.
    fidelities : ndarray (n,)
    """

    points: Floats
    losses: Floats
    violations: Floats
    sources: Ints
    fidelities: Floats

    @classmethod
    def before(cls, optimizer: Strategy) -> Known:
        """Return what a strategy knows that was observed before its search began."""
        known = optimizer.knowledge
        return cls(
            known.points,
            known.measured,
            known.violations,
            optimizer.sources,
            np.full(len(known), optimizer.highest),
        )

    def take(self, rows: Ints | Sequence[int] | NDArray[np.bool_]) -> Known:
        """Return some of the rows."""
        return Known._make(column[rows] for column in self)

    def moved_to(self, points: Floats) -> Known:
        """Return the same of other points, such as those of another space."""
        return self._replace(points=points)

    def followed_by(self, others: Known) -> Known:
        """Return these and others."""
        return Known._make(map(np.concatenate, zip(self, others, strict=True)))


def teach(inner: Optimizer, known: Known) -> None:
    """Have a strategy learn observations, of which some must not be proposed again."""
    # Those of other studies first: what may repeat must not be noted as proposed.
    for source in sorted(set(known.sources.tolist()), key=lambda each: (each == OWN, each)):
        own, paid_for = known.take(known.sources == source), source == OWN
        if len(own.points):
            inner.learn(
                own.points,
                own.losses,
                paid_for=paid_for,
                fidelities=own.fidelities,
                violations=own.violations,
            )
