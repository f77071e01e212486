"""A space as a model sees it: features, the levels of discrete coordinates, and branches."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from hpopt.core.proposals import Floats
from hpopt.space import Parameter, Sequence, Space, Vector

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

MOST_LEVELS = 128
"""A number with more levels is as good as continuous to a model."""
DRAWS = 200
ROUNDING = 1e-12
"""Positions that differ by less are the same."""
HALF = math.sqrt(0.5)


class Encoding:
    """The coordinates of a space as features whose Euclidean distances a kernel can use.

    A numeric coordinate is one feature: the position of its own value, 0.5 where it does not
    exist. A categorical one is one feature a choice: √½ for the chosen one, none where it does
    not exist. So choices that differ are 1 apart, and a choice and no choice ½, in squares.

    Parameters
    ----------
    space : Space

    Attributes
    ----------
    numeric, choices : ndarray of int
        The coordinates that have an order, and those that have none.
    groups : ndarray (p,) of int
        The coordinate of each feature; the numeric ones come first.
    centres : list of ndarray or None
        The positions of the values of each coordinate; None where it is continuous, or as good
        as that.
    smooth : ndarray (d,) of bool
        Where there are no `centres`.
    stepped : ndarray (s,) of int
        The numeric coordinates of several values that are not smooth.
    positions : ndarray (s, k)
        The centres of their values, ascending; infinite beyond the last.
    n_positions : ndarray (s,) of int
    steps : ndarray (s, 4) of int
        By how many of them a step goes: by one, or by an eighth of all, down and up.
    names : list of str
        The coordinates in words: ``rate``, ``layers[0].units``, ``len(layers)``.
    n_effective : float, >= 1
        How many coordinates matter in a config, on average: those with one value do not count.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        described = list(_described(space, ""))
        self.names = [name for name, _ in described]
        self.centres: list[Floats | None] = [centres for _, centres in described]
        self.smooth = np.array([centres is None for centres in self.centres])
        self.stepped, self.positions, self.n_positions = _stepped(self.centres, space.ordered)
        near, far = np.ones_like(self.n_positions), np.maximum(2, self.n_positions // 8)
        self.steps = np.stack([-near, near, -far, far], axis=1)
        self.numeric = np.flatnonzero(space.ordered)
        self.choices = np.flatnonzero(~space.ordered)
        n_choices = space.levels[self.choices]
        self.groups = np.concatenate([self.numeric, np.repeat(self.choices, n_choices)])
        # Of each feature of a choice: which of the categorical coordinates, and which choice.
        self._owners = np.repeat(np.arange(len(n_choices)), n_choices)
        self._choices = np.concatenate([np.arange(n) for n in (0, *n_choices)])
        self._n_choices = n_choices
        draws = np.random.default_rng(0).random((DRAWS, space.d))
        counted = space.active(draws) & (space.levels != 1)
        self.n_effective = max(1.0, float(counted.sum(axis=1).mean()))

    def features(self, points: Floats, active: Bools | None = None) -> Floats:
        """Give the features of snapped points (n, d), shape (n, p)."""
        active = self.space.active(points) if active is None else active
        numeric, k = self.numeric, len(self.numeric)
        features = np.empty((len(points), len(self.groups)))
        features[:, :k] = np.where(active.take(numeric, axis=1), points.take(numeric, axis=1), 0.5)
        if len(self.choices):
            chosen = self.codes(points).take(self._owners, axis=1) == self._choices
            chosen &= active.take(self.choices, axis=1).take(self._owners, axis=1)
            np.multiply(chosen, HALF, out=features[:, k:])
        return features

    def beside(self, point: Floats) -> tuple[Floats, Floats]:
        """Give the next values below and above a snapped point, shapes (d,).

        It is the point's own value at an end, where a coordinate is smooth, and where it has no
        order.
        """
        below, above = point.copy(), point.copy()
        here = point[self.stepped, None]
        lower = np.where(self.positions < here - ROUNDING, self.positions, -np.inf)
        higher = np.where(self.positions > here + ROUNDING, self.positions, np.inf)
        least, most = lower.max(axis=1, initial=-np.inf), higher.min(axis=1, initial=np.inf)
        below[self.stepped] = np.where(np.isfinite(least), least, here[:, 0])
        above[self.stepped] = np.where(np.isfinite(most), most, here[:, 0])
        return below, above

    def codes(self, points: Floats) -> Ints:
        """Give the places of the choices, shape (n, number of categorical coordinates)."""
        codes = (points.take(self.choices, axis=1) * self._n_choices).astype(np.int64)
        return np.minimum(codes, self._n_choices - 1)


def _described(space: Space, prefix: str) -> Iterator[tuple[str, Floats | None]]:
    """Give the name and centres of each coordinate."""
    for name, parameter in space.items():
        if isinstance(parameter, Sequence):
            n_lengths = parameter.max_length - parameter.min_length + 1
            yield f"len({prefix}{name})", (np.arange(n_lengths) + 0.5) / n_lengths
            for place in range(parameter.max_length):
                yield from _described(parameter.layer, f"{prefix}{name}[{place}].")
        elif isinstance(parameter, Vector):
            for place in range(parameter.length):
                yield f"{prefix}{name}[{place}]", None
        else:
            yield prefix + name, _centres(parameter)


def _stepped(centres: list[Floats | None], ordered: Bools) -> tuple[Ints, Floats, Ints]:
    """Give the numeric coordinates of several values, their padded centres, and how many."""
    found = [
        (column, own)
        for column, own in enumerate(centres)
        if own is not None and len(own) > 1 and ordered[column]
    ]
    counts = np.array([len(own) for _, own in found], dtype=np.int64)
    padded = np.full((len(found), max(counts, default=0)), np.inf)
    for row, (_, own) in zip(padded, found, strict=True):
        row[: len(own)] = own
    return np.array([column for column, _ in found], dtype=np.int64), padded, counts


def _centres(parameter: Parameter) -> Floats | None:
    """Give the positions of a parameter's values, ascending; None for too many."""
    n_levels = int(parameter.levels[0])
    if not n_levels or (n_levels > MOST_LEVELS and parameter.ordered[0]):
        return None
    unit = getattr(parameter, "unit", None)
    codes = np.arange(n_levels, dtype=np.float64)
    return (codes + 0.5) / n_levels if unit is None else np.asarray(unit(codes))


MOST_BRANCHES = 12
"""Of more values than these each would be seen too rarely."""

Within = Callable[[Floats], NDArray[np.bool_]]
"""Says of features (m, p) which may be asked, shape (m,)."""


class Branches:
    """The choices of a space that other parameters depend on.

    Parameters
    ----------
    encoding : Encoding
    """

    def __init__(self, encoding: Encoding) -> None:
        space = encoding.space
        columns = [space.columns(name).start for name in space if name in space.conditions.parents]
        self._encoding = encoding
        self._features = [
            np.flatnonzero(encoding.groups == column)
            for column in columns
            if not space.ordered[column] and 1 < space.levels[column] <= MOST_BRANCHES
        ]

    def __len__(self) -> int:
        return len(self._features)

    def other_than(self, point: Floats, turn: int) -> Within:
        """Give what lies in another branch than a snapped point (d,); the choices take turns."""
        own = self._features[turn % len(self._features)]
        here = self._encoding.features(point[None])[0, own]

        def elsewhere(features: Floats) -> NDArray[np.bool_]:
            return np.asarray((features[:, own] != here).any(axis=1))

        return elsewhere
