"""The grid of a space, addressed by number and never built."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from hpopt.errors import SpaceError, UnknownNameError
from hpopt.space.conditions import Conditions
from hpopt.space.counting import MOST, Counts, EntangledError, Run, State, times
from hpopt.space.parameter import INACTIVE, Floats, Parameter, Resolution

ELSE = -1.0  # stands for all codes that no condition names; none of them is negative
Group = tuple[int, State]


class Left(NamedTuple):
    """A group of parameters that is still to be chosen, and the product of those after it."""

    place: int
    state: State
    product: float


class Grid:
    """The grid of a space, addressed by number and never built.

    Conditions are followed: a parameter that does not exist is not multiplied in, so each config
    appears exactly once.

    Parameters
    ----------
    conditions : Conditions
        Of these parameters.
    resolution : int, mapping or None
        How many values each ordered parameter gets, evenly spread with both ends. None: all that
        it has. A mapping gives it by name, for a Sequence as an int or a mapping of its own.

    Attributes
    ----------
    size : int or inf
        The exact number of its points, forbidden ones counted; inf from 2**14,000 on, too.
    n_addressed : int
        How many of its points can be addressed: 0 where a continuous parameter has no
        resolution, or where its conditions are so entangled that they cannot be counted.
    """

    def __init__(
        self,
        parameters: Mapping[str, Parameter],
        conditions: Conditions,
        resolution: Resolution = None,
    ) -> None:
        if isinstance(resolution, Mapping):
            for name in resolution:
                if name not in parameters:
                    raise UnknownNameError("parameter in resolution", str(name), parameters)
        self._parameters = parameters
        self._resolutions = {
            name: resolution.get(name) if isinstance(resolution, Mapping) else resolution
            for name in parameters
        }
        self._sizes = [p.count(self._resolutions[name]) for name, p in parameters.items()]
        self._counts = self._counted(conditions)
        self._is_entangled = False
        # Of each place: the product of the groups of parameters that begin there or later.
        self._products: list[float] = [1] * (len(parameters) + 1)
        try:
            self._multiply()
        except EntangledError:
            self._is_entangled, self._products[0] = True, math.inf
        total = self._products[0]
        self.size: float = math.inf if total >= MOST else total
        self.n_addressed = 0 if total == math.inf else int(total)

    def _counted(self, conditions: Conditions) -> Counts:
        places = {name: place for place, name in enumerate(self._parameters)}
        allowed = [
            {places[parent]: codes for parent, codes in conditions.allowed_codes(name).items()}
            for name in self._parameters
        ]
        named: dict[str, list[Floats]] = {parent: [] for parent in conditions.parents}
        for name in self._parameters:
            for parent, codes in conditions.allowed_codes(name).items():
                named[parent].append(codes)
        runs = {
            places[parent]: self._runs(parent, np.unique(np.concatenate(codes)))
            for parent, codes in named.items()
        }
        return Counts(allowed, self._sizes, runs)

    def _runs(self, parent: str, named: Floats) -> list[Run]:
        """Return a parent's grid values as runs (length, code) of equal meaning to conditions.

        Parameters
        ----------
        named : ndarray of float
            The codes that conditions name.
        """
        parameter, resolution = self._parameters[parent], self._resolutions[parent]
        count = int(parameter.count(resolution))
        if count == parameter.size:
            runs: list[Run] = []
            stop = 0
            for code in named.astype(np.int64).tolist():
                runs += [(code - stop, ELSE), (1, float(code))]
                stop = code + 1
            return [run for run in [*runs, (count - stop, ELSE)] if run[0]]
        blocks = np.array([parameter.unrank(index, resolution) for index in range(count)])
        codes = parameter.codes(blocks)[:, 0]
        return [(1, code) for code in np.where(np.isin(codes, named), codes, ELSE).tolist()]

    def _multiply(self) -> None:
        roots = set(self._counts.roots)
        for place in reversed(range(len(self._parameters))):
            own = self._counts.count(place) if place in roots else 1
            self._products[place] = times(own, self._products[place + 1])

    def point(self, index: int) -> Floats:
        """Return the point number `index`, shape (d,); the last parameter changes fastest."""
        return self._walk(index)[0]

    def after(self, index: int, name: str) -> int:
        """Return the number of the next point that differs in a parameter or in one before it."""
        place, n_below = self._walk(index)[1][name]
        return index - place + n_below

    def _walk(self, index: int) -> tuple[Floats, dict[str, tuple[int, int]]]:
        # For each parameter also the number of the point among those that differ only after it, and
        # how many these are.
        self._check(index)
        point = np.full(sum(p.width for p in self._parameters.values()), INACTIVE)
        stop, below = 0, {}
        left: list[Left] = []  # the next group is the last
        for place, (name, parameter) in enumerate(self._parameters.items()):
            columns = slice(stop, stop + parameter.width)
            stop = columns.stop
            state = left.pop().state if left and left[-1].place == place else 0
            others = times(self._products[place + 1], left[-1].product if left else 1)
            chosen, index, n_below, following = self._chosen(place, state, index, others)
            below[name] = index, n_below
            if self._counts.exists(place, state):
                point[columns] = parameter.unrank(chosen, self._resolutions[name])
            if following:
                left = self._put(left, following)
        return point, below

    def _check(self, index: int) -> None:
        if self._is_entangled:
            raise SpaceError(
                "a grid needs conditions that can be counted, but here too many combinations of "
                "values must be told apart: let parameters depend on fewer others"
            )
        if self.n_addressed and not 0 <= index < self.n_addressed:
            raise IndexError(f"0 <= index < {self.size} must hold, but got {index}")
        if not self.n_addressed:
            raise SpaceError("a grid needs a resolution for each continuous parameter")

    def _chosen(
        self, place: int, state: State, index: int, others: float
    ) -> tuple[int, int, int, list[Group]]:
        """Return which grid value a parameter has, and what that leaves.

        Parameters
        ----------
        others : int
            How many points there are of all groups that do not depend on its value.

        Returns
        -------
        chosen, index, n_below : int
            Its value, and the number of the point among those with this value, of how many.
        following : list of (int, State)
            The groups that depend on it.
        """
        first = 0
        for length, code in self._counts.runs(place, state):
            following = self._counts.rest(place, state, code)
            below = others
            for group, then in following:
                below = times(below, self._counts.count(group, then))
            if index < length * below:
                break
            index -= length * int(below)
            first += length
        further, index = divmod(index, int(below))
        return first + further, index, int(below), following

    def _put(self, left: list[Left], following: list[Group]) -> list[Left]:
        """Return the groups that are left with further ones, in their order."""
        product: float = 1
        placed = []
        groups = [*((each.place, each.state) for each in left), *following]
        for place, state in sorted(groups, reverse=True):
            product = times(product, self._counts.count(place, state))
            placed.append(Left(place, state, product))
        return placed
