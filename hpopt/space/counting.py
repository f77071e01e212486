"""Count the configs of parameters of which some depend on others.

Parameters that have nothing to do with one another multiply; those that are connected by
conditions are counted together, value by value of their parents. Fixing a parent takes a group
apart, so each group is counted in the order of its elimination tree (Darwiche 2001, "Recursive
conditioning", https://doi.org/10.1016/S0004-3702(00)00069-2): the cost grows with how entangled the
conditions are, and not with the number of parameters.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from hpopt.space.parameter import Floats

MOST = 2**14_000  # counts end here: they stay cheap, and Python prints up to 4,300 digits
MOST_STATES = 10_000  # different cases up to which configs are counted: a second of Python or so
DEEPEST = 400  # the same of parameters fixed one after the other: Python's recursion ends at 1,000

State = int
# Bits of the parameters of a group: set where those before it allow them to exist.
Run = tuple[int, float | None]


def times(one: float, other: float) -> float:
    """Return the product of counts: an int up to `MOST`, or inf."""
    return math.inf if math.inf in (one, other) else min(one * other, MOST)


def plus(one: float, other: float) -> float:
    """Return the sum of counts: an int up to `MOST`, or inf."""
    return math.inf if math.inf in (one, other) else min(one + other, MOST)


def power(base: int, exponent: int) -> int:
    """Return a power of a count, an int up to `MOST`."""
    if base > 1 and exponent * (base.bit_length() - 1) >= MOST.bit_length():
        return MOST
    exact: int = base**exponent
    return min(exact, MOST)


class EntangledError(Exception):
    """The conditions tell too many cases apart to be counted."""


class Counts:
    """Numbers of ways to choose the parameters of a group.

    A group is known by the place of its first parameter. What parameters before it mean for a
    group is its state: of each of its parameters that has parents before it, whether these allow
    it to exist.

    Parameters
    ----------
    allowed : sequence of mappings
        For each parameter, in order, the codes that its parents must have, by their places.
    sizes : sequence of int or inf
        How many values each has.
    runs : mapping of int to list of (int, float)
        The values of each parent, by its place: lengths and codes of runs of values that no
        condition tells apart.

    Attributes
    ----------
    roots : list of int
        The groups that together are all parameters.
    """

    def __init__(
        self,
        allowed: Sequence[Mapping[int, Floats]],
        sizes: Sequence[float],
        runs: Mapping[int, list[Run]],
    ) -> None:
        self._sizes, self._runs = sizes, runs
        self._is_conditional = [bool(parents) for parents in allowed]
        self._groups: list[list[int]] = [[] for _ in sizes]
        self._watched: list[int] = [0] * len(sizes)
        self._grow(allowed)
        self._absent, self._having = self._masks(allowed)
        self._known: dict[tuple[int, State], float] = {}

    def _grow(self, allowed: Sequence[Mapping[int, Floats]]) -> None:
        """Find the groups into which fixing each parameter splits its own group."""
        children: list[list[int]] = [[] for _ in allowed]
        for place, parents in enumerate(allowed):
            for parent in parents:
                children[parent].append(place)
        first_of = list(range(len(allowed)))

        def group_of(place: int) -> int:  # union-find, with paths halved
            while first_of[place] != place:
                first_of[place] = first_of[first_of[place]]
                place = first_of[place]
            return place

        # From the last to the first, so that the groups of all children are known.
        depth = [1] * len(allowed)
        watched: list[list[int]] = [[] for _ in allowed]
        for place in reversed(range(len(allowed))):
            groups = sorted({group_of(child) for child in children[place]})
            self._groups[place] = groups
            for group in groups:
                first_of[group] = place
                depth[place] = max(depth[place], 1 + depth[group])
            members = [place, *(m for group in groups for m in watched[group])]
            watched[place] = [m for m in members if min(allowed[m], default=place) < place]
            self._watched[place] = sum(1 << member for member in watched[place])
        self.roots = [place for place in range(len(allowed)) if first_of[place] == place]
        self._is_too_deep = max(depth, default=0) > DEEPEST

    def _masks(
        self, allowed: Sequence[Mapping[int, Floats]]
    ) -> tuple[list[State], list[dict[float, State]]]:
        """Return what may exist where each parameter is absent, and where it has each code."""
        absent = [-1] * len(allowed)
        for child, parents in enumerate(allowed):
            for parent in parents:
                absent[parent] &= ~(1 << child)
        having: list[dict[float, State]] = [{} for _ in allowed]
        for child, parents in enumerate(allowed):
            for parent, codes in parents.items():
                of_code = having[parent]
                for code in codes.tolist():
                    of_code[code] = of_code.get(code, absent[parent]) | 1 << child
        return absent, having

    def exists(self, place: int, state: State) -> bool:
        """Return whether the first parameter of a group exists."""
        return not self._is_conditional[place] or bool(state >> place & 1)

    def runs(self, place: int, state: State) -> list[Run]:
        """Return the values of the first parameter of a group as runs; (1, None) if absent."""
        if not self.exists(place, state):
            return [(1, None)]
        return self._runs[place] if place in self._runs else [(int(self._sizes[place]), None)]

    def rest(self, place: int, state: State, code: float | None) -> list[tuple[int, State]]:
        """Return the groups that are left when the first parameter has this code, or is absent."""
        absent, watched = self._absent[place], self._watched
        may_exist = absent if code is None else self._having[place].get(code, absent)
        may_exist &= state | ~watched[place]
        return [(group, may_exist & watched[group]) for group in self._groups[place]]

    def count(self, place: int, state: State = 0) -> float:
        """Return the number of ways to choose the parameters of a group.

        Raises
        ------
        EntangledError
            Its conditions tell too many cases apart.
        """
        known = self._known.get((place, state))
        if known is not None:
            return known
        if self._is_too_deep or len(self._known) >= MOST_STATES:
            raise EntangledError
        if place not in self._runs and self.exists(place, state):
            total = self._sizes[place]
        else:
            total = 0
            for length, code in self.runs(place, state):
                ways: float = length
                for group, following in self.rest(place, state, code):
                    ways = times(ways, self.count(group, following))
                total = plus(total, ways)
        self._known[place, state] = total
        return total
