"""CMA-ES for numbers, continuous and whole, with margins and restarts.

Hansen 2016, "The CMA evolution strategy: a tutorial", https://arxiv.org/abs/1604.00772; Hamano et
al. 2022, "CMA-ES with margin", https://arxiv.org/abs/2205.13482; Auger & Hansen 2005, "A restart
CMA evolution strategy with increasing population size", https://doi.org/10.1109/CEC.2005.1554902.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import count
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hpopt.checks import flag, positive, whole
from hpopt.core.objective import one_objective
from hpopt.core.proposals import Floats
from hpopt.errors import SettingError
from hpopt.numerics.blas_threads import single_blas_thread
from hpopt.numerics.covariance_adaptation import Normal, Rates, default_population
from hpopt.numerics.parzen_tables import cell_edges
from hpopt.optimizers.batches import Batches, BatchGenerator
from hpopt.optimizers.surrogates.encoding import Encoding

REDRAWS = 10  # of points out of bounds, before they are moved to the bounds
STALLED, NARROWEST = 1e-12, 1e-11  # TolHistFun and TolX of Hansen, appendix B.3
PATIENCE, PATIENCE_PER_DIMENSION = 10, 30  # generations of that history: 10 + 30 d/λ
NEAR_KNOWN = 0.5  # of sigma, where the search begins at a known config and need not look as far


class CMAES(Batches):
    """Adapt a normal distribution to the shape of a landscape of numbers.

    Use it for smooth problems of floats and whole numbers with hundreds to many thousands of
    evaluations and 5 to 300 dimensions, also ill-conditioned and rotated ones; it takes well below
    a millisecond per evaluation. Below some 20 evaluations per dimension ``"bayesian"`` finds more.
    It cannot take choices without an order.

    Each generation::

        x_1 … x_λ ~ m + σ A N(0, C), moved into [0, 1], snapped, new
        m = weighted mean of the better half
        σ, C = longer where steps go on in one direction, shorter where they do not
        A, m = so that each whole number leaves its value with probability 1/(d λ) at least

    Where it has converged it begins again elsewhere with a population twice as large. It begins at
    the best config of `start` and of other searches, if there are any. It waits at the end of each
    generation, so that the search is the same at any number of workers.

    Parameters
    ----------
    population : int, >= 2, optional
        Individuals in a generation. By default 4 + 3 ln d; a multiple of the number of workers
        keeps them busy.
    sigma : float, > 0
        First standard deviation, as a share of each range; half of it where it begins at a
        known config.
    restarts : bool
        Whether to begin again; else it goes on with random configs.

    Raises
    ------
    SettingError
        The problem has several objectives, or parameters without an order.
    """

    name: ClassVar[str] = "cmaes"
    plain: ClassVar[str] = "drawing configs around the best region, whose shape is learned"

    def __init__(
        self, *, population: int | None = None, sigma: float = 0.3, restarts: bool = True
    ) -> None:
        self.population = None if population is None else whole("population", population, 2)
        self.sigma = positive("sigma", sigma)
        self.restarts = flag("restarts", restarts)

    def _setup(self) -> None:
        super()._setup()
        one_objective(self.name, self.objectives)
        encoding = Encoding(self.space)
        unordered = [
            encoding.names[j] for j in encoding.choices.tolist() if self.space.levels[j] > 1
        ]
        if unordered:
            raise SettingError(
                "a problem of CMAES must have parameters with an order only, but "
                f"{', '.join(unordered)} {'is' if len(unordered) == 1 else 'are'} categorical: use "
                "optimizer='bayesian', or Ordinal where the values have an order"
            )
        self._edges = [
            None if centres is None or len(centres) < 2 else cell_edges(centres)
            for centres in encoding.centres
        ]

    # -- generations ---------------------------------------------------------------------------

    def _batches(self) -> BatchGenerator:
        mean, sigma = self.space.middle, self.sigma
        known, losses = self.knowledge.points, self.knowledge.losses[:, 0]
        if self.start:
            results = yield np.empty((0, self.space.d))
            known = np.concatenate([known, results.points])
            losses = np.concatenate([losses, results.losses[:, 0]])
        if self.space.prior is not None:
            sigma *= NEAR_KNOWN
        if np.isfinite(losses).any():
            mean, sigma = known[losses.argmin()], NEAR_KNOWN * self.sigma
        population = self.population or default_population(self.space.d)
        generations = count()
        for attempt in count():
            yield from self._run(mean, sigma, population, generations)
            if self.restarts:
                population = 2 * population
            else:
                yield from self._random(population)
            mean, sigma = self.generator(0, attempt).random(self.space.d), self.sigma

    def _run(
        self, mean: Floats, sigma: float, population: int, generations: Iterator[int]
    ) -> BatchGenerator:
        """Run generations until they have converged."""
        normal, rates = (
            Normal.isotropic(mean, sigma),
            Rates.for_population(self.space.d, population),
        )
        patience = PATIENCE + PATIENCE_PER_DIMENSION * self.space.d // population
        bests: deque[float] = deque(maxlen=patience)
        while True:
            rng = self.generator(self.next_number)
            drawn = self._sample(normal, population, rng)
            points = self.novel(
                drawn,
                rng,
                before=self.next_number,
                vary=lambda rows, rng: self._sample(normal, len(rows), rng),  # noqa: B023
                generation=next(generations),
            )
            results = yield points
            # The weights are those of ranks 1 … λ: a shorter generation, at the end of a finite
            # space, or one that failed, teaches nothing.
            if len(results.points) == population and np.isfinite(results.losses).any():
                at, foreign = self._continuous(results.points, drawn)
                # Stable: equal losses keep the order of their numbers.
                order = np.argsort(results.losses[:, 0], kind="stable")
                with single_blas_thread():
                    normal = normal.updated(at[order], rates, foreign[order])
                    # α = 1 / (d λ), Hamano et al.
                    normal = normal.with_margin(
                        *self._cells(normal.mean), 1 / (self.space.d * population)
                    )
            bests.append(float(results.losses[:, 0].min()))
            if self._is_over(normal, bests, patience):
                return

    def _random(self, n: int) -> BatchGenerator:
        """Yield random configs for ever."""
        while True:
            rng = self.generator(self.next_number)
            yield self.novel(rng.random((n, self.space.d)), rng, before=self.next_number)

    def _sample(self, normal: Normal, n: int, rng: np.random.Generator) -> Floats:
        """Sample points; those out of bounds again, and at last move them to the bounds."""
        points = normal.draw(n, rng)
        for _ in range(REDRAWS):
            outside = ((points < 0) | (points > 1)).any(axis=1)
            if not outside.any():
                return points
            points[outside] = normal.draw(int(outside.sum()), rng)
        return points.clip(0.0, 1.0)

    def _continuous(self, told: Floats, drawn: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """Return the sampled point of each evaluated one, or where they differ the latter.

        And which of them are no free samples: replaced, or at the bounds.
        """
        same = (self.space.snap(drawn) == told).all(axis=1)
        at_bounds = ((drawn == 0.0) | (drawn == 1.0)).any(axis=1)
        return np.where(same[:, None], drawn, told), ~same | at_bounds

    def _cells(self, mean: Floats) -> tuple[Floats, Floats]:
        """Return the edges of the cells that the mean lies in; nan in continuous coordinates."""
        low, high = np.full(len(mean), np.nan), np.full(len(mean), np.nan)
        for j, edges in enumerate(self._edges):
            if edges is not None:
                place = np.searchsorted(edges[1:-1], mean[j], side="right")
                low[j], high[j] = edges[place], edges[place + 1]
        return low, high

    def _is_over(self, normal: Normal, bests: deque[float], patience: int) -> bool:
        """Return whether the run has converged: Hansen, appendix B.3."""
        if normal.is_degenerate or normal.deviations.max() < NARROWEST:
            return True
        if len(bests) < patience:
            return False
        least, most = min(bests), max(bests)
        # Halves: the difference of two large losses would overflow.
        return bool(most / 2 - least / 2 <= STALLED * max(abs(least), abs(most)) / 2)
