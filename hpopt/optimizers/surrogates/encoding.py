"""A space as a model sees it: features, and the levels of discrete coordinates."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hpopt.core.proposals import Floats
from hpopt.space import Parameter, Sequence, Space, Vector

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

MOST_LEVELS = 128  # a number with more levels is as good as continuous to a model
DRAWS = 200  # random configs whose active coordinates are counted
ROUNDING = 1e-12  # positions that differ by less are the same
HALF = math.sqrt(0.5)  # two one-hot features of this size are 1 apart
COUNTABLE = 1000  # a space with no more configs is scored as a whole
# A choice of more values than this is no branch: each would be seen too rarely.
MOST_BRANCHES = 12


class Encoding:
    """The coordinates of a space as features whose Euclidean distances a kernel can use.

    A numeric coordinate is one feature: the position of its own value, 0.5 where it is inactive. A
    categorical one has a feature for each choice: √½ for the chosen one, 0 for the others, and all
    0 where it is inactive. So the squared distance of two choices is 1, and that of a choice and an
    inactive coordinate ½.

    Attributes
    ----------
    numeric, choices : ndarray of int
        The coordinates that have an order, and those that have none.
    groups : ndarray (p,) of int
        The coordinate of each feature; the numeric ones come first.
    centres : list of ndarray or None
        The positions of the values of each coordinate; None where it is continuous or nearly so.
    smooth : ndarray (d,) of bool
        Where there are no `centres`.
    stepped : ndarray (s,) of int
        The numeric coordinates that are not smooth and have several values.
    positions : ndarray (s, k)
        The centres of their values, ascending; infinite beyond the last.
    n_positions : ndarray (s,) of int
    steps : ndarray (s, 4) of int
        The steps of a local search, in values: by one, and by an eighth of all, down and up.
    names : list of str
        The coordinates by parameter: ``rate``, ``layers[0].units``, ``len(layers)``.
    draws : ndarray (200, d)
        Random points, the same ones in every search.
    n_effective : float, >= 1
        The mean number of active coordinates of a random config; those of one value do not count.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        described = list(_names_and_centres(space, ""))
        self.names = [name for name, _ in described]
        self.centres: list[Floats | None] = [centres for _, centres in described]
        self.smooth = np.array([centres is None for centres in self.centres])
        self.stepped, self.positions, self.n_positions = _stepped_coordinates(
            self.centres, space.ordered
        )
        near, far = np.ones_like(self.n_positions), np.maximum(2, self.n_positions // 8)
        self.steps = np.stack([-near, near, -far, far], axis=1)
        self.numeric = np.flatnonzero(space.ordered)
        self.choices = np.flatnonzero(~space.ordered)
        n_choices = space.levels[self.choices]
        self.groups = np.concatenate([self.numeric, np.repeat(self.choices, n_choices)])
        # The categorical coordinate of each choice's feature, and the choice.
        self._owners = np.repeat(np.arange(len(n_choices)), n_choices)
        self._choices = np.concatenate([np.arange(n) for n in (0, *n_choices)])
        self._n_choices = n_choices
        # The same draws in every search: the dimension must not depend on the seed.
        self.draws = np.random.default_rng(0).random((DRAWS, space.d))
        counted = space.active(self.draws) & (space.levels != 1)
        self.n_effective = max(1.0, float(counted.sum(axis=1).mean()))

    def features(self, points: Floats, active: Bools | None = None) -> Floats:
        """Return the features of snapped points (n, d), shape (n, p)."""
        active = self.space.active(points) if active is None else active
        numeric, k = self.numeric, len(self.numeric)
        features = np.empty((len(points), len(self.groups)))
        features[:, :k] = np.where(active.take(numeric, axis=1), points.take(numeric, axis=1), 0.5)
        if len(self.choices):
            chosen = self.codes(points).take(self._owners, axis=1) == self._choices
            chosen &= active.take(self.choices, axis=1).take(self._owners, axis=1)
            np.multiply(chosen, HALF, out=features[:, k:])
        return features

    def features_at(self, points: Floats) -> Floats:
        """Return the features of the configs of points (n, d) in [0, 1], shape (n, p)."""
        return self.features(self.space.snap(points))

    def beside(self, point: Floats) -> tuple[Floats, Floats]:
        """Return the next values below and above a snapped point, shapes (d,).

        At an end, and where a coordinate is smooth or unordered, it is the point's own value.
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
        """Return the index of each choice, shape (n, number of categorical coordinates)."""
        codes = (points.take(self.choices, axis=1) * self._n_choices).astype(np.int64)
        return np.minimum(codes, self._n_choices - 1)


def _names_and_centres(space: Space, prefix: str) -> Iterator[tuple[str, Floats | None]]:
    for name, parameter in space.items():
        if isinstance(parameter, Sequence):
            n_lengths = parameter.max_length - parameter.min_length + 1
            yield f"len({prefix}{name})", (np.arange(n_lengths) + 0.5) / n_lengths
            for place in range(parameter.max_length):
                yield from _names_and_centres(parameter.layer, f"{prefix}{name}[{place}].")
        elif isinstance(parameter, Vector):
            for place in range(parameter.length):
                yield f"{prefix}{name}[{place}]", None
        else:
            yield prefix + name, _centres(parameter)


def _stepped_coordinates(centres: list[Floats | None], ordered: Bools) -> tuple[Ints, Floats, Ints]:
    """Return `stepped`, `positions` and `n_positions`; see `Encoding`."""
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
    n_levels = int(parameter.levels[0])
    if not n_levels or (n_levels > MOST_LEVELS and parameter.ordered[0]):
        return None
    return value_positions(parameter)


def value_positions(parameter: Parameter) -> Floats:
    """Return the positions of all values of a parameter that has some, ascending."""
    unit, n_levels = getattr(parameter, "unit", None), int(parameter.levels[0])
    codes = np.arange(n_levels, dtype=np.float64)
    return (codes + 0.5) / n_levels if unit is None else np.asarray(unit(codes))


def everything_in(encoding: Encoding) -> Floats | None:
    """Return all allowed configs of a small space as points; None for a larger one."""
    grid = encoding.space.grid()
    if grid.size > COUNTABLE:
        return None
    points = np.array([grid.point(index) for index in range(int(grid.size))])
    points = points[encoding.space.allowed(points)]
    return encoding.space.snap(points) if len(points) else None
