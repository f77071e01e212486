"""Quasi-random search with a scrambled Sobol' sequence.

Sobol' 1967; scrambling of Owen 1998 as implemented in `scipy.stats.qmc`.
"""

from __future__ import annotations

from typing import Any, ClassVar

from hpopt.core import Optimizer
from hpopt.core.proposals import Floats
from hpopt.errors import SettingError

BLOCK = 64  # a power of two, as each block is balanced then


class QuasiRandomSearch(Optimizer):
    """Spread configs evenly: random search without its gaps and clusters.

    Use it instead of random search for small budgets, and to see how a space looks before a
    model-based search; best at powers of two. With very many coordinates it is no better than
    random search. It needs no results, so it never waits.

    Raises
    ------
    SettingError
        The space has more coordinates than the sequence has dimensions (21,201).
    """

    name: ClassVar[str] = "quasi_random"
    plain: ClassVar[str] = "drawing configs spread evenly over the space"

    def _setup(self) -> None:
        from scipy.stats import qmc

        if self.space.d > qmc.Sobol.MAXDIM:
            raise SettingError(
                f"quasi-random search takes up to {qmc.Sobol.MAXDIM} coordinates, but the space "
                f"has {self.space.d}: use optimizer='random'"
            )
        self._sequence: Any = None
        self._next_block = -1

    @property
    def order_free(self) -> bool:
        """It learns nothing."""
        return True

    def _ask(self, number: int, n: int) -> Floats:
        block, place = divmod(number - len(self.start), BLOCK)
        points = self._block(block)
        first = len(self.start) + block * BLOCK
        return self.novel(points, self.generator(block), before=first)[place:]

    def _block(self, block: int) -> Floats:
        """Return 64 consecutive points of the sequence; blocks may be asked in any order."""
        from scipy.stats import qmc

        if self._sequence is None or block != self._next_block:
            self._sequence = qmc.Sobol(self.space.d, rng=self.generator())
            if block:
                self._sequence.fast_forward(block * BLOCK)
        self._next_block = block + 1
        return self.space.half_drawn(self._sequence.random(BLOCK))
