"""Random search.

Bergstra & Bengio 2012, "Random search for hyper-parameter optimization",
https://jmlr.org/papers/v13/bergstra12a.html
"""

from __future__ import annotations

from typing import ClassVar

from hpopt.core import Optimizer
from hpopt.core.proposals import Floats

BLOCK = 256  # configs drawn at once: large enough that a draw takes microseconds a config


class RandomSearch(Optimizer):
    """Draw every config uniformly, none twice; every second one from priors, where there are some.

    Use it as the baseline that everything else must beat, and where evaluations are so cheap or
    so noisy that learning from them does not pay. It needs no results, so it never waits.
    A finite space is tried to its end without repeats.

    Examples
    --------
    >>> hpopt.optimize(problem, optimizer="random", trials=100)
    """

    name: ClassVar[str] = "random"
    plain: ClassVar[str] = "drawing configs at random"

    @property
    def order_free(self) -> bool:
        """It learns nothing."""
        return True

    def _ask(self, number: int, n: int) -> Floats:
        block = number // BLOCK
        first = max(block * BLOCK, len(self.start))
        rng = self.generator(block)
        points = self.space.half_drawn(rng.random(((block + 1) * BLOCK - first, self.space.d)))
        return self.novel(points, rng, before=first)[number - first :]
