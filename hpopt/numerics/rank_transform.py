"""A rank-based transform of losses: the good half as it is, the bad half by its ranks.

Song et al. 2024, "The Vizier Gaussian process bandit algorithm",
https://arxiv.org/abs/2408.11527, appendix B.1 ("half rank warping").
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpopt.numerics.ties import TIED, distinct_levels

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RankTransform:
    """Transformed losses, and the way back.

    Attributes
    ----------
    targets : ndarray (n,)
        Mean 0 and deviation 1; all zero where the losses cannot be told apart.
    levels, at : ndarray (k,)
        The different finite losses, ascending, and their targets.
    slope : float
        How much loss one unit of target is, below the best.
    """

    targets: Floats
    levels: Floats
    at: Floats
    slope: float

    @property
    def is_flat(self) -> bool:
        """Whether all losses are equal, so that there is nothing to learn from."""
        return not self.targets.any()

    def losses(self, targets: Floats) -> Floats:
        """Return the losses of targets: beyond the best by its slope, never above the worst."""
        inside = np.interp(targets, self.at, self.levels)
        beyond = np.minimum(targets - self.at[0], 0.0)
        return np.asarray(inside + self.slope * beyond)


def rank_transform(losses: Floats) -> RankTransform:
    """Transform losses so that a single bad one cannot dominate a model.

    With the median m of the finite losses and s² the mean of (y - m)² over those not above it,
    a loss up to m stays as it is, and the r-th of the B different ones above becomes
    m + s Φ⁻¹(1/2 + r / (2 (B + 1))). What is not finite is one more bad loss, the worst. Where
    half of the losses tie with the best, all become normal scores of their ranks,
    Φ⁻¹((rank - 1/2) / n). Then they are standardised.

    Parameters
    ----------
    losses : ndarray (n,)
        To be minimised; nan and infinite where the evaluation gave no value.
    """
    finite = np.isfinite(losses)
    levels, places = distinct_levels(losses[finite])
    counts = np.bincount(places, minlength=len(levels))
    at_level = np.full(len(losses), len(levels), dtype=np.int64)
    at_level[finite] = places
    n_bad = int((~finite).sum())
    if n_bad:
        counts = np.append(counts, n_bad)
    if len(counts) < 2:
        return RankTransform(np.zeros(len(losses)), levels, np.zeros(len(levels)), 0.0)
    warped, unit = _warped(levels, counts, n_bad)
    mean = _mean(warped, counts)
    deviation = math.sqrt(_mean((warped - mean) ** 2, counts))
    at = (warped - mean) / deviation
    slope = unit * deviation if len(levels) else 0.0
    return RankTransform(at[at_level], levels, at[: len(levels)], slope)


def _warped(levels: Floats, counts: NDArray[np.int64], n_bad: int) -> tuple[Floats, float]:
    from scipy.special import ndtri

    n_levels, n = len(levels), int(counts.sum())
    if n_levels:
        ends = np.cumsum(counts[:n_levels])
        n_finite = int(ends[-1])
        low, high = np.searchsorted(ends, [(n_finite - 1) // 2, n_finite // 2], side="right")
        median = levels[low] / 2 + levels[high] / 2  # halves: no overflow
        good = levels[: int(low) + 1]
        # In units of the largest, as squares of enormous losses would overflow.
        unit = float(max(abs(good).max(), abs(median))) or 1.0
        good, centre = good / unit, median / unit
        spread = math.sqrt(_mean((good - centre) ** 2, counts[: len(good)]))
        if spread > TIED:  # else half of the losses tie with the best
            n_above = len(counts) - len(good)
            shares = 0.5 + np.arange(1, n_above + 1) / (2 * (n_above + 1))
            return np.concatenate([good, centre + spread * ndtri(shares)]), unit
    ranks = np.cumsum(counts) - (counts - 1) / 2
    return ndtri((ranks - 0.5) / n), 0.0


def _mean(values: Floats, counts: NDArray[np.int64]) -> float:
    return float((values * counts).sum() / counts.sum())
