"""The grid of a space, addressed by number and never built."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from hpopt.errors import SpaceError, UnknownNameError
from hpopt.space.conditions import Conditions
from hpopt.space.parameter import DORMANT, Floats, Parameter, Resolution


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
        self._needed_after = [
            {parent for name in self._names[place:] for parent in conditions.of(name)}
            for place in range(len(self._names) + 1)
        ]
        self._known: dict[tuple[Any, ...], float] = {}
        self.size = self._count(0, {})

    def _count(self, place: int, codes: Mapping[str, float | None]) -> float:
        """Count the points of the parameters from `place` on, given the codes of parents before."""
        if place == len(self._names):
            return 1
        needed = self._needed_after[place]
        known = (place, *((p, codes[p]) for p in self._names[:place] if p in needed))
        if known not in self._known:
            name = self._names[place]
            if not self._conditions.exists(name, codes):
                total = self._count(place + 1, {**codes, name: None})
            elif name not in self._needed_after[place + 1]:
                total = self._counts[name] * self._count(place + 1, {**codes, name: None})
            else:
                total = sum(
                    self._count(place + 1, {**codes, name: code}) for code in self._codes(name)
                )
            self._known[known] = total
        return self._known[known]

    def _codes(self, name: str) -> list[float]:
        """Give the codes of a parent's grid values."""
        parameter, resolution = self._parameters[name], self._resolutions[name]
        blocks = [parameter.unrank(index, resolution) for index in range(int(self._counts[name]))]
        codes: list[float] = parameter.codes(np.array(blocks))[:, 0].tolist()
        return codes

    def point(self, index: int) -> Floats:
        """Give the point number `index`, shape (d,); the last parameter changes fastest."""
        if not 0 <= index < self.size:
            raise IndexError(f"0 <= index < {self.size} must hold, but got {index}")
        if math.isinf(self.size):
            raise SpaceError("a grid needs a resolution for each continuous parameter")
        point = np.full(sum(p.width for p in self._parameters.values()), DORMANT)
        start = 0
        codes: dict[str, float | None] = {}
        for place, name in enumerate(self._names):
            codes[name] = None
            columns = slice(start, start + self._parameters[name].width)
            start = columns.stop
            if not self._conditions.exists(name, codes):
                continue
            if name in self._needed_after[place + 1]:
                chosen = 0
                for chosen, code in enumerate(self._codes(name)):  # noqa: B007
                    codes[name] = code
                    below = int(self._count(place + 1, codes))
                    if index < below:
                        break
                    index -= below
            else:
                chosen, index = divmod(index, int(self._count(place + 1, codes)))
            point[columns] = self._parameters[name].unrank(chosen, self._resolutions[name])
        return point
