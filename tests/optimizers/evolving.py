"""What tests of genetic algorithms share: generations told, and children compared."""

import numpy as np
from problems_for_tests import of, trial_of

from hpopt.core import failed
from hpopt.core.trial import Trial


def bowl(solution):
    return float(((solution.point - 0.3) ** 2).sum())


def bound(optimizer, space, **settings):
    return optimizer.bind(of(None, space), **settings)


def generation(optimizer, n, value=bowl):
    """Ask for n, tell them, give them. A value of None is a failure."""
    solutions = optimizer.ask(n)
    values = [value(solution) for solution in solutions]
    optimizer.tell(
        [
            Trial(solution, failed("on purpose")) if value is None else trial_of(solution, value)
            for solution, value in zip(solutions, values, strict=True)
        ]
    )
    return solutions


def points_of(solutions):
    return np.array([solution.point for solution in solutions])


def losses_of(optimizer, solutions):
    rows = optimizer.history.rows(np.array([solution.number for solution in solutions]))
    return optimizer.history.losses[rows][:, 0].tolist()


def assert_same_children(optimizer, expected, asked):
    """Compare children with those expected, but for known ones: they were mutated again.

    Gives how many could be compared.
    """
    space = optimizer.space
    known = set(space.keys_of(optimizer.history.points))
    n_compared = 0
    assert len(expected) == len(asked)
    snapped = space.snap(np.array(expected))
    for key, child, solution in zip(space.keys_of(snapped), snapped, asked, strict=True):
        if key not in known:
            np.testing.assert_array_equal(child, solution.point)
            n_compared += 1
        known.add(key)
    return n_compared
