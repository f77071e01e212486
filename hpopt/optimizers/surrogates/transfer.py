"""Which studies that a search learned from agree with its own results, and in whose units.

Studies of other data sets rank configs alike where they help, and otherwise not: Feurer, Letham &
Bakshy 2018, "Scalable meta-learning for Bayesian optimization", https://arxiv.org/abs/1802.02219,
weight the models of other tasks by how they rank a task's own results. Here a study is either
learned or left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpopt.core import Optimizer
from hpopt.core.proposals import Floats
from hpopt.numerics.blas_threads import single_blas_thread
from hpopt.numerics.gaussian_process import GaussianProcess, Hyperparameters
from hpopt.numerics.gaussian_process_fit import Prior, as_hyperparameters
from hpopt.numerics.rank_transform import rank_transform
from hpopt.optimizers.surrogates.encoding import Encoding
from hpopt.optimizers.surrogates.first_design import FirstDesign

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

# A study is judged again after each quarter more results; two are one pair, which says nothing.
FEWEST_JUDGED, GROWTH = 3, 1.25
# So many of its results, from the best to the worst, and of one's own, the latest, are compared: a
# process of 250 points takes some milliseconds.
MOST_KNOWN, MOST_OWN = 150, 100
# A study is left out where it misranks more than this share of the pairs, or more than a search's
# own results alone do; at first it counts as right about ten pairs.
MISRANKED, BELIEVED_PAIRS = 0.4, 10
# From so many results on the better half is judged by itself, too: a study of nearly the same
# problem ranks all well, and misleads near the best. Without it the regret after 40 was 40 times
# that of a search that knew nothing, in place of 3 times (0.00002 of a range of 5).
FEWEST_HALVED = 16
# Another unit is taken for the same where differences are half to twice as large: of two configs,
# and with noise, a slope is uncertain.
SAME_UNIT = 2.0
# Two values, or slopes, that differ by less than a millionth of the spread are the same.
SAME = 1e-6
# The 4th, 8th and 12th config check what is known, until it is seen to be the same problem: the
# median one of each study, then those of a search that knows nothing. Where another study
# misleads, all others lie where it was good.
CHECKS_EVERY, CHECKS_UNTIL = 4, 12
MOST_BEST = 3  # studies whose best config is tried first


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What a search learns of what was known before it.

    Attributes
    ----------
    kept : ndarray (k,) of bool, or None
        The known rows that are learned; None for all.
    losses : ndarray (k,) or None
        What they count as; None for what they are.
    """

    kept: Bools | None = None
    losses: Floats | None = None

    @property
    def n_left_out(self) -> int:
        """The number of known rows that are not learned."""
        return 0 if self.kept is None else int((~self.kept).sum())

    @property
    def facts(self) -> list[str]:
        """What is left out, in words."""
        if not self.n_left_out:
            return []
        return [f"{self.n_left_out} known results left out: they rank configs otherwise than these"]


EVERYTHING = Verdict()


@dataclass(frozen=True, slots=True)
class Line:
    """From the losses of another study to one's own.

    Attributes
    ----------
    slope, start : float
    is_sure : bool
        Whether it seems to be the same problem, or one with another level.
    """

    slope: float = 1.0
    start: float = 0.0
    is_sure: bool = False

    @staticmethod
    def through(pairs: Sequence[tuple[float, float]], same: float) -> Line:
        """Return the line of pairs of losses there and here, ascending by those there.

        Losses that differ by no more than `same` are equal.
        """
        if not pairs:
            return Line()
        (low, here), (high, there) = pairs[0], pairs[-1]
        if high - low <= same:
            is_same = abs(here - low) <= same
            return Line(1.0, 0.0 if is_same else here - low, is_sure=is_same)
        slope = (there - here) / (high - low)
        if not slope > 0 or 1 / SAME_UNIT <= slope <= SAME_UNIT:
            return Line(1.0, here - low, is_sure=abs(slope - 1) <= SAME)
        return Line(slope, here - slope * low)


class Transfer:
    """Judge the studies that a search with one objective learned from, by its own results.

    What an earlier stage of the same study found always counts. The verdict depends on the
    observations only, and stays while they grow by less than a quarter.

    Parameters
    ----------
    encoding : Encoding
    """

    def __init__(self, encoding: Encoding) -> None:
        self._encoding = encoding
        prior = Prior.for_groups(encoding.n_effective, ~encoding.space.ordered)
        self._parameters: Hyperparameters = as_hyperparameters(prior.start)
        self._verdict: tuple[int, Verdict] = (0, EVERYTHING)

    def verdict(self, optimizer: Optimizer) -> Verdict:
        """Return which known rows count now, and as what."""
        sources = optimizer.sources
        if len(optimizer.objectives) > 1 or not (sources >= 0).any():
            return EVERYTHING
        n = _judged_at(len(optimizer.history))
        if n != self._verdict[0]:
            with single_blas_thread():
                self._verdict = n, self._judge(optimizer, sources, n)
        return self._verdict[1]

    def first_point(self, optimizer: Optimizer, number: int, design: FirstDesign) -> Floats | None:
        """Return what is asked to check what is known, shape (1, d); None where nothing is.

        The best config of each study comes first: what it gives here is known then. Of the next
        ones some are the median config of a study, which tells the unit of its values, or do not
        depend on what is known.
        """
        sources, place = optimizer.sources, number - len(optimizer.start)
        others = np.unique(sources[sources >= 0])
        if not len(others) or len(optimizer.objectives) > 1:
            return None
        if place < min(len(others), MOST_BEST):
            return self._ranked(optimizer, sources == others[place], 0.0, number)
        check, rest = divmod(place, CHECKS_EVERY)
        if place >= CHECKS_UNTIL or rest != CHECKS_EVERY - 1:
            return None
        lines = [self._line(optimizer, sources == source) for source in others]
        if all(line.is_sure for line in lines):
            return None
        median = None
        if check < len(others):
            median = self._ranked(optimizer, sources == others[check], 0.5, number)
        return design.point(optimizer, number) if median is None else median

    def _ranked(
        self, optimizer: Optimizer, rows: Bools, share: float, number: int
    ) -> Floats | None:
        """Return the known config of some rows that so many are better than, if it is new."""
        known = optimizer.knowledge
        order = _from_best_to_worst(np.flatnonzero(rows), known.losses[:, 0])
        if not len(order):
            return None
        point = known.points[order[int(share * len(order))]][None]
        return point if optimizer.unknown(point, before=number)[0] else None

    # -- judging -------------------------------------------------------------------------------

    def _judge(self, optimizer: Optimizer, sources: Ints, n: int) -> Verdict:
        """Return the verdict by the first n own results."""
        history, known = optimizer.history, optimizer.knowledge
        valued = np.flatnonzero(np.isfinite(history.measured[:n, 0]))[-MOST_OWN:]
        if not len(valued):
            return EVERYTHING
        own = self._encoding.features_at(history.points[valued])
        losses = history.measured[valued, 0]
        kept, learned = np.ones(len(sources), dtype=bool), known.measured[:, 0].copy()
        alone = self._misranked(own[:0], losses[:0], own, losses)
        for source in np.unique(sources[sources >= 0]):
            rows = np.flatnonzero(sources == source)
            some = _from_best_to_worst(rows, learned)
            if len(some) < 2:
                continue
            line = self._line(optimizer, sources == source, n)
            learned[rows] = line.start + line.slope * learned[rows]
            there = self._encoding.features_at(known.points[some])
            misranked = self._misranked(there, learned[some], own, losses)
            if len(losses) >= FEWEST_JUDGED:
                kept[rows] = misranked[0] <= min(MISRANKED, alone[0]) and misranked[1] <= alone[1]
        return Verdict(kept, learned)

    def _line(self, optimizer: Optimizer, rows: Bools, n: int | None = None) -> Line:
        """Return the line from the losses of a study to one's own, by the configs that both have.

        Of one's own, the first n count, by default all.
        """
        known, history, space = optimizer.knowledge, optimizer.history, optimizer.space
        losses, own = known.measured[rows, 0], history.measured[:n, 0]
        keys = zip(space.keys_of(known.points[rows]), losses.tolist(), strict=True)
        there = {key: loss for key, loss in keys if np.isfinite(loss)}
        here = zip(space.keys_of(history.points[:n]), own.tolist(), strict=True)
        pairs = sorted((there[key], loss) for key, loss in here if key in there)
        pairs = [pair for pair in pairs if np.isfinite(pair[1])]
        finite = losses[np.isfinite(losses)]
        return Line.through(pairs, SAME * float(np.ptp(finite)) if len(finite) else 0.0)

    def _process(self, features: Floats, targets: Floats) -> GaussianProcess:
        return GaussianProcess(features, targets, self._encoding.groups, self._parameters)

    def _misranked(
        self, there: Floats, known: Floats, own: Floats, losses: Floats
    ) -> tuple[float, float]:
        """Return the shares of pairs of own results that are misranked when left out.

        Of all pairs, and of those in the better half, where there are enough. A pair weighs as much
        as its targets differ.
        """
        n = len(losses)
        warp = rank_transform(np.concatenate([known, losses]))
        if n < FEWEST_JUDGED or warp.is_flat:
            return 0.0, 0.0
        process = self._process(np.concatenate([there, own]), warp.targets)
        targets = warp.targets[-n:]
        expected = targets - process.left_out_errors()[-n:]
        better = targets <= np.median(targets)
        halved = _misranked_share(targets[better], expected[better]) if n >= FEWEST_HALVED else 0.0
        return _misranked_share(targets, expected), halved


def _misranked_share(targets: Floats, expected: Floats) -> float:
    i, j = np.triu_indices(len(targets), 1)
    differences = targets[i] - targets[j]
    weights = np.abs(differences)
    if not weights.any():
        return 0.0
    wrong = differences * (expected[i] - expected[j]) <= 0
    return float(weights @ wrong / weights.sum()) * len(i) / (len(i) + BELIEVED_PAIRS)


def _judged_at(n: int) -> int:
    """Return how many of n own results the verdict depends on."""
    if n <= FEWEST_JUDGED:
        return n
    judged = float(FEWEST_JUDGED)
    while np.ceil(judged * GROWTH) <= n:
        judged = np.ceil(judged * GROWTH)
    return int(judged)


def _from_best_to_worst(rows: Ints, losses: Floats) -> Ints:
    """Return the rows that have a value, or evenly many from the best to the worst."""
    rows = rows[np.isfinite(losses[rows])]
    rows = rows[np.argsort(losses[rows], kind="stable")]
    places = np.linspace(0, len(rows) - 1, MOST_KNOWN).round().astype(np.int64)
    kept: Ints = rows[np.unique(places)]
    return kept
