"""The configs that are tried before there is a model: spread evenly, also over branches.

Sobol' 1967, with the scrambling of Owen 1998 as implemented in `scipy.stats.qmc`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hpopt.core import Optimizer
from hpopt.core.proposals import Floats
from hpopt.optimizers.surrogates.branches import Branches
from hpopt.optimizers.surrogates.dissimilar import MOST_APART, Dissimilar, ValueShares, in_turn
from hpopt.optimizers.surrogates.encoding import (
    MOST_BRANCHES,
    Bools,
    Encoding,
    Ints,
    value_positions,
)
from hpopt.space import Sequence, Space

# One config for each effective dimension within these bounds: 20 were worse where 50 evaluations
# are all, and fewer or more made no difference beyond chance.
FEWEST, MOST = 5, 12
FEWEST_VALUES = 3  # of a model: two give no scale beside the prior's
TIMES_EACH = 3  # configs of each branch; two and four were worse by 16 and 18 % of the regret
MOST_WITH_BRANCHES = 24  # half of a search of 50 evaluations
# A design in which some configs have too much in common is begun again, up to seven times; a large
# one less often, so that all are made of some thousand values.
MOST_DESIGNS, VALUES_OF_DESIGNS = 8, 8000
LARGEST_PARENT = 4096  # values of a number whose branches are balanced: a list of them is 32 kB


def first_count(encoding: Encoding) -> int:
    """Return how many configs to try first.

    It is the effective dimension, within 5 to 12; where conditions make branches up to 24, so that
    each is seen about three times.
    """
    space = encoding.space
    n = int(np.clip(round(encoding.n_effective), FEWEST, MOST))
    each = [
        len(np.unique(parent.branches))
        for parent in _parents(space, 0)
        if parent.is_named and len(parent.branches)
    ]
    return max([n, *(min(MOST_WITH_BRANCHES, TIMES_EACH * count) for count in each)])


class FirstDesign:
    """The points that are asked before there is a model.

    No two of the first d + 1, where a config has d parameters, have more than half of their values
    in common, if the space allows it. They do not depend on results, so that this holds for the
    first configs of many workers too.

    Parameters
    ----------
    encoding : Encoding
    n : int
        How many are tried before a model is asked, where results are not late.
    """

    def __init__(self, encoding: Encoding, n: int) -> None:
        space = encoding.space
        self._encoding = encoding
        most = int(space.active(encoding.draws).sum(axis=1).max())
        self._n = max(n, min(most, MOST_APART) + 1)
        self._block, self._points = -1, np.empty((0, space.d))

    def point(self, optimizer: Optimizer, number: int) -> Floats:
        """Return the point of a solution that is asked before there is a model, shape (1, d).

        Where results are later than the whole design, another one follows.
        """
        block, place = divmod(number - len(optimizer.start), self._n)
        if block != self._block:
            rng, space = optimizer.generator(0, block), optimizer.space
            known = space.snap(space.encode(optimizer.start))
            points = first_points(self._encoding, self._n, rng, known=known, middles=not block)
            self._block, self._points = block, points
        point = self._points[place : place + 1]
        return optimizer.novel(point, optimizer.generator(number), before=number)


def first_points(
    encoding: Encoding,
    n: int,
    rng: np.random.Generator,
    *,
    known: Floats | None = None,
    middles: bool = True,
) -> Floats:
    """Return n points of a scrambled Sobol' sequence with balanced branches and values.

    Parameters
    ----------
    encoding : Encoding
    n : int
    rng : numpy Generator
    known : ndarray (k, d), optional
        Points that are tried before them, snapped.
    middles : bool
        Whether each branch comes first with its own numbers in the middle of their ranges, those
        that some other branch does not have. Ranges are often chosen around a good value, and so
        branches are compared on equal terms.

    Returns
    -------
    ndarray (n, d), in [0, 1]
    """
    space = encoding.space
    known = np.empty((0, space.d)) if known is None else known
    sobol, shares = _sobol(space, n, rng), ValueShares(space)
    least, best = np.inf, sobol
    for _ in range(max(1, min(MOST_DESIGNS, VALUES_OF_DESIGNS // sobol.size))):
        points, excess = _design(encoding, shares, sobol, known, rng, middles=middles)
        if excess < least:
            least, best = excess, points
        if not least:
            break
    return best


def _design(
    encoding: Encoding,
    shares: ValueShares,
    sobol: Floats,
    known: Floats,
    rng: np.random.Generator,
    *,
    middles: bool,
) -> tuple[Floats, float]:
    """Return points (n, d) and their excess; see `Dissimilar.chosen`."""
    space, points = encoding.space, sobol.copy()
    parents = list(_parents(space, 0))
    balanced = [parent for parent in parents if 1 < parent.n_branches <= MOST_BRANCHES]
    for parent in balanced:
        rows = np.flatnonzero(space.active(points)[:, parent.column])
        weights = shares.of(parent.column, parent.positions)
        points[rows, parent.column] = parent.balanced(len(rows), weights, rng)
    free = np.ones(space.d, dtype=bool)
    free[[parent.column for parent in parents]] = False
    middle = np.zeros(points.shape, dtype=bool)
    if middles:
        once_each = max((parent.n_branches for parent in balanced if parent.is_named), default=0)
        middle[:once_each] = _own_numbers(encoding, points)[:once_each] & free
    if middle.any():  # the first config of all is in the middle of everything
        middle[0] = space.active(points)[0] & free & space.ordered
    return Dissimilar(encoding, shares, free).chosen(points, middle, known, rng)


def _sobol(space: Space, n: int, rng: np.random.Generator) -> Floats:
    from scipy.stats import qmc

    if space.d > qmc.Sobol.MAXDIM:
        return space.half_drawn(rng.random((n, space.d)))
    rounded = 1 << max(n - 1, 0).bit_length()  # scipy warns where n is no power of two
    return space.half_drawn(qmc.Sobol(space.d, rng=rng).random(rounded)[:n])


def _own_numbers(encoding: Encoding, points: Floats) -> Bools:
    """Return the numbers (n, d) that not all branches have, in the first config of each branch."""
    space, branches = encoding.space, Branches(encoding)
    active = space.active(points)
    own = np.zeros(space.d, dtype=bool)
    for name in space:
        columns = space.columns(name)
        own[columns] = not active[:, columns.start].all()
    return branches.firsts(points)[:, None] & active & own & space.ordered


@dataclass(frozen=True, slots=True)
class _Parent:
    """A coordinate that others depend on.

    Attributes
    ----------
    column : int
    positions, branches : ndarray (v,)
        Of each of its values, the position and the branch; empty where there are too many.
    is_named : bool
        Whether it is a parameter of the space, not of a layer nor the length of a list.
    """

    column: int
    positions: Floats
    branches: Ints
    is_named: bool

    @property
    def n_branches(self) -> int:
        """The number of its branches; of a number, only values that differ in what exists."""
        return len(np.unique(self.branches))

    def balanced(self, n: int, weights: Floats, rng: np.random.Generator) -> Floats:
        """Return n positions, of one branch as many as of any other."""
        branches = in_turn(np.ones(self.n_branches), n, rng)
        chosen = np.empty(n, dtype=np.int64)
        for branch in range(self.n_branches):
            rows, values = np.flatnonzero(branches == branch), self.branches == branch
            chosen[rows] = np.flatnonzero(values)[in_turn(weights[values], len(rows), rng)]
        return self.positions[chosen]


def _parents(space: Space, start: int, *, is_named: bool = True) -> Iterator[_Parent]:
    """Yield the coordinates that others depend on, the lengths of lists among them."""
    for name, parameter in space.items():
        column = start + space.columns(name).start
        if name in space.conditions.parents:
            few = int(parameter.levels[0]) <= LARGEST_PARENT
            positions = value_positions(parameter) if few else np.empty(0)
            yield _Parent(column, positions, _branches_of(space, name, len(positions)), is_named)
        if isinstance(parameter, Sequence):
            n = parameter.max_length - parameter.min_length + 1
            yield _Parent(column, (np.arange(n) + 0.5) / n, np.arange(n), is_named=False)
            for place in range(parameter.max_length):
                slot = column + 1 + place * parameter.layer.d
                yield from _parents(parameter.layer, slot, is_named=False)


def _branches_of(space: Space, name: str, n: int) -> Ints:
    """Return the branch of each of the n values of a parameter that others depend on."""
    values = np.arange(n)
    if not space[name].ordered[0] or not n:
        return values
    conditions = space.conditions
    allowed = [conditions.allowed_codes(child).get(name) for child in space]
    exists = [np.isin(values, codes) for codes in allowed if codes is not None]
    return np.unique(np.stack(exists, axis=1), axis=0, return_inverse=True)[1].reshape(-1)
