"""What a strategy has drawn for the next numbers, and nobody has asked for yet."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from hpopt.core.proposals import Floats, Proposals
from hpopt.core.trial import Config, Solution
from hpopt.space import Space

# A third number in a generator's key: strategies use keys of one or two, so draws never coincide.
REPLACEMENT = 8


class Queue:
    """The points that were drawn for the next numbers, in their order.

    Parameters
    ----------
    space : Space
    proposals : Proposals
        What is drawn is noted there.
    generator : callable
        Returns the random generator of a key.
    """

    def __init__(
        self,
        space: Space,
        proposals: Proposals,
        generator: Callable[..., np.random.Generator],
    ) -> None:
        self._space, self._proposals, self._generator = space, proposals, generator
        self._waiting: deque[tuple[Config, Floats]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, number: int, points: Floats) -> bool:
        """Add points from a number on, other ones in place of known ones; return whether any."""
        points = np.ascontiguousarray(points)
        repeats = self._proposals.add(points, range(number, number + len(points)))
        if repeats:
            points = self._without_repeats(points, number, repeats[0])
        points.flags.writeable = False  # solutions share these rows
        self._waiting.extend(zip(self._space.decode(points), points, strict=True))
        return bool(len(points))

    def pop(self) -> tuple[Config, Floats]:
        """Take the first."""
        return self._waiting.popleft()

    def put_back(self, solution: Solution) -> None:
        """Put a solution that was asked before the first."""
        self._waiting.appendleft((solution.config, solution.point))

    def drop(self, number: int) -> None:
        """Forget them all, of which the first waited for a number."""
        if self._waiting:
            points = np.array([point for _, point in self._waiting])
            self._proposals.remove(points, range(number, number + len(points)))
            self._waiting.clear()

    def _without_repeats(self, points: Floats, number: int, first: int) -> Floats:
        """Replace rows, from one on, whose config is known: from an added trial, as a rule.

        Each row by itself, so that the draws for a number do not depend on when it is drawn.
        """
        points = points.copy()
        for row in range(first, len(points)):
            own = number + row
            if self._proposals.unknown(points[row : row + 1], before=own).all():
                continue
            rng = self._generator(own, REPLACEMENT, 0)
            new = self._proposals.novel(points[row : row + 1], rng, before=own)
            if not len(new):
                self._proposals.remove(points[row:], range(own, number + len(points)))
                return points[:row]
            points[row] = new[0]
            self._proposals.add(new, [own])
        return points
