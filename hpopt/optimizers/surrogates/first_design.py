"""The configs that are tried before there is a model: spread evenly, also over branches.

Sobol' 1967, with the scrambling of Owen 1998 as implemented in `scipy.stats.qmc`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hpopt.core import Optimizer
from hpopt.core.proposals import Floats
from hpopt.optimizers.surrogates.encoding import MOST_BRANCHES, Encoding
from hpopt.space import Sequence, Space

# One config for each effective dimension within these bounds: 20 were worse where 50 evaluations
# are all, and fewer or more made no difference beyond chance.
FEWEST, MOST = 5, 12
TIMES_EACH = 3  # configs of each branch; two and four were worse by 16 and 18 % of the regret
MOST_WITH_BRANCHES = 24  # half of a search of 50 evaluations


def first_count(encoding: Encoding) -> int:
    """Return how many configs to try first.

    It is the effective dimension, within 5 to 12; where conditions make branches up to 24, so that
    each is seen about three times.
    """
    space = encoding.space
    n = int(np.clip(round(encoding.n_effective), FEWEST, MOST))
    return max([n, *(min(MOST_WITH_BRANCHES, TIMES_EACH * each) for each in _branches(space))])


def first_points(space: Space, n: int, rng: np.random.Generator, *, middles: bool = True) -> Floats:
    """Return n points of a scrambled Sobol' sequence with balanced branches.

    A parameter that others depend on takes its values in one random permutation after the other.

    Parameters
    ----------
    space : Space
    n : int
    rng : numpy Generator
    middles : bool
        Whether each branch comes first with its numbers in the middle of their ranges. Ranges are
        often chosen around a good value, and so branches are compared on equal terms.

    Returns
    -------
    ndarray (n, d), in [0, 1]
    """
    from scipy.stats import qmc

    if space.d <= qmc.Sobol.MAXDIM:
        # scipy warns where n is no power of two.
        rounded = 1 << max(n - 1, 0).bit_length()
        points: Floats = qmc.Sobol(space.d, rng=rng).random(rounded)[:n]
    else:
        points = rng.random((n, space.d))
    if middles:
        once_each = max((each for each in _branches(space) if each <= MOST_BRANCHES), default=0)
        points[:once_each, space.ordered] = 0.5
    for column in _branching(space, 0):
        levels = int(space.levels[column])
        if levels <= MOST_BRANCHES:
            rounds = [rng.permutation(levels) for _ in range(-(-n // levels))]
            points[:, column] = (np.concatenate(rounds)[:n] + 0.5) / levels
    return points


def first_point(optimizer: Optimizer, number: int, n: int) -> Floats:
    """Return the point of a solution that is asked before there is a model, shape (1, d).

    After n points another design follows, where the results of the first are late.
    """
    block, place = divmod(number - len(optimizer.start), n)
    rng = optimizer.generator(0, block)
    points = first_points(optimizer.space, n, rng, middles=not block)
    return optimizer.novel(points[place : place + 1], optimizer.generator(number), before=number)


def _branches(space: Space) -> list[int]:
    """Return the number of values of each parameter that others depend on, lists left out."""
    return [int(space[name].levels[0]) for name in space.conditions.parents]


def _branching(space: Space, start: int) -> Iterator[int]:
    """Yield the coordinates that others depend on, the lengths of lists among them."""
    for name, parameter in space.items():
        column = start + space.columns(name).start
        if name in space.conditions.parents:
            yield column
        if isinstance(parameter, Sequence):
            yield column
            for place in range(parameter.max_length):
                yield from _branching(parameter.layer, column + 1 + place * parameter.layer.d)
