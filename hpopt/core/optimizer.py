"""An optimizer: ask it for solutions, tell it what they gave. The base keeps the books."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from hpopt.core.history import History
from hpopt.core.problem import Objective, Problem, check_problem, losses, objectives_of
from hpopt.core.solution import Config, Solution
from hpopt.core.trial import Trial
from hpopt.errors import ConfigError, SettingError
from hpopt.numerics.sampling import keyed_generator, keyed_seed, permuted
from hpopt.space import Grid, Space

Floats = NDArray[np.float64]
Vary = Callable[[Floats, np.random.Generator], Floats]
Self = TypeVar("Self", bound="Optimizer")

VARIATIONS = 8
REDRAWS = 16
ENOUGH = 32
LAST_DRAWS = 64
DRAWN_AT_ONCE = 1024
SCANNED_AT_ONCE = 64


class Optimizer(ABC):
    """Who chooses: subclass it and write `_ask`.

    The base numbers solutions, decodes points, keeps what is pending and what was told, and
    knows which configs have been proposed. A strategy only turns history into points.

    A strategy's state is its seed and what it was told, nothing else: draw from
    ``self.generator(k)`` with a key that follows from numbers, and derive everything kept
    between calls from `history`. Then a fresh optimizer that is told the journal goes on exactly
    as the old one would have.

    Attributes
    ----------
    name : str
        How it is called in ``optimizer="..."``.
    space, objectives, seed
        What it works on, after `bind`.
    history : History
        What it was told, as arrays.
    pending : dict of int to Solution
        What was asked and has not been told, by number.
    n_asked : int
        How many solutions were asked: the next one's number.
    start : tuple of dict
        The configs that are asked first.
    """

    name: ClassVar[str] = ""

    space: Space
    objectives: tuple[Objective, ...]
    seed: int
    history: History
    pending: dict[int, Solution]
    n_asked: int
    start: tuple[Config, ...]

    # -- for those who use it ----------------------------------------------------------------

    def bind(
        self: Self,
        problem: Problem,
        *,
        seed: int = 0,
        start: Iterable[Mapping[str, Any]] = (),
    ) -> Self:
        """Tie the optimizer to a problem; once, before the first `ask`.

        Parameters
        ----------
        problem : Problem
            Only its space, objectives and fidelity are looked at.
        seed : int, >= 0
        start : iterable of mappings
            Configs to ask first, in this order.

        Raises
        ------
        ConfigError
            A start config does not fit the space, or is there twice.
        SettingError
            The optimizer is bound already, the seed is none, or its settings do not suit the
            problem.
        """
        if hasattr(self, "space"):
            raise SettingError(
                "an optimizer serves one study, but this one is bound already: make another "
                f"{type(self).__name__}"
            )
        check_problem(problem)
        if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
            raise SettingError(f"seed must be an int of at least 0, but got {seed!r}")
        self.start = _start(start, problem.space)
        self.objectives = objectives_of(problem)
        self._fidelity = problem.fidelity.high if problem.fidelity is not None else None
        self.seed = int(seed)
        self.space = problem.space
        self.history = History(self.space.d, len(self.objectives))
        self.pending = {}
        self.n_asked = 0
        self._known: dict[bytes, int] = {}
        self._queue: deque[tuple[Config, Floats]] = deque()
        self._scanned = 0
        self._everything: Grid | None = None
        self._setup()
        return self

    def ask(self, n: int = 1) -> list[Solution]:
        """Give up to n solutions to evaluate.

        Fewer, or none, means: wait for pending ones to be told; when none is pending, that there
        is nothing left to try. Apart from the counter and the pending set nothing changes.
        """
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise SettingError(f"n must be an int of at least 1, but got {n!r}")
        solutions: list[Solution] = []
        while len(solutions) < n and (self._queue or self._refill(n - len(solutions))):
            config, point = self._queue.popleft()
            number = self.n_asked
            solution = Solution(
                number, config, point, keyed_seed(self.seed, number), self._fidelity
            )
            self.n_asked += 1
            self.pending[number] = solution
            solutions.append(solution)
        return solutions

    def tell(self, trials: Trial | Sequence[Trial]) -> None:
        """Learn what solutions gave.

        Raises
        ------
        SettingError
            One of them was not asked, or was told before. Nothing is learned then.
        ProblemError
            One of them has values, but not all objectives. Nothing is learned then.
        """
        trials = [trials] if isinstance(trials, Trial) else list(trials)
        told: set[int] = set()
        for number in (trial.number for trial in trials):
            if number not in self.pending or number in told:
                known = number in self.history or number in told
                what = "was told already" if known else "was never asked"
                raise SettingError(
                    f"each asked solution must be told once, but number {number} {what}"
                )
            told.add(number)
        self._learn(trials)

    def replay(self, told: Sequence[Trial], pending: Sequence[Solution] = ()) -> None:
        """Take up a search where a journal ends.

        Parameters
        ----------
        told : sequence of Trial
            In the order in which they were told.
        pending : sequence of Solution
            Asked and never told; they keep their number and seed and are told later.
        """
        asked = [trial.solution for trial in told] + list(pending)
        if not asked:
            return
        keys = self.space.keys_of(np.array([solution.point for solution in asked]))
        for solution, key in zip(asked, keys, strict=True):
            self._known.setdefault(key, solution.number)
            self.pending[solution.number] = solution
        self.n_asked = 1 + max(solution.number for solution in asked)
        self._learn(told)

    @property
    def best(self) -> int | None:
        """The number of the best told solution (of the first objective); None without one."""
        if not len(self.history):
            return None
        row = int(np.lexsort((self.history.numbers, self.history.losses[:, 0]))[0])
        return int(self.history.numbers[row]) if self.history.losses[row, 0] < np.inf else None

    @property
    def n_possible(self) -> float:
        """How many solutions it can ask for at most: an int, or inf."""
        return self.space.size

    def settings(self) -> dict[str, Any]:
        """Give its arguments as JSON data: what a study records of its strategy."""
        return {name: _as_json(getattr(self, name)) for name in self.argument_names()}

    @classmethod
    def argument_names(cls) -> list[str]:
        """Give the names of the arguments that its class takes; each is an attribute too."""
        if cls.__init__ is object.__init__:
            return []
        return list(inspect.signature(cls.__init__).parameters)[1:]

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={value!r}" for name, value in self.settings().items())
        return f"{type(self).__name__}({inside})"

    # -- for those who write one ---------------------------------------------------------------

    @abstractmethod
    def _ask(self, number: int, n: int) -> Floats:
        """Give the points of the next solutions.

        Parameters
        ----------
        number : int
            The first one's number, at least ``len(self.start)``; the others follow it.
        n : int
            How many are wanted.

        Returns
        -------
        ndarray (m, d), in [0, 1]
            No row where results must be waited for or nothing is left. More than n rows are
            welcome where they do not depend on results that are still to come (a generation).
            Send them through `novel`, so that nothing is proposed twice.
        """

    def _setup(self) -> None:  # noqa: B027
        """Prepare for the bound space; check settings against it."""

    def _tell(self, trials: Sequence[Trial]) -> None:  # noqa: B027
        """Learn from trials that `history` already holds."""

    def generator(self, *key: int) -> np.random.Generator:
        """Give the random generator of a key: the same one each time."""
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

        Such a row is varied, then drawn anew; at last the next config of a random enumeration
        takes its place (in an infinite space, the next of many draws). Rows for which nothing is
        left are dropped.

        Parameters
        ----------
        points : ndarray (n, d), in [0, 1]
            Proposals, in the order of their numbers.
        rng : Generator
            Its draws depend on the proposals only.
        before : int
            The first row's number: what was proposed under lower numbers is known.
        vary : callable, optional
            Gives other points in place of some; the strategy's own mutation.

        Returns
        -------
        ndarray (m, d), in [0, 1], m <= n
        """
        points = self.space.snap(self.space.mended(points, rng))
        taken: set[bytes] = set()
        keys = self._settle(points, np.arange(len(points)), [b""] * len(points), taken, before)
        fruitless = 0
        for attempt in range(VARIATIONS + REDRAWS):
            left = np.array([row for row, key in enumerate(keys) if not key], dtype=np.int64)
            if not left.size:
                return points
            if vary is not None and attempt < VARIATIONS:
                others = vary(points[left], rng)
            else:
                others = rng.random((left.size, self.space.d))
            points[left] = self.space.snap(self.space.mended(others, rng))
            n_taken = len(taken)
            keys = self._settle(points, left, keys, taken, before)
            fruitless = 0 if len(taken) > n_taken else fruitless + left.size
            if fruitless >= ENOUGH and (vary is None or attempt >= VARIATIONS):
                break  # nearly everything is known: draws are wasted
        rest = [row for row, key in enumerate(keys) if not key]
        for row, (key, point) in zip(rest, self._unknown_points(taken, before, rng), strict=False):
            keys[row], points[row] = key, point
        return points[[row for row, key in enumerate(keys) if key]]

    def unknown(self, points: Floats, *, before: int) -> NDArray[np.bool_]:
        """Say which points are allowed, were not proposed under lower numbers, repeat no row.

        Parameters
        ----------
        points : ndarray (n, d), in [0, 1]
        before : int
            The first row's number.

        Returns
        -------
        ndarray (n,) of bool
        """
        rows = np.arange(len(points))
        keys = self._settle(points, rows, [b""] * len(points), set(), before)
        return np.array([bool(key) for key in keys], dtype=bool)

    # -- the books -----------------------------------------------------------------------------

    def _settle(
        self,
        points: Floats,
        rows: NDArray[np.int64],
        keys: list[bytes],
        taken: set[bytes],
        before: int,
    ) -> list[bytes]:
        """Give the keys of the rows that are new and allowed; the others stay empty."""
        allowed = self.space.allowed(points[rows]).tolist()
        for row, key, fine in zip(
            rows.tolist(), self.space.keys_of(points[rows]), allowed, strict=True
        ):
            if fine and key not in taken and self._known.get(key, before) >= before:
                keys[row] = key
                taken.add(key)
        return keys

    def _unknown_points(
        self, taken: set[bytes], before: int, rng: np.random.Generator
    ) -> Iterator[tuple[bytes, Floats]]:
        """Give the configs that nobody proposed; in an infinite space, those of many draws."""
        if self._everything is None:
            self._everything = self.space.grid()
        grid = self._everything
        if grid.size == np.inf:
            fruitless = 0
            while fruitless < LAST_DRAWS:
                points = self.space.mended(rng.random((DRAWN_AT_ONCE, self.space.d)), rng)
                points = self.space.snap(points)
                keys = [b""] * len(points)
                self._settle(points, np.arange(len(points)), keys, taken, before)
                found = [(key, point) for key, point in zip(keys, points, strict=True) if key]
                fruitless = 0 if found else fruitless + 1
                yield from found
            return
        place = self._scanned
        while place < grid.size:
            places = range(place, int(min(place + SCANNED_AT_ONCE, grid.size)))
            points = np.array([grid.point(permuted(i, int(grid.size), self.seed)) for i in places])
            allowed = self.space.allowed(points).tolist()
            for key, point, fine in zip(self.space.keys_of(points), points, allowed, strict=True):
                gone = not fine or self._known.get(key, before) < before
                if gone and place == self._scanned:
                    self._scanned += 1  # never to be looked at again
                elif not gone and key not in taken:
                    yield key, point
                place += 1

    def _refill(self, n: int) -> bool:
        """Put the next points into the queue; say whether there were any."""
        number = self.n_asked
        if number < len(self.start):
            points = self.space.encode(self.start[number:])
        else:
            points = self._ask(number, n)
        if not len(points):
            return False
        points = np.ascontiguousarray(points)
        points.flags.writeable = False
        for place, key in enumerate(self.space.keys_of(points)):
            self._known.setdefault(key, number + place)
        self._queue.extend(zip(self.space.decode(points), points, strict=True))
        return True

    def _learn(self, trials: Sequence[Trial]) -> None:
        rows = [losses(self.objectives, trial.values if trial.ok else {}) for trial in trials]
        for trial, row in zip(trials, rows, strict=True):
            solution = self.pending.pop(trial.number)
            self.history.append(solution.number, solution.point, row)
        self._tell(trials)


def _start(start: Iterable[Mapping[str, Any]], space: Space) -> tuple[Config, ...]:
    """Give the configs to ask first in their canonical form, each once."""
    configs = tuple(space.validate(config) for config in start)
    keys = [space.key(config) for config in configs]
    for place, key in enumerate(keys):
        if key in keys[:place]:
            raise ConfigError(f"start must hold different configs, but got {configs[place]} twice")
    return configs


def _as_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _as_json(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(part) for part in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return repr(value)
