"""The tree-structured Parzen estimator, over all parameters at once.

Bergstra et al. 2011, "Algorithms for hyper-parameter optimization",
https://papers.nips.cc/paper/4443; multivariate as in Falkner, Klein & Hutter 2018,
https://arxiv.org/abs/1807.01774; choices as in Watanabe 2023, https://arxiv.org/abs/2304.11127.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hpopt.core import Optimizer
from hpopt.core.proposals import Floats
from hpopt.errors import SettingError
from hpopt.numerics.parzen import Parzen
from hpopt.numerics.threads import one_thread
from hpopt.optimizers.checks import share, whole
from hpopt.optimizers.surrogates.encoding import Encoding
from hpopt.optimizers.surrogates.evidence import Evidence
from hpopt.optimizers.surrogates.first_design import first_count, first_points
from hpopt.optimizers.surrogates.kernels import Kernels, Parts

MOST_BAD = 1000
LOOKED_AT_ONCE = 4


class TPE(Optimizer):
    """Ask what is likely among the good configs and unlikely among the bad ones.

    Use it where evaluations are so cheap, or so many, that a Gaussian process would be late: an
    ask takes one to a few milliseconds up to tens of thousands of trials. On floats, whole
    numbers, choices, conditions and lists of layers. Where an evaluation takes a second and more,
    ``"bayesian"`` finds more with the same number of them.

    Each ask::

        good = the best ceil(0.1 n) of n told configs, 25 at most; bad = the others and what is
               pending
        l, g = densities of good and bad: a product kernel on each config, and a uniform one
        config = of 64 drawn from l, the one of the largest l / g

    Where a kernel's parameter does not exist its factor is uniform, where a candidate's does not
    exist the factor is left out: conditions need no groups. Of more than 1,000 bad configs the
    best half, the most recent fifth and a random choice of the others make g.

    Parameters
    ----------
    first : int, >= 2, optional
        How many configs of a scrambled Sobol' sequence are tried first. By default 5 to 12, by
        the number of parameters that matter, and up to 24 where conditions make branches.
    candidates : int, >= 1
        How many are drawn from l for each ask.
    good_share : float, in [0, 1]
        How many of the told configs are good.
    most_good : int, >= 1
        How many are good at most.

    Raises
    ------
    SettingError
        The problem has several objectives.
    """

    name: ClassVar[str] = "tpe"

    def __init__(
        self,
        *,
        first: int | None = None,
        candidates: int = 64,
        good_share: float = 0.1,
        most_good: int = 25,
    ) -> None:
        self.first = None if first is None else whole("first", first, 2)
        self.candidates = whole("candidates", candidates, 1)
        self.good_share = share("good_share", good_share)
        self.most_good = whole("most_good", most_good, 1)

    def _setup(self) -> None:
        if len(self.objectives) > 1:
            names = ", ".join(objective.name for objective in self.objectives)
            raise SettingError(
                f"a problem of TPE must have one objective, but got {len(self.objectives)} "
                f"({names}): use optimizer='genetic'"
            )
        self._encoding = Encoding(self.space)
        self._n_first = first_count(self._encoding) if self.first is None else self.first
        self._kernels = Kernels(self._encoding)
        self._known = self._kernels.of(np.empty((0, self.space.d)))

    def _ask(self, number: int, n: int) -> Floats:
        evidence = Evidence(self)
        if number + len(self.knowledge) < self._n_first or len(evidence) < 2:
            block, place = divmod(number - len(self.start), self._n_first)
            points = first_points(self.space, self._n_first, self.generator(0, block))
            return self.novel(points[place : place + 1], self.generator(number), before=number)
        rng = self.generator(number)
        with one_thread():
            good, bad = self._split(evidence)
            points = self._drawn(good, rng, self.candidates)
            parts = self._kernels.of(points)
            order = np.argsort(bad.log_density(*parts) - good.log_density(*parts), kind="stable")
        for first in range(0, len(order), LOOKED_AT_ONCE):
            ranked = self.space.snap(points[order[first : first + LOOKED_AT_ONCE]])
            new = np.flatnonzero(self.unknown(ranked, before=number))
            if new.size:
                return ranked[new[:1]]
        return self.novel(
            points[:1], rng, before=number, vary=lambda rows, rng: self._drawn(good, rng, len(rows))
        )

    def _split(self, evidence: Evidence) -> tuple[Parzen, Parzen]:
        """Give the densities of the good and of the others; failures are never good."""
        n, n_before = len(evidence), len(self._known[0])
        fresh = self._kernels.of(evidence.points[n_before:])
        self._known = _joined(self._known, fresh)
        n_good = min(max(math.ceil(self.good_share * n), 1), self.most_good, evidence.n_values)
        good = evidence.best(n_good)
        is_bad = np.ones(n, dtype=bool)
        is_bad[good] = False
        kept = evidence.kept(n, MOST_BAD + n_good)
        bad = _rows(self._known, kept[is_bad[kept]])
        if self.pending:
            pending = np.array([self.pending[number].point for number in sorted(self.pending)])
            bad = _joined(bad, self._kernels.of(pending))
        return (
            self._kernels.density(_rows(self._known, np.sort(good))),
            self._kernels.density(bad),
        )

    def _drawn(self, good: Parzen, rng: np.random.Generator, m: int) -> Floats:
        """Draw candidates from the density of the good ones."""
        return self.space.mended(self._kernels.points(*good.draw(m, rng)), rng)


def _rows(parts: Parts, rows: NDArray[np.int64]) -> Parts:
    numbers, exist, codes = parts
    return numbers[rows], exist[rows], codes[rows]


def _joined(one: Parts, other: Parts) -> Parts:
    numbers, exist, codes = (np.concatenate(each) for each in zip(one, other, strict=True))
    return numbers, exist, codes
