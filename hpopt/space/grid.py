"""The grid of a space, addressed by number and never built."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from hpopt.errors import SpaceError, UnknownNameError
from hpopt.space.conditions import Conditions
from hpopt.space.parameter import DORMANT, Floats, Parameter, Resolution

ELSE = -1.0  # stands for the codes that no condition names


class Grid:
    """The grid of a space, addressed by number and never built.

    Conditions are followed: a parameter that does not exist is not multiplied in, so each config
    appears exactly once.

    Parameters
    ----------
    parameters : mapping of str to Parameter
    conditions : Conditions
        Of these parameters.
    resolution : int, mapping or None
        How many values each ordered parameter gets, evenly spread with both ends. None: all that
        it has. A mapping gives it by name, for a Sequence as an int or a mapping of its own.

    Attributes
    ----------
    size : int or inf
        The exact number of its points, forbidden ones counted.
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
        self._parameters, self._conditions = parameters, conditions
        self._names = list(parameters)
        self._resolutions = {
            name: resolution.get(name) if isinstance(resolution, Mapping) else resolution
            for name in parameters
        }
        self._counts = {name: p.count(self._resolutions[name]) for name, p in parameters.items()}
        self._told_apart = {
            parent: np.unique(
                np.concatenate([conditions.of(name).get(parent, []) for name in self._names])
            )
            for parent in conditions.parents
        }
        self._runs_of = {parent: self._runs(parent) for parent in conditions.parents}
        self._parents_at = self._parents_by_place()
        self._free = self._free_by_place()
        self._known: dict[tuple[Any, ...], float] = {}
        self.size = self._count(0, {})

    def _runs(self, parent: str) -> list[tuple[int, float]]:
        """Give a parent's grid values as runs (length, code) that no condition tells apart."""
        parameter, resolution = self._parameters[parent], self._resolutions[parent]
        count, told_apart = int(self._counts[parent]), self._told_apart[parent]
        if count == parameter.size:
            runs, stop = [], 0
            for code in told_apart.astype(np.int64).tolist():
                runs += [(code - stop, ELSE), (1, float(code))]
                stop = code + 1
            return [run for run in [*runs, (count - stop, ELSE)] if run[0]]
        blocks = np.array([parameter.unrank(index, resolution) for index in range(count)])
        codes = parameter.codes(blocks)[:, 0]
        return [(1, code) for code in np.where(np.isin(codes, told_apart), codes, ELSE).tolist()]

    def _parents_by_place(self) -> list[list[str]]:
        """Give for each place the parents before it that parameters from there on depend on."""
        last = {p: place for place, n in enumerate(self._names) for p in self._conditions.of(n)}
        first = {name: place for place, name in enumerate(self._names)}
        return [
            [parent for parent in last if first[parent] < place <= last[parent]]
            for place in range(len(self._names) + 1)
        ]

    def _free_by_place(self) -> list[tuple[float, int]]:
        """Give for each place the product of the counts up to the next parent or child, and it."""
        free: list[tuple[float, int]] = [(1, len(self._names))]
        for place in reversed(range(len(self._names))):
            name = self._names[place]
            if name in self._conditions.parents or self._conditions.of(name):
                free.append((1, place))
            else:
                product, stop = free[-1]
                free.append((_times(self._counts[name], product), stop))
        return free[::-1]

    def _count(self, place: int, codes: Mapping[str, float | None]) -> float:
        """Count the points of the parameters from `place` on, given the codes of parents before."""
        product, place = self._free[place]
        if place == len(self._names):
            return product
        known = (place, *(codes[parent] for parent in self._parents_at[place]))
        if known not in self._known:
            name = self._names[place]
            if not self._conditions.exists(name, codes):
                total = self._count(place + 1, {**codes, name: None})
            elif name in self._conditions.parents:
                total = 0
                for length, code in self._runs_of[name]:
                    branch = self._count(place + 1, {**codes, name: code})
                    total = _plus(total, _times(length, branch))
            else:
                total = _times(self._counts[name], self._count(place + 1, {**codes, name: None}))
            self._known[known] = total
        return _times(product, self._known[known])

    def point(self, index: int) -> Floats:
        """Give the point number `index`, shape (d,); the last parameter changes fastest."""
        if not 0 <= index < self.size:
            raise IndexError(f"0 <= index < {self.size} must hold, but got {index}")
        if self.size == math.inf:
            raise SpaceError("a grid needs a resolution for each continuous parameter")
        point = np.full(sum(p.width for p in self._parameters.values()), DORMANT)
        stop = 0
        codes: dict[str, float | None] = {}
        for place, (name, parameter) in enumerate(self._parameters.items()):
            columns = slice(stop, stop + parameter.width)
            stop = columns.stop
            codes[name] = None
            if not self._conditions.exists(name, codes):
                continue
            if name in self._conditions.parents:
                chosen, index = self._branch(place, codes, index)
            else:
                chosen, index = divmod(index, int(self._count(place + 1, codes)))
            point[columns] = parameter.unrank(chosen, self._resolutions[name])
        return point

    def _branch(self, place: int, codes: dict[str, float | None], index: int) -> tuple[int, int]:
        """Give a parent's grid value and the index below it; its code is put into `codes`."""
        name, chosen = self._names[place], 0
        for length, code in self._runs_of[name]:
            codes[name] = code
            below = int(self._count(place + 1, codes))
            if index < length * below:
                break
            index -= length * below
            chosen += length
        further, index = divmod(index, below)
        return chosen + further, index


def _times(one: float, other: float) -> float:
    """Multiply ints of any size and inf."""
    return math.inf if math.inf in (one, other) else one * other


def _plus(one: float, other: float) -> float:
    """Add ints of any size and inf."""
    return math.inf if math.inf in (one, other) else one + other
