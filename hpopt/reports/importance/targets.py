"""What importance explains: the values of which trials, and where outliers are cut."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpopt.digits import in_digits
from hpopt.errors import UnknownNameError
from hpopt.reports.data import StudyData

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ENOUGH = 100
"""Trials of the highest fidelity that are analysed alone; with fewer all others are added."""

REACH = 3.0
"""How far from the median, in distances between it and the best tenth, values are cut: a normal
distribution has one in 10,000 beyond, a log-normal one an eighth."""

LEAST_OF_A_LEVEL = 5  # trials of one fidelity: a median of fewer says little


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be explained.

    Attributes
    ----------
    rows : ndarray (n,) of int
        Of the trials.
    values : ndarray (n,)
        In the objective's direction, without outliers.
    words : str
        How they were made; empty where they are the values as they are.
    """

    rows: Ints
    values: Floats
    words: str

    @property
    def middle(self) -> float:
        """The median of the values."""
        return float(np.median(self.values))

    @property
    def scale(self) -> float:
        """The largest distance from it; 0 where all values are the same."""
        return float(np.abs(self.values / 2 - self.middle / 2).max()) * 2  # halves: no overflow

    @property
    def scaled(self) -> Floats:
        """The values from -1 to 1, whose squares are numbers too."""
        return self.values / self.scale - self.middle / self.scale


def target_of(data: StudyData, name: str) -> Target:
    """Return the values of an objective, or of anything else that evaluations returned.

    Raises
    ------
    UnknownNameError
        There are no such values.
    """
    if name not in data.values and name != "seconds":
        raise UnknownNameError("objective", name, [*data.values, "seconds"])
    values = data.values.get(name, data.seconds)
    sign = next((each.sign for each in data.objectives if each.name == name), 1)
    known = data.ok & np.isfinite(values)
    if (known & data.is_comparable).sum() >= ENOUGH or not _has_levels(data, known):
        rows = np.flatnonzero(known & data.is_comparable)
        losses = sign * values[rows]
        cut, ends = without_outliers(losses)
        return Target(rows, sign * cut, _in_words(losses, ends, sign))
    return _of_all_levels(data, known, sign * values, sign)


def drawn(target: Target, most: int) -> Target:
    """Return at most so many of the trials, the same ones each time."""
    n = len(target.rows)
    if n <= most:
        return target
    chosen = np.sort(np.random.default_rng(n).permutation(n)[:most])
    return Target(target.rows[chosen], target.values[chosen], target.words)


def without_outliers(losses: Floats) -> tuple[Floats, tuple[float, float] | None]:
    """Cut losses that are far from the median; return also where, if any is.

    One terrible trial, or a third of diverged ones, would else decide what mattered.
    """
    if not len(losses):
        return losses, None
    best, decile, median, ninth, worst = np.quantile(losses, [0, 0.1, 0.5, 0.9, 1])
    with np.errstate(over="ignore"):
        spreads = [median - decile, median - best, ninth - median, worst - median]
    spread = next((each for each in spreads if each > 0), 0.0)
    low, high = median - (1 + REACH) * spread, median + REACH * spread
    if low <= best and worst <= high:
        return losses, None
    return np.clip(losses, low, high), (low, high)


def _in_words(losses: Floats, ends: tuple[float, float] | None, sign: int) -> str:
    if ends is None:
        return ""
    said = []
    for end, is_cut, beyond in (
        (ends[1], losses.max() > ends[1], ("below", "above")[sign > 0]),
        (ends[0], losses.min() < ends[0], ("above", "below")[sign > 0]),
    ):
        if is_cut:
            value = in_digits(float(f"{sign * end:.3g}"))
            said.append(f"values {beyond} {value} count as {value}")
    return " and ".join(said)


def _has_levels(data: StudyData, known: NDArray[np.bool_]) -> bool:
    return bool((known & ~data.is_comparable).any())


def _of_all_levels(data: StudyData, known: NDArray[np.bool_], losses: Floats, sign: int) -> Target:
    """Return the values of each fidelity from their median, in steps to their best tenth."""
    rows, targets = [], []
    for level in np.unique(data.reached[known]):
        here = np.flatnonzero(known & (data.reached == level))
        if len(here) < LEAST_OF_A_LEVEL:
            continue
        cut, _ = without_outliers(losses[here])
        spread = np.median(cut) - np.quantile(cut, 0.1) or cut.std() or 1.0
        rows.append(here)
        targets.append((cut - np.median(cut)) / spread)
    if not rows:
        return Target(np.flatnonzero(known)[:0], np.empty(0), "")
    fidelity = f"as many {data.fidelity.name}" if data.fidelity else "the same fidelity"
    words = f"each trial is compared with others of {fidelity}"
    order = np.argsort(np.concatenate(rows))
    return Target(np.concatenate(rows)[order], sign * np.concatenate(targets)[order], words)
