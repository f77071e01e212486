"""Which studies that a search learned from agree with its own results, and in whose units.

Studies of other data sets rank configs alike where they help, and otherwise not: Feurer, Letham &
Bakshy 2018, "Scalable meta-learning for Bayesian optimization", https://arxiv.org/abs/1802.02219,
weight the models of other tasks by how they rank a task's own results. Here a study is either
learned or left out.
"""

from __future__ import annotations

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
# A study is left out where it misranks more than this share of the pairs, or so much more than a
# search's own results alone do; at first it counts as right about ten pairs.
MISRANKED, WORSE, BELIEVED_PAIRS = 0.4, 0.05, 10
# Another unit is taken for the same where differences are a quarter to four times as large.
SAME_UNIT = 4.0
# And so is another level that differs by less than a quarter of the good results' deviation.
SAME_LEVEL = 0.25
# Of the first twelve configs the 4th, 8th and 12th are those of a search that knows nothing: where
# another study misleads, all others lie where it was good.
PROBES_EVERY, PROBES_UNTIL = 4, 12
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

        The best config of each study comes first: its value is that of this search then. Later come
        some configs that do not depend on what is known.
        """
        sources, place = optimizer.sources, number - len(optimizer.start)
        others = np.unique(sources[sources >= 0])
        if not len(others) or len(optimizer.objectives) > 1:
            return None
        if place < min(len(others), MOST_BEST):
            known = optimizer.knowledge
            losses = np.where(sources == others[place], known.losses[:, 0], np.inf)
            best = known.points[losses.argmin()][None]
            found = np.isfinite(losses).any() and optimizer.unknown(best, before=number)[0]
            return best if found else None
        if place < PROBES_UNTIL and place % PROBES_EVERY == PROBES_EVERY - 1:
            return design.point(optimizer, number)
        return None

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
            there = self._encoding.features_at(known.points[some])
            slope, start = self._line(there, learned[some], own, losses)
            learned[rows] = start + slope * learned[rows]
            misranked = self._misranked(there, learned[some], own, losses)
            if len(losses) >= FEWEST_JUDGED:
                kept[rows] = misranked <= min(MISRANKED, alone + WORSE)
        return Verdict(kept, learned)

    def _process(self, features: Floats, targets: Floats) -> GaussianProcess:
        return GaussianProcess(features, targets, self._encoding.groups, self._parameters)

    def _line(
        self, there: Floats, known: Floats, own: Floats, losses: Floats
    ) -> tuple[float, float]:
        """Return slope and start of the line from known losses to the units of one's own."""
        warp = rank_transform(known)
        if warp.is_flat:
            return 1.0, 0.0
        expected = warp.losses(self._process(there, warp.targets).mean(own))
        slope = 1.0
        if len(losses) >= FEWEST_JUDGED:
            spread, expected_spread = _spread(losses), _spread(expected)
            ratio = spread / expected_spread if spread and expected_spread else 1.0
            slope = 1.0 if 1 / SAME_UNIT <= ratio <= SAME_UNIT else ratio
        start = float(np.median(losses - slope * expected))
        # A prediction is never exact, and values of the same problem need no line.
        is_same = slope == 1.0 and abs(start) <= SAME_LEVEL * warp.slope
        return (1.0, 0.0) if is_same else (slope, start)

    def _misranked(self, there: Floats, known: Floats, own: Floats, losses: Floats) -> float:
        """Return the share of pairs of own results that are misranked when left out.

        A pair weighs as much as its targets differ.
        """
        n = len(losses)
        warp = rank_transform(np.concatenate([known, losses]))
        if n < FEWEST_JUDGED or warp.is_flat:
            return 0.0
        process = self._process(np.concatenate([there, own]), warp.targets)
        targets = warp.targets[-n:]
        expected = targets - process.left_out_errors()[-n:]
        i, j = np.triu_indices(n, 1)
        weights = np.abs(targets[i] - targets[j])
        if not weights.any():
            return 0.0
        wrong = (targets[i] - targets[j]) * (expected[i] - expected[j]) <= 0
        share = float(weights @ wrong / weights.sum())
        return share * len(i) / (len(i) + BELIEVED_PAIRS)


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


def _spread(losses: Floats) -> float:
    low, high = np.quantile(losses, [0.25, 0.75])
    return float(high - low) or float(np.ptp(losses))
