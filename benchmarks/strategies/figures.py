"""What runs are worth: ranks, regret and evaluations needed, with bootstrap intervals.

Arrays of runs have a row a table and a column a seed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from recorded import Recorded
from runs import Run
from scipy.stats import rankdata

Floats = NDArray[np.float64]

RESAMPLES = 2000
EVALUATIONS, DIFFERENT = 0, 1


@dataclass(frozen=True)
class Interval:
    """A figure and its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f}–{self.high:.2f})"


def best_at(run: Run, n: int, column: int = EVALUATIONS) -> float:
    """Give the best loss after n evaluations, or n different configs."""
    rows = run[run[:, column] <= n]
    return float(rows[-1, 2]) if len(rows) else np.inf


def evaluations_to(run: Run, loss: float) -> float:
    """Give how many evaluations a run needed for a loss as good as this one, or inf."""
    reached = run[run[:, 2] <= loss]
    return float(reached[0, 0]) if len(reached) else np.inf


def bests(
    runs: Mapping[tuple[str, int], Run],
    tables: Sequence[str],
    seeds: Sequence[int],
    n: int,
    column: int = EVALUATIONS,
) -> Floats:
    """Give the best losses after n evaluations, shape (tables, seeds)."""
    return np.array([[best_at(runs[table, seed], n, column) for seed in seeds] for table in tables])


def ranks(losses: Sequence[Floats]) -> Floats:
    """Rank strategies on each table and seed, 1 is best, ties share; shape (strategies, …)."""
    return np.asarray(rankdata(np.array(losses), axis=0))


def regret(losses: Floats, tables: Sequence[Recorded]) -> Floats:
    """Scale losses: 0 is the best of the table, 1 its median."""
    best = np.array([table.best for table in tables])[:, None]
    typical = np.array([table.typical for table in tables])[:, None]
    return (losses - best) / (typical - best)


def interval(
    values: Floats, of: Callable[[Floats], NDArray[np.floating]] | None = None
) -> Interval:
    """Give the mean and its interval: tables are drawn again, and seeds within each.

    Parameters
    ----------
    values : ndarray (tables, seeds)
    of : callable, optional
        Gives the figure of arrays (…, tables, seeds) in place of their mean.
    """
    figure = of or (lambda drawn: drawn.mean(axis=(-2, -1)))
    rng = np.random.default_rng(0)
    n, m = values.shape
    tables = rng.integers(n, size=(RESAMPLES, n, 1))
    seeds = rng.integers(m, size=(RESAMPLES, n, m))
    low, high = np.percentile(figure(values[tables, seeds]), [2.5, 97.5])
    return Interval(float(figure(values)), float(low), float(high))


def share_needed(needed: Floats) -> NDArray[np.floating]:
    """Give the geometric mean over tables of the median over seeds."""
    return np.asarray(np.exp(np.log(np.median(needed, axis=-1)).mean(axis=-1)))


def beats(mine: Floats, theirs: Floats) -> Floats:
    """Say how often each run is better than the other's of any seed, ties halved.

    Parameters
    ----------
    mine : ndarray (tables, seeds)
    theirs : ndarray (tables, any number of seeds)
    """
    better = (mine[:, :, None] < theirs[:, None, :]).astype(float)
    better += 0.5 * (mine[:, :, None] == theirs[:, None, :])
    return np.asarray(better.mean(axis=2))


def ranks_among(mine: Floats, others: Sequence[Floats]) -> Floats:
    """Give the expected rank of each run among those of others, each seed against each."""
    return sum((1.0 - beats(mine, theirs) for theirs in others), start=np.ones_like(mine))


def rank_among(mine: Floats, others: Sequence[Floats]) -> float:
    """Give the mean of the ranks of runs among those of others."""
    return float(ranks_among(mine, others).mean())
