"""Latin hypercube sampling, design after design.

McKay, Beckman & Conover 1979, "A comparison of three methods for selecting values of input
variables in the analysis of output from a computer code", https://doi.org/10.2307/1268522
"""

from __future__ import annotations

from typing import ClassVar

from hpopt.checks import whole
from hpopt.core import Optimizer
from hpopt.core.proposals import Floats
from hpopt.numerics.sampling import latin_hypercube


class LatinHypercube(Optimizer):
    """Draw configs so that each design of n has one value in each n-th of each parameter.

    Use it for a small budget that is known beforehand, as the first stage of a chain, and to see
    the effect of each single parameter, which has n different values, evenly spread, in n trials.
    `QuasiRandomSearch` spreads pairs of parameters evenly too, but only at powers of two. It needs
    no results, so it never waits.

    Parameters
    ----------
    n : int, >= 1
        Points of a design. Designs follow one another, each drawn anew; ``start=`` configs come
        before the first. Where trials end in the middle of a design, it is as good as random.

    Examples
    --------
    >>> hpopt.optimize(problem, hpopt.LatinHypercube(n=20), trials=20)
    """

    name: ClassVar[str] = "latin_hypercube"
    plain: ClassVar[str] = "trying configs spread evenly over the space"

    def __init__(self, *, n: int = 20) -> None:
        self.n = whole("n", n, 1)

    @property
    def order_free(self) -> bool:
        """It learns nothing."""
        return True

    def _ask(self, number: int, n: int) -> Floats:
        design, place = divmod(number - len(self.start), self.n)
        rng = self.generator(design)
        points = self.space.half_drawn(latin_hypercube(self.n, self.space.d, rng))
        first = len(self.start) + design * self.n
        return self.novel(points, rng, before=first)[place:]
