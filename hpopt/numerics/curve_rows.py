"""Learning curves as rows of a model: at which steps they are looked at, and in which units.

A step t of at most `high` is told by its logarithmic time u = log(high / t) / log(high / low):
0 at the end, 1 at the least.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# A bent value is below 2, and nan counts as 2: the way back from there ends at 2,000 spreads.
FARTHEST = 2.0 - 2e-3
# What is kept of many rows: the whole curves of the best and of the latest trials.
WHOLE_BEST, WHOLE_LATEST = 30, 20
LEAST_CORRELATION = 0.25  # with the end; below it a level misleads more often than it helps


def halved_levels(low: float, high: float) -> Floats:
    """Return high, high / 2, high / 4 … down to low, ascending; whole numbers if both are.

    They are dense enough for a curve in logarithmic time, and few.
    """
    whole = float(low).is_integer() and float(high).is_integer()
    n = math.floor(math.log2(high / low) + 1e-9) + 1  # rounding must not cost the lowest
    levels = high / 2.0 ** np.arange(n)
    if whole:
        levels = np.floor(levels + 0.5)
    return np.unique(levels[levels >= low])


def log_times(steps: Floats, low: float, high: float) -> Floats:
    """Return u = log(high / t) / log(high / low) of steps t > 0; 0 everywhere if low = high."""
    if low >= high:
        return np.zeros(np.shape(steps))
    return np.asarray(np.log(high / np.asarray(steps)) / math.log(high / low))


def reports_at(steps: Floats, levels: Floats) -> Ints:
    """Return the places of the reports that a model looks at: the last at or before each level.

    The last report of all is one of them, and each is there once.

    Parameters
    ----------
    steps : ndarray (n,), ascending
    levels : ndarray (k,), ascending
    """
    if not len(steps):
        return np.empty(0, dtype=np.int64)
    reached = levels[levels <= steps[-1]]
    places = np.searchsorted(steps, reached, side="right") - 1
    return np.unique(np.append(places[places >= 0], len(steps) - 1))


@dataclass(frozen=True, slots=True)
class Bend:
    """Losses, bent where they are worse than usual, in units of a model.

    With the median m of the trials' last losses, the best loss and their distance s,
    x = (y - m) / s is kept up to 0, and becomes 2 - 2 / (1 + x / 2) above: of slope 1 at 0, below 2
    however large x is. nan and infinity are 2. Then they are standardised.

    Ranks (see `rank_transform`) do not suit curves: many sit on a plateau, such as the chance
    level, where ranks make large jumps in time of their last digits.

    Attributes
    ----------
    unit : float
        The largest of the losses: a spread of enormous ones would overflow.
    middle, spread : float
        m and s in this unit; s = 0 where all losses are equal.
    mean, deviation : float
        Of the bent losses.
    """

    unit: float
    middle: float
    spread: float
    mean: float
    deviation: float

    @staticmethod
    def of(last: Floats, losses: Floats) -> Bend:
        """Return the transform of many trials' losses.

        Parameters
        ----------
        last : ndarray (N,)
            The last loss of each trial.
        losses : ndarray (n,)
            All losses of the model's rows, by which it is standardised.
        """
        known, finite = last[np.isfinite(last)], losses[np.isfinite(losses)]
        if not len(known) or not len(finite):
            return Bend(1.0, 0.0, 0.0, 0.0, 1.0)
        unit = float(np.abs(finite).max()) or 1.0
        known, finite = known / unit, finite / unit
        middle, best = float(np.median(known)), float(known.min())
        spread = middle - best
        if not spread:  # half of the trials are as good as the best
            middle = float(np.quantile(known, 0.75))
            spread = middle - best
        if not spread:
            middle = float(known.max())
            spread = middle - best or float(finite.max()) - best
        plain = Bend(unit, middle, spread, 0.0, 1.0)
        bent = plain.targets(losses)
        deviation = float(bent.std())
        if not deviation:
            return plain
        return Bend(unit, middle, spread, float(bent.mean()), deviation)

    @property
    def is_flat(self) -> bool:
        """Whether all losses are equal, so that there is nothing to learn from."""
        return self.spread <= 0.0

    @property
    def worst(self) -> float:
        """The target of what gave no value."""
        return (2.0 - self.mean) / self.deviation

    def targets(self, losses: Floats) -> Floats:
        """Return losses as targets; what is not finite is the worst."""
        if self.is_flat:
            return np.where(np.isfinite(losses), 0.0, self.worst)
        finite = np.isfinite(losses)
        x = (np.where(finite, losses, 0.0) / self.unit - self.middle) / self.spread
        x = np.where(finite, x, np.inf)
        bent = np.where(x <= 0.0, x, 2.0 - 2.0 / (1.0 + np.maximum(x, 0.0) / 2.0))
        return np.asarray((bent - self.mean) / self.deviation)

    def losses(self, targets: Floats) -> Floats:
        """Return targets as losses; beyond the worst they are the same large loss."""
        bent = np.minimum(np.asarray(targets) * self.deviation + self.mean, FARTHEST)
        x = np.where(bent <= 0.0, bent, 2.0 * bent / (2.0 - np.maximum(bent, 0.0)))
        with np.errstate(over="ignore"):  # to infinity, far beyond enormous losses
            return np.asarray((self.middle + self.spread * x) * self.unit)


def kept_rows(trials: Ints, last: Floats, most: int, priorities: Floats) -> Ints:
    """Return at most `most` rows to learn from, ascending.

    Of many rows those are kept which are whole curves of the best 30 trials and of the latest 20,
    then the last row of every trial, in the order of the priorities, then what else there is.

    Parameters
    ----------
    trials : ndarray (n,), ascending
        The trial of each row, from 0; the rows of one trial are in the order of time, and each
        trial has one.
    last : ndarray (N,)
        The trials' last losses.
    priorities : ndarray (N,)
        Random numbers that stay with the trials, so that the choice hardly changes.
    """
    n, n_trials = len(trials), len(last)
    if n <= most:
        return np.arange(n)
    rank = np.empty(n_trials)
    rank[np.argsort(np.where(np.isfinite(last), last, np.inf), kind="stable")] = range(n_trials)
    whole = (rank < WHOLE_BEST) | (np.arange(n_trials) >= n_trials - WHOLE_LATEST)
    is_last = np.append(trials[1:] != trials[:-1], True)
    # Lexicographic: whole curves by the trials' ranks, then last rows and all others at random.
    stage = np.where(whole[trials], 0, np.where(is_last, 1, 2))
    order = np.lexsort((np.where(stage == 0, rank[trials], priorities[trials]), stage))
    return np.sort(order[:most])


def n_mute(values: Floats) -> int:
    """Return how many of the lowest levels say nothing of the end.

    They are those up to the highest level at which Spearman's correlation with the end, over
    complete curves, is below 0.25, or which is constant.

    Parameters
    ----------
    values : ndarray (n, k)
        Losses of complete curves at levels, ascending; the last is the end.
    """
    ranks = _ranks(values)
    centred = ranks - ranks.mean(axis=0)
    sizes = np.sqrt((centred * centred).sum(axis=0))
    products = centred[:, :-1].T @ centred[:, -1]
    both = sizes[:-1] * sizes[-1]
    correlation = np.where(both > 0.0, products / np.where(both > 0.0, both, 1.0), 0.0)
    return int(np.flatnonzero(np.append(True, correlation < LEAST_CORRELATION))[-1])


def _ranks(values: Floats) -> Floats:
    """Return the mean ranks of each column: of equal values the mean of theirs."""
    below = (values[None] < values[:, None]).sum(axis=1)
    equal = (values[None] == values[:, None]).sum(axis=1)
    return np.asarray(below + 0.5 * (equal - 1))
