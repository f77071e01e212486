"""The tree-structured Parzen estimator, over all parameters at once.

Bergstra et al. 2011, "Algorithms for hyper-parameter optimization",
https://papers.nips.cc/paper/4443; multivariate as in Falkner, Klein & Hutter 2018,
https://arxiv.org/abs/1807.01774; choices as in Watanabe 2023, https://arxiv.org/abs/2304.11127;
several objectives as in Ozaki et al. 2022, https://doi.org/10.1613/jair.1.13188.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from hpopt.checks import share, whole
from hpopt.core import Optimizer, Phase
from hpopt.core.objective import at_most_four
from hpopt.core.phase import DENSITIES, results_in_words
from hpopt.core.proposals import Floats
from hpopt.numerics.hypervolume import best_of_fronts
from hpopt.numerics.parzen import Parzen, Singles, log_mixture
from hpopt.optimizers.surrogates.encoding import Encoding
from hpopt.optimizers.surrogates.facts import first_configs, last_number
from hpopt.optimizers.surrogates.first_design import FirstDesign, first_count
from hpopt.optimizers.surrogates.front_observations import FrontObservations
from hpopt.optimizers.surrogates.kernels import Kernels, ObservedKernels
from hpopt.optimizers.surrogates.observations import Observations, Observed, Ranking
from hpopt.optimizers.surrogates.transfer import EVERYTHING, Transfer

PointsAt = Callable[[Any], Floats]
"""Returns the candidates (k, d) at places."""

FEWEST = 2  # results: one of them is good, one is bad
MOST_BAD = 1000  # keeps an ask at some 2 ms, however many observations there are
# Where there are priors: the share of the candidates that are drawn from them; and the power of
# their density is 3 / n. With 10 / n a wrong one had 1.6 times the regret after 60 results, with 3
# none, and a right one helps as much.
PRIOR_SHARE, PRIOR_POWER = 0.25, 3.0
LOOKED_AT_ONCE = 4  # ranked candidates that are looked up at once; mostly the first one is new
# Uniform numbers are drawn for 16 asks at once, as making a generator takes longer than using it,
# but no more than 8 MB of them.
DRAWN_AHEAD, MOST_AHEAD = 16, 2**20
# The keys of the generators that candidates are sampled with, and that repair forbidden layers.
DRAWS, REPAIRS = 1, 2


class TPE(Optimizer):
    """Ask what is likely among the good configs and unlikely among the bad ones.

    Use it where evaluations are too cheap, or too many, for a Gaussian process: an ask takes
    about a millisecond up to tens of thousands of trials. It searches floats, whole numbers,
    choices, conditions and lists of layers. Where an evaluation takes a second and more,
    ``"bayesian"`` finds more with the same number of them.

    Each ask::

        good   = the best ceil(0.1 n) of n observed configs, at most 25; with several objectives
                 front by front, and of the last front those that dominate most volume together
        bad    = the others, and the pending ones
        l, g   = densities of good and bad: a product kernel on each config, and a uniform one
        config = the one of largest l / g, of 64 sampled from l

    Where parameters have priors π, l / g is multiplied by π^(3 / n), and a quarter of the
    candidates are drawn from π.

    A kernel's factor is uniform where its own parameter is inactive, and left out where the
    candidate's is: conditions need no groups. Of more than 1,000 bad configs the best half, the
    most recent fifth and a random choice of the others make g.

    Parameters
    ----------
    first : int, >= 2, optional
        How many configs of a scrambled Sobol' sequence are tried first. By default 5 to 12, by
        the number of active parameters, and up to 24 where conditions make branches.
    candidates : int, >= 1
        How many are sampled from l for each ask.
    good_share : float, in [0, 1]
        The share of the observed configs that are good.
    most_good : int, >= 1

    Raises
    ------
    SettingError
        The problem has more than four objectives.
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
        at_most_four(self.name, self.objectives)
        self._encoding = Encoding(self.space)
        self._n_first = first_count(self._encoding) if self.first is None else self.first
        self._design = FirstDesign(self._encoding, self._n_first)
        self._kernels = Kernels(self._encoding)
        self._transfer, self._verdict = Transfer(self._encoding), EVERYTHING
        self._begin()
        n_uniforms = self.candidates * self._kernels.n_columns
        self._n_ahead = min(DRAWN_AHEAD, max(1, MOST_AHEAD // n_uniforms))
        shape = self._n_ahead, self.candidates, self._kernels.n_columns
        self._block, self._uniforms = -1, np.empty(shape)

    def _begin(self) -> None:
        self._observed, self._ranking = ObservedKernels(self._kernels), Ranking()

    @property
    def observed(self) -> Observed:
        """The observations that count: what other studies found may not."""
        if len(self.objectives) > 1:
            return FrontObservations(self)
        verdict = self._transfer.verdict(self)
        if verdict is not self._verdict:  # what was learned before may not count any more
            self._verdict = verdict
            self._begin()
        return Observations(self, verdict)

    @property
    def phase(self) -> Phase:
        """Whether it chooses by densities yet."""
        n = len(self.history.all_losses)
        if not self._has_densities(last_number(self)):
            return first_configs(self._n_first, "TPE")
        return Phase("TPE", "", results_in_words(n, MOST_BAD + self.most_good), DENSITIES)

    def _facts(self) -> list[str]:
        return self._verdict.facts

    def _has_densities(self, number: int) -> bool:
        observed = self.observed
        return number + observed.n_known >= self._n_first and len(observed) >= FEWEST

    def _ask(self, number: int, n: int) -> Floats:
        check = self._transfer.first_point(self, number, self._design)
        if check is not None:
            return check
        if not self._has_densities(number):
            return self._design.point(self, number)
        return self._most_promising(number)

    def _most_promising(self, number: int) -> Floats:
        """Return the new candidate of the largest l / g, shape (1, d)."""
        good, bad = self._split()
        points, rows = self._sample(good, self._uniforms_of(number), number)
        of_bad, of_good = self._observed.scale, good.scale
        scores = log_mixture(rows, bad, of_bad.reach, of_bad.peaks)
        scores -= log_mixture(rows, good.rows, of_good.reach, of_good.peaks)
        if self.space.prior is not None:
            every = points(slice(None))
            believed = self.space.prior.log_density(every, self.space.active(every))
            scores -= PRIOR_POWER / max(len(self.history.all_losses), 1) * believed
        # Nearly always the best one is new: sorting all comes after that.
        best = int(scores.argmin())
        first = self.space.snap(points(slice(best, best + 1)))
        if self.unknown(first, before=number)[0]:
            return first
        order = np.argsort(scores, kind="stable")
        for start in range(1, len(order), LOOKED_AT_ONCE):
            ranked = self.space.snap(points(order[start : start + LOOKED_AT_ONCE]))
            new = np.flatnonzero(self.unknown(ranked, before=number))
            if new.size:
                return ranked[new[:1]]

        def vary(rows: Floats, rng: np.random.Generator) -> Floats:
            uniforms = rng.random((len(rows), self._kernels.n_columns))
            return self._kernels.points(*good.draw(uniforms))

        return self.novel(points(slice(1)), self.generator(number), before=number, vary=vary)

    def _split(self) -> tuple[Parzen, Singles]:
        """Return the density of the good, and the kernels' rows of the bad and pending ones."""
        observed = self.observed
        n = len(observed)
        rows = self._good(observed.ranked, n)
        most = MOST_BAD + len(rows)
        kept = observed.subset(n, most) if n > most else None
        pending = np.empty((0, self.space.d))
        if self.pending:
            pending = np.array([self.pending[number].point for number in sorted(self.pending)])
        good = self._observed.good(observed.points, rows)
        return good, self._observed.bad(observed.points, rows, kept, pending)

    def _good(self, losses: Floats, n: int) -> list[int]:
        """Return the rows of the good ones of n, ascending; failures are never good."""
        n_good = min(max(math.ceil(self.good_share * n), 1), self.most_good)
        if losses.ndim == 1:
            self._ranking.learn(losses)
            return sorted(self._ranking.best(min(n_good, self._ranking.n_values)))
        return sorted(best_of_fronts(losses, n_good).tolist())

    def _sample(self, good: Parzen, uniforms: Floats, number: int) -> tuple[PointsAt, Singles]:
        """Sample candidates from the density of the good; return them, and their kernels' rows."""
        kernels = self._kernels
        numbers, codes = good.draw(uniforms)
        if self.space.prior is not None:  # a part of the candidates is what is believed
            n = round(PRIOR_SHARE * len(codes))
            believed = self.space.snap(self.space.drawn(uniforms[:n, 1:]))
            its_numbers, _, its_codes = kernels.arguments(believed)
            numbers[:n], codes[:n] = its_numbers, its_codes
        # Without conditions, candidates need not become points and arguments of kernels again.
        if kernels.is_flat and not self.space.predicates:
            rows = kernels.factors.of_points(numbers, kernels.everywhere, codes)
            return lambda places: kernels.points(numbers[places], codes[places]), rows
        points = kernels.points(numbers, codes)
        if self.space.predicates:
            points = self.space.repaired(points, self.generator(REPAIRS, number))
        return points.__getitem__, kernels.factors.of_points(*kernels.arguments(points))

    def _uniforms_of(self, number: int) -> Floats:
        """Return the uniform numbers that an ask's candidates are sampled with."""
        block, place = divmod(number, self._n_ahead)
        if block != self._block:
            self._block = block
            self.generator(DRAWS, block).random(out=self._uniforms)
        own: Floats = self._uniforms[place]
        return own
